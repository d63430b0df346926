# SPDX-License-Identifier: MIT
"""What a client puts into the fields of its messages: line ends, NUL, other control characters, too
much, the wrong type. Every field of every message is walked over; each gets one JSON error and
leaves no trace."""

import json
import urllib.parse

import pytest
from conftest import for_a_module
from ddmlab import raw, server
from ddmlab.lab import Lab

DATA = bytes(range(256)) * 40
MARK = "Xevil"


class World:
    """A tracker and a peer on h1, clients on h2, an origin that writes down what it is asked."""

    def __init__(self):
        self.lab = Lab(100, 100)
        self.here, self.client = self.lab.hosts
        self.tracker = self.lab.tracker(self.here, "-v")
        self.peer = self.lab.peer(self.here, "-v")
        self.origin = self.lab.serve(server.ranged(DATA))
        self.known = self.tracker.peers()

    def send(self, daemon, data):
        return raw.exchange(self.client, daemon.address, data)

    def close(self):
        self.lab.close()


@pytest.fixture(scope="module")
def the_world(lab_works):
    yield from for_a_module(World)


@pytest.fixture
def world(the_world):
    asked = len(the_world.origin.requests)
    yield the_world
    assert len(the_world.origin.requests) == asked, "the origin heard of it"
    listed = the_world.tracker.peers()
    assert [peer["id"] for peer in listed] == [peer["id"] for peer in the_world.known]
    for daemon in (the_world.tracker, the_world.peer):
        assert daemon.healthy()
        assert MARK not in daemon.process.stderr, "it stands in the log"
        assert daemon.process.stderr.isprintable() or all(
            line.isprintable() for line in daemon.process.stderr.splitlines()
        )


def is_error(reply, status=400):
    assert reply is not None, "the connection was closed without a reply"
    assert reply.status == status, reply
    body = json.loads(reply.body)
    assert isinstance(body["error"], str) and isinstance(body["message"], str)
    assert body["message"].isprintable() and MARK not in body["message"]
    assert reply.headers["content-type"].startswith("application/json")


def routes(world):
    """Of each message: who takes it, where, a good one, and the sizes of its texts."""
    return {
        "fetch": (
            world.peer, "POST", "/v1/fetch",
            {"url": world.origin.url("f"), "begin": 0, "end": 9, "size": len(DATA), "etag": '"lab"',
             "last_modified": "Sat, 01 Jan 2000 00:00:00 GMT", "uplink": 0,
             "headers": {"X-Key": "value"}},
        ),
        "announce": (
            world.tracker, "PUT", "/v1/peers/x",
            {"port": 1, "host_id": "h", "address": "10.200.0.2", "version": "1", "rate": 0,
             "load": 0},
        ),
        "report": (
            world.tracker, "POST", f"/v1/peers/{world.known[0]['id']}/reports",
            {"reporter": "h", "reason": "wrong_bytes"},
        ),
    }  # fmt: skip


TEXTS = {
    "fetch": {"url": 8192, "etag": 256, "last_modified": 64},
    "announce": {"host_id": 65, "address": 256, "version": 32},
    "report": {"reporter": 65, "reason": 64},
}
NUMBERS = {"fetch": ["begin", "end", "size", "uplink"], "announce": ["port", "rate", "load"]}
REQUIRED = {
    "fetch": ["url", "begin", "end"],
    "announce": ["port", "host_id"],
    "report": ["reporter", "reason"],
}
TEXT_FIELDS = [(message, field) for message, fields in TEXTS.items() for field in fields]
NUMBER_FIELDS = [(message, field) for message, fields in NUMBERS.items() for field in fields]

CONTROLS = {
    "CRLF": "\r\n", "LF": "\n", "CR": "\r", "NUL": "\0", "tab": "\t", "escape": "\x1b[31m",
    "DEL": "\x7f", "NEL": "\x85", "C1": "\x9b", "line separator": "\u2028",
    "right-to-left override": "\u202e",
}  # fmt: skip


