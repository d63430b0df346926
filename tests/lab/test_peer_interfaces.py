# SPDX-License-Identifier: MIT
"""Several uplinks of a peer; the client's are in test_interfaces.py."""

import os
import threading

import pytest
from ddmlab import server
from ddmlab.content import MIB, assert_same
from ddmlab.waiting import wait_until
from test_interfaces import FIRST, NAMES, SECOND, carried, either, links, received



def two_uplink_peer(lab, *options):
    return lab.peer(lab.hosts[1], "--interface", NAMES, *options)


def version_of(lab, name):
    """What a client names that knows the file: only then may two uplinks bring parts of it."""
    head = lab.origin_host.request("HEAD", f"10.99.0.1:{lab.origin.port}", f"/{name}").headers
    return {"etag": head["ETag"], "last_modified": head["Last-Modified"]}


def peer_shares(get, peer):
    shares = get.shares()
    return shares[peer.address], shares.get(f"{peer.address}/1", 0)


def test_a_peer_lends_both_uplinks(make_lab):
    lab = make_lab(10, (30, 20))
    path = lab.file("file", 16 * MIB)
    lab.tracker(lab.hosts[0])
    peer = two_uplink_peer(lab)
    assert peer.status()["interfaces"] == ["uplink", "uplink2"]
    before = received(lab.hosts[1])

    get = lab.download(lab.hosts[0], lab.origin.url("file"))

    assert_same(get.file, path)
    assert min(peer_shares(get, peer)) > 2 * MIB
    assert min(carried(lab.hosts[1], before)) > 2 * MIB
    assert lab.origin.bytes_sent() < 1.15 * 16 * MIB


@either
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept connections"])
def test_a_peer_with_one_uplink_away(make_lab, which, kept):
    """With connections that it keeps from before: nobody tells it that their way has gone."""
    lab = make_lab(5, (20, 20))
    peer = two_uplink_peer(lab)
    if kept:
        lab.file("before", 8 * MIB)
        lab.download(lab.hosts[0], lab.origin.url("before"), "--peer", peer.address)
    path = lab.file("file", 16 * MIB)
    cut, left = links(lab.hosts[1], which)
    cut.cut()
    before = left.received()
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    assert_same(get.file, path)
    assert left.received() - before > 9 * MIB  # four times as fast as the client's own


@either
def test_an_uplink_of_a_peer_is_cut_half_way(make_lab, which):
    lab = make_lab(5, (20, 20))
    path = lab.file("file", 16 * MIB)
    peer = two_uplink_peer(lab)
    get = lab.get(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    get.wait_for_bytes(6 * MIB)
    cut, left = links(lab.hosts[1], which)
    cut.cut()
    before = left.received()
    get.expect(0)
    assert_same(get.file, path)
    assert left.received() - before > 4 * MIB


def test_a_peer_is_the_only_way_and_its_first_uplink_is_cut(make_lab):
    lab = make_lab(10, (20, 20))
    path = lab.file("file", 4 * MIB)
    peer = two_uplink_peer(lab)
    lab.hosts[0].uplink.cut()
    lab.hosts[1].uplink.cut()
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    assert_same(get.file, path)


def test_a_peer_is_the_only_way_for_a_client_with_two_uplinks(make_lab):
    lab = make_lab((20, 20), 20)
    path = lab.file("file", 4 * MIB)
    peer = lab.peer(lab.hosts[1])
    lab.hosts[0].uplink.cut()
    lab.hosts[0].uplink2.cut()
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--peer", peer.address, "--interface", NAMES
    )
    assert_same(get.file, path)
    assert get.shares() == {FIRST: 0, SECOND: 0, peer.address: 4 * MIB}
    # Each way was tried for as long as one may wait for it, not again and again before the peer.
    assert sum(1 for event in get.events if event["event"] == "source"
               and event["source"]["state"] == "connecting") <= 6  # fmt: skip


