# SPDX-License-Identifier: MIT
"""A wire with somebody on it: forwards TCP from a port of a host to HOST:PORT, keeps what went by,
and cuts or changes it where told."""

import contextlib
import socket
import threading


class Tap:
    """`up` and `down` are the bytes of each connection, from and to the client. cut_after: of all
    that goes down, then both ends are closed; flip_at: a bit of that byte of what goes down is
    another one."""

    def __init__(self, host, target, cut_after=None, flip_at=None):
        self.host = host
        self.target = target
        self.cut_after, self.flip_at = cut_after, flip_at
        self.up, self.down = [], []
        self.cuts = 0
        self._sent = 0
        self._open = []
        self._closing = False
        self._listener = host.namespace.listen()
        self.port = self._listener.getsockname()[1]
        self.address = f"{host.address}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._closing:
            try:
                client, _ = self._listener.accept()
                name, _, port = self.target.rpartition(":")
                server = self.host.connect(name, port)
            except OSError:
                continue
            self._open += [client, server]
            up, down = bytearray(), bytearray()
            self.up.append(up)
            self.down.append(down)
            for pair in (client, server, up, False), (server, client, down, True):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink, kept, is_down):
        with contextlib.suppress(OSError):
            source.settimeout(None)
            while data := source.recv(65536):
                kept += data
                sink.sendall(self._bend(data) if is_down else data)
                if is_down and self.cut_after is not None and self._sent >= self.cut_after:
                    self.cuts += 1
                    break
        shut(source, sink)

    def hang_up(self):
        """Ends the connections that there are."""
        shut(*self._open)

    def _bend(self, data):
        begin, self._sent = self._sent, self._sent + len(data)
        if self.cut_after is not None and self._sent > self.cut_after:
            data = data[: max(self.cut_after - begin, 0)]
        if self.flip_at is not None and begin <= self.flip_at < begin + len(data):
            data = bytearray(data)
            data[self.flip_at - begin] ^= 1
        return data

    def close(self):
        self._closing = True
        shut(self._listener)
        self._listener.close()


def shut(*sockets):
    for end in sockets:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def resumes(hello):
    """Whether the bytes, of one side of a connection, begin with a hello of TLS 1.3 that takes up
    a session: one with the extension pre_shared_key (RFC 8446, 4.2.11)."""
    kind, body = hello[5], bytes(hello[9 : 9 + int.from_bytes(hello[6:9], "big")])
    at = 34
    at += 1 + body[at]  # session id
    if kind == 1:
        at += 2 + int.from_bytes(body[at : at + 2], "big")  # cipher suites
        at += 1 + body[at]  # compression
    else:
        at += 3
    at += 2
    while at < len(body):
        if int.from_bytes(body[at : at + 2], "big") == 41:
            return True
        at += 4 + int.from_bytes(body[at + 2 : at + 4], "big")
    return False