def try_it(world, message, field, value):
    daemon, method, path, good = routes(world)[message]
    body = json.dumps({**good, field: value}).encode()
    is_error(world.send(daemon, raw.request(method, path, body)))


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("message, field", TEXT_FIELDS)
def test_a_control_character_in_a_field_is_400(world, message, field, control):
    good = routes(world)[message][3][field]
    for place in (0, len(good) // 2, len(good)):
        evil = good[:place] + CONTROLS[control] + MARK + good[place:]
        try_it(world, message, field, evil)


@pytest.mark.parametrize("message, field", TEXT_FIELDS)
def test_a_field_that_is_too_long_is_400(world, message, field):
    good = routes(world)[message][3][field]
    for length in (TEXTS[message][field], 12000):
        try_it(world, message, field, good + "a" * (length - len(good)))


@pytest.mark.parametrize("message, field", TEXT_FIELDS)
def test_a_field_of_another_type_is_400(world, message, field):
    for value in (7, 1.5, True, None, [], ["a"], {}, {"a": "b"}):
        try_it(world, message, field, value)


@pytest.mark.parametrize("message, field", TEXT_FIELDS)
def test_a_field_that_is_no_text_is_400(world, message, field):
    """Half a surrogate pair, and bytes that are no UTF-8."""
    daemon, method, path, good = routes(world)[message]
    for evil in (b"\\ud800", b"\xff", b"\xc0\x80", b"\xed\xa0\x80"):
        body = json.dumps({**good, field: "HERE"}).encode().replace(b"HERE", evil)
        is_error(world.send(daemon, raw.request(method, path, body)))


@pytest.mark.parametrize("message, field", NUMBER_FIELDS)
def test_a_number_that_is_none_is_400(world, message, field):
    for value in (-1, -(2**63), 2**63, 2**64, 1.0, 0.5, "1", "", True, None, [], {}):
        try_it(world, message, field, value)
    daemon, method, path, good = routes(world)[message]
    for evil in (b"1e3", b"0x10", b"01", b"+1", b"NaN", b"1" * 400):
        body = json.dumps({**good, field: "HERE"}).encode().replace(b'"HERE"', evil)
        is_error(world.send(daemon, raw.request(method, path, body)))


@pytest.mark.parametrize(
    "message, field", [(message, field) for message in REQUIRED for field in REQUIRED[message]]
)
def test_a_field_that_is_missing_is_400(world, message, field):
    daemon, method, path, good = routes(world)[message]
    good.pop(field)
    is_error(world.send(daemon, raw.request(method, path, json.dumps(good).encode())))


@pytest.mark.parametrize("message", TEXTS)
def test_a_field_that_comes_twice_is_400(world, message):
    daemon, method, path, good = routes(world)[message]
    for field, value in good.items():
        body = json.dumps(good)[:-1] + f", {json.dumps(field)}: {json.dumps(value)}}}"
        is_error(world.send(daemon, raw.request(method, path, body.encode())))


# --- headers for the origin -----------------------------------------------------------------------


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_character_in_a_header_is_400(world, control):
    evil = CONTROLS[control]
    for name, value in (
        (f"X{evil}{MARK}", "v"),
        (f"{evil}X", "v"),
        (f"X{evil}", "v"),
        ("X", f"v{evil}{MARK}: 1"),
        ("X", f"{evil}v"),
        ("X", f"v{evil}"),
    ):
        try_it(world, "fetch", "headers", {name: value})


@pytest.mark.parametrize("name", ["", " X", "X ", "X:", "X Y", "X\u00fc", "(X)", '"X"', "X/Y"])
def test_a_header_whose_name_is_no_token_is_400(world, name):
    try_it(world, "fetch", "headers", {name: "v"})


def test_headers_that_are_too_many_or_too_long_are_400(world):
    try_it(world, "fetch", "headers", {"X": "v" * 4096})
    try_it(world, "fetch", "headers", {f"X-{n}": "v" for n in range(1000)})
    try_it(world, "fetch", "headers", {"X" * 4096: "v"})


FRAMING = [
    "Host", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "TE", "Trailer",
    "Upgrade", "Expect", "Range", "If-Range", "If-Match", "Accept-Encoding", "Keep-Alive",
    "Proxy-Authorization", "Proxy-Connection", "HTTP2-Settings", "X-Forwarded-For", "Forwarded",
    "Via", "X-Forwarded-Host", "X-Real-IP",
]  # fmt: skip


@pytest.mark.parametrize("name", FRAMING)
def test_a_header_that_is_the_peers_to_say_is_400(world, name):
    for spelling in (name, name.lower(), name.upper()):
        try_it(world, "fetch", "headers", {spelling: "x"})


# --- paths and queries ----------------------------------------------------------------------------

IDS = {
    "CRLF": f"a%0d%0a{MARK}:%201", "LF": "a%0ab", "NUL": "a%00b", "NUL at the end": "a%00",
    "escape": "a%1b[31m", "space": "a%20b", "dots": "%2e%2e", "a slash": "a%2fb",
    "a dot": "a.b", "bytes": "a%ff", "too long": "a" * 65, "far too long": "a" * 5000,
    "a quote": "a%22b", "percent": "a%25",
}  # fmt: skip


@pytest.mark.parametrize("how", IDS)
def test_an_id_that_is_none_is_refused(world, how):
    announce = json.dumps(routes(world)["announce"][3]).encode()
    report = json.dumps(routes(world)["report"][3]).encode()
    path = f"/v1/peers/{IDS[how]}"
    for data in (
        raw.request("PUT", path, announce),
        raw.request("DELETE", path),
        raw.request("POST", path + "/reports", report),
    ):
        reply = world.send(world.tracker, data)
        is_error(reply, reply.status if reply and reply.status in (404, 414) else 400)


@pytest.mark.parametrize("path", ["/healthz%00", "/healthz%00x", "/v1/status%00", "/healthz%0a"])
def test_a_path_does_not_end_at_a_nul(world, path):
    for daemon in (world.tracker, world.peer):
        is_error(world.send(daemon, raw.request("GET", path)))


QUERIES = {
    "CRLF in the object": f"object=a%0d%0a{MARK}:%201",
    "NUL in the object": "object=a%00b",
    "escape in the object": "object=%1b[2J",
    "bytes in the object": "object=%ff%fe",
    "too long an object": "object=" + "a" * 9000,
    "CRLF in the limit": "object=a&limit=1%0d%0a",
    "NUL in the limit": "limit=1%00",
    "a limit that is negative": "limit=-1",
    "a limit that is none": "limit=x",
    "an empty limit": "limit=",
    "too large a limit": f"limit={2**64}",
}


@pytest.mark.parametrize("how", QUERIES)
def test_a_query_that_is_wrong_is_400(world, how):
    reply = world.send(world.tracker, raw.request("GET", f"/v1/peers?{QUERIES[how]}"))
    is_error(reply, 414 if how.startswith("too long") else 400)


def test_line_ends_in_a_url_that_are_encoded_stay_encoded(the_world):
    """They are the origin's to judge; they end no line of the request."""
    path = "f?" + urllib.parse.quote("x\r\nX-Evil: 1\r\n\r\n")
    reply = the_world.peer.fetch(the_world.origin.url(path), 0, 9)
    assert reply.status == 206
    assert the_world.origin.requests[-1] == ("GET", "/" + path)
