# SPDX-License-Identifier: MIT
"""HTTP that no honest client sends. The daemons answer in JSON where they can, and live on."""

import json
import os
import socket

import pytest
from ddmlab import raw


@pytest.fixture(params=["tracker", "peer"])
def daemon(request, make_lab):
    lab = make_lab(40, 40)
    lab.file("file", 10_000)
    started = lab.tracker(lab.hosts[0]) if request.param == "tracker" else lab.peer(lab.hosts[0])
    started.kind = request.param
    yield started
    assert started.healthy()


def send(daemon, data):
    return raw.exchange(daemon.host.lab.hosts[1], daemon.address, data)


def is_error(reply, status):
    assert reply is not None, "the connection was closed without a reply"
    assert reply.status == status, reply
    body = json.loads(reply.body)
    assert isinstance(body["error"], str) and body["error"]
    assert isinstance(body["message"], str) and body["message"]
    assert reply.headers["content-type"].startswith("application/json")


def post(daemon, body, *headers, **options):
    """To the route that takes a body."""
    route = ("PUT", "/v1/peers/x") if daemon.kind == "tracker" else ("POST", "/v1/fetch")
    return send(daemon, raw.request(*route, body, *headers, **options))


MALFORMED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b"\xff\xfe\x00",
    b'{"port": "7071", "host_id": 7, "url": 7, "begin": "0", "end": "10"}',
    b'{"port": 99999, "host_id": "h", "url": "", "begin": 0, "end": 10}',
    b'{"port": -1, "host_id": "h", "url": "http://x/", "begin": -1, "end": 10}',
    b'{"port": 1.5, "host_id": "h", "url": "http://x/", "begin": 0.5, "end": 10}',
    b'{"port": 1, "host_id": "../..", "url": "http://x/\\u0000", "begin": 0, "end": 10}',
    b'{"port": 1e400, "host_id": "h", "url": "http://x/", "begin": 0, "end": 1e400}',
    b'{"port": 1, "port": 2, "host_id": "h", "url": "http://x/", "begin": 0, "begin": 1, "end": 9}',
    b'{"a":' * 1000,
    b"[" * 8000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: body[:20].decode("latin-1"))
def test_malformed_json_is_400(daemon, body):
    is_error(post(daemon, body), 400)


def test_an_unknown_route_is_404(daemon):
    paths = ["/", "/v1", "/v1/nope", "/v2/peers", "/v1/fetch/x", "/v1/peers/a/b", "/../etc/passwd"]
    for path in paths:
        is_error(send(daemon, raw.request("GET", path)), 404)


def test_a_wrong_method_is_405(daemon):
    path = "/v1/peers" if daemon.kind == "tracker" else "/v1/fetch"
    for method in ("PATCH", "DELETE", "OPTIONS" if daemon.kind == "tracker" else "PUT"):
        reply = send(daemon, raw.request(method, path))
        is_error(reply, 405)
        assert reply.headers["allow"], "a 405 names the methods that are allowed"


def test_a_body_that_is_too_large_is_413(daemon):
    is_error(post(daemon, b" " * (1 << 20)), 413)


def test_a_body_that_claims_to_be_too_large_is_413(daemon):
    is_error(post(daemon, b"", length=1 << 40), 413)


def test_a_body_in_chunks_is_411(daemon):
    route = ("PUT", "/v1/peers/x") if daemon.kind == "tracker" else ("POST", "/v1/fetch")
    head = "{} {} HTTP/1.1\r\nHost: ddm\r\nTransfer-Encoding: chunked\r\n\r\n".format(*route)
    is_error(send(daemon, head.encode() + b"2\r\n{}\r\n0\r\n\r\n"), 411)


