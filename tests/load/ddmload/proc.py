# SPDX-License-Identifier: MIT
"""What a process holds, from /proc."""

import os
import re
from dataclasses import dataclass


@dataclass
class Held:
    resident: int  # bytes
    peak: int  # highest resident set so far
    descriptors: int
    threads: int

    def __str__(self):
        mib = self.resident / 2**20
        return f"{mib:.1f} MiB, {self.descriptors} descriptors, {self.threads} threads"


def held(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        status = file.read()

    def number(name):
        return int(re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[1])

    return Held(
        number("VmRSS") * 1024,
        number("VmHWM") * 1024,
        len(os.listdir(f"/proc/{pid}/fd")),
        number("Threads"),
    )
