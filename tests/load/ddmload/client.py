# SPDX-License-Identifier: MIT
"""Many connections to one peer, from one process; a program of its own.

    client.py HOST PORT --count N [--tls FOLDER]                              idle ones
    client.py HOST PORT --count N [--tls FOLDER] --url URL --size N --etag E  busy ones

An idle connection asks once for /healthz, and is kept. A busy one asks for one range after the
other, each time as soon as the last one is there. FOLDER has node.crt, node.key and ca.crt.

Says {"ready": …} when all have had their first reply. To each line on standard input it says what
it has seen so far, as a line of JSON; at the end of its input it ends."""

import argparse
import errno
import json
import random
import resource
import select
import socket
import ssl
import sys
import time
from pathlib import Path

BLOCK = 256 * 1024
RANGE = 1024 * 1024
AGAIN = 0.2  # s after a refusal, or a connection that broke
OPENING = 64  # connections that are on their way at the same time


class Connection:
    """One connection, and where it is: CONNECT, SHAKE, SEND, HEAD, BODY or IDLE."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.sock = None
        self.state = "NEW"
        self.out = b""
        self.head = b""
        self.left = 0
        self.refused = False

    def open(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        code = self.sock.connect_ex(self.crowd.address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, "connect")
        self.state = "CONNECT"
        self.crowd.watch(self, select.EPOLLOUT)

    def step(self):
        """Goes on as far as it can."""
        try:
            while getattr(self, "do_" + self.state)():
                pass
        except (ssl.SSLWantReadError, BlockingIOError):
            self.crowd.watch(self, select.EPOLLIN)
        except ssl.SSLWantWriteError:
            self.crowd.watch(self, select.EPOLLOUT)
        except (OSError, EOFError) as error:
            self.crowd.broke(self, error)

    def do_CONNECT(self):
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "connect")
        tls = self.crowd.tls
        if tls is None:
            return self.ask()
        poll = self.crowd.unwatch(self)
        self.sock = tls.wrap_socket(self.sock, server_hostname="ddm", do_handshake_on_connect=False)
        del poll
        self.state = "SHAKE"
        return True

    def do_SHAKE(self):
        self.sock.do_handshake()
        return self.ask()

    def ask(self):
        self.out = self.crowd.request()
        self.state = "SEND"
        return True

    def do_SEND(self):
        self.out = self.out[self.sock.send(self.out) :]
        if not self.out:
            self.head, self.state = b"", "HEAD"
        return True

    def do_HEAD(self):
        data = self.sock.recv(16384)
        if not data:
            raise EOFError("closed")
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return True
        lines = self.head[:end].decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        rest = len(self.head) - end - 4
        self.left = int(fields["content-length"]) - rest
        self.crowd.take(rest if status == 206 else 0)
        self.state = "BODY"
        self.refused = status not in (200, 206)
        if self.refused:
            self.crowd.refused[status] = self.crowd.refused.get(status, 0) + 1
        return self.ended() if self.left == 0 else True

    def do_BODY(self):
        n = self.sock.recv_into(self.crowd.buffer, min(self.left, BLOCK))
        if n == 0:
            raise EOFError("closed")
        self.left -= n
        self.crowd.take(0 if self.refused else n)
        if self.left > 0:
            return n == BLOCK or self.crowd.tls is not None
        return self.ended()

    def ended(self):
        self.crowd.replied(self)
        if self.crowd.busy and not self.refused:
            return self.ask()
        if self.refused:
            self.crowd.waiting.append((time.monotonic() + AGAIN, self))
        self.state = "IDLE"
        self.crowd.watch(self, select.EPOLLIN)
        return False

    def do_IDLE(self):
        if not self.sock.recv(1024):
            raise EOFError("closed")
        return True

    def close(self):
        self.crowd.unwatch(self)
        if self.sock:
            self.sock.close()
        self.sock, self.state = None, "NEW"


class Crowd:
    def __init__(self, arguments):
        self.arguments = arguments
        self.address = (arguments.host, arguments.port)
        self.tls = context(arguments.tls) if arguments.tls else None
        self.busy = arguments.url is not None
        self.random = random.Random(arguments.count)
        self.buffer = memoryview(bytearray(BLOCK))
        self.poll = select.epoll()
        self.watched = {}  # descriptor -> Connection
        self.waiting = []  # (when, Connection)
        self.fresh = [Connection(self) for _ in range(arguments.count)]
        self.had_reply = set()
        self.opening = 0
        self.bytes = self.replies = self.broken = 0
        self.refused = {}
        self.reasons = {}
        self.said_ready = False

    # --- what connections tell ---

    def watch(self, connection, events):
        fd = connection.sock.fileno()
        if self.watched.get(fd) is connection:
            self.poll.modify(fd, events)
        else:
            self.watched[fd] = connection
            self.poll.register(fd, events)

    def unwatch(self, connection):
        fd = connection.sock.fileno() if connection.sock else -1
        if fd >= 0 and self.watched.get(fd) is connection:
            del self.watched[fd]
            self.poll.unregister(fd)

    def request(self):
        if not self.busy:
            return b"GET /healthz HTTP/1.1\r\nHost: ddm\r\n\r\n"
        a = self.arguments
        begin = self.random.randrange(0, max(a.size // RANGE, 1)) * RANGE
        body = {"url": a.url, "begin": begin, "end": min(begin + RANGE, a.size), "size": a.size}
        text = json.dumps({**body, "etag": a.etag}).encode()
        head = "POST /v1/fetch HTTP/1.1\r\nHost: ddm\r\nContent-Type: application/json\r\n"
        return head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(text), text)

    def take(self, count):
        self.bytes += count

    def replied(self, connection):
        self.replies += 1
        if connection not in self.had_reply:
            self.had_reply.add(connection)
            self.opening -= 1

    def broke(self, connection, error):
        self.broken += 1
        reason = str(error)
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if connection not in self.had_reply:
            self.opening -= 1
        self.had_reply.discard(connection)
        connection.close()
        self.waiting = [(when, c) for when, c in self.waiting if c is not connection]
        self.waiting.append((time.monotonic() + AGAIN, connection))

    # --- the loop ---

    def open_some(self):
        now = time.monotonic()
        due = [c for when, c in self.waiting if when <= now]
        self.waiting = [(when, c) for when, c in self.waiting if when > now]
        for connection in due:
            if connection.sock is None:
                self.fresh.append(connection)
            elif connection.state == "IDLE":
                connection.ask()
                connection.step()
        while self.fresh and self.opening < OPENING:
            connection = self.fresh.pop()
            self.opening += 1
            try:
                connection.open()
            except OSError as error:
                self.broke(connection, error)

    def report(self):
        print(
            json.dumps(
                {
                    "time": time.monotonic(),
                    "bytes": self.bytes,
                    "replies": self.replies,
                    "open": len(self.had_reply),
                    "broken": self.broken,
                    "refused": self.refused,
                    "reasons": self.reasons,
                }
            ),
            flush=True,
        )

    def run(self):
        stdin = sys.stdin.fileno()
        self.poll.register(stdin, select.EPOLLIN)
        while True:
            self.open_some()
            if not self.said_ready and len(self.had_reply) == self.arguments.count:
                self.said_ready = True
                print(json.dumps({"ready": time.monotonic()}), flush=True)
            for fd, _ in self.poll.poll(0.05):
                if fd == stdin:
                    if not sys.stdin.buffer.readline():
                        return
                    self.report()
                elif fd in self.watched:
                    self.watched[fd].step()


def context(folder):
    folder = Path(folder)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(folder / "ca.crt")
    made.load_cert_chain(folder / "node.crt", folder / "node.key")
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--tls")
    parser.add_argument("--url")
    parser.add_argument("--size", type=int)
    parser.add_argument("--etag")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Crowd(parser.parse_args()).run()


if __name__ == "__main__":
    main()
