# SPDX-License-Identifier: MIT
"""Several clients that want bytes of one file from one peer share what it fetches. The one that
comes later joins the fetch that is about to come to its bytes."""

import json
import os
import threading

import pytest
from ddmlab import raw, server, wait_until
from ddmlab.content import MIB


class HaltingOrigin:
    """Gives half a MiB of each range, and the rest once `release()` was called."""

    def __init__(self, lab, size):
        self.data = os.urandom(size)
        self._may_go_on = threading.Event()
        self.server = lab.serve(self._respond)

    def release(self):
        self._may_go_on.set()

    def _respond(self, exchange):
        size = len(self.data)
        begin, end = exchange.range(size)
        lines = [server.span(begin, end, size), f"Content-Length: {end - begin}", 'ETag: "lab"']
        exchange.head("206 Partial Content", *lines)
        halt = min(begin + MIB // 2, end)
        exchange.send(self.data[begin:halt])
        self._may_go_on.wait(60)
        exchange.send(self.data[halt:end])

    def asks(self, begin, end):
        """The bytes of a request to a peer."""
        wanted = {"url": self.server.url("file"), "size": len(self.data), "etag": '"lab"'}
        body = json.dumps({**wanted, "begin": begin, "end": end}).encode()
        return raw.request("POST", "/v1/fetch", body)


@pytest.fixture
def halted(make_lab):
    """(peer, origin, connect): a fetch of [0, 4 MiB) that one client waits for has come to half a
    MiB; connect() makes another connection to the peer."""
    lab = make_lab(200, 200)
    peer = lab.peer(lab.hosts[0])
    origin = HaltingOrigin(lab, 8 * MIB)

    def connect():
        return lab.hosts[1].connect(peer.host.address, peer.port, timeout=30)

    with connect() as one:
        one.sendall(origin.asks(0, 4 * MIB))
        wait_until(lambda: peer.status()["fetched"] == MIB // 2, "the fetch to halt")
        yield peer, origin, connect, one
        origin.release()


def both_known(peer):
    wait_until(lambda: peer.status()["active"] == 2, "both to be known to the peer")


def test_one_that_joins_ahead_is_served_when_the_fetch_gets_there(halted):
    """The first one reads nothing meanwhile, so only the second one draws the fetch on."""
    peer, origin, connect, one = halted
    with connect() as other:
        other.sendall(origin.asks(MIB, MIB * 3 // 2))
        both_known(peer)
        origin.release()
        reply = raw.read_reply(other)
    assert (reply.status, reply.body) == (206, origin.data[MIB : MIB * 3 // 2])
    assert raw.read_reply(one).body == origin.data[: 4 * MIB]
    assert len(origin.server.requests) == 1


def test_one_that_joins_ahead_is_served_when_the_first_one_leaves(halted):
    peer, origin, connect, one = halted
    with connect() as other:
        other.sendall(origin.asks(MIB, MIB * 3 // 2))
        both_known(peer)
        one.close()
        wait_until(lambda: peer.status()["active"] == 1, "the first one to be forgotten")
        origin.release()
        reply = raw.read_reply(other)
    assert (reply.status, reply.body) == (206, origin.data[MIB : MIB * 3 // 2])


def test_one_that_joins_a_fetch_that_pauses_for_a_slow_reader_is_served(make_lab):
    lab = make_lab(None, None)
    peer = lab.peer(lab.hosts[0])
    origin = HaltingOrigin(lab, 64 * MIB)
    origin.release()
    seen = [-1]

    def stands_still():
        seen.append(peer.status()["fetched"])
        return len(seen) > 20 and seen[-1] == seen[-20] > 0

    address = peer.host.address, peer.port
    with (
        lab.hosts[1].connect(*address) as slow,
        lab.hosts[1].connect(*address, timeout=30) as other,
    ):
        slow.sendall(origin.asks(0, 64 * MIB))
        assert slow.recv(1000)
        wait_until(stands_still, "the fetch to pause")
        begin = seen[-1] + MIB // 4
        assert begin < 60 * MIB
        other.sendall(origin.asks(begin, begin + 2 * MIB))
        reply = raw.read_reply(other)
    assert reply.status == 206
    assert reply.body == origin.data[begin : begin + 2 * MIB]
