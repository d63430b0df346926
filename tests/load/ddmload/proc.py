# SPDX-License-Identifier: MIT
"""What a process holds, from /proc."""

import os
import re
from dataclasses import dataclass

CACHE = "/cache-"  # in the paths of its files; Swarm.peer() names it


@dataclass
class Held:
    resident: int  # bytes
    peak: int  # highest resident set so far
    descriptors: int  # without those of the cache
    cache_files: int
    threads: int

    def __str__(self):
        mib = self.resident / 2**20
        files = f"{self.descriptors} + {self.cache_files} descriptors"
        return f"{mib:.1f} MiB, {files}, {self.threads} threads"

    def resembles(self, other):
        """Whether nothing goes on between the two."""
        return (
            abs(self.resident - other.resident) < 65536
            and self.descriptors == other.descriptors
            and self.cache_files == other.cache_files
        )


def open_files(pid):
    """What its descriptors are; one that is closed meanwhile is none."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass


def held(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        status = file.read()

    def number(name):
        return int(re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[1])

    files = list(open_files(pid))
    cached = [file for file in files if CACHE in file]
    return Held(
        number("VmRSS") * 1024,
        number("VmHWM") * 1024,
        len(files) - len(cached),
        len(cached),
        number("Threads"),
    )
