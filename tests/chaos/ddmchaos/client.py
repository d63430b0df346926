# SPDX-License-Identifier: MIT
"""One download on one host: its tries, how each of them ended, what it had."""

import os
import re
import time

from ddmlab.waiting import PATIENCE

from .judge import End, Exit, Wrong
from .stage import NAME

YOUNG = 1.0  # s in which a process may not have come to catch signals
SOON = 20.0  # s in which an interrupted client ends
AGAIN_PAUSE = 0.2  # s before it is started again, where no fault says how long
# A try may take this long: a multiple of the file over the client's own uplink, and what faults and
# their consequences (pauses that have grown, connections that nobody answers) add.
SLOWER = 2.0
PATIENT = 40.0
TRIES_PER_FAULT = 3
# Nobody lies here and no network changes a byte: were a client to say so, a peer gave wrong bytes.
SAW_WRONG_BYTES = re.compile(r"wrong|does not match|given away")


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


class Client:
    """Number 0 is on the first host and writes to the round's disk; number 1 is on the second."""

    def __init__(self, play, number):
        self.play = play
        self.stage = play.stage
        self.script = play.script
        self.number = number
        self.attempt = None  # the one that runs
        self.start_at = 0.0
        self.tries = self.kills = 0
        self.ends = []
        self.outdated = None  # bytes that were had of the first version when there was another
        self.version = None  # that was published by it: it is done
        self._unreachable = False  # the last one found nobody at the origin
        self._folder = self.stage.folder_of(number)

    @property
    def name(self):
        return f"client {self.number + 1}" if self.script.second else "client"

    @property
    def is_done(self):
        return self.version is not None

    # --- starting --------------------------------------------------------------------------------

    def is_in_vain(self):
        """Whether the next one would end as the last one did."""
        full = self.play.disk_full and self.number == 0
        return full or (self._unreachable and self.play.without_origin)

    def start(self):
        self.start_at = None
        self.tries += 1
        if self.tries > 2 + TRIES_PER_FAULT * len(self.script.all_faults()):
            raise Wrong(f"{self.name}: not done after {self.tries - 1} tries")
        lasts = sum(fault.lasts or 0.0 for fault in self.script.all_faults())
        slowest = SLOWER * max(self.stage.sizes) / self.script.source_rates[self.number]
        get = self.stage.start_client(self.number)
        self._newest_then = len(self.stage.sizes) - 1
        self.attempt = Attempt(get, slowest + lasts + PATIENT)
        if self.play.disk_full and self.number == 0:
            self.attempt.may_end(Exit.DISK)
        if self.play.without_origin:
            self.attempt.may_end(Exit.NETWORK)
        self.play.say(f"{self.name}, try {self.tries} starts")

    def step(self):
        if self.is_done:
            return
        if self.attempt is None:
            if self.play.now() >= self.start_at and not self.is_in_vain():
                self.start()
        elif not self.attempt.process.running():
            self._has_ended()
        elif time.monotonic() > self.attempt.deadline:
            raise Wrong(f"{self.name}, try {self.tries} came to no end")

    # --- its end ---------------------------------------------------------------------------------

    def dies(self, fault):
        """A fault is about to end it."""
        self.kills += fault.kind.startswith("kill")
        self.start_at = self.play.now() + (fault.lasts or 0.0)

    def outdate(self, seen_within):
        """Now the origin has another version. One that runs sees it within so many seconds."""
        had = 0
        if self.attempt:
            had = self._had(self.attempt) + seen_within * self.script.rate
        elif self.ends:
            had = self.ends[-1].had
        self.outdated = int(had)

    def _has_ended(self):
        attempt, self.attempt = self.attempt, None
        code = attempt.process.code
        for notice in attempt.get.notices():
            self.play.say(f"{self.name} said: {notice}")
        self.play.say(f"{self.name} ends: {code}, had {attempt.get.done_bytes()} bytes")
        self._check_restored(attempt)
        self._check_words(attempt)
        version = self.check_published(attempt.get.file)
        if not attempt.fits(code):
            raise Wrong(f"exit {code} fits none of the faults\n{attempt.process.tail()}")
        if code == Exit.DONE:
            if version is None:
                raise Wrong(f"exit 0 without a file\n{attempt.process.tail()}")
            if version < self._newest_then and self.tries == 1:
                raise Wrong(f"{self.name} got an old version")
            self.version = version
            return
        self.ends.append(self._end_of(attempt))
        self._unreachable = code == Exit.NETWORK
        if self.start_at is None:
            self.start_at = self.play.now() + AGAIN_PAUSE

    def _check_words(self, attempt):
        for line in attempt.process.complaints():
            raise Wrong(f"{self.name}: {line}\n{attempt.process.tail(lines=80)}")
        for notice in attempt.get.notices():
            if SAW_WRONG_BYTES.search(notice):
                raise Wrong(f"wrong bytes left a peer, and only {self.name} saw it: {notice}")

    def check_published(self, path):
        """The version that stands under the file's own name; None if there is none."""
        if not path.exists():
            return None
        version = self.stage.right(path)
        if version is None:
            raise Wrong(f"{path.name} was published, {path.stat().st_size} bytes, and is wrong")
        return version

    def _had(self, attempt):
        """Bytes, as it says; those of the one before where it came to nothing."""
        if not attempt.start_event() and self.ends:
            return self.ends[-1].had
        return attempt.get.done_bytes()

    def _end_of(self, attempt):
        sudden = attempt.process.code != Exit.INTERRUPTED or attempt.interrupted > 1
        if not attempt.start_event() and self.ends:
            sudden |= self.ends[-1].sudden  # what it had is what that one left
        return End(sudden, self._had(attempt), attempt.process.seconds, attempt.frozen_for)

    def _check_restored(self, attempt):
        """How much of what the one before had it has now, by its own count."""
        event = attempt.start_event()
        if event and self.ends and self.outdated is None:
            end = self.ends[-1]
            end.lost = max(end.had - event.get("restored", 0), 0)

    def check_left(self):
        left = sorted(set(os.listdir(self._folder)) - {NAME})
        if left:
            raise Wrong(f"{self.name} left behind: {', '.join(left)}")

    def check_again(self):
        """The same command once more says that there is nothing to do."""
        get = self.stage.start_client(self.number).wait()
        version = self.check_published(get.file)
        if get.code != Exit.DONE or version is None:
            raise Wrong(f"once more: exit {get.code}\n{get.process.tail()}")
