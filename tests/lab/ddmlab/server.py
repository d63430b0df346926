# SPDX-License-Identifier: MIT
"""Small HTTP servers in Python, inside a host's namespace and inside the test's process, so that a
test sees each request and decides each reply."""

import contextlib
import http.server
import json
import re
import socketserver
import threading

MIB = 1 << 20


class Exchange(http.server.BaseHTTPRequestHandler):
    """One connection; `respond(exchange)` of the server is called for each request on it. What
    respond writes with send() is all that the client gets."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.server.lab_server.seen(self)
        with contextlib.suppress(OSError):
            self.server.lab_server.respond(self)
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *arguments):
        pass

    def json(self):
        return json.loads(self.body)

    def range(self, size):
        """(begin, end) of a single-range request, half open; None without one."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not match:
            return None
        return int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)

    def head(self, status, *headers):
        """Status line and headers, just as given: ("Name: value", …)."""
        lines = [f"HTTP/1.1 {status}", *headers, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def reply(self, status, body=b"", *headers):
        """A whole reply with its length."""
        self.head(status, f"Content-Length: {len(body)}", *headers)
        if self.command != "HEAD":
            self.send(body)

    def send(self, data):
        self.wfile.write(data)

    def send_chunked(self, data, chunk=64 * 1024):
        for at in range(0, len(data), chunk):
            part = data[at : at + chunk]
            self.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.send(b"0\r\n\r\n")

    def hang_up(self):
        """The connection ends after this reply."""
        self.close_connection = True

    def stay_silent(self):
        """Keeps the connection and says nothing until the server closes."""
        self.server.lab_server.closing.wait()
        self.close_connection = True


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, lab_server, listener):
        super().__init__(listener.getsockname(), Exchange, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.lab_server = lab_server

    def handle_error(self, request, client_address):
        """A client that went away is no news."""


class Server:
    """Listens on `host`; `address` is where others reach it. `requests` are the exchanges' (method,
    path) in order. `wrap` makes another socket of the listening one, for TLS."""

    def __init__(self, host, address, respond, port=0, wrap=None):
        self.respond = respond
        self.requests = []
        self.closing = threading.Event()
        listener = host.namespace.listen(port)
        self._listener = _Listener(self, wrap(listener) if wrap else listener)
        self.port = self._listener.socket.getsockname()[1]
        self.address = f"{address}:{self.port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def url(self, path):
        return f"http://{self.address}/{path}"

    def seen(self, exchange):
        self.requests.append((exchange.command, exchange.path))

    def count(self, path):
        return sum(1 for request in self.requests if request[1] == path)

    def close(self):
        self.closing.set()
        self._listener.shutdown()
        self._listener.server_close()


def ranged(content, *headers, etag='"lab"', chunk=64 * 1024):
    """A respond function for an honest origin with ranges; the headers are added to each reply.
    `etag` None: nothing tells its versions apart."""

    size = len(content)
    common = ["Accept-Ranges: bytes", *([f"ETag: {etag}"] if etag else []), *headers]

    def respond(exchange):
        asked = exchange.range(size) if size else None
        begin, end = asked or (0, size)
        if asked and begin >= end:
            exchange.reply("416 Range Not Satisfiable", b"", f"Content-Range: bytes */{size}")
            return
        length = f"Content-Length: {end - begin}"
        if asked is None:
            exchange.head("200 OK", length, *common)
        else:
            exchange.head("206 Partial Content", span(begin, end, size), length, *common)
        if exchange.command != "HEAD":
            for at in range(begin, end, chunk):
                exchange.send(content[at : min(at + chunk, end)])

    return respond


def span(begin, end, size):
    """The header of a 206."""
    return f"Content-Range: bytes {begin}-{end - 1}/{size}"


def whole(content, *headers):
    """A respond function for an origin that knows the length and gives no ranges."""

    def respond(exchange):
        exchange.reply("200 OK", content, *headers)

    return respond


def without_length(content, *headers):
    """A respond function for an origin that makes its reply as it goes: chunked, no ranges."""

    def respond(exchange):
        exchange.head("200 OK", "Transfer-Encoding: chunked", *headers)
        if exchange.command != "HEAD":
            exchange.send_chunked(content)

    return respond
