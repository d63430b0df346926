# SPDX-License-Identifier: MIT
"""Several uplinks in one machine, the client's. No rule of routing helps: the second uplink has a
default route that counts less, and what goes out over it must be bound to it."""

import os
import sys

import pytest
from ddmlab import server
from ddmlab.content import MIB, assert_same, make_file

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
    missing = 12 * MIB - cut.received_payload() - left.received_payload()
    assert missing > 0, "the link was cut too late"
    get.expect(0)
    assert_same(get.file, path)
    assert left.received() - before > missing * 3 // 4


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
        ("uplink,10.1.1.2", "10.1.1.2"),
        ("10.1.1.2%uplink", "10.1.1.2%uplink"),
        ("::ffff:10.1.1.2", "::ffff:10.1.1.2"),
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


@pytest.mark.parametrize(["interface", "code"], [("fe80::77%uplink", 2), ("fe80::77%uplink2", 3)])
def test_the_zone_of_an_address_is_its_device(make_lab, interface, code):
    lab = make_lab((20, 20))
    host = lab.hosts[0]
    host.namespace.ip("addr add fe80::77/64 dev uplink2 nodad")
    process = lab.run_ddm(host, "get", "http://10.99.0.1/x", "--no-peers", "--interface", interface)
    assert process.wait() == code
    assert ("neither such a device" in process.stderr) == (code == 2)


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


@pytest.mark.parametrize("other", ["403", "another version"])
def test_one_stream_goes_on_where_the_other_uplink_is_of_no_use(make_lab, other):
    lab = make_lab((50, 50))
    data = os.urandom(4 * MIB)
    seen = []

    def respond(exchange):
        seen.append(exchange.client_address[0])
        if seen[-1] == "10.1.1.2":
            exchange.head("200 OK", f"Content-Length: {len(data)}", 'ETag: "x"')
            exchange.send(data if len(seen) > 1 else data[: 2 * MIB])
            exchange.hang_up()
        elif other == "403":
            exchange.reply("403 Forbidden")
        else:
            exchange.reply("200 OK", os.urandom(len(data)), 'ETag: "y"')

    url = lab.serve(respond).url("file")
    get = lab.download(lab.hosts[0], url, "--no-peers", "--interface", ADDRESSES)
    assert get.file.read_bytes() == data
    assert seen == ["10.1.1.2", "10.3.1.2", "10.1.1.2"]


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
