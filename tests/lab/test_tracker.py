# SPDX-License-Identifier: MIT
"""The tracker lists who is there, and forgets who is not."""

from ddmlab import wait_until


def test_it_lists_peers_by_the_address_they_come_from(make_lab):
    lab = make_lab(50, 50, 50)
    tracker, peers = lab.swarm()
    listed = tracker.peers()
    assert {(entry["address"], entry["port"]) for entry in listed} == {
        (peer.host.address, peer.port) for peer in peers
    }
    assert len({entry["id"] for entry in listed}) == 3
    assert len({entry["host_id"] for entry in listed}) == 3


def test_peers_of_one_host_share_its_host_id(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    lab.peer(lab.hosts[0], port=7071)
    lab.peer(lab.hosts[0], port=7072)
    listed = tracker.peers()
    assert len({entry["id"] for entry in listed}) == 2
    assert len({entry["host_id"] for entry in listed}) == 1


def test_an_advertised_address_wins(make_lab):
    lab = make_lab(50, 50)
    tracker = lab.tracker(lab.hosts[0])
    lab.start_peer(lab.hosts[1], "--advertise", "10.1.2.2").wait_until_up()
    tracker.wait_for_peers(1)
    assert tracker.peers()[0]["address"] == "10.1.2.2"


def test_a_peer_that_leaves_is_removed_at_once(make_lab):
    lab = make_lab(50, 50)
    tracker = lab.tracker(lab.hosts[0], ttl=3600)
    peers = [lab.peer(host) for host in lab.hosts]
    assert peers[1].process.stop() == 0
    assert len(tracker.peers()) == 1


def test_a_peer_that_dies_is_forgotten_after_the_ttl(make_lab):
    lab = make_lab(50, 50)
    tracker = lab.tracker(lab.hosts[0], ttl=2)
    peers = [lab.peer(host) for host in lab.hosts]
    peers[1].process.kill()
    tracker.wait_for_peers(1)
    assert tracker.peers()[0]["address"] == peers[0].host.address


def test_a_peer_that_stood_still_comes_back(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0], ttl=2)
    peer = lab.peer(lab.hosts[0])
    peer.process.freeze()
    tracker.wait_for_peers(0)
    peer.process.thaw()
    tracker.wait_for_peers(1)


def test_a_restarted_tracker_learns_its_peers_again(make_lab):
    lab = make_lab(50, 50)
    tracker = lab.tracker(lab.hosts[0], ttl=2)
    peers = [lab.peer(host) for host in lab.hosts]
    tracker.process.kill()
    peers[0].process.says("7070")  # it notices, and says which tracker
    again = lab.tracker(lab.hosts[0], ttl=2)
    again.wait_for_peers(2, deadline=45)


def test_a_peer_may_come_before_its_tracker(make_lab):
    lab = make_lab(50, 50)
    options = ["--tracker", f"{lab.hosts[0].address}:7070"]
    peer = lab.start_peer(lab.hosts[1], *options).wait_until_up()
    peer.process.says("7070")
    lab.tracker(lab.hosts[0]).wait_for_peers(1, deadline=45)


def test_announcing_by_hand(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0], ttl=10)
    body = {"port": 4711, "host_id": "some-host"}
    answer = tracker.request("PUT", "/v1/peers/some-id", body)
    assert answer.status == 200
    assert answer.json()["ttl"] == 10
    assert 0 < answer.json()["interval"] < 10
    assert [(p["id"], p["port"]) for p in tracker.peers()] == [("some-id", 4711)]
    again = tracker.request("PUT", "/v1/peers/some-id", {**body, "port": 4712})
    assert again.status == 200
    assert [(p["id"], p["port"]) for p in tracker.peers()] == [("some-id", 4712)]
    assert tracker.request("DELETE", "/v1/peers/some-id").status in (200, 204)
    assert tracker.peers() == []


def test_limit_gives_so_many(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    for number in range(5):
        tracker.request("PUT", f"/v1/peers/id-{number}", {"port": 4000 + number, "host_id": "h"})
    first = tracker.request("GET", "/v1/peers?object=abc&limit=2").json()["peers"]
    second = tracker.request("GET", "/v1/peers?object=abc&limit=2").json()["peers"]
    assert len(first) == 2
    assert [p["id"] for p in first] == [p["id"] for p in second]


def test_it_tells_its_status(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    assert tracker.request("GET", "/healthz").status == 200
    assert isinstance(tracker.status(), dict)
    assert tracker.process.stop() == 0


def test_a_client_learns_of_peers_that_come_and_go(make_lab):
    """The list that a client works with follows the tracker's."""
    lab = make_lab(8, 8)
    lab.file("file", 6 << 20)
    tracker = lab.tracker(lab.hosts[0])
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    get.wait_for_bytes(1)
    peer = lab.peer(lab.hosts[1])
    wait_until(lambda: peer.status()["requests"] > 0, "the new peer to be asked")
    peer.process.stop()
    tracker.wait_for_peers(0)
    get.expect(0)
