# SPDX-License-Identifier: MIT
"""Medians and spreads, as numbers and as text."""

import random
import statistics


def median(values):
    return statistics.median(values)


def ratios(values, bases):
    """Pair by pair: what is compared was measured in the same round."""
    return [value / base for value, base in zip(values, bases)]


def spread(values, digits=2):
    """median (lowest–highest)"""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, high = (f"{end:.{digits}f}" for end in (min(values), max(values)))
    return f"{median(values):.{digits}f} ({low}–{high})"


def mib(count):
    return f"{count / (1 << 20):.1f} MiB"


def size(count):
    """As people write it: 400 MiB, 2 GiB."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} B"


def in_turn(things, number):
    """Another order in each round, the same in each run: nobody always follows the same one."""
    order = list(things)
    random.Random(number).shuffle(order)
    return order


def table(header, rows):
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
