# SPDX-License-Identifier: MIT
"""What a round is held to.

Exit codes. A try of the client may end with 0, and otherwise only with what was done to it: a
signal, Ctrl-C, a full disk, a file that changed under it, an origin that it cannot reach when it
starts. No other fault lasts as long as the client's patience, so none of them is a reason to give
up.

Bytes. All that came in over the uplinks, without headers, may be the file once and

    what DDM does on its own       ranges fetched by two at the end, spot checks
    for each sudden end            KEPT_WITHIN of flow, or for as long as it ran, and a probe
    for each end in good order     what was on its way, and a probe
    for each other fault           what was on its way through what it struck
    for another version            what the client had of the first one, and, where it ran, what came
                                   until it saw that

A link's counter knows nothing of what a server only meant to send. Besides, what the client itself
says that it had must be restored by the next one, but for as much as that."""

from dataclasses import dataclass, field

from ddmlab.waiting import PATIENCE

from .script import MIB

KIB = 1 << 10

KEPT_WITHIN = 3.0 * PATIENCE  # s: what came before that is not fetched again
PROBE = 1 * MIB
IN_ORDER = 256 * KIB  # of what it had, where it could record that; its count is of all sources
# Of what DDM does on its own: hedges and spot checks, and a little of it per source.
OWN_SHARE = 0.0075
OWN_PER_SOURCE = 256 * KIB
# On its way through one host: queues, sockets, what a fill is ahead of its readers.
ON_ITS_WAY = 0.5  # s of its uplink's rate
ON_ITS_WAY_LEAST = 512 * KIB
QUEUED = 1.0  # s of it, where nobody reads,
WINDOW = 4 * MIB  # and what a peer's fills are ahead at most, where it cannot know that
SEEN_WITHIN = 3.0  # s of flow until a client that runs sees another version


class Exit:
    DONE = 0
    NETWORK = 3
    CHANGED = 5
    DISK = 7
    INTERRUPTED = 8
    KILLED = -9


class Wrong(AssertionError):
    """DDM did what it must not."""


@dataclass
class End:
    """Of a client, before it was done."""

    sudden: bool  # it had no time to record what it had
    had: int  # bytes, as it said
    lived: float  # s
    frozen_for: float  # s in which nobody took what came
    lost: int | None = None  # of them, as the next one says

    def may_lose(self, rate):
        return min(KEPT_WITHIN * rate, self.had) if self.sudden else IN_ORDER

    def may_cost(self, rate, sources):
        """Bytes that come once more."""
        kept = min(KEPT_WITHIN, self.lived) * rate if self.sudden else sum(map(on_its_way, sources))
        return int(kept + PROBE + self.frozen_for * rate)


@dataclass
class Bytes:
    """The account of a round."""

    size: int = 0  # of the version that was published
    came: int = 0
    own: int = 0  # allowed for each of the reasons above
    others: int = 0
    by_ends: int = 0
    ends: list = field(default_factory=list)
    rate: float = 0.0

    @property
    def ratio(self):
        return self.came / self.size

    @property
    def allowed(self):
        return self.size + self.own + self.others + self.by_ends

    @property
    def seconds_per_end(self):
        """Of flow at the full rate that came again for each end, with no other reason."""
        again = self.came - self.size - self.own - self.others
        return max(again, 0) / self.rate / len(self.ends) if self.ends else 0.0

    @property
    def seconds_lost(self):
        """The most that any client had and the next one did not."""
        return max([end.lost / self.rate for end in self.ends if end.lost is not None], default=0.0)

    def check(self):
        if self.came > self.allowed:
            raise Wrong(
                f"{self.came} bytes came for {self.size}; allowed were {self.allowed}: {self.own}"
                f" on its own, {self.others} by faults, {self.by_ends} by ends of the client"
            )
        for end in self.ends:
            limit = end.may_lose(self.rate)
            if end.lost is not None and end.lost > limit:
                how = "sudden" if end.sudden else "orderly"
                raise Wrong(
                    f"a client had {end.had} bytes; after its {how} end {end.lost} of them were"
                    f" not restored; allowed are {limit:.0f}"
                )


def on_its_way(rate):
    return int(rate * ON_ITS_WAY) + ON_ITS_WAY_LEAST


def _goes_on(rate, fault):
    """What a peer fetches that cannot send: others fetch it, too."""
    return on_its_way(rate) + int(min(rate * fault.lasts, WINDOW))


def cost(script, fault):
    """Bytes that a fault may cost which is none of the client's own."""
    rates = script.source_rates
    rate = rates[fault.host]
    if fault.kind in ("kill peer", "cut uplink"):
        return on_its_way(rate)
    if fault.kind == "freeze peer":
        return on_its_way(rate) + int(rate * min(fault.lasts, QUEUED))
    if fault.kind == "cut lan":
        # Behind the client's own port are all the others.
        struck = rates[1:] if fault.host == 0 else [rate]
        return sum(_goes_on(rate, fault) for rate in struck)
    if fault.kind in ("kill origin", "freeze origin", "freeze client"):
        return sum(map(on_its_way, rates))
    return 0


def account(script, played, size, outdated, ends, came):
    """The account of a round in which these faults happened; `outdated` were had of a version that
    was not the last one."""
    sources = script.source_rates
    return Bytes(
        size=size,
        came=came,
        own=int(OWN_SHARE * (size + outdated)) + OWN_PER_SOURCE * len(sources),
        others=outdated + sum(cost(script, fault) for fault in played),
        by_ends=sum(end.may_cost(script.rate, sources) for end in ends),
        ends=ends,
        rate=script.rate,
    )
