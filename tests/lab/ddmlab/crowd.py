# SPDX-License-Identifier: MIT
"""Many clients of one file: started together, waited for together, and what it cost.

What the origin sent is counted at its links, whoever asked for it."""

import time
from dataclasses import dataclass, field

from .process import end_any
from .swarm import Swarm
from .waiting import PATIENCE, PAUSE, TooLate, wait_until


@dataclass
class Outcome:
    """Of one go. seconds: of each client, from its start; ends: from the first one's start. cpu: of
    clients and daemons of the hosts."""

    processes: list
    origin: int  # bytes that the origin sent
    lan: int  # bytes that came in over the LAN, all hosts together
    cpu: float
    began: float
    gets: list = field(default_factory=list)

    @property
    def seconds(self):
        return [process.seconds for process in self.processes]

    @property
    def ends(self):
        return sorted(process.ended - self.began for process in self.processes)


def uplinks_payload(hosts):
    return sum(host.uplink.received_payload() for host in hosts)


def lan_payload(hosts):
    return sum(host.lan.received_payload() for host in hosts)


def together(start, hosts, delays=None, meanwhile=None, deadline=600):
    """start(host), a process, on each host, after its delay in seconds; until all have ended.
    meanwhile() is called now and then until it says that it is done. Returns (when it began,
    processes)."""
    began, started = time.monotonic(), []
    waiting = sorted(zip(delays or [0] * len(hosts), hosts), key=lambda pair: pair[0])
    while waiting or any(process.code is None for process in started):
        passed = time.monotonic() - began
        while waiting and waiting[0][0] <= passed:
            started.append(start(waiting.pop(0)[1]))
        if meanwhile and meanwhile():
            meanwhile = None
        end_any(started, PAUSE)
        if passed > deadline * PATIENCE:
            raise TooLate("\n".join(p.tail() for p in started if p.code is None))
    return began, started


def measured(lab, go, daemons=()):
    """What go() cost, which gives what together() gives."""
    origin, lan = uplinks_payload(lab.hosts), lan_payload(lab.hosts)
    cpu = sum(daemon.cpu_so_far for daemon in daemons)
    began, processes = go()
    return Outcome(
        processes,
        uplinks_payload(lab.hosts) - origin,
        lan_payload(lab.hosts) - lan,
        sum(process.cpu_seconds for process in processes)
        + sum(daemon.cpu_so_far for daemon in daemons)
        - cpu,
        began,
    )


class Crowd:
    """A swarm with a key: a tracker on the first host and a peer on each of `hosts` (all, if not
    said). `others` have the key, and no peer."""

    def __init__(self, lab, hosts=None, others=()):
        self.lab = lab
        self.hosts = hosts or lab.hosts
        trackers = [f"{self.hosts[0].address}:7070"]
        self.swarm = Swarm(lab, trackers).join(*self.hosts, *others)
        self.tracker, self.peers = lab.swarm(*self.hosts)

    def add_peer(self, host):
        self.peers.append(self.lab.peer(host))
        return self.peers[-1]

    def get(self, name, hosts=None, *options, code=0, **how):
        """All of the hosts get that file of the origin. how: see together()."""
        gets = []

        def start(host):
            gets.append(self.lab.get(host, self.lab.origin.url(name), *options))
            return gets[-1].process

        daemons = [daemon.process for daemon in (self.tracker, *self.peers)]
        outcome = measured(
            self.lab, lambda: together(start, hosts or self.hosts, **how), daemons
        )
        outcome.gets = gets
        for get in gets:
            assert get.code == code, f"exit {get.code}, not {code}\n{get.process.tail()}"
        return outcome

    def rates(self):
        """That the tracker has heard of, in bytes per second; 0: not known."""
        return [peer.get("rate", 0) for peer in self.tracker.peers()]

    def wait_for_rates(self):
        """Until each peer has told its own."""
        wait_until(lambda: all(self.rates()), "the peers to tell their rates")

    def fetched(self):
        """Bytes that the peers have got from the origin, each."""
        return [peer.status()["fetched"] for peer in self.peers if peer.process.running()]
