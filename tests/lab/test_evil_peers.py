# SPDX-License-Identifier: MIT
"""Peers that do not keep to the contract: what was good stays, the rest comes from elsewhere."""

import pytest
from ddmlab import evil
from ddmlab.content import MIB, assert_same


@pytest.mark.parametrize("behaviour", evil.BEHAVIOURS, ids=lambda behaviour: behaviour.__name__)
def test_the_file_is_right_whatever_a_peer_does(make_lab, behaviour):
    lab = make_lab(20, 50)
    path = lab.file("file", 6 * MIB)
    peer = lab.keep(evil.EvilPeer(lab.hosts[1], behaviour, path))

    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)

    assert peer.asked, "the peer was never asked: this test shows nothing"
    assert_same(get.file, path)
    assert get.left_behind() == ["file"]


def test_good_peers_go_on_beside_a_bad_one(make_lab):
    lab = make_lab(20, 20, 20)
    path = lab.file("file", 12 * MIB)
    good = lab.peer(lab.hosts[1])
    bad = lab.keep(evil.EvilPeer(lab.hosts[2], evil.has_another_version, path))
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--peer", good.address, "--peer", bad.address
    )
    assert_same(get.file, path)
    shares = get.shares()
    assert shares[good.address] > 3 * MIB
    assert shares.get(bad.address, 0) == 0
    # Excluded for this file, and not asked for ever.
    assert len(bad.asked) < 10


def test_what_was_good_of_a_reply_that_ended_early_is_kept(make_lab):
    lab = make_lab(5, 50)
    path = lab.file("file", 4 * MIB)
    peer = lab.keep(evil.EvilPeer(lab.hosts[1], evil.closes_early, path))
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--peer", peer.address)
    assert_same(get.file, path)
    assert get.shares()[peer.address] > 0


def test_a_bad_peer_does_not_spoil_a_pipe(make_lab):
    lab = make_lab(20, 50)
    path = lab.file("file", 6 * MIB)
    peer = lab.keep(evil.EvilPeer(lab.hosts[1], evil.stops_in_the_middle, path))
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--peer", peer.address, output="-", events=False
    )
    assert peer.asked
    assert get.process.stdout_path.read_bytes() == path.read_bytes()
