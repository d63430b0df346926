# SPDX-License-Identifier: MIT
"""Several uplinks in one machine: of the client, and of a peer. No rule of routing helps: the second
uplink has a default route that counts less, and what goes out over it must be bound to it."""

import os
import sys
import threading

import pytest
from ddmlab import server
from ddmlab.content import MIB, assert_same, make_file
from ddmlab.waiting import wait_until

NAMES = "uplink,uplink2"
ADDRESSES = "10.1.1.2,10.3.1.2"
FIRST, SECOND = "you (uplink)", "you (uplink2)"
either = pytest.mark.parametrize("which", ["uplink", "uplink2"])


def received(host):
    return host.uplink.received(), host.uplink2.received()


def carried(host, before):
    return [now - then for now, then in zip(received(host), before)]


def links(host, which):
    """The one of that name, and the other."""
    both = host.uplink, host.uplink2
    return both if which == "uplink" else both[::-1]


# --- the client -------------------------------------------------------------------------------------


@pytest.mark.parametrize("interfaces", [NAMES, ADDRESSES], ids=["names", "addresses"])
def test_two_uplinks_share_a_download(make_lab, interfaces):
    lab = make_lab((30, 15))
    host = lab.hosts[0]
    path = lab.file("file", 12 * MIB)
    before = received(host)

    get = lab.download(host, lab.origin.url("file"), "--no-peers", "--interface", interfaces)

    assert_same(get.file, path)
    names = [f"you ({name})" for name in interfaces.split(",")]
    shares = get.shares()
    assert list(shares) == names
    assert sum(shares.values()) == 12 * MIB
    first, second = carried(host, before)
    assert first > second > 2 * MIB
    # What a source says it brought is what went over its link.
    assert shares[names[0]] < first < 1.1 * shares[names[0]] + MIB
    assert shares[names[1]] < second < 1.1 * shares[names[1]] + MIB


def test_connections_are_used_again_on_their_own_uplink_only(make_lab):
    lab = make_lab((30, 30))
    lab.file("file", 20 * MIB)
    lab.download(lab.hosts[0], lab.origin.url("file"), "--no-peers", "--interface", NAMES)
    for address in ("10.1.1.2", "10.3.1.2"):
        requests = [entry for entry in lab.origin.log() if entry["client"] == address]
        connections = {entry["connection"] for entry in requests}
        assert len(requests) > len(connections) > 0


@pytest.mark.parametrize("interface", ["uplink2", "10.3.1.2"])
def test_one_interface_is_the_only_way(make_lab, interface):
    """Also what goes out: an address alone would be a sender on the wrong link."""
    lab = make_lab((30, 30))
    host = lab.hosts[0]
    path = lab.file("file", 4 * MIB)
    before = host.uplink.sent()
    get = lab.download(host, lab.origin.url("file"), "--no-peers", "--interface", interface)
    assert_same(get.file, path)
    assert get.shares() == {f"you ({interface})": 4 * MIB}
    assert host.uplink.sent() - before < 2000


@either
def test_an_uplink_is_cut_half_way(make_lab, which):
    lab = make_lab((20, 20))
    host = lab.hosts[0]
    path = lab.file("file", 12 * MIB)
    get = lab.get(host, lab.origin.url("file"), "--no-peers", "--interface", NAMES)
    get.wait_for_bytes(4 * MIB)
    cut, left = links(host, which)
    cut.cut()
    before = left.received()
    get.expect(0)
    assert_same(get.file, path)
    assert left.received() - before > 6 * MIB


@either
@pytest.mark.parametrize("how", ["cut further up", "down"])
def test_an_uplink_is_away_from_the_start(make_lab, which, how):
    lab = make_lab((30, 30))
    host = lab.hosts[0]
    path = lab.file("file", 4 * MIB)
    if how == "down":
        host.namespace.ip(f"link set dev {which} down")
    else:
        links(host, which)[0].cut()
    get = lab.download(host, lab.origin.url("file"), "--no-peers", "--interface", NAMES)
    assert_same(get.file, path)
    shares = get.shares()
    assert shares[f"you ({which})"] == 0
    assert sum(shares.values()) == 4 * MIB
    if which == "uplink":  # it is tried first, and the reader is told
        (notice,) = [notice for notice in get.notices() if FIRST in notice]
        assert ("no answer" if how != "down" else "unreachable") in notice


def test_all_uplinks_are_away(make_lab):
    lab = make_lab((30, 30))
    host = lab.hosts[0]
    lab.file("file", MIB)
    for device in ("uplink", "uplink2"):
        host.namespace.ip(f"link set dev {device} down")
    get = lab.download(
        host, lab.origin.url("file"), "--no-peers", "--interface", NAMES, code=3, events=False
    )
    assert "unreachable" in get.error_line


