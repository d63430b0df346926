# SPDX-License-Identifier: MIT
"""How much memory a process holds, from /proc. Bytes everywhere.

Resident memory alone would miss a store in a memfd that is written and read but not mapped, so
memfds (and deleted files on tmpfs) are counted by their allocated blocks."""

import os
import threading
import time
from dataclasses import dataclass

FIELDS = {"VmHWM": "peak", "VmRSS": "resident", "RssShmem": "shared"}


@dataclass
class Memory:
    peak: int = 0  # highest resident set that the kernel saw
    resident: int = 0
    shared: int = 0  # part of resident: tmpfs and memfd pages that are mapped
    memfd: int = 0  # allocated in memfds, mapped or not

    @property
    def held(self):
        """Resident and memfd, with pages that are both counted once."""
        return self.resident - min(self.shared, self.memfd) + self.memfd


def measure(pid):
    """The memory of a running process; None when it is gone."""
    memory = Memory()
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                key, _, value = line.partition(":")
                if key in FIELDS:
                    setattr(memory, FIELDS[key], int(value.split()[0]) * 1024)
        memory.memfd = _memfd_bytes(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return memory if memory.resident else None


def _memfd_bytes(pid):
    allocated = {}
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
            if target.startswith(("/memfd:", "/dev/shm/")) and target.endswith(" (deleted)"):
                stat = os.stat(f"{folder}/{name}")
                allocated[stat.st_ino] = stat.st_blocks * 512
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sum(allocated.values())


class Sampler(threading.Thread):
    """Follows a process until it ends or stop() is called; keeps the highest of each figure and
    what it was over time."""

    def __init__(self, pid, every=0.05):
        super().__init__(daemon=True)
        self.pid = pid
        self.every = every
        self.highest = Memory()
        self.history = []  # (seconds since the start, Memory)
        self.highest_held = 0
        self._end = threading.Event()
        self.start()

    def run(self):
        start = time.monotonic()
        while not self._end.is_set():
            now = measure(self.pid)
            if now is None:
                return
            self.history.append((time.monotonic() - start, now))
            for field in ("peak", "resident", "shared", "memfd"):
                setattr(self.highest, field, max(getattr(self.highest, field), getattr(now, field)))
            self.highest_held = max(self.highest_held, now.held)
            self._end.wait(self.every)

    def stop(self):
        self._end.set()
        self.join()
        return self

    def grown_between(self, first, second):
        """By how many bytes the held memory was higher at its highest in the second span of time
        (from, to; in seconds) than in the first. None where a span has no sample."""
        spans = []
        for begin, end in (first, second):
            held = [memory.held for when, memory in self.history if begin <= when < end]
            if not held:
                return None
            spans.append(max(held))
        return spans[1] - spans[0]
