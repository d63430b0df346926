# SPDX-License-Identifier: MIT
"""Plays a script: clients run, faults come in their time, a client is started again until it is
done. Where one comes after another, some things happen in between."""

import heapq
import itertools
import time
import traceback
from dataclasses import dataclass, field

from . import between, faults
from .client import Client
from .judge import account
from .script import Script, script_of

PAUSE = 0.01  # s between two looks at the clients


@dataclass
class Result:
    script: Script
    wrong: list = field(default_factory=list)  # what DDM did wrong, and what it said
    tries: int = 0
    kills: int = 0  # of the client by kill -9
    seconds: float = 0.0
    bytes: list = field(default_factory=list)  # Bytes of each phase
    played: list = field(default_factory=list)
    story: list = field(default_factory=list)
    flipped: int = 0  # bits in files of caches
    noticed: int = 0  # wrong extents, by the peers themselves


class Round:
    def __init__(self, stage, script):
        self.stage = stage
        self.script = script
        self.result = Result(script)
        self.clients = []  # all of them
        self.disk_full = False
        self.without_origin = 0  # faults that keep clients from it
        self._running = []  # those of this phase
        self._actions = []
        self._order = itertools.count()
        self._began = time.monotonic()
        self._before = []  # what each uplink had brought when it began

    # --- time ------------------------------------------------------------------------------------

    def now(self):
        return time.monotonic() - self._began

    def _at(self, when, action, ends=False):
        """`ends`: it ends a fault."""
        heapq.heappush(self._actions, (when, next(self._order), action, ends))

    def say(self, text):
        self.result.story.append(f"{self.now():6.2f}  {text}")

    def _do_what_is_due(self):
        while self._actions and self._actions[0][0] <= self.now():
            heapq.heappop(self._actions)[2]()

    def victim(self, fault):
        """The client that a fault happens to."""
        return self.clients[fault.client]

    def _happen(self, fault):
        if fault.is_of_client and self.victim(fault).attempt is None:
            if self.victim(fault).is_done:
                return
            # As soon as there is one: then it is reading what the last one left.
            soon = max(self.victim(fault).start_at, self.now()) + max(fault.lasts, PAUSE)
            self._at(soon, lambda: self._happen(fault))
            return
        self.say(str(fault))
        self.result.played.append(fault)
        fault.had = self._brought(fault.host)
        end = faults.BY_KIND[fault.kind](self, fault)
        if end and fault.lasts is not None:
            self._at(self.now() + fault.lasts, lambda: self._end_fault(fault, end), ends=True)

    def _brought(self, host):
        """Bytes that a host's uplink has brought in this round: it can hold no more."""
        return self.stage.received(host) - self._before[host]

    def _end_fault(self, fault, end):
        self.say(f"end of: {fault}")
        end()

    def outdate(self, seen_within):
        """Now the origin has another version."""
        for client in self._running:
            if not client.is_done:
                runs = client.attempt and client.attempt.process.running()
                client.outdate(seen_within if runs else 0.0)
        self.stage.publish(1)

    # --- the round -------------------------------------------------------------------------------

    def play(self):
        """Sets up, plays, tears down; the result has what went wrong."""
        try:
            self.stage.set_up(self.script)
            self._play()
        except Exception as error:  # noqa: BLE001 a round that breaks down is a failed one
            known = isinstance(error, AssertionError)
            self.result.wrong.append(str(error) if known else traceback.format_exc())
            for client in self.clients:
                if client.attempt:
                    self.result.wrong.append(client.attempt.process.tail(lines=8))
        finally:
            self.result.wrong += self._finish()
        return self.result

    def _play(self):
        hosts = range(len(self.stage.lab.hosts))
        self._before = [self.stage.received(host) for host in hosts]
        self._began = time.monotonic()
        self._phase([0, 1] if self.script.second == "together" else [0], self.script.faults)
        if self.script.second == "after":
            between.play(self)
            self._phase([1], self.script.later)
        self.result.seconds = self.now()
        self.stage.audit()

    def _phase(self, numbers, script):
        """These clients, until they are done; its bytes are accounted for at its end."""
        before, first = self.stage.received(), len(self.result.played)
        on_peers = between.on_peers(self) if 0 not in numbers else None
        self._running = [Client(self, number) for number in numbers]
        self.clients = [*self.clients, *self._running]
        now = self.now()
        for client in self._running:
            client.start_at = now
        for fault in script:
            self._at(now + fault.at, lambda fault=fault: self._happen(fault))
        while not all(client.is_done for client in self._running):
            self._do_what_is_due()
            for client in self._running:
                client.step()
            time.sleep(PAUSE)
        for client in self._running:
            client.check_left()
            self.result.tries += client.tries
            self.result.kills += client.kills
        self._end_all_faults()
        if self.script.again:
            for client in self._running:
                client.check_again()
        came = self.stage.received() - before
        played = self.result.played[first:]
        bytes_ = account(self, self._running, played, on_peers, came)
        self.result.bytes.append(bytes_)
        bytes_.check()

    def _end_all_faults(self):
        """Those that have not ended yet; those that have not happened do not."""
        while self._actions:
            _, _, action, ends = heapq.heappop(self._actions)
            if ends:
                action()

    def _finish(self):
        for host in self.stage.lab.hosts:
            for link in (host.uplink, host.lan):
                link.restore()
        if self.stage.disk:
            self.stage.disk.free()
        found = self.stage.tear_down()
        self.result.noticed = self.stage.noticed
        return found


def play(stage, seed):
    return Round(stage, script_of(seed)).play()
