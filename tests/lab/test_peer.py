# SPDX-License-Identifier: MIT
"""A peer, asked directly: POST /v1/fetch."""

import json

import pytest
from ddmlab import content, raw, server, wait_until
from ddmlab.content import MIB

JSON = ("--header", "Content-Type: application/json", "--data-binary")


@pytest.fixture
def one_peer(make_lab):
    """(lab, peer, path): a peer on h1 without a tracker, and a file."""
    lab = make_lab(40, 40)
    path = lab.file("file", 8 * MIB)
    return lab, lab.peer(lab.hosts[0]), path


def test_it_relays_a_range_with_the_origins_validators(one_peer):
    lab, peer, path = one_peer
    reply = peer.fetch(lab.origin.url("file"), 1000, 300_000, from_host=lab.hosts[1])
    assert reply.status == 206
    assert reply.body == path.read_bytes()[1000:300_000]
    assert reply.headers["Content-Range"] == f"bytes 1000-299999/{8 * MIB}"
    assert reply.headers["ETag"] == content.nginx_etag(path)
    assert reply.headers["Last-Modified"] == content.last_modified(path)


def test_it_relays_as_the_bytes_come(one_peer):
    lab, peer, _ = one_peer
    lab.hosts[0].uplink.set_rate(4)  # the whole range takes 16 s
    body = json.dumps({"url": lab.origin.url("file"), "begin": 0, "end": 8 * MIB}).encode()
    with lab.hosts[1].connect(peer.host.address, peer.port) as connection:
        connection.sendall(raw.request("POST", "/v1/fetch", body))
        got = b""
        while len(got) < 200_000:
            block = connection.recv(65536)
            assert block
            got += block
    assert lab.hosts[0].uplink.received() < 4 * MIB


def test_a_client_that_goes_away_cancels_the_fetch(one_peer):
    lab, peer, _ = one_peer
    lab.hosts[0].uplink.set_rate(4)
    body = json.dumps({"url": lab.origin.url("file"), "begin": 0, "end": 8 * MIB}).encode()
    with lab.hosts[1].connect(peer.host.address, peer.port) as connection:
        connection.sendall(raw.request("POST", "/v1/fetch", body))
        assert connection.recv(65536)
    lab.origin.settle()
    (request,) = lab.origin.log()
    assert request["sent"] < 6 * MIB
    assert peer.healthy()


def test_a_client_that_does_not_read_stops_the_fetch(one_peer):
    lab, peer, _ = one_peer
    lab.file("big", 64 * MIB)
    lab.hosts[0].uplink.set_rate(400)
    body = json.dumps({"url": lab.origin.url("big"), "begin": 0, "end": 64 * MIB}).encode()
    with lab.hosts[1].connect(peer.host.address, peer.port) as connection:
        connection.sendall(raw.request("POST", "/v1/fetch", body))
        assert connection.recv(1000)
        seen = [0]

        def stands_still():
            seen.append(lab.hosts[0].uplink.received())
            return len(seen) > 50 and seen[-1] - seen[-50] < 100_000

        wait_until(stands_still, "the fetch to stand still")
        assert lab.hosts[0].uplink.received() < 56 * MIB


@pytest.mark.parametrize("known", [True, False], ids=["validator known", "validator unknown"])
def test_the_same_range_for_two_at_the_same_time_is_fetched_once(one_peer, known):
    lab, peer, path = one_peer
    fields = {"url": lab.origin.url("file"), "begin": 0, "end": 4 * MIB}
    if known:
        fields.update(size=8 * MIB, etag=content.nginx_etag(path))
    curls = []
    for host in lab.hosts:
        got = lab.directory / f"got-{host.name}"
        url = f"http://{peer.address}/v1/fetch"
        curls.append((got, host.curl(url, *JSON, json.dumps(fields), output=got)))
    for got, curl in curls:
        assert curl.wait() == 0
        assert got.read_bytes() == path.read_bytes()[: 4 * MIB]
    assert lab.origin.bytes_sent() < 1.1 * 4 * MIB


def test_connections_to_the_origin_are_kept(one_peer):
    lab, peer, _ = one_peer
    for part in range(4):
        assert peer.fetch(lab.origin.url("file"), part * MIB, part * MIB + 1000).status == 206
    assert len({entry["connection"] for entry in lab.origin.log()}) == 1


def test_another_version_is_409(one_peer):
    lab, peer, _ = one_peer
    url = lab.origin.url("file")
    assert peer.fetch(url, 0, 1000, etag='"other"').status == 409
    assert peer.fetch(url, 0, 1000, size=4711).status == 409
    modified = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert peer.fetch(url, 0, 1000, last_modified=modified).status == 409
    assert peer.fetch(url, 0, 1000, size=8 * MIB).status == 206


@pytest.mark.parametrize("kind, status", [("no-such-folder", 404)])
def test_an_origin_that_refuses_is_502_with_its_status(one_peer, kind, status):
    lab, peer, _ = one_peer
    reply = peer.fetch(lab.origin.url("file", kind), 0, 1000)
    assert reply.status == 502
    assert reply.json()["status"] == status


def test_an_origin_that_is_not_there_is_502_or_504(one_peer):
    lab, peer, _ = one_peer
    reply = peer.fetch(f"http://{lab.origin_host.address}:1024/x", 0, 1000)
    assert reply.status in (502, 504)
    assert set(reply.json()) >= {"error", "message"}


