# SPDX-License-Identifier: MIT
"""The main job: one file over the uplinks of several hosts at once."""

from ddmlab.content import MIB, assert_same


def carried(hosts, before):
    return [host.uplink.received() - start for host, start in zip(hosts, before)]


def received(hosts):
    return [host.uplink.received() for host in hosts]


def test_four_hosts_share_one_download(make_lab):
    lab = make_lab(30, 30, 30, 30)
    path = lab.file("file", 24 * MIB)
    lab.swarm()
    before = received(lab.hosts)

    get = lab.download(lab.hosts[0], lab.origin.url("file"))

    assert_same(get.file, path)
    assert get.left_behind() == ["file"]
    for host, amount in zip(lab.hosts, carried(lab.hosts, before)):
        assert 0.12 < amount / (24 * MIB) < 0.45, f"{host.name} carried {amount} bytes"
    # Little is fetched twice.
    assert lab.origin.bytes_sent() < 1.15 * 24 * MIB


def test_a_faster_uplink_carries_more(make_lab):
    lab = make_lab(10, 50, 20)
    path = lab.file("file", 20 * MIB)
    lab.swarm()
    before = received(lab.hosts)

    get = lab.download(lab.hosts[0], lab.origin.url("file"))

    assert_same(get.file, path)
    slow, fast, medium = carried(lab.hosts, before)
    assert slow < medium < fast


def test_every_source_is_named_with_its_share_at_the_end(make_lab):
    lab = make_lab(30, 30, 30)
    lab.file("file", 12 * MIB)
    _, peers = lab.swarm()

    get = lab.download(lab.hosts[0], lab.origin.url("file"))

    shares = get.shares()
    assert sum(shares.values()) == 12 * MIB
    # The peer on the client's own host is the client's own uplink, not one more.
    assert shares["you"] > 0
    for peer in peers[1:]:
        assert shares[peer.address] > 0
    assert shares.get(peers[0].address, 0) == 0


def test_without_a_tracker_it_downloads_alone(make_lab):
    lab = make_lab(60)
    path = lab.file("file", 4 * MIB)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), tracker=None)
    assert_same(get.file, path)
    assert get.shares() == {"you": 4 * MIB}


def test_a_tracker_that_is_not_there_is_a_notice_and_no_obstacle(make_lab):
    lab = make_lab(60)
    path = lab.file("file", 4 * MIB)
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--tracker", "10.200.0.1:7070", events=False
    )
    assert_same(get.file, path)
    assert sum("10.200.0.1:7070" in line for line in get.stderr.splitlines()) == 1


def test_no_peers_leaves_the_peers_alone(make_lab):
    lab = make_lab(40, 40)
    path = lab.file("file", 4 * MIB)
    lab.swarm()
    before = received(lab.hosts)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--no-peers")
    assert_same(get.file, path)
    assert carried(lab.hosts, before)[1] < 20_000


def test_peers_named_on_the_command_line_need_no_tracker(make_lab):
    lab = make_lab(20, 20, 20)
    path = lab.file("file", 10 * MIB)
    peers = [lab.peer(host) for host in lab.hosts[1:]]
    named = [word for peer in peers for word in ("--peer", peer.address)]

    get = lab.download(lab.hosts[0], lab.origin.url("file"), *named)

    assert_same(get.file, path)
    shares = get.shares()
    assert all(shares[peer.address] > MIB for peer in peers)


def test_a_peer_that_joins_during_the_download_is_used(make_lab):
    lab = make_lab(8, 80)
    path = lab.file("file", 12 * MIB)
    lab.tracker(lab.hosts[0])
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    get.wait_for_bytes(MIB // 2)

    late = lab.peer(lab.hosts[1])

    get.expect(0)
    assert_same(get.file, path)
    assert get.shares()[late.address] > 4 * MIB


def test_two_downloads_of_one_file_through_one_peer_cost_one_fetch(make_lab):
    lab = make_lab(2, 2, 60)
    path = lab.file("file", 10 * MIB)
    lab.tracker(lab.hosts[2])
    lab.peer(lab.hosts[2])
    before = received(lab.hosts)

    gets = [lab.get(host, lab.origin.url("file")) for host in lab.hosts[:2]]
    for get in gets:
        get.expect(0)
        assert_same(get.file, path)

    assert carried(lab.hosts, before)[2] < 1.4 * 10 * MIB


def test_two_different_files_at_the_same_time_do_not_mix(make_lab):
    lab = make_lab(30, 30, 30)
    paths = [lab.file("one", 8 * MIB), lab.file("two", 8 * MIB)]
    lab.swarm()
    gets = [lab.get(host, lab.origin.url(path.name)) for host, path in zip(lab.hosts, paths)]
    for get, path in zip(gets, paths):
        get.expect(0)
        assert_same(get.file, path)


def test_connections_to_the_origin_are_reused_between_leases(make_lab):
    """Two requests of an uplink at a time; a lease that is cut costs its connection."""
    lab = make_lab(30, 30)
    lab.file("file", 20 * MIB)
    lab.swarm()
    lab.download(lab.hosts[0], lab.origin.url("file"), "--connections", "2")

    for host in lab.hosts:
        address = host.uplink_address
        requests = [entry for entry in lab.origin.log() if entry["client"] == address]
        connections = {entry["connection"] for entry in requests}
        assert 2 * len(connections) <= len(requests), "\n".join(map(str, requests))


def test_the_origin_is_asked_for_plain_bytes_and_never_with_head(make_lab):
    lab = make_lab(40, 40)
    lab.file("file", 4 * MIB)
    lab.swarm()
    lab.download(lab.hosts[0], lab.origin.url("file"))
    for entry in lab.origin.log():
        assert entry["method"] == "GET"
        assert entry["range"].startswith("bytes=")
        assert entry["encoding"] == "identity"
