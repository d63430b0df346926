# SPDX-License-Identifier: MIT
"""Plays a script: the client runs, faults come in their time, the client is started again until it
is done."""

import heapq
import itertools
import os
import time
import traceback
from dataclasses import dataclass, field

from ddmlab.waiting import PATIENCE

from . import faults
from .judge import Bytes, End, Exit, Wrong, account
from .script import Script, script_of
from .stage import NAME

PAUSE = 0.01  # s between two looks at the client
YOUNG = 1.0  # s in which a process may not have come to catch signals
SOON = 20.0  # s in which an interrupted client ends
AGAIN_PAUSE = 0.2  # s before it is started again, where no fault says how long
# A try may take this long: a multiple of the file over the client's own uplink, and what faults and
# their consequences (pauses that have grown, connections that nobody answers) add.
SLOWER = 2.0
PATIENT = 40.0
TRIES_PER_FAULT = 3


class Attempt:
    """One run of the client."""

    def __init__(self, get, deadline):
        self.get = get
        self.process = get.process
        self.deadline = time.monotonic() + deadline * PATIENCE
        self.frozen_for = 0.0
        self.interrupted = 0
        self._fits = {Exit.DONE}

    def may_end(self, code):
        self._fits.add(code)

    def fits(self, code):
        return code in self._fits

    def must_end_soon(self):
        self.deadline = min(self.deadline, time.monotonic() + (SOON + self.frozen_for) * PATIENCE)

    def is_young(self):
        return self.process.seconds < YOUNG * PATIENCE

    def start_event(self):
        return self.get.event("start")


@dataclass
class Result:
    script: Script
    wrong: list = field(default_factory=list)  # what DDM did wrong, and what it said
    tries: int = 0
    kills: int = 0  # of the client by kill -9
    seconds: float = 0.0
    bytes: Bytes = field(default_factory=Bytes)
    played: list = field(default_factory=list)
    story: list = field(default_factory=list)


