# SPDX-License-Identifier: MIT
"""What an origin puts into the head of its reply: a peer passes on what the protocol needs, and
nothing else."""

import pytest
from conftest import for_a_module
from ddmlab import server
from ddmlab.lab import Lab

DATA = bytes(range(256)) * 40

# What a relayed range and an error of a peer may have.
NEEDED = {
    "content-range", "content-type", "content-length", "etag", "last-modified", "date",
    "connection", "retry-after",
}  # fmt: skip

EXTRA = [
    "Set-Cookie: session=stolen; Path=/",
    "Set-Cookie2: x=y",
    "Location: http://evil.test/",
    "Content-Location: http://evil.test/",
    "Refresh: 0; url=http://evil.test/",
    "Access-Control-Allow-Origin: *",
    "Access-Control-Allow-Credentials: true",
    "Access-Control-Expose-Headers: *",
    "Content-Security-Policy: default-src *",
    "Strict-Transport-Security: max-age=99999",
    "Alt-Svc: h2=\"evil.test:443\"",
    "Clear-Site-Data: \"*\"",
    "Server: evil",
    "Via: 1.1 evil",
    "Link: <http://evil.test/>; rel=duplicate",
    "Content-Disposition: attachment; filename=evil.sh",
    "Content-Type: text/html",
    "WWW-Authenticate: Basic realm=evil",
    "Proxy-Authenticate: Basic realm=evil",
    "DDM-Uplinks: 8",
    "X-Anything: evil",
    "Trailer: X-Late",
    "Cache-Control: public",
    "Vary: *",
]  # fmt: skip


class World:
    def __init__(self):
        self.lab = Lab(100)
        self.peer = self.lab.peer(self.lab.hosts[0], "-v")

    def close(self):
        self.lab.close()


@pytest.fixture(scope="module")
def the_world(lab_works):
    yield from for_a_module(World)


@pytest.fixture
def world(the_world):
    yield the_world
    assert the_world.peer.healthy()


def fetch(world, respond, begin=0, end=1000):
    origin = world.lab.serve(respond)
    try:
        return world.peer.fetch(origin.url("file"), begin, end)
    finally:
        origin.close()


def names(reply):
    return {name.lower() for name in reply.headers}


def test_no_other_header_is_passed_on(world):
    reply = fetch(world, server.ranged(DATA, *EXTRA))
    assert (reply.status, reply.body) == (206, DATA[:1000])
    assert names(reply) <= NEEDED
    assert reply.headers["Content-Type"] == "application/octet-stream"
    for value in reply.headers.values():
        assert "evil" not in value and "stolen" not in value


@pytest.mark.parametrize("status", ["401 No", "404 No", "500 No", "302 No", "200 OK"])
def test_no_header_of_an_error_is_passed_on(world, status):
    lines = [line for line in EXTRA if not (status[0] == "3" and line.startswith("Location"))]
    reply = fetch(world, lambda exchange: exchange.reply(status, b"evil body", *lines))
    assert reply.status == 502
    assert names(reply) <= NEEDED
    assert b"evil" not in reply.body
    assert reply.headers["Content-Type"] == "application/json"


VALIDATORS = {
    "a CR": 'ETag: "a\rX-Evil: 1"',
    "a folded line": 'ETag: "a"\r\n X-Evil: 1',
    "a NUL": 'ETag: "a\0b"',
    "an escape": 'ETag: "\x1b[31m"',
    "a CR in the date": "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\rX-Evil: 1",
    "LF alone": 'ETag: "a"\nX-Evil: 1',
    "too long": f'ETag: "{"a" * 1000}"',
    "bytes": 'ETag: "\xff\x80"',
}


@pytest.mark.parametrize("how", VALIDATORS)
def test_a_validator_ends_no_line(world, how):
    def respond(exchange):
        lines = ["Content-Range: bytes 0-999/10240", "Content-Length: 1000", VALIDATORS[how]]
        exchange.head("206 Partial Content", *lines)
        exchange.send(DATA[:1000])

    reply = fetch(world, respond)
    assert reply.status in (206, 502)
    assert names(reply) <= NEEDED
    assert not any("\r" in value or "\0" in value for value in reply.headers.values())


def endless(line):
    def respond(exchange):
        exchange.hang_up()
        exchange.send(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-999/10240\r\n")
        for _ in range(4096):
            exchange.send(line * 64)

    return respond


HUGE = {
    "many lines": endless(b"X-Evil: " + b"a" * 100 + b"\r\n"),
    "one line": endless(b"a" * 128),
    "many cookies": endless(b"Set-Cookie: " + b"a=b; " * 20 + b"\r\n"),
    "many links": endless(b"Link: <http://evil.test/>; rel=duplicate\r\n"),
}


@pytest.mark.parametrize("how", HUGE)
def test_a_head_without_end_is_cut(world, how):
    before = world.peer.process.memory().resident
    reply = fetch(world, HUGE[how])
    assert reply.status == 502
    assert reply.json()["error"] in ("origin_unreachable", "origin")
    assert world.peer.process.memory().resident - before < 64 << 20


def test_preliminary_replies_without_end_are_cut(world):
    def respond(exchange):
        exchange.hang_up()
        for _ in range(4096):
            exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" * 64)

    assert fetch(world, respond).status == 502
