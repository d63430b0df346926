# SPDX-License-Identifier: MIT
"""The life of a swarm: machines join with a line, what the LAN sees of them, connections that are
kept and taken up, restarts, and a change of the key while they work."""

import shutil

import pytest
from ddmlab import swarm as swarms
from ddmlab import wait_until
from ddmlab.capture import Capture
from ddmlab.content import MIB, assert_same
from ddmlab.guests import knock
from ddmlab.lab import ORIGIN_ADDRESS
from ddmlab.swarm import Swarm, node_id
from ddmlab.tap import Tap, resumes

TOOLS = [*swarms.TOOLS, "tshark"]
NAME = "the-name-of-a-secret"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)


def island(host):
    """Without a way to the origin, so that all comes over the LAN."""
    host.namespace.ip(f"route add unreachable {ORIGIN_ADDRESS}/32")


def test_three_hosts_join_with_one_pasted_line_each(make_lab):
    lab = make_lab(40, 40, 40)
    path = lab.file(NAME, 8 * MIB)
    first, *others = lab.hosts
    for host in lab.hosts:
        host.state = lab.folder(f"state-{host.name}") / "ddm"
    said = [("init", "--tracker", first.address), ("token",)]
    lines = [lab.run_ddm(first, "swarm", *line, "--state-dir", first.state) for line in said[:1]]
    assert lines[0].wait() == 0, lines[0].tail()
    token = lab.run_ddm(first, "swarm", *said[1], "--state-dir", first.state)
    assert token.wait() == 0
    for host in others:
        joined = lab.run_ddm(host, "swarm", "join", token.stdout.strip(), "--state-dir", host.state)
        assert joined.wait() == 0, joined.tail()
    tracker = lab.tracker(first)
    peers = [lab.start_peer(host, tracker=None) for host in others]  # the token names it
    for peer in peers:
        peer.process.says("listening")
    first.swarm = FilesOnly(first)
    tracker.wait_for_peers(2)
    get = lab.download(first, lab.origin.url(NAME), tracker=None)
    assert_same(get.file, path)
    shares = get.shares()
    assert all(shares[peer.address] > 0 for peer in peers), shares


class FilesOnly:
    """Enough of a Swarm to ask as the host itself."""

    def __init__(self, host):
        self.host = host

    def context(self, host):
        state = self.host.state
        files = state / "node.crt", state / "node.key", state / "ca.crt"
        return swarms.Credentials(*files).client()


# --- what the LAN sees ---------------------------------------------------------------------------


def download_over_the_lan(lab, path):
    """What was on the wire while h3, an island, downloaded over two peers."""
    island(lab.hosts[2])
    capture = Capture(lab)
    lab.tracker(lab.hosts[0])
    for host in lab.hosts[:2]:
        lab.peer(host)
    get = lab.download(lab.hosts[2], lab.origin.url(NAME))
    assert_same(get.file, path)
    for process in lab.processes:
        if "peer" in process.name:
            process.stop()  # they say that they leave
    return capture.stop().payloads()