class Round:
    def __init__(self, stage, script):
        self.stage = stage
        self.script = script
        self.result = Result(script)
        self.attempt = None  # the client that runs
        self.disk_full = False
        self.without_origin = 0  # faults that keep the client from it
        self._unreachable = False  # the last client found nobody at the origin
        self._actions = []
        self._order = itertools.count()
        self._began = 0.0
        self._start_at = None
        self._ends = []
        self._outdated = None  # bytes that were had of the first version when there was another
        self._version = 0  # that was published

    # --- time ------------------------------------------------------------------------------------

    def _now(self):
        return time.monotonic() - self._began

    def _at(self, when, action, ends=False):
        """`ends`: it ends a fault."""
        heapq.heappush(self._actions, (when, next(self._order), action, ends))

    def _say(self, text):
        self.result.story.append(f"{self._now():6.2f}  {text}")

    def _do_what_is_due(self):
        while self._actions and self._actions[0][0] <= self._now():
            heapq.heappop(self._actions)[2]()

    def _happen(self, fault):
        if fault.is_of_client and self.attempt is None:
            # As soon as there is one: then it is reading what the last one left.
            soon = max(self._start_at, self._now()) + max(fault.lasts, PAUSE)
            self._at(soon, lambda: self._happen(fault))
            return
        self._say(str(fault))
        self.result.played.append(fault)
        end = faults.BY_KIND[fault.kind](self, fault)
        if end and fault.lasts is not None:
            self._at(self._now() + fault.lasts, lambda: self._end_fault(fault, end), ends=True)

    def _end_fault(self, fault, end):
        self._say(f"end of: {fault}")
        end()

    # --- the client ------------------------------------------------------------------------------

    def note_client_dies(self, fault):
        """A fault is about to end it."""
        self.result.kills += fault.kind.startswith("kill")
        self._start_at = self._now() + (fault.lasts or 0.0)

    def outdate(self, seen_within):
        """Now the origin has another version. A client that runs sees it within so many seconds."""
        had = self._had(self.attempt) if self.attempt else self._ends[-1].had
        self._outdated = int(had + seen_within * self.script.rate)
        self.stage.publish(1)

    def _is_in_vain(self):
        """Whether the next client would end as the last one did."""
        return self.disk_full or (self._unreachable and self.without_origin)

    def _start(self):
        self._start_at = None
        self.result.tries += 1
        if self.result.tries > 2 + TRIES_PER_FAULT * len(self.script.faults):
            raise Wrong(f"not done after {self.result.tries - 1} tries")
        lasts = sum(fault.lasts or 0.0 for fault in self.script.faults)
        slowest = SLOWER * max(self.stage.sizes) / self.script.own_rate
        self.attempt = Attempt(self.stage.start_client(), slowest + lasts + PATIENT)
        if self.disk_full:
            self.attempt.may_end(Exit.DISK)
        if self.without_origin:
            self.attempt.may_end(Exit.NETWORK)
        self._say(f"client {self.result.tries} starts")

    def _has_ended(self):
        """Looks at how it ended; true if the download is done."""
        attempt, self.attempt = self.attempt, None
        code = attempt.process.code
        for notice in attempt.get.notices():
            self._say(f"client {self.result.tries} said: {notice}")
        self._say(f"client {self.result.tries} ends: {code}, had {attempt.get.done_bytes()} bytes")
        self._check_restored(attempt)
        for line in attempt.process.complaints():
            raise Wrong(f"client: {line}\n{attempt.process.tail(lines=80)}")
        version = self._check_published(attempt.get.file)
        if not attempt.fits(code):
            raise Wrong(f"exit {code} fits none of the faults\n{attempt.process.tail()}")
        if code == Exit.DONE:
            if version is None:
                raise Wrong(f"exit 0 without a file\n{attempt.process.tail()}")
            self._version = version
            return True
        self._ends.append(self._end_of(attempt))
        self._unreachable = code == Exit.NETWORK
        if self._start_at is None:
            self._start_at = self._now() + AGAIN_PAUSE
        return False

    def _check_published(self, path):
        """The version that stands under the file's own name; None if there is none."""
        if not path.exists():
            return None
        version = self.stage.right(path)
        if version is None:
            raise Wrong(f"{path.name} was published, {path.stat().st_size} bytes, and is wrong")
        return version

    def _had(self, attempt):
        """Bytes, as it says; those of the one before where it came to nothing."""
        if not attempt.start_event() and self._ends:
            return self._ends[-1].had
        return attempt.get.done_bytes()

    def _end_of(self, attempt):
        had = self._had(attempt)
        sudden = attempt.process.code != Exit.INTERRUPTED or attempt.interrupted > 1
        return End(sudden, had, attempt.process.seconds, attempt.frozen_for)

    def _check_restored(self, attempt):
        """How much of what the one before had it has now, by its own count."""
        event = attempt.start_event()
        if event and self._ends and self._outdated is None:
            end = self._ends[-1]
            end.lost = max(end.had - event.get("restored", 0), 0)

    # --- the round -------------------------------------------------------------------------------

    def play(self):
        """Sets up, plays, tears down; the result has what went wrong."""
        try:
            self.stage.set_up(self.script)
            self._play()
        except Exception as error:  # noqa: BLE001 a round that breaks down is a failed one
            known = isinstance(error, AssertionError)
            self.result.wrong.append(str(error) if known else traceback.format_exc())
            if self.attempt:
                self.result.wrong.append(self.attempt.process.tail(lines=8))
        finally:
            self.result.wrong += self._finish()
        return self.result

    def _play(self):
        before = self.stage.received()
        self._began = time.monotonic()
        for fault in self.script.faults:
            self._at(fault.at, lambda fault=fault: self._happen(fault))
        self._start()
        while not self._step():
            time.sleep(PAUSE)
        self.result.seconds = self._now()
        self._check_end(before)

    def _step(self):
        """True when the download is done."""
        self._do_what_is_due()
        if self.attempt is None:
            if self._now() >= self._start_at and not self._is_in_vain():
                self._start()
            return False
        if not self.attempt.process.running():
            return self._has_ended()
        if time.monotonic() > self.attempt.deadline:
            raise Wrong(f"client {self.result.tries} came to no end")
        return False

    def _check_end(self, before):
        left = sorted(set(os.listdir(self.stage.folder)) - {NAME})
        if left:
            raise Wrong(f"left behind: {', '.join(left)}")
        self._end_all_faults()
        if self.script.again:
            self._check_again()
        came = self.stage.received() - before
        size = self.stage.sizes[self._version]
        outdated = self._outdated if self._version else 0
        self.result.bytes = account(
            self.script, self.result.played, size, outdated, self._ends, came
        )
        self.result.bytes.check()

    def _end_all_faults(self):
        """Those that have not ended yet; those that have not happened do not."""
        while self._actions:
            _, _, action, ends = heapq.heappop(self._actions)
            if ends:
                action()

    def _check_again(self):
        """The same command once more says that there is nothing to do."""
        get = self.stage.start_client().wait()
        version = self._check_published(get.file)
        if get.code != Exit.DONE or version is None:
            raise Wrong(f"once more: exit {get.code}\n{get.process.tail()}")

    def _finish(self):
        for host in self.stage.lab.hosts:
            for link in (host.uplink, host.lan):
                link.restore()
        if self.stage.disk:
            self.stage.disk.free()
        return self.stage.tear_down()


def play(stage, seed):
    return Round(stage, script_of(seed)).play()
