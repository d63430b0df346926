# SPDX-License-Identifier: MIT
"""A web server on loopback with one file: ranges, a validator, a rate for each connection."""

import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 32 * 1024


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        origin = self.server.origin
        if self.path.strip("/") != origin.name:
            self.send_error(404)
            return
        begin, end = self.wanted(len(origin.content))
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", end - begin)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(origin.content)}")
        self.end_headers()
        self.send(origin.content[begin:end], origin.rate)

    def wanted(self, size):
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        return int(match[1]), min(int(match[2] or size) + 1, size)

    def send(self, content, rate):
        began = time.monotonic()
        for at in range(0, len(content), CHUNK):
            self.wfile.write(content[at : at + CHUNK])
            if rate:
                time.sleep(max(0, began + (at + CHUNK) / rate - time.monotonic()))

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # the other side had enough
            pass

    def log_message(self, *_):
        pass


class Origin:
    """`name` with `size` random bytes; `rate` in bytes a second of one connection, 0: any."""

    def __init__(self, name, size, rate=0):
        self.name = name
        self.rate = rate
        self.content = os.urandom(size)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.origin = self
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
