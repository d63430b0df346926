# SPDX-License-Identifier: MIT
"""A name server whose answers change, as those of somebody do who wants to get inside."""

import contextlib
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28


class Dns:
    """Answers on 127.0.0.1 of a host, to what runs there. `names` has a list of answers for each
    name, and for "*.NAME": the first query of a name (and type) gets the first, and so on; the last
    one stays. An answer is a list of addresses; "=NAME" among them is a CNAME."""

    def __init__(self, host, names):
        self.names = names
        self.asked = []
        self._counts = {}
        with host.namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
                if query:
                    self._socket.sendto(self._reply(query), client)
            except OSError:
                return

    def _reply(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        question = query[12 : at + 5]
        (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
        name = ".".join(labels).lower()
        self.asked.append(name)
        answers = self._answer(name, kind)
        code = 3 if answers is None else 0  # there is no such name
        head = struct.pack("!HHHHH", 0x8580 | code, 1, len(answers or []), 0, 0)
        return query[:2] + head + question + self._records(kind, answers or [])

    def _answer(self, name, kind):
        """The addresses of that kind; None where the name is not known."""
        known = name if name in self.names else "*." + name.partition(".")[2]
        if known not in self.names:
            return None
        script = self.names[known]
        turn = self._counts.get((name, kind), 0)
        self._counts[name, kind] = turn + 1
        values = script[min(turn, len(script) - 1)]
        wanted = {A: lambda v: ":" not in v, AAAA: lambda v: ":" in v}.get(kind, lambda v: False)
        return [value for value in values if value[0] == "=" or wanted(value)]

    def _records(self, kind, values):
        owner, records = b"\xc0\x0c", b""  # the name that was asked for
        for value in values:
            if value[0] == "=":
                labels = [part.encode() for part in value[1:].split(".")]
                data = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
                records += owner + struct.pack("!HHIH", CNAME, 1, 0, len(data)) + data
                owner = data
            else:
                data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)
                records += owner + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
        return records
