# SPDX-License-Identifier: MIT
"""What each fault does. A function per kind takes the round and the fault, does it, and returns
what ends it, or None. Faults of the client come only while there is one."""

import signal

from .judge import SEEN_WITHIN, Exit


def kill_client(play, fault):
    play.attempt.may_end(Exit.KILLED)
    play.note_client_dies(fault)
    play.attempt.process.kill()


def interrupt_client(play, fault):
    """As Ctrl-C does it, or a system that shuts down."""
    number = signal.SIGINT if int(fault.at * 1000) % 2 else signal.SIGTERM
    play.attempt.may_end(Exit.INTERRUPTED)
    if play.attempt.is_young():
        play.attempt.may_end(-number)  # it has not come to say what it does then
    play.attempt.must_end_soon()
    play.attempt.interrupted += 1
    play.note_client_dies(fault)
    play.attempt.process.signal(number)


def _freeze(process):
    """SIGSTOP, at once; returns what ends it."""
    process.signal(signal.SIGSTOP)
    return process.thaw


def freeze_client(play, fault):
    play.attempt.frozen_for += fault.lasts
    return _freeze(play.attempt.process)


def kill_peer(play, fault):
    play.stage.peers[fault.host].process.kill()
    return lambda: play.stage.start_peer(fault.host)


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
    if play.attempt and not play.attempt.start_event():
        play.attempt.may_end(Exit.NETWORK)

    def back():
        end()
        play.without_origin -= 1

    return back


def cut_uplink(play, fault):
    link = play.stage.lab.hosts[fault.host].uplink
    link.cut()
    return link.restore if fault.host else _without_origin(play, link.restore)


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
    if play.attempt:
        play.attempt.may_end(Exit.DISK)
    play.stage.disk.fill()

    def free():
        play.stage.disk.free()
        play.disk_full = False

    return free


def new_version(play, fault):
    """The origin's file becomes another one. No download may mix the two."""
    if play.attempt:
        play.attempt.may_end(Exit.CHANGED)
    play.outdate(SEEN_WITHIN if play.attempt else 0.0)


def kill_client_at_new_version(play, fault):
    """What it has is of the old one when it comes again."""
    kill_client(play, fault)
    play.outdate(0.0)


BY_KIND = {
    "kill client": kill_client,
    "interrupt client": interrupt_client,
    "freeze client": freeze_client,
    "kill peer": kill_peer,
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
