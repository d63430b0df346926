# SPDX-License-Identifier: MIT
"""Peers that speak POST /v1/fetch and do not keep to it. Each is a function of (exchange, wanted,
file): what was asked, and the true content with its validators."""

import json
from dataclasses import dataclass
from pathlib import Path

from . import content
from .server import Server


@dataclass
class TrueFile:
    data: bytes
    etag: str
    last_modified: str

    @classmethod
    def of(cls, path):
        """The file as nginx serves it."""
        return cls(
            Path(path).read_bytes(), content.nginx_etag(path), content.last_modified(path)
        )


@dataclass
class Wanted:
    begin: int
    end: int

    @property
    def length(self):
        return self.end - self.begin


def headers(file, begin, end, length=None, etag=None, total=None):
    return [
        f"Content-Length: {end - begin if length is None else length}",
        f"Content-Range: bytes {begin}-{end - 1}/{len(file.data) if total is None else total}",
        f"ETag: {etag or file.etag}",
        f"Last-Modified: {file.last_modified}",
        "Content-Type: application/octet-stream",
    ]


def wrong(data):
    """Other bytes, of the same length."""
    return bytes(byte ^ 0x5A for byte in data[:4096]) + data[4096:]


def closes_early(exchange, wanted, file):
    """Half of it, all right, then the connection ends."""
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end))
    exchange.send(file.data[wanted.begin : wanted.begin + wanted.length // 2])
    exchange.hang_up()


def sends_too_much(exchange, wanted, file):
    """The right headers, without a length, and then more bytes than asked."""
    lines = headers(file, wanted.begin, wanted.end)[1:]
    exchange.head("206 Partial Content", *lines, "Connection: close")
    exchange.send(file.data[wanted.begin : wanted.end] + b"\xee" * 65536)
    exchange.hang_up()


def promises_too_much(exchange, wanted, file):
    """A Content-Length beyond its own Content-Range."""
    lines = headers(file, wanted.begin, wanted.end, length=wanted.length + 65536)
    exchange.head("206 Partial Content", *lines)
    exchange.send(file.data[wanted.begin : wanted.end] + b"\xee" * 65536)


def sends_another_range(exchange, wanted, file):
    """A range of the same length that starts elsewhere, and honestly says so."""
    begin = wanted.begin + 4096 if wanted.end + 4096 <= len(file.data) else wanted.begin - 4096
    begin = max(begin, 0)
    end = begin + wanted.length
    exchange.head("206 Partial Content", *headers(file, begin, end))
    exchange.send(file.data[begin:end])


def sends_a_200(exchange, wanted, file):
    """The whole file, from its start."""
    exchange.reply("200 OK", file.data, f"ETag: {file.etag}")


def has_another_version(exchange, wanted, file):
    """Other bytes with another ETag."""
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end, etag='"other"'))
    exchange.send(wrong(file.data[wanted.begin : wanted.end]))


def has_another_size(exchange, wanted, file):
    """The same ETag, and another total."""
    lines = headers(file, wanted.begin, wanted.end, total=len(file.data) + 1)
    exchange.head("206 Partial Content", *lines)
    exchange.send(wrong(file.data[wanted.begin : wanted.end]))


def has_no_content_range(exchange, wanted, file):
    """A 206 that does not say of what."""
    lines = [line for line in headers(file, wanted.begin, wanted.end) if "Range" not in line]
    exchange.head("206 Partial Content", *lines)
    exchange.send(wrong(file.data[wanted.begin : wanted.end]))


def has_an_unknown_total(exchange, wanted, file):
    lines = headers(file, wanted.begin, wanted.end, total="*")
    exchange.head("206 Partial Content", *lines)
    exchange.send(wrong(file.data[wanted.begin : wanted.end]))


def sends_several_parts(exchange, wanted, file):
    """multipart/byteranges as the reply to one range."""
    part = (
        b"--x\r\nContent-Type: application/octet-stream\r\n"
        + f"Content-Range: bytes {wanted.begin}-{wanted.end - 1}/{len(file.data)}\r\n\r\n".encode()
        + file.data[wanted.begin : wanted.end]
        + b"\r\n--x--\r\n"
    )
    exchange.reply("206 Partial Content", part, "Content-Type: multipart/byteranges; boundary=x")


def sends_nothing(exchange, wanted, file):
    exchange.stay_silent()


def stops_in_the_middle(exchange, wanted, file):
    """Half of it, then silence."""
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end))
    exchange.send(file.data[wanted.begin : wanted.begin + wanted.length // 2])
    exchange.stay_silent()


def speaks_no_http(exchange, wanted, file):
    exchange.send(b"\x16\x03\x01 hello \x00\xff" * 100)
    exchange.hang_up()


def never_ends_its_headers(exchange, wanted, file):
    exchange.send(b"HTTP/1.1 206 Partial Content\r\n")
    for number in range(200_000):
        exchange.send(b"X-Filler-%d: %s\r\n" % (number, b"a" * 200))
    exchange.hang_up()


def redirects(exchange, wanted, file):
    """To a place that has other bytes."""
    exchange.reply("302 Found", b"", f"Location: http://{exchange.headers['Host']}/elsewhere")


def refuses(exchange, wanted, file):
    body = json.dumps({"error": "busy", "message": "not now"}).encode()
    headers = ["Content-Type: application/json", "Retry-After: 1"]
    exchange.reply("429 Too Many Requests", body, *headers)


def fails(exchange, wanted, file):
    exchange.reply("500 Internal Server Error", b"<html>oops</html>", "Content-Type: text/html")


BEHAVIOURS = [
    closes_early,
    sends_too_much,
    promises_too_much,
    sends_another_range,
    sends_a_200,
    has_another_version,
    has_another_size,
    has_no_content_range,
    has_an_unknown_total,
    sends_several_parts,
    sends_nothing,
    stops_in_the_middle,
    speaks_no_http,
    never_ends_its_headers,
    redirects,
    refuses,
    fails,
]


def lies(exchange, wanted, file):
    """Wrong bytes with all the right headers: only a checksum finds out."""
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end))
    exchange.send(wrong(file.data[wanted.begin : wanted.end]))


def flips_bits(exchange, wanted, file):
    """One wrong bit in every 64 KiB."""
    data = bytearray(file.data[wanted.begin : wanted.end])
    for at in range(-wanted.begin % 65536, len(data), 65536):
        data[at] ^= 1
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end))
    exchange.send(data)


def garbles(exchange, wanted, file):
    """Not one byte is right."""
    data = bytes(byte ^ 0x5A for byte in file.data[wanted.begin : wanted.end])
    exchange.head("206 Partial Content", *headers(file, wanted.begin, wanted.end))
    exchange.send(data)


class EvilPeer(Server):
    """A peer that behaves so, about a file of nginx (by its path) or a TrueFile. `asked` are the
    ranges that it was asked for."""

    def __init__(self, host, behaviour, file, port=0):
        self.asked = []
        self.behaviour = behaviour
        self.file = file if isinstance(file, TrueFile) else TrueFile.of(file)
        super().__init__(host, host.address, self._respond, port)

    def _respond(self, exchange):
        if exchange.path != "/v1/fetch":
            if exchange.path == "/elsewhere":
                exchange.reply("206 Partial Content", b"\xee" * 4096)
                return
            body = b'{"error":"not_found","message":"no such route"}'
            exchange.reply("404 Not Found", body, "Content-Type: application/json")
            return
        request = exchange.json()
        wanted = Wanted(request["begin"], min(request["end"], len(self.file.data)))
        self.asked.append((wanted.begin, wanted.end))
        self.behaviour(exchange, wanted, self.file)