def test_a_bad_range_is_416(make_lab):
    lab = make_lab(40)
    lab.file("file", 10_000)
    peer = lab.peer(lab.hosts[0])
    for begin, end in ((10_000, 10_001), (1 << 40, (1 << 40) + 1), (5, 5), (10, 5)):
        reply = peer.fetch(lab.origin.url("file"), begin, end)
        assert reply.status == 416, (begin, end, reply)
        assert set(reply.json()) >= {"error", "message"}
    for begin, end in ((-1, 5), (0, 1 << 64)):
        reply = peer.fetch(lab.origin.url("file"), begin, end)
        assert reply.status == 400, (begin, end, reply)
        assert set(reply.json()) >= {"error", "message"}
    assert peer.healthy()


POST = b"POST /v1/fetch HTTP/1.1\r\nHost: ddm\r\n"
NOT_HTTP = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "garbage": bytes(range(256)) * 20,
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 500,
    "half a request": b"GET /v1/status HT",
    "no version": b"GET /v1/status\r\n\r\n",
    "HTTP/9.9": b"GET /v1/status HTTP/9.9\r\nHost: ddm\r\n\r\n",
    "no host": b"GET /v1/status HTTP/1.1\r\n\r\n",
    "a long line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: ddm\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: ddm\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "a length that is no number": POST + b"Content-Length: 5x\r\n\r\nhello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "bad chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "a NUL in the path": b"GET /v1/\x00status HTTP/1.1\r\nHost: ddm\r\n\r\n",
    "percent NUL": b"GET /v1/%00status HTTP/1.1\r\nHost: ddm\r\n\r\n",
    "a body that does not come": POST + b"Content-Length: 100\r\n\r\n{",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_no_http_does_no_harm(daemon, name):
    client = daemon.host.lab.hosts[1]
    with client.connect(daemon.host.address, daemon.port, timeout=1) as connection:
        try:
            connection.sendall(NOT_HTTP[name])
            connection.shutdown(socket.SHUT_WR)  # nothing more comes
        except OSError:
            pass  # it had enough already
        try:
            reply = raw.read_reply(connection)
        except TimeoutError:
            reply = None  # it still waits for the rest, and may
    assert reply is None or reply.status >= 400, reply


def test_pipelined_requests_are_all_answered(daemon):
    client = daemon.host.lab.hosts[1]
    with client.connect(daemon.host.address, daemon.port) as connection:
        connection.sendall(raw.request("GET", "/healthz") * 3)
        got = b""
        while got.count(b"HTTP/1.1 200") < 3:
            block = connection.recv(65536)
            assert block, got
            got += block


def test_a_connection_lives_on_after_an_error(daemon):
    client = daemon.host.lab.hosts[1]
    with client.connect(daemon.host.address, daemon.port) as connection:
        for path, status in (("/nope", 404), ("/healthz", 200), ("/nope", 404), ("/healthz", 200)):
            connection.sendall(raw.request("GET", path))
            assert raw.read_reply(connection).status == status


def test_many_idle_connections_do_not_lock_others_out(daemon):
    client = daemon.host.lab.hosts[1]
    idle = [client.connect(daemon.host.address, daemon.port) for _ in range(200)]
    for connection in idle[::2]:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
    assert daemon.healthy()
    for connection in idle:
        connection.close()


def test_random_bytes_do_no_harm(daemon):
    client = daemon.host.lab.hosts[1]
    for _ in range(30):
        with client.connect(daemon.host.address, daemon.port) as connection:
            try:
                connection.sendall(os.urandom(2000) + b"\r\n\r\n")
            except OSError:
                pass
    assert daemon.healthy()


def test_head_is_answered_like_get_without_a_body(daemon):
    reply = send(daemon, raw.request("HEAD", "/healthz", b"", "Connection: close"))
    assert reply.status in (200, 405)


def test_a_reply_never_repeats_control_characters(daemon):
    reply = send(daemon, raw.request("GET", "/%0d%0aX-Evil:%20yes"))
    is_error(reply, 400)
    assert "x-evil" not in reply.headers