def test_an_interface_goes_away_for_good(make_lab):
    """A stick that is pulled out: the device is no more."""
    lab = make_lab((20, 20))
    host = lab.hosts[0]
    path = lab.file("file", 12 * MIB)
    get = lab.get(host, lab.origin.url("file"), "--no-peers", "--interface", NAMES)
    get.wait_for_bytes(4 * MIB)
    host.namespace.ip("link del dev uplink2")
    get.expect(0)
    assert_same(get.file, path)


def test_a_peer_helps_while_one_of_two_uplinks_is_away(make_lab):
    lab = make_lab((20, 20), 20)
    host = lab.hosts[0]
    path = lab.file("file", 8 * MIB)
    peer = lab.peer(lab.hosts[1])
    host.uplink.cut()
    get = lab.download(
        host, lab.origin.url("file"), "--peer", peer.address, "--interface", NAMES
    )
    assert_same(get.file, path)
    shares = get.shares()
    assert shares[FIRST] == 0
    assert shares[SECOND] > MIB and shares[peer.address] > MIB


def test_the_peer_of_this_machine_is_left_alone(make_lab):
    """Its uplinks are those that the download uses already."""
    lab = make_lab((20, 20))
    host = lab.hosts[0]
    lab.file("file", 4 * MIB)
    lab.tracker(host)
    peer = lab.peer(host, "--interface", NAMES)
    get = lab.download(host, lab.origin.url("file"), "--interface", NAMES)
    assert set(get.shares()) == {FIRST, SECOND}
    assert peer.status()["fetched"] == 0


@pytest.mark.parametrize("interface", ["uplink2", "fd03::2"])
def test_ipv6_over_one_interface(make_lab, interface):
    """As one stream, which is what Python's server gives."""
    lab = make_lab((30, 30))
    host, origin = lab.hosts[0], lab.origin_host
    folder = lab.folder()
    path = make_file(folder / "file", 2 * MIB)
    origin.namespace.ip(
        "addr add fd99::1/128 dev lo nodad",
        "addr add fd01::1/64 dev to-h1 nodad",
        "addr add fd03::1/64 dev to-h1-2 nodad",
    )
    host.namespace.ip(
        "addr add fd01::2/64 dev uplink nodad",
        "addr add fd03::2/64 dev uplink2 nodad",
        "route add default via fd01::1 dev uplink",
        "route add default via fd03::1 dev uplink2 metric 2000",
    )
    origin.run(sys.executable, "-m", "http.server", "8000", "--bind", "::", cwd=folder)
    origin.wait_for_port(8000, "::1")
    before = received(host)
    get = lab.download(
        host, "http://[fd99::1]:8000/file", "--no-peers", "--interface", interface
    )
    assert_same(get.file, path)
    first, second = carried(host, before)
    assert second > 2 * MIB and first < 10_000


@pytest.mark.parametrize(
    ["interfaces", "says"],
    [
        ("uplink,uplink7", "uplink7"),
        ("10.9.9.9", "10.9.9.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("uplink,lan,uplink", "uplink"),
        (",".join(f"u{n}" for n in range(9)), "u0"),
    ],
)
@pytest.mark.parametrize("command", ["get", "peer"])
def test_what_is_no_interface_is_said_at_once(make_lab, command, interfaces, says):
    lab = make_lab((20, 20))
    arguments = ["get", "http://10.99.0.1/x"] if command == "get" else ["peer"]
    process = lab.run_ddm(lab.hosts[0], *arguments, "--interface", interfaces)
    assert process.wait() == 2
    (line,) = [line for line in process.stderr.splitlines() if line.startswith("ddm: ")]
    assert f"'{says}'" in line


def test_more_than_eight_interfaces(make_lab):
    lab = make_lab(20)
    host = lab.hosts[0]
    addresses = [f"10.66.0.{n}" for n in range(1, 10)]
    host.namespace.ip(*(f"addr add {address}/32 dev lan" for address in addresses))
    process = lab.run_ddm(host, "get", "http://10.99.0.1/x", "--interface", ",".join(addresses))
    assert process.wait() == 2
    assert "more than 8" in process.stderr


def test_the_environment_names_interfaces_too(make_lab):
    lab = make_lab((30, 30))
    path = lab.file("file", 4 * MIB)
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--no-peers", env={"DDM_INTERFACE": NAMES}
    )
    assert_same(get.file, path)
    assert set(get.shares()) == {FIRST, SECOND}


# --- one stream -------------------------------------------------------------------------------------