def needles(path):
    """What nobody should see: the URL and its parts, the routes, and bytes of the file."""
    words = [NAME, ORIGIN_ADDRESS, "http://", "/v1/fetch", "/v1/peers", "Content-Range"]
    data = path.read_bytes()
    windows = [data[at : at + 16] for at in range(1000, len(data) - 16, len(data) // 200)]
    return [word.encode() for word in words], windows


def count(found, payloads):
    return sum(any(needle in payload for payload in payloads) for needle in found)


def test_the_lan_sees_no_url_and_no_byte_of_the_file(make_lab):
    lab = make_lab(None, None, None)
    path = lab.file(NAME, 4 * MIB)
    Swarm(lab).join(*lab.hosts)
    payloads = download_over_the_lan(lab, path)
    words, windows = needles(path)
    assert sum(map(len, payloads)) > 4 * MIB, "the file did not come over this LAN"
    assert count(words, payloads) == 0
    assert count(windows, payloads) == 0


def test_without_a_key_the_lan_sees_all_of_it(make_lab):
    """The control: the same capture finds what is there to be found."""
    lab = make_lab(None, None, None)
    path = lab.file(NAME, 4 * MIB)
    payloads = download_over_the_lan(lab, path)
    words, windows = needles(path)
    assert count(words, payloads) == len(words)
    assert count(windows, payloads) == len(windows)


# --- connections ---------------------------------------------------------------------------------


def test_connections_are_kept_and_taken_up_again(make_lab):
    """Heartbeats of a peer, through a wire that is watched and cut once. (Whether libcurl keeps the
    tickets of TLS 1.3 depends on its version; where it does the tracker takes them.)"""
    lab = make_lab(None, None)
    Swarm(lab).join(*lab.hosts)
    tracker = lab.tracker(lab.hosts[0], ttl=3)
    tap = Tap(lab.hosts[1], tracker.address)
    try:
        lab.start_peer(lab.hosts[1], "--tracker", tap.address, tracker=None).wait_until_up()
        wait_until(lambda: announces(tracker) >= 4, "four heartbeats")
        assert len(tap.up) == 1, "a connection for each"
        assert not resumes(tap.up[0])
        before = announces(tracker)
        tap.hang_up()
        wait_until(lambda: announces(tracker) >= before + 2, "it to come back")
        assert resumes(tap.up[-1]) == resumes(tap.down[-1]), "the server did not take it"
    finally:
        tap.close()


def test_curl_needs_one_whole_handshake_only(make_lab):
    lab = make_lab(None, None)
    swarm = Swarm(lab).join(*lab.hosts)
    peer = lab.peer(lab.hosts[0], tracker=None)
    files = swarm.files(lab.hosts[1])
    tap = Tap(lab.hosts[1], peer.address)
    url = f"https://ddm:{tap.port}/metrics"
    own = ["--cacert", files.ca, "--cert", files.certificate, "--key", files.key,
           "--connect-to", f"::{tap.address}", "--header", "Connection: close"]  # fmt: skip
    try:
        curl = lab.hosts[1].run("curl", "--silent", *own, url, "--next", *own, url)
        assert curl.wait() == 0
        assert curl.stdout.count("ddm_peer_requests_total counter") == 2
        assert [resumes(up) for up in tap.up] == [False, True]
        assert [resumes(down) for down in tap.down] == [False, True]
    finally:
        tap.close()


def announces(tracker):
    metrics = tracker.request("GET", "/metrics").body.decode()
    (line,) = [x for x in metrics.splitlines() if x.startswith("ddm_tracker_announces_total ")]
    return int(line.split()[1])


def test_a_node_is_the_same_after_a_restart(make_lab):
    lab = make_lab(None, None)
    Swarm(lab).join(*lab.hosts)
    tracker = lab.tracker(lab.hosts[0])
    peer = lab.peer(lab.hosts[1])
    (before,) = tracker.peers()
    assert before["id"] == node_id(lab.hosts[1])
    key = (lab.hosts[1].state / "node.key").read_bytes()
    peer.process.kill()
    lab.peer(lab.hosts[1])
    tracker.wait_for_peers(1)
    assert tracker.peers()[0]["id"] == before["id"]
    assert (lab.hosts[1].state / "node.key").read_bytes() == key


# --- another key ---------------------------------------------------------------------------------


def authorities(host):
    return (host.state / "ca.crt").read_text().count("BEGIN CERTIFICATE")


def test_the_key_changes_while_downloads_go_on(make_lab):
    """Three join the new key, one does not; the download notices nothing, and when the old key has
    ended that one is out: as a peer, as a client, and with the ticket that it has."""
    lab = make_lab(16, 16, 16, 16)
    home, helper, member, late = lab.hosts
    path = lab.file(NAME, 40 * MIB)
    swarm = Swarm(lab).join(*lab.hosts)
    tracker = lab.tracker(home, ttl=4)
    peer, lost = lab.peer(helper), lab.peer(late)
    old = swarm.issue("f" * 32).client(False)
    ticket = knock(late, peer.address, old).session
    get = lab.get(member, lab.origin.url(NAME))
    get.wait_for_bytes(2 * MIB)

    swarm.rotate("80s")
    swarm.join(home, helper, member)
    wait_until(lambda: authorities(helper) == 2, "the peer to see the new key")
    assert get.code is None, "the download was too quick for this test"
    assert knock(late, peer.address, old, session=ticket).status == 200  # it still counts
    assert len(tracker.peers()) == 2
    get.expect(0, deadline=90)
    assert_same(get.file, path)
    assert get.shares()[peer.address] > 0

    for daemon in (peer, tracker):  # each looks at its clock in its own time
        gone = lambda: not knock(late, daemon.address, old).data  # noqa: B023, E731
        wait_until(gone, "the end of the old key", deadline=150)
    assert not knock(late, peer.address, old, session=ticket).data
    wait_until(lambda: authorities(helper) == 1, "the peer to forget the old key")
    tracker.wait_for_peers(1)
    assert tracker.peers()[0]["id"] == node_id(helper)
    assert lost.process.running()
    island(late)
    out = lab.download(late, lab.origin.url(NAME), "--retries", 2, code=3)
    assert not out.published()
    again = lab.download(member, lab.origin.url(NAME))
    assert again.shares()[peer.address] > 0

    swarm.join(late)  # and in again
    tracker.wait_for_peers(2)