def test_replies_tell_how_many_uplinks_there_are(make_lab):
    lab = make_lab(50, (50, 50))
    path = lab.file("file", 100_000)
    url = lab.origin.url("file")
    peer = two_uplink_peer(lab)
    client = lab.hosts[0]
    for uplink in (0, 1):
        reply = peer.fetch(url, 10, 20, from_host=client, uplink=uplink)
        assert (reply.status, reply.body) == (206, path.read_bytes()[10:20])
        assert reply.headers["DDM-Uplinks"] == "2"
    for uplink, status in ((2, 404), (7, 404), (8, 400), (-1, 400), ("1", 400)):
        reply = peer.fetch(url, 10, 20, from_host=client, uplink=uplink)
        assert reply.status == status
        assert reply.json()["error"]
        assert reply.headers["DDM-Uplinks"] == "2"
    missing = peer.fetch(lab.origin.url("missing"), 0, 10, from_host=client)
    assert (missing.status, missing.headers["DDM-Uplinks"]) == (502, "2")


def test_a_peer_with_one_uplink_says_nothing_of_it(make_lab):
    lab = make_lab(50, 50)
    lab.file("file", 1000)
    url = lab.origin.url("file")
    for options in ((), ("--interface", "uplink")):
        peer = lab.peer(lab.hosts[1], *options)
        reply = peer.fetch(url, 0, 10, uplink=0)
        assert reply.status == 206 and reply.headers["DDM-Uplinks"] is None
        assert peer.fetch(url, 0, 10, uplink=1).status == 404
        peer.process.stop()


def test_who_waits_behind_a_dead_uplink_gets_the_other(make_lab):
    """Two want the same bytes. The first one's fetch goes over the uplink that is dead; the second
    one names the other, and must not wait for the first one's."""
    lab = make_lab(50, (50, 50))
    path = lab.file("file", 100_000)
    url = lab.origin.url("file")
    peer = two_uplink_peer(lab)
    version = version_of(lab, "file")
    lab.hosts[1].uplink.cut()
    replies = []
    first = threading.Thread(
        target=lambda: replies.append(peer.fetch(url, 0, 1000, uplink=0, **version))
    )
    first.start()
    wait_until(lambda: peer.status()["active"] == 1, "the first request")
    second = peer.fetch(url, 0, 1000, uplink=1, **version)
    first.join()
    assert (second.status, second.body) == (206, path.read_bytes()[:1000])
    # What the second one brought is there for the first one, too.
    assert (replies[0].status, replies[0].body) == (206, second.body)


def test_bytes_of_a_fetch_that_died_come_with_the_next_one(make_lab):
    """Who names the other uplink; the first one goes on then, too."""
    lab = make_lab(50, (8, 50))
    data = lab.file("file", 4 * MIB).read_bytes()
    peer = two_uplink_peer(lab)
    wanted = {"url": lab.origin.url("file"), "begin": 0, "end": len(data)}
    wanted.update(version_of(lab, "file"))
    replies = []

    def ask(uplink, timeout):
        body = {**wanted, "uplink": uplink}
        return lab.hosts[0].request("POST", peer.address, "/v1/fetch", body, timeout=timeout)

    first = threading.Thread(target=lambda: replies.append(ask(0, 60)))
    first.start()
    wait_until(lambda: peer.status()["fetched"] > MIB, "the first quarter")
    lab.hosts[1].uplink.cut()
    second = wait_until(lambda: ask(1, 3), "the second one to be served")
    first.join()
    assert [reply.body == data for reply in (second, *replies)] == [True, True]


