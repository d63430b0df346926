# SPDX-License-Identifier: MIT
"""What each fault does. A function per kind takes the round and the fault, does it, and returns
what ends it, or None. Faults of the client come only while there is one."""

import signal

from . import caches
from .judge import SEEN_WITHIN, Exit


def attempts(play):
    """Of all clients, those that run."""
    return [client.attempt for client in play.clients if client.attempt]


def _is_a_clients(play, fault):
    return any(client.number == fault.host for client in play.clients)


def kill_client(play, fault):
    client = play.victim(fault)
    client.attempt.may_end(Exit.KILLED)
    client.dies(fault)
    client.attempt.process.kill()


def interrupt_client(play, fault):
    """As Ctrl-C does it, or a system that shuts down."""
    number = signal.SIGINT if int(fault.at * 1000) % 2 else signal.SIGTERM
    client = play.victim(fault)
    client.attempt.may_end(Exit.INTERRUPTED)
    if client.attempt.is_young():
        client.attempt.may_end(-number)  # it has not come to say what it does then
    client.attempt.must_end_soon()
    client.attempt.interrupted += 1
    client.dies(fault)
    client.attempt.process.signal(number)


def _freeze(process):
    """SIGSTOP, at once; returns what ends it."""
    process.signal(signal.SIGSTOP)
    return process.thaw


def freeze_client(play, fault):
    attempt = play.victim(fault).attempt
    attempt.frozen_for += fault.lasts
    return _freeze(attempt.process)


def kill_peer(play, fault):
    play.stage.peers[fault.host].process.kill()
    return lambda: play.stage.start_peer(fault.host)


def flip_bit(play, fault, ending):
    """Of a file of a peer's cache."""
    seed = f"flip {play.script.seed} {fault}"
    where = caches.flip(play.stage.cache_folder(fault.host), ending, seed)
    play.result.flipped += where is not None
    play.say(f"flipped a bit: {where}" if where else "there is no bit to flip")


def flip_data(play, fault):
    flip_bit(play, fault, ".data")


def flip_journal(play, fault):
    flip_bit(play, fault, ".ddm")


def kill_peer_flip_data(play, fault):
    end = kill_peer(play, fault)
    flip_data(play, fault)
    return end


def kill_peer_flip_journal(play, fault):
    end = kill_peer(play, fault)
    flip_journal(play, fault)
    return end


def fill_cache_disk(play, fault):
    play.stage.cache_disk.fill()
    return play.stage.cache_disk.free


def freeze_peer(play, fault):
    return _freeze(play.stage.peers[fault.host].process)


def kill_tracker(play, fault):
    """It comes back knowing nobody."""
    play.stage.tracker.process.kill()
    return play.stage.start_tracker


def freeze_tracker(play, fault):
    return _freeze(play.stage.tracker.process)


def _without_origin(play, end):
    """A client that has not begun may give up."""
    play.without_origin += 1
    for attempt in attempts(play):
        if not attempt.start_event():
            attempt.may_end(Exit.NETWORK)

    def back():
        end()
        play.without_origin -= 1

    return back


def cut_uplink(play, fault):
    link = play.stage.lab.hosts[fault.host].uplink
    link.cut()
    return _without_origin(play, link.restore) if _is_a_clients(play, fault) else link.restore


def cut_lan(play, fault):
    link = play.stage.lab.hosts[fault.host].lan
    link.cut()
    return link.restore


def kill_origin(play, fault):
    origin = play.stage.origins[0]
    origin.kill()
    return _without_origin(play, origin.start)


def freeze_origin(play, fault):
    return _freeze(play.stage.origins[0].process)


def fill_disk(play, fault):
    play.disk_full = True
    if play.clients[0].attempt:
        play.clients[0].attempt.may_end(Exit.DISK)
    play.stage.disk.fill()

    def free():
        play.stage.disk.free()
        play.disk_full = False

    return free


def new_version(play, fault):
    """The origin's file becomes another one. No download may mix the two."""
    for attempt in attempts(play):
        attempt.may_end(Exit.CHANGED)
    play.outdate(SEEN_WITHIN)


def kill_client_at_new_version(play, fault):
    """What it has is of the old one when it comes again."""
    kill_client(play, fault)
    new_version(play, fault)


BY_KIND = {
    "kill client": kill_client,
    "interrupt client": interrupt_client,
    "freeze client": freeze_client,
    "kill peer": kill_peer,
    "kill peer, flip data": kill_peer_flip_data,
    "kill peer, flip journal": kill_peer_flip_journal,
    "flip data": flip_data,
    "flip journal": flip_journal,
    "fill cache disk": fill_cache_disk,
    "freeze peer": freeze_peer,
    "kill tracker": kill_tracker,
    "freeze tracker": freeze_tracker,
    "cut uplink": cut_uplink,
    "cut lan": cut_lan,
    "kill origin": kill_origin,
    "freeze origin": freeze_origin,
    "fill disk": fill_disk,
    "new version": new_version,
    "kill client at new version": kill_client_at_new_version,
}
