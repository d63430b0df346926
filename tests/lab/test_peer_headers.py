# SPDX-License-Identifier: MIT
"""Headers that a client gives to a peer: they reach the origin, and nobody else."""

import json

import pytest
from ddmlab import raw, server

SECRET = "hush-4711"
LOGIN = {"Authorization": f"Bearer {SECRET}", "X-Key": f"key={SECRET}"}
DATA = bytes(range(256)) * 400
ETAG = '"lab"'


class Origin:
    """Gives its file to those with the login only. `seen` are the headers of each request."""

    def __init__(self, lab, host=None):
        self.seen = []
        self.server = lab.serve(self._respond, host)
        self.url = self.server.url("file")

    def _respond(self, exchange):
        self.seen.append(exchange.headers)
        if exchange.headers["Authorization"] == LOGIN["Authorization"]:
            server.ranged(DATA, etag=ETAG)(exchange)
        else:
            exchange.reply("401 Unauthorized", b"log in first")


@pytest.fixture
def protected(make_lab):
    """(lab, a peer, an origin that wants the login)."""
    lab = make_lab(40, 40)
    return lab, lab.peer(lab.hosts[0], "-v"), Origin(lab)


def fetch(peer, url, begin=0, end=1000, **fields):
    return peer.fetch(url, begin, end, size=len(DATA), etag=ETAG, **fields)


def test_they_reach_the_origin(protected):
    _, peer, origin = protected
    reply = fetch(peer, origin.url, headers={**LOGIN, "Accept": "x/y"})
    assert (reply.status, reply.body) == (206, DATA[:1000])
    (seen,) = origin.seen
    assert {name: seen.get_all(name) for name in (*LOGIN, "Accept")} == {
        **{name: [value] for name, value in LOGIN.items()},
        "Accept": ["x/y"],
    }
    assert seen["Range"] == "bytes=0-999"
    assert seen["Accept-Encoding"] == "identity"


def test_what_came_with_a_login_is_for_nobody_without_it(protected):
    _, peer, origin = protected
    assert fetch(peer, origin.url, headers=LOGIN).status == 206
    for others in ({}, {"Authorization": "Bearer other"}, {"X-Key": LOGIN["X-Key"]}):
        reply = fetch(peer, origin.url, headers=others)
        assert (reply.status, reply.json()["status"]) == (502, 401), others
        assert DATA[:100] not in reply.body
    assert len(origin.seen) == 4


def test_the_same_login_in_another_order_shares_what_was_fetched(protected):
    _, peer, origin = protected
    assert fetch(peer, origin.url, headers=LOGIN).status == 206
    again = fetch(peer, origin.url, headers=dict(reversed(LOGIN.items())))
    assert (again.status, again.body) == (206, DATA[:1000])
    assert len(origin.seen) == 1


def test_they_are_not_told_to_anybody(protected):
    _, peer, origin = protected
    replies = [
        fetch(peer, origin.url, headers=LOGIN),
        fetch(peer, origin.url, headers={**LOGIN, "Authorization": f"Basic {SECRET}"}),
        fetch(peer, origin.url, headers={"X-Key": SECRET + "\n"}),
        fetch(peer, origin.url, headers={"Host": SECRET}),
        fetch(peer, origin.url, headers={"X-Key": SECRET, "x-key": SECRET}),
        fetch(peer, "http://127.0.0.1:1/x", headers=LOGIN),
        peer.request("GET", "/v1/status"),
        peer.request("GET", "/metrics"),
    ]
    assert [reply.status for reply in replies] == [206, 502, 400, 400, 400, 403, 200, 200]
    for reply in replies:
        assert SECRET.encode() not in reply.body
    peer.process.stop()
    assert SECRET not in peer.process.stderr + peer.process.stdout


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other"},
        {"connection": "close"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"TE": "trailers"},
        {"Trailer": "x"},
        {"Upgrade": "h2c"},
        {"Expect": "100-continue"},
        {"Range": "bytes=0-1"},
        {"If-Range": '"x"'},
        {"Accept-Encoding": "gzip"},
        {"Proxy-Authorization": "x"},
        {"Keep-Alive": "1"},
        {"X": "a\r\nHost: other"},
        {"X\r\nHost": "other"},
        {"X": ""},
        {"": "x"},
        {"X": 7},
        {f"X-{number}": "v" * 100 for number in range(40)},
        ["X: y"],
        "X: y",
    ],
    ids=lambda headers: json.dumps(headers)[:30],
)
def test_some_are_refused(protected, headers):
    _, peer, origin = protected
    reply = fetch(peer, origin.url, headers=headers)
    assert (reply.status, reply.json()["error"]) == (400, "bad_request")
    assert origin.seen == []


def test_a_name_that_comes_twice_is_refused(protected):
    lab, peer, origin = protected
    wanted = json.dumps({"url": origin.url, "begin": 0, "end": 9})
    for twice in ('{"X": "a", "X": "b"}', '{"X": "a", "x": "b"}'):
        body = f'{wanted[:-1]}, "headers": {twice}}}'.encode()
        request = raw.request("POST", "/v1/fetch", body)
        reply = raw.exchange(lab.hosts[1], peer.address, request)
        assert reply.status == 400, reply
    assert origin.seen == []


def test_a_redirect_to_another_host_takes_no_login_along(protected):
    lab, peer, origin = protected
    here = Origin(lab, lab.hosts[1])
    here.url = f"http://{lab.hosts[1].address}:{here.server.port}/file"
    location = f"Location: {here.url}"
    elsewhere = lab.serve(lambda exchange: exchange.reply("302 Found", b"", location))
    reply = fetch(peer, elsewhere.url("x"), headers=LOGIN)
    assert (reply.status, reply.json()["status"]) == (502, 401)
    (seen,) = here.seen
    assert [seen[name] for name in LOGIN] == [None, None]


def test_a_redirect_on_the_same_host_takes_it_along(protected):
    lab, peer, _ = protected
    seen = []

    def respond(exchange):
        seen.append([exchange.headers[name] for name in LOGIN])
        if exchange.path == "/file":
            server.ranged(DATA, etag=ETAG)(exchange)
        else:
            exchange.reply("302 Found", b"", "Location: /file")

    reply = fetch(peer, lab.serve(respond).url("x"), headers=LOGIN)
    assert (reply.status, reply.body) == (206, DATA[:1000])
    assert seen == [list(LOGIN.values())] * 2
