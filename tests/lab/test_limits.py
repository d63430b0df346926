# SPDX-License-Identifier: MIT
"""Who takes his time, comes a thousand times or wants everything: the others are served on."""

import json
import re
import resource
import socket
import threading
import time
from datetime import datetime, timedelta

import pytest
from ddmlab import Lab, ddm, raw
from ddmlab.content import MIB
from ddmlab.waiting import PATIENCE, wait_until

# Many systems give 1024 descriptors to who asks for no more.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))

HEALTH = raw.request("GET", "/healthz")
GIVE_UP = 60 * PATIENCE  # s; the longest that anything here may take is 26


def limits(peer):
    return peer.status()["limits"]


def served(host, daemon, times=10):
    """Whether the host is answered, on a new connection each time."""
    for _ in range(times):
        reply = host.request("GET", daemon.address, "/healthz", timeout=20)
        assert reply.status == 200
    return True


def fetch_body(lab, name, begin, end):
    return json.dumps({"url": lab.origin.url(name), "begin": begin, "end": end}).encode()


def open_fetch(lab, host, peer, name, begin, end, buffer=None):
    """A connection on which a fetch was asked for, and nothing was read."""
    connection = host.connect(peer.host.address, peer.port, 20)
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.sendall(raw.request("POST", "/v1/fetch", fetch_body(lab, name, begin, end)))
    return connection


def status_of(connection):
    """Of the reply on a connection, whose body is left unread."""
    head = b""
    while b"\r\n\r\n" not in head:
        block = connection.recv(1)
        if not block:
            return None
        head += block
    return int(head.split()[1]), head.decode("latin-1").lower()


# ---- time: all of them at once, for each takes a while ----


class Slow(threading.Thread):
    """Sends some bytes, then one by one the others; `seconds` is how long it was listened to."""

    def __init__(self, host, daemon, first=b"", then=b"", after_reply=False):
        super().__init__(daemon=True)
        self.connection = host.connect(daemon.host.address, daemon.port, 5)
        self.first, self.then, self.after_reply = first, then, after_reply
        self.seconds = None

    def run(self):
        began = time.monotonic()
        self.connection.settimeout(1)
        try:
            self.connection.sendall(self.first)
            if self.after_reply:
                raw.read_reply(self.connection)
                began = time.monotonic()
            for byte in self.then:
                self.connection.sendall(bytes([byte]))
                try:
                    if not self.connection.recv(1000):
                        break
                except TimeoutError:
                    pass
                if time.monotonic() - began > GIVE_UP:
                    return
            else:
                self.connection.settimeout(GIVE_UP)
                if self.connection.recv(1000):
                    return
        except TimeoutError:
            return
        except OSError:
            pass
        self.seconds = time.monotonic() - began


