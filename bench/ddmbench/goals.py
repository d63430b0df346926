# SPDX-License-Identifier: MIT
"""What must hold. A goal is the median of a figure, and the most or the least that it may be."""

import math
from dataclasses import dataclass

# In the short form only what is grossly wrong fails: it is no measurement. How many times worse
# than wanted that is, where links decide, and where the processor does, which others may be using.
GROSS = 1.5
GROSS_CPU = 3


@dataclass
class Goal:
    what: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""
    gross: float = GROSS

    @property
    def good(self):
        return self._within(self.limit)

    @property
    def fair(self):
        """Not grossly wrong."""
        return self._within(self.gross_limit)

    @property
    def gross_limit(self):
        return self.limit / self.gross if self.at_least else self.limit * self.gross

    def _within(self, limit):
        return self.value >= limit if self.at_least else self.value <= limit

    @property
    def wanted(self):
        return f"{self._sign} {self.limit:g}{self.unit}"

    @property
    def _sign(self):
        return "≥" if self.at_least else "≤"

    @property
    def measured(self):
        return "never" if math.isinf(self.value) else f"{self.value:.3f}{self.unit}"

    @property
    def verdict(self):
        return "yes" if self.good else "**no**"

    def __str__(self):
        return f"{self.what}: {self.measured} (wanted {self.wanted})"

    @property
    def short(self):
        return f"{self.what}: {self.measured} (gross if not {self._sign} {self.gross_limit:.3g})"


def at_most(what, value, limit, unit="", gross=GROSS):
    return Goal(what, math.inf if value is None else value, limit, False, unit, gross)


def at_least(what, value, limit, unit="", gross=GROSS):
    return Goal(what, 0 if value is None else value, limit, True, unit, gross)