@pytest.mark.parametrize("etag", ['"x"', None], ids=["versioned", "private"])
def test_who_names_the_other_uplink_does_not_wait_for_a_slow_fetch(make_lab, etag):
    """As when a client cuts or hedges the lease of one for the other: what is there is shared, and
    the rest comes over the uplink that was named."""
    lab = make_lab(50, (1, 50))
    host = lab.hosts[1]
    data = os.urandom(3 * MIB)
    seen = []
    serve = server.ranged(data, etag=etag)

    def respond(exchange):
        seen.append((exchange.client_address[0], exchange.range(len(data))[0]))
        serve(exchange)

    url = lab.serve(respond).url("file")
    peer = two_uplink_peer(lab)
    replies = []

    def ask(begin, end, uplink):
        version = {"etag": etag} if etag else {}
        return peer.fetch(url, begin, end, lab.hosts[0], uplink=uplink, **version)

    first = threading.Thread(target=lambda: replies.append(ask(0, MIB, 0)))
    first.start()
    wait_until(lambda: peer.status()["fetched"] > 150_000, "the first bytes")
    before = host.uplink2.received()
    second = ask(100_000, 3 * MIB, 1)
    assert (second.status, second.body) == (206, data[100_000:])
    first.join()
    assert (replies[0].status, replies[0].body) == (206, data[:MIB])
    assert host.uplink2.received() - before > 2 * MIB
    ((address, begin),) = seen[1:]
    assert address == "10.3.2.2"
    assert 100_000 < begin < MIB // 2 if etag else begin == 100_000


def test_a_slow_uplink_of_a_peer_leaves_its_rest_to_the_other(make_lab):
    lab = make_lab(1, (20, 20))
    path = lab.file("file", 16 * MIB)
    peer = two_uplink_peer(lab)
    host = lab.hosts[1]
    get = lab.get(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    get.wait_for_bytes(13 * MIB)
    host.uplink.set_rate(0.3)
    before = received(host)
    get.expect(0)
    assert_same(get.file, path)
    slow, fast = carried(host, before)
    assert fast > MIB and slow < MIB // 2
    assert get.event("done")["elapsed"] < 7


def test_a_kept_connection_whose_way_has_gone_is_noticed(make_lab):
    lab = make_lab(50, (50, 50))
    lab.file("file", 100_000)
    url = lab.origin.url("file")
    peer = two_uplink_peer(lab)
    assert peer.fetch(url, 0, 1000, uplink=0).status == 206
    lab.hosts[1].uplink.cut()
    reply = peer.fetch(url, 50_000, 51_000, uplink=0)
    assert reply.status == 502 and "no answer" in reply.json()["message"]
    assert peer.fetch(url, 50_000, 51_000, uplink=1).status == 206


def test_patience_with_an_uplink_grows_until_it_works_again(make_lab):
    """Even if what comes then is an error of the origin's. The origin hears all and says nothing."""
    lab = make_lab(50, (50, 50))
    lab.file("file", 1000)
    peer = two_uplink_peer(lab)
    silence = "blackhole 10.1.2.2/32"

    def waited(name):
        return peer.fetch(lab.origin.url(name), 0, 10).json()["message"]

    assert "answered with an error" in waited("missing")
    lab.origin_host.namespace.ip(f"route add {silence}")
    assert "within 2.5 s" in waited("file")
    assert "within 5.0 s" in waited("file")
    lab.origin_host.namespace.ip(f"route del {silence}")
    assert "answered with an error" in waited("missing")
    lab.origin_host.namespace.ip(f"route add {silence}")
    assert "within 2.5 s" in waited("file")


@pytest.mark.parametrize(["said", "asked"], [("3", {0, 1, 2}), ("9", {0}), ("x", {0})])
def test_a_client_asks_for_each_uplink_that_it_was_told_of(make_lab, said, asked):
    lab = make_lab(5, 50)
    path = lab.file("file", 4 * MIB)
    data = path.read_bytes()
    seen = set()
    version = version_of(lab, "file")

    def respond(exchange):
        wanted = exchange.json()
        seen.add(wanted.get("uplink", 0))
        begin, end = wanted["begin"], wanted["end"]
        validators = f"ETag: {version['etag']}", f"Last-Modified: {version['last_modified']}"
        exchange.head(
            "206 Partial Content", server.span(begin, end, len(data)),
            f"Content-Length: {end - begin}", f"DDM-Uplinks: {said}", *validators,
        )  # fmt: skip
        exchange.send(data[begin:end])

    peer = lab.serve(respond, host=lab.hosts[1])
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    assert_same(get.file, path)
    assert seen == asked
    names = {peer.address, *(f"{peer.address}/{n}" for n in asked - {0})}
    assert {source for source in get.shares() if source != "you"} == names
