# SPDX-License-Identifier: MIT
"""Markdown tables, and whether a figure is what it should be."""

import os
import platform
import statistics
import sys

median = statistics.median


def machine(binary):
    """What the figures were measured on."""
    size = binary.stat().st_size
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, {binary.name} of {size} bytes\n")


def say(text):
    """Progress, for whoever waits; not part of the result."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(title, header, rows):
    print(f"### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def verdict(good):
    return "yes" if good else "**no**"


def spread(values, digits=2):
    """median (lowest–highest)"""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def mib(count):
    return f"{count / (1 << 20):.1f} MiB"