@either
def test_one_stream_comes_over_an_uplink_that_works(make_lab, which):
    lab = make_lab((30, 30))
    host = lab.hosts[0]
    path = lab.file("file", 4 * MIB)
    links(host, which)[0].cut()
    get = lab.download(
        host, lab.origin.url("file", "no-ranges"), "--no-peers", "--interface", NAMES
    )
    assert_same(get.file, path)
    assert get.shares()[f"you ({which})"] == 0


def test_one_stream_that_breaks_off_goes_on_over_the_other_uplink(make_lab):
    lab = make_lab((50, 50))
    data = os.urandom(4 * MIB)
    seen = []

    def respond(exchange):
        seen.append(exchange.client_address[0])
        exchange.head("200 OK", f"Content-Length: {len(data)}", 'ETag: "x"')
        exchange.send(data if len(seen) > 1 else data[: 2 * MIB])
        exchange.hang_up()

    origin = lab.serve(respond)
    get = lab.download(
        lab.hosts[0], origin.url("file"), "--no-peers", "--interface", ADDRESSES
    )
    assert get.file.read_bytes() == data
    assert seen == ["10.1.1.2", "10.3.1.2"]


def test_an_origin_that_refuses_one_uplink_serves_the_other(make_lab):
    """As where only one of two networks may use a mirror."""
    lab = make_lab((50, 50))
    data = os.urandom(2 * MIB)
    serve = server.ranged(data)

    def respond(exchange):
        if exchange.client_address[0] == "10.1.1.2":
            exchange.reply("403 Forbidden")
        else:
            serve(exchange)

    url = lab.serve(respond).url("file")
    get = lab.download(lab.hosts[0], url, "--no-peers", "--interface", ADDRESSES)
    assert get.file.read_bytes() == data
    get = lab.download(lab.hosts[0], url, "--no-peers", "--interface", "10.1.1.2", code=4)
    assert not get.published()


def test_an_uplink_that_sees_another_version_is_left_out(make_lab):
    """As where each network has its own server behind a name; it is no change during a download."""
    lab = make_lab((20, 20))
    data = {"10.1.1.2": os.urandom(4 * MIB), "10.3.1.2": os.urandom(4 * MIB)}
    serve = {client: server.ranged(text, etag=f'"{client}"') for client, text in data.items()}
    origin = lab.serve(lambda exchange: serve[exchange.client_address[0]](exchange))
    get = lab.download(
        lab.hosts[0], origin.url("file"), "--no-peers", "--interface", ADDRESSES
    )
    assert get.file.read_bytes() == data["10.1.1.2"]


# --- a peer -----------------------------------------------------------------------------------------


def two_uplink_peer(lab, *options):
    return lab.peer(lab.hosts[1], "--interface", NAMES, *options)


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
    lab.hosts[1].uplink.cut()
    replies = []
    first = threading.Thread(target=lambda: replies.append(peer.fetch(url, 0, 1000, uplink=0)))
    first.start()
    wait_until(lambda: peer.status()["active"] == 1, "the first request")
    second = peer.fetch(url, 0, 1000, uplink=1)
    first.join()
    assert (second.status, second.body) == (206, path.read_bytes()[:1000])
    assert replies[0].status in (206, 502)


def test_a_fetch_that_died_on_its_way_is_taken_over(make_lab):
    """By the next one who names the other uplink; the first one goes on then, too."""
    lab = make_lab(50, (8, 50))
    data = lab.file("file", 4 * MIB).read_bytes()
    peer = two_uplink_peer(lab)
    wanted = {"url": lab.origin.url("file"), "begin": 0, "end": len(data)}
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


@pytest.mark.parametrize(["said", "asked"], [("3", {0, 1, 2}), ("9", {0}), ("x", {0})])
def test_a_client_asks_for_each_uplink_that_it_was_told_of(make_lab, said, asked):
    lab = make_lab(5, 50)
    path = lab.file("file", 4 * MIB)
    data = path.read_bytes()
    seen = set()
    entry = {}

    def respond(exchange):
        wanted = exchange.json()
        seen.add(wanted.get("uplink", 0))
        begin, end = wanted["begin"], wanted["end"]
        validators = [f"{name}: {value}" for name, value in entry.items()]
        exchange.head(
            "206 Partial Content", server.span(begin, end, len(data)),
            f"Content-Length: {end - begin}", f"DDM-Uplinks: {said}", *validators,
        )  # fmt: skip
        exchange.send(data[begin:end])

    head = lab.origin_host.request("HEAD", f"10.99.0.1:{lab.origin.port}", "/file").headers
    entry.update({name: head[name] for name in ("ETag", "Last-Modified")})
    peer = lab.serve(respond, host=lab.hosts[1])
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    assert_same(get.file, path)
    assert seen == asked
    names = {peer.address, *(f"{peer.address}/{n}" for n in asked - {0})}
    assert {source for source in get.shares() if source != "you"} == names