def test_an_origin_without_ranges_is_not_relayed_as_a_range(one_peer):
    lab, peer, path = one_peer
    reply = peer.fetch(lab.origin.url("file", "no-ranges"), MIB, MIB + 1000)
    if reply.status == 206:
        assert reply.body == path.read_bytes()[MIB : MIB + 1000]
    else:
        assert reply.status == 502


def test_a_range_beyond_the_end_is_416_or_cut(one_peer):
    lab, peer, path = one_peer
    url = lab.origin.url("file")
    assert peer.fetch(url, 8 * MIB, 9 * MIB).status == 416
    reply = peer.fetch(url, 8 * MIB - 10, 8 * MIB + 10)
    if reply.status == 206:
        assert reply.body == path.read_bytes()[-10:]
        assert reply.headers["Content-Range"] == f"bytes {8 * MIB - 10}-{8 * MIB - 1}/{8 * MIB}"
    else:
        assert reply.status == 416


def test_private_addresses_are_refused_and_public_ones_are_not(make_lab):
    lab = make_lab(40)
    path = lab.file("file", 1000)
    peer = lab.peer(lab.hosts[0], allow=None)
    for address in (lab.origin.address, "127.0.0.1", "localhost", "[::1]", "2130706433", "0.0.0.0"):
        reply = peer.fetch(f"http://{address}/file", 0, 1000)
        assert reply.status == 403, address
        assert set(reply.json()) >= {"error", "message"}
    reply = peer.fetch(lab.public_url("file"), 0, 1000)
    assert (reply.status, reply.body) == (206, path.read_bytes())


def test_a_redirect_to_a_private_address_is_refused(make_lab):
    lab = make_lab(40)
    lab.file("file", 1000)
    peer = lab.peer(lab.hosts[0], allow=None)
    target = lab.origin.url("file")
    location = f"Location: {target}"
    redirecting = lab.serve(lambda exchange: exchange.reply("302 Found", b"", location))
    public = f"http://{lab.public_address}:{redirecting.port}/x"
    assert peer.fetch(public, 0, 1000).status == 403
    assert redirecting.requests
    assert lab.origin.log() == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://10.99.0.1/x", "dict://10.99.0.1/", "x"]
)
def test_other_schemes_are_refused(one_peer, url):
    _, peer, _ = one_peer
    reply = peer.fetch(url, 0, 1000)
    assert reply.status in (400, 403)
    assert set(reply.json()) >= {"error", "message"}


def test_a_header_in_the_url_goes_nowhere(one_peer):
    lab, peer, _ = one_peer
    reply = peer.fetch(lab.origin.url("file") + " HTTP/1.1\r\nX-Evil: yes\r\n", 0, 1000)
    assert reply.status >= 400
    assert peer.healthy()


def test_many_at_once_are_served_or_told_to_wait(one_peer):
    lab, peer, path = one_peer
    lab.hosts[0].uplink.set_rate(200)
    body = json.dumps({"url": lab.origin.url("file"), "begin": 0, "end": 100_000})
    url = f"http://{peer.address}/v1/fetch"
    curls = [
        lab.hosts[1].curl(url, *JSON, body, output=lab.directory / f"got-{number}")
        for number in range(40)
    ]
    served = 0
    for number, curl in enumerate(curls):
        assert curl.wait() == 0
        if curl.stdout.split()[1] == "206":
            served += 1
            assert (lab.directory / f"got-{number}").read_bytes() == path.read_bytes()[:100_000]
        else:
            assert curl.stdout.split()[1] == "429"
    assert served > 0
    assert peer.healthy()


def test_an_origin_that_stalls_does_not_hold_others_up(one_peer):
    lab, peer, path = one_peer
    silent = lab.serve(lambda exchange: exchange.stay_silent())
    body = json.dumps({"url": silent.url("x"), "begin": 0, "end": 1000}).encode()
    with lab.hosts[1].connect(peer.host.address, peer.port) as connection:
        connection.sendall(raw.request("POST", "/v1/fetch", body))
        wait_until(lambda: silent.requests, "the silent origin to be asked")
        reply = peer.fetch(lab.origin.url("file"), 0, 1000)
        assert reply.body == path.read_bytes()[:1000]


def test_a_second_signal_ends_it_at_once(one_peer):
    lab, peer, _ = one_peer
    silent = lab.serve(lambda exchange: exchange.stay_silent())
    body = json.dumps({"url": silent.url("x"), "begin": 0, "end": 1000}).encode()
    with lab.hosts[1].connect(peer.host.address, peer.port) as connection:
        connection.sendall(raw.request("POST", "/v1/fetch", body))
        wait_until(lambda: silent.requests, "the silent origin to be asked")
        peer.process.interrupt()
        peer.process.says("leaving")
        assert peer.process.running()
        peer.process.interrupt()
        assert peer.process.wait(deadline=5) is not None


def test_a_python_origin_is_relayed_too(one_peer):
    lab, peer, _ = one_peer
    data = b"0123456789" * 1000
    origin = lab.serve(server.ranged(data))
    reply = peer.fetch(origin.url("x"), 10, 5000, etag='"lab"', size=len(data))
    assert (reply.status, reply.body) == (206, data[10:5000])
