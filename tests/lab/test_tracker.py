# SPDX-License-Identifier: MIT
"""The tracker lists who is there, and forgets who is not."""

import json
import threading

from ddmlab import evil, wait_until
from ddmlab.content import assert_same


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


def test_trackers_that_disagree_on_an_id_do_not_multiply_a_peer(make_lab):
    """Each poll of either would otherwise take the peer for one that was started anew."""
    lab = make_lab(1, 50)
    path = lab.file("file", 24 << 20)

    def trickles(exchange, wanted, file):
        exchange.head("206 Partial Content", *evil.headers(file, wanted.begin, wanted.end))
        for at in range(wanted.begin, wanted.end, 4096):
            exchange.send(file.data[at : min(at + 4096, wanted.end)])
            asked_often.wait(0.02)

    peer = lab.keep(evil.EvilPeer(lab.hosts[1], trickles, path))
    asked_often = threading.Event()
    trackers = [fake_tracker(lab, peer, f"id-{number}") for number in range(2)]
    options = [part for tracker in trackers for part in ("--tracker", tracker.address)]
    get = lab.get(lab.hosts[0], lab.origin.url("file"), *options)
    for tracker in trackers:
        wait_until(lambda asked=tracker.requests: len(asked) >= 3, "both to be asked three times")
    asked_often.set()
    lab.hosts[0].uplink.set_rate(400)
    get.expect(0)
    assert_same(get.file, path)
    assert peer.asked
    named = [source for source in get.event("done")["sources"] if source["name"] == peer.address]
    assert len(named) <= 2, f"the peer is there {len(named)} times"


REPORT = {"reporter": "some-host", "reason": "wrong_bytes"}


def report(tracker, host, peer_id, body=None):
    """From that host, by its LAN address."""
    return host.request("POST", tracker.address, f"/v1/peers/{peer_id}/reports", body or REPORT)


def test_it_counts_who_reports_a_peer(make_lab):
    lab = make_lab(50, 50)
    tracker = lab.tracker(lab.hosts[0])
    tracker.request("PUT", "/v1/peers/liar", {"port": 4711, "host_id": "h"})
    tracker.request("PUT", "/v1/peers/other", {"port": 4712, "host_id": "h"})
    for host in (*lab.hosts, lab.hosts[1]):  # one of them twice, under another name
        assert report(tracker, host, "liar", {**REPORT, "reporter": f"{host.name}-x"}).status == 204
    assert {peer["id"]: peer.get("reports", 0) for peer in tracker.peers()} == {
        "liar": 2,
        "other": 0,
    }
    assert tracker.status()["reports"] == 2
    metrics = tracker.request("GET", "/metrics").body.decode()
    assert "\nddm_tracker_reports_total 2\n" in metrics
    warnings = [line for line in tracker.process.stderr.splitlines() if "reported" in line]
    assert len(warnings) == 2, warnings
    for word in ("warning", "liar", "127.0.0.1:4711", lab.hosts[1].address, "wrong_bytes"):
        assert word in warnings[1]


def test_reports_go_with_the_peer(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    tracker.request("PUT", "/v1/peers/liar", {"port": 4711, "host_id": "h"})
    assert report(tracker, lab.hosts[0], "liar").status == 204
    tracker.request("PUT", "/v1/peers/anew", {"port": 4711, "host_id": "h"})
    (peer,) = tracker.peers()
    assert (peer["id"], peer.get("reports", 0)) == ("anew", 0)
    assert report(tracker, lab.hosts[0], "liar").status == 404


def test_a_report_that_is_none_is_refused(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    tracker.request("PUT", "/v1/peers/liar", {"port": 4711, "host_id": "h"})
    assert report(tracker, lab.hosts[0], "nobody").status == 404
    assert report(tracker, lab.hosts[0], "a%20b").status == 400
    for body in ("{", {"reporter": "h"}, {**REPORT, "reason": "A b"}, {**REPORT, "reporter": ""}):
        assert report(tracker, lab.hosts[0], "liar", body).status == 400, body
    assert tracker.request("GET", "/v1/peers/liar/reports").status == 405
    assert tracker.peers()[0].get("reports", 0) == tracker.status()["reports"] == 0


def test_a_client_leaves_out_a_peer_that_enough_reported(make_lab):
    lab = make_lab(20, 50, 50)
    path = lab.file("file", 4 << 20)
    peers = [lab.peer(host) for host in lab.hosts[1:]]
    shown = [fake_tracker(lab, peer, f"id-{n}", reports=3 - n) for n, peer in enumerate(peers)]
    options = [part for tracker in shown for part in ("--tracker", tracker.address)]
    get = lab.download(lab.hosts[0], lab.origin.url("file"), *options)
    assert_same(get.file, path)
    assert peers[0].status()["requests"] == 0
    assert peers[1].status()["requests"] > 0


def fake_tracker(lab, peer, name, **more):
    """One that lists this peer under that id."""
    listed = {"id": name, "address": peer.address.partition(":")[0], "port": peer.port}
    listed.update(host_id=f"host-of-{name}" if more else "a-host", age_ms=1, **more)
    body = json.dumps({"peers": [listed]}).encode()
    return lab.serve(
        lambda exchange: exchange.reply("200 OK", body, "Content-Type: application/json")
    )
