# SPDX-License-Identifier: MIT
"""What to measure, and how much of it."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ddmlab import Lab
from ddmlab.content import MIB

# In memory: a disk that is busy with something else must not show.
SCRATCH = Path("/dev/shm")
_began = time.monotonic()


@dataclass
class Setting:
    """rounds and scale as on the command line; only: cases with this word;
    others: also the tools that no goal is about."""

    binary: Path
    rounds: int
    scale: float = 1.0
    only: str = ""
    others: bool = True

    def bytes(self, mib):
        """So many MiB in the full form; less in a shorter one."""
        return max(int(mib * self.scale * MIB), 64 * 1024)

    def seconds(self, count):
        """How long to measure a rate: no less than a second."""
        return max(count * min(self.scale * 2, 1), 1)

    def wants(self, case):
        return self.only in case

    def lab(self, *uplinks, **options):
        scratch = SCRATCH if os.access(SCRATCH, os.W_OK) else None
        return Lab(*uplinks, binary=self.binary, scratch=scratch, **options)


def say(text):
    """Progress, for whoever waits; not part of the result."""
    passed = int(time.monotonic() - _began)
    print(f"{passed // 60:3}:{passed % 60:02}  {text}", file=sys.stderr, flush=True)