BODY = raw.request("PUT", "/v1/peers/x", b"", "Content-Type: application/json", length=1000)
SLOW = {
    "nothing at all": {},
    "a head byte by byte": {"then": b"GET /healthz HTTP/1.1\r\nHost: " + b"d" * 1000},
    "headers line by line": {"first": b"GET / HTTP/1.1\r\n", "then": b"A:b\r\n" * 200},
    "empty lines": {"then": b"\r\n" * 500},
    "half a head": {"first": HEALTH[:-2]},
    "a body byte by byte": {"first": BODY, "then": b"{" + b" " * 900},
    "half a body": {"first": BODY + b"{"},
    "a second head byte by byte": {
        "first": HEALTH, "then": b"GET /healthz HTTP/1.1\r\nHost: " + b"d" * 1000,
        "after_reply": True,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def slow(lab_works):
    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")
    with Lab(100, 100) as lab:
        tracker = lab.tracker(lab.hosts[0])
        idle = lab.hosts[1].connect(tracker.host.address, tracker.port, 20)
        idle.sendall(HEALTH)
        assert raw.read_reply(idle).status == 200
        threads = {name: Slow(lab.hosts[1], tracker, **how) for name, how in SLOW.items()}
        for thread in threads.values():
            thread.start()
        while any(thread.is_alive() for thread in threads.values()):
            assert served(lab.hosts[0], tracker, 1)
            time.sleep(0.5)
        yield {"lab": lab, "tracker": tracker, "idle": idle, "threads": threads}
    assert not lab.complaints, lab.complaints


@pytest.mark.parametrize("name", SLOW)
def test_who_takes_his_time_is_not_waited_for(slow, name):
    seconds = slow["threads"][name].seconds
    assert seconds is not None, "it was still listened to at the end"
    assert 4 < seconds < 45 * PATIENCE, "10 s, 26 with a body; libmicrohttpd alone gives 60"


def test_an_idle_connection_outlives_those_that_are_slow(slow):
    with slow["idle"] as idle:
        idle.sendall(HEALTH)
        assert raw.read_reply(idle).status == 200


# ---- connections ----


@pytest.fixture(params=["tracker", "peer"])
def small(request, make_lab):
    """(lab, a daemon that takes 64 connections); three hosts."""
    lab = make_lab(100, 100, 100)
    lab.file("file", MIB)
    start = lab.tracker if request.param == "tracker" else lab.peer
    daemon = start(lab.hosts[0], "--max-connections", "64")
    yield lab, daemon
    assert daemon.healthy()


def open_count(daemon):
    status = daemon.status()
    return (status.get("limits") or status)["connections"]


def test_a_thousand_idle_connections_keep_nobody_out(small):
    lab, daemon = small
    idle = []
    for _ in range(1000):
        idle.append(lab.hosts[1].connect(daemon.host.address, daemon.port))
    assert served(lab.hosts[2], daemon)
    assert open_count(daemon) <= 64
    for connection in idle:
        connection.close()


def test_idle_connections_from_everywhere_make_room(small):
    lab, daemon = small
    idle = []
    for number in range(300):
        idle.append(lab.hosts[number % 3].connect(daemon.host.address, daemon.port))
    for host in lab.hosts:
        assert served(host, daemon)
    for connection in idle:
        connection.close()


def test_one_client_has_half_of_the_places_at_most(small):
    lab, daemon = small
    idle = [lab.hosts[1].connect(daemon.host.address, daemon.port) for _ in range(200)]
    assert served(lab.hosts[2], daemon, 1)
    assert open_count(daemon) <= 32 + 3
    for connection in idle:
        connection.close()


def test_a_kept_connection_of_another_is_not_ended_for_a_flood(small):
    lab, daemon = small
    with lab.hosts[2].connect(daemon.host.address, daemon.port) as kept:
        kept.sendall(HEALTH)
        assert raw.read_reply(kept).status == 200
        idle = [
            lab.hosts[number % 2].connect(daemon.host.address, daemon.port) for number in range(300)
        ]
        kept.sendall(HEALTH)
        assert raw.read_reply(kept).status == 200
        for connection in idle:
            connection.close()


def test_a_flood_of_new_connections_keeps_nobody_out(small):
    lab, daemon = small
    ends = threading.Event()
    made = [0]

    def flood():
        while not ends.is_set():
            try:
                lab.hosts[1].connect(daemon.host.address, daemon.port, 2).close()
                made[0] += 1
            except OSError:
                pass

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert served(lab.hosts[2], daemon, 50)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert made[0] > 50


def test_half_heads_by_the_hundred_keep_nobody_out(small):
    lab, daemon = small
    half = []
    for _ in range(300):
        connection = lab.hosts[1].connect(daemon.host.address, daemon.port)
        connection.sendall(HEALTH[:-2])
        half.append(connection)
    assert served(lab.hosts[2], daemon)
    for connection in half:
        connection.close()


def test_requests_whose_replies_nobody_reads_keep_nobody_out(small):
    lab, daemon = small
    deaf = []
    for _ in range(100):
        connection = lab.hosts[1].connect(daemon.host.address, daemon.port)
        connection.setblocking(False)
        try:
            for _ in range(200):
                connection.send(raw.request("GET", "/metrics") * 20)
        except OSError:
            pass  # its buffers are full
        deaf.append(connection)
    assert served(lab.hosts[2], daemon)
    for connection in deaf:
        connection.close()


# ---- requests ----


@pytest.fixture
def busy(make_lab):
    """(lab, a peer with 21 places, its uplink slow enough that requests last)."""
    lab = make_lab(20, 100, 100, 100)
    lab.file("file", 64 * MIB)
    peer = lab.peer(lab.hosts[0], "--memory", "8M")
    assert limits(peer)["places"] == 21
    return lab, peer


def test_a_flood_of_requests_from_one_member_leaves_places_for_others(busy):
    lab, peer = busy
    flood = [
        open_fetch(lab, lab.hosts[1], peer, "file", n * MIB, 60 * MIB) for n in range(30)
    ]
    wait_until(lambda: limits(peer)["connections"] >= 30, "the flood to be there")
    wait_until(lambda: peer.status()["active"] >= 10, "the flood to be served")
    assert peer.status()["active"] <= 16, "a quarter is for others"
    reply = peer.fetch(lab.origin.url("file"), 0, 1000, from_host=lab.hosts[2])
    assert reply.status == 206
    refused = 0
    for connection in flood[-5:]:
        status, head = status_of(connection)
        if status == 429:
            refused += 1
            assert "retry-after: " in head
    assert refused == 5, "who came last had places"
    for connection in flood:
        connection.close()


def test_with_another_there_one_has_half_at_most(busy):
    lab, peer = busy
    other = open_fetch(lab, lab.hosts[2], peer, "file", 0, 60 * MIB)
    wait_until(lambda: peer.status()["active"] == 1, "the other one to be served")
    flood = [open_fetch(lab, lab.hosts[1], peer, "file", n * MIB, 60 * MIB) for n in range(30)]
    status, _ = status_of(flood[-1])
    assert status == 429
    assert peer.status()["active"] <= 1 + 10
    for connection in [other, *flood]:
        connection.close()


def test_readers_that_read_nothing_are_cut_for_others(busy):
    lab, peer = busy
    names = [f"file-{n}" for n in range(16)]
    for name in names:
        lab.file(name, 4 * MIB)
    deaf = [
        open_fetch(lab, lab.hosts[1], peer, name, 0, 4 * MIB, buffer=4096) for name in names
    ]
    wait_until(lambda: peer.status()["active"] >= 15, "the deaf ones to be served")
    held = []

    def has_its_share():
        """Each of the three has a third of 21."""
        for number in (2, 3):
            connection = open_fetch(lab, lab.hosts[number], peer, "file", 0, 60 * MIB)
            status, _ = status_of(connection)
            if status == 206:
                held.append(number)
                deaf.append(connection)
            else:
                connection.close()
        return held.count(2) >= 6 and held.count(3) >= 6

    wait_until(has_its_share, "the others to have their shares", 60)
    for connection in deaf:
        connection.close()


# ---- rates ----


class Reader(threading.Thread):
    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection = connection
        self.connection.settimeout(10 * GIVE_UP)
        self.count = 0

    def run(self):
        try:
            while block := self.connection.recv(65536):
                self.count += len(block)
        except OSError:
            pass


@pytest.mark.parametrize("option", ["--limit-rate", "--limit-rate-lan"])
def test_a_rate_is_kept_and_shared_evenly_among_clients(make_lab, option):
    lab = make_lab(100, 100, 100)
    lab.file("one", 64 * MIB)
    lab.file("many", 64 * MIB)
    peer = lab.peer(lab.hosts[0], option, "1M", "--memory", "64M")
    began = time.monotonic()
    many = [
        Reader(open_fetch(lab, lab.hosts[1], peer, "many", n * 8 * MIB, (n + 1) * 8 * MIB))
        for n in range(6)
    ]
    one = Reader(open_fetch(lab, lab.hosts[2], peer, "one", 0, 64 * MIB))
    for reader in [*many, one]:
        reader.start()
    wait_until(lambda: one.count + sum(r.count for r in many) > 6 * MIB, "six seconds' worth", 60)
    counts = [r.count for r in many]
    total = one.count + sum(counts)
    seconds = time.monotonic() - began
    assert total < (seconds + 2) * 1.1 * MIB
    assert 0.3 < one.count / total < 0.7, (one.count, counts)
    assert all(counts), counts
    for reader in [*many, one]:
        reader.connection.close()


# ---- hours, and the owner first ----


def hours_away(hours):
    return (datetime.now() + timedelta(hours=hours)).strftime("%H:%M")


def test_outside_of_its_hours_a_peer_fetches_nothing(make_lab):
    lab = make_lab(50, 50)
    path = lab.file("file", MIB)
    tracker = lab.tracker(lab.hosts[0], ttl="2s")
    peer = lab.start_peer(lab.hosts[1], "--hours", f"{hours_away(6)}-{hours_away(8)}")
    peer.wait_until_up()
    reply = peer.fetch(lab.origin.url("file"), 0, 100)
    assert (reply.status, reply.json()["error"]) == (503, "closed")
    assert 0 < int(reply.headers["retry-after"]) <= 6 * 3600 + 60
    assert "hours" in peer.status()["closed"]
    assert tracker.peers() == []
    lab.download(lab.hosts[0], lab.origin.url("file"))
    assert path.stat().st_size == MIB


def test_within_its_hours_it_does(make_lab):
    lab = make_lab(50, 50)
    lab.file("file", MIB)
    lab.tracker(lab.hosts[0])
    peer = lab.peer(lab.hosts[1], "--hours", f"{hours_away(-2)}-{hours_away(2)}")
    assert peer.fetch(lab.origin.url("file"), 0, 100).status == 206
    assert peer.status()["closed"] is None


def test_the_owner_comes_first(make_lab):
    lab = make_lab(50, 50)
    lab.file("file", 256 * MIB)
    tracker = lab.tracker(lab.hosts[0])
    peer = lab.peer(lab.hosts[1], "--idle-only")
    running = Reader(open_fetch(lab, lab.hosts[0], peer, "file", 0, 200 * MIB))
    running.start()
    wait_until(lambda: running.count > 8 * MIB, "the peer to be at work")
    assert peer.status()["closed"] is None, "its own work closed it"
    owner = lab.hosts[1].curl(lab.origin.url("file"), limit=120)
    wait_until(lambda: peer.status()["closed"], "the peer to notice its owner")
    reply = peer.fetch(lab.origin.url("file"), 0, 100)
    assert (reply.status, reply.json()["error"]) == (503, "closed")
    assert int(reply.headers["retry-after"]) > 0
    wait_until(lambda: not tracker.peers(), "the tracker to forget it")
    fetched = peer.status()["fetched"]
    time.sleep(3)
    assert peer.status()["fetched"] - fetched < 4 * MIB, "what goes on was not held"
    owner.stop()
    wait_until(lambda: not peer.status()["closed"], "the peer to be open again", 60)
    wait_until(tracker.peers, "the tracker to know it again")
    before = running.count
    wait_until(lambda: running.count > before + MIB, "what was held to go on")
    running.connection.close()


# ---- memory ----


def bound_of(daemon):
    match = re.search(r"memory: at most (\d+) MiB", daemon.process.stderr)
    assert match, daemon.process.tail()
    return int(match[1]) * MIB


def test_the_bound_of_the_memory_is_told(make_lab):
    lab = make_lab(50)
    tracker = lab.tracker(lab.hosts[0])
    peer = lab.peer(lab.hosts[0], "--max-connections", "128", "--memory", "32M")
    more = lab.peer(lab.hosts[0], "--max-connections", "2000", "--memory", "64M", port=7072)
    assert 0 <= bound_of(peer) - limits(peer)["memory"] < MIB
    assert 0 <= bound_of(tracker) - tracker.status()["memory_limit"] < MIB
    assert bound_of(more) > bound_of(peer) + 32 * MIB
    said = peer.request("GET", "/metrics").body.decode()
    assert f"ddm_peer_memory_limit_bytes {limits(peer)['memory']}\n" in said


def test_with_all_places_taken_the_bound_holds(make_network):
    binary = ddm.release_binary()
    if binary is None:
        pytest.skip("needs a release build: a sanitizer's figures mean nothing")
    lab = make_network(1000, 1000, 1000, binary=binary)
    lab.file("file", 64 * MIB)
    lab.tracker(lab.hosts[0])
    peer = lab.peer(lab.hosts[0], "--max-connections", "1000", "--memory", "64M")
    places = limits(peer)["places"]
    held = []
    filler = b"GET /healthz HTTP/1.1\r\nHost: ddm\r\nX: " + b"x" * 12_000
    for number in range(800):
        held.append(lab.hosts[1 + number % 2].connect(peer.host.address, peer.port))
        held[-1].sendall(filler)
    for number in range(places):
        host = lab.hosts[1 + number % 2]
        held.append(open_fetch(lab, host, peer, "file", number * 65536, 64 * MIB, buffer=4096))
    wait_until(lambda: peer.status()["active"] >= places / 2, "the requests to be served")
    memory = peer.process.memory()
    assert memory.peak + memory.memfd <= bound_of(peer), memory
    assert served(lab.hosts[2], peer)
    for connection in held:
        connection.close()
