# SPDX-License-Identifier: MIT
"""What happens between two downloads of which one comes after the other, and what the peers hold
for the second one then."""

from ddmlab.waiting import wait_until

from . import caches
from .faults import flip_bit
from .script import MIB

BLOCK = MIB // 8  # what is held counts in eighths of a piece, of 1 MiB for all of these files


def _restart(play, fault, ending=None):
    play.stage.peers[fault.host].process.kill()
    if ending:
        flip_bit(play, fault, ending)
    play.stage.start_peer(fault.host)


def _other_object(play, fault):
    """Wants room."""
    peer = play.stage.live_peers().get(fault.host)
    if peer:
        peer.wait_until_up()
        reply = play.stage.fetch_other(peer)
        assert reply.status == 206, reply


BY_KIND = {
    "restart peer": _restart,
    "restart peer, flip data": lambda play, fault: _restart(play, fault, ".data"),
    "restart peer, flip journal": lambda play, fault: _restart(play, fault, ".ddm"),
    "flip data": lambda play, fault: flip_bit(play, fault, ".data"),
    "flip journal": lambda play, fault: flip_bit(play, fault, ".ddm"),
    "other object": _other_object,
    "new version": lambda play, fault: play.stage.publish(1),
}


def _wait_until_up(stage):
    for peer in stage.live_peers().values():
        peer.wait_until_up()
        wait_until(peer.healthy, f"{peer.address} to answer")


def play(play):
    """All of it, one after another; then those that live are known to the tracker again."""
    stage = play.stage
    _wait_until_up(stage)
    for fault in play.script.between:
        play.say(str(fault))
        play.result.played.append(fault)
        BY_KIND[fault.kind](play, fault)
    _wait_until_up(stage)
    if stage.tracker.process.running():
        for peer in stage.live_peers().values():
            stage.lab.wait_for_peer(stage.tracker, peer)


def on_peers(play):
    """Bytes of the newest version that peers hold and that can be relied on."""
    stage = play.stage
    if not play.script.keeps_all or not stage.tracker.process.running():
        return 0
    version = stage.versions[-1]
    ranges = []
    for peer in stage.live_peers().values():
        ranges += caches.held(peer, version.key)
    end, size = 0, len(version.data)
    total = size
    for begin, until in [*sorted(ranges), (size, size)]:
        if begin > end:  # a gap
            total -= min(-(-begin // BLOCK) * BLOCK, size) - end // BLOCK * BLOCK
        end = max(end, until)
    play.say(f"the peers hold {total} bytes in whole blocks")
    return max(total, 0)
