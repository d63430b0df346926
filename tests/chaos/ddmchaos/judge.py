# SPDX-License-Identifier: MIT
"""What a round is held to.

Exit codes. A try of the client may end with 0, and otherwise only with what was done to it: a
signal, Ctrl-C, a full disk, a file that changed under it. No other fault lasts as long as the
client's patience, so none of them is a reason to give up.

Bytes. All that came in over the uplinks, without headers, may be the file once and

    what DDM does on its own    ranges fetched by two at the end, spot checks
    for each end of the client  KEPT_WITHIN of flow, a probe, what was on its way
    for each other fault        what was on its way through what it struck
    for another version         all of the first one

A link's counter knows nothing of what a server only meant to send."""

from dataclasses import dataclass, field

from .script import MIB

KIB = 1 << 10

KEPT_WITHIN = 3.0  # s: what came before that is not fetched again
PROBE = 1 * MIB
# Of what DDM does on its own: hedges and spot checks, and a little of it per source.
OWN_SHARE = 0.0075
OWN_PER_SOURCE = 256 * KIB
# On its way through one host: queues, sockets, what a fill is ahead of its readers.
ON_ITS_WAY = 0.5  # s of its uplink's rate
ON_ITS_WAY_LEAST = 512 * KIB
QUEUED = 2.0  # s of it, where nobody reads


class Exit:
    DONE = 0
    CHANGED = 5
    DISK = 7
    INTERRUPTED = 8
    KILLED = -9


class Wrong(AssertionError):
    """DDM did what it must not."""


@dataclass
class Bytes:
    """The account of a round."""

    size: int = 0  # of the versions that were to be had
    came: int = 0
    own: int = 0  # allowed for each of the reasons above
    others: int = 0
    ends: int = 0  # of the client, before it was done
    per_end: int = 0
    rate: float = 0.0
    extra: int = 0  # for what was special about the ends
    lost: list = field(default_factory=list)  # by each end, as the client itself counts

    @property
    def ratio(self):
        return self.came / self.size

    @property
    def allowed(self):
        return self.size + self.own + self.others + self.extra + self.ends * self.per_end

    @property
    def seconds_per_end(self):
        """Of flow at the full rate that each end of the client cost, with what has no other
        reason."""
        if self.ends == 0:
            return 0.0
        again = self.came - self.size - self.own - self.others - self.extra
        return max(again, 0) / self.rate / self.ends

    def check(self):
        if self.came > self.allowed:
            raise Wrong(
                f"{self.came} bytes came for {self.size}; allowed were {self.allowed}: {self.own}"
                f" on its own, {self.others} by faults, {self.ends} ends of the client at"
                f" {self.per_end}, {self.extra} that it held when frozen"
            )
        limit = KEPT_WITHIN * self.rate + PROBE
        for lost in self.lost:
            if lost > limit:
                raise Wrong(f"{lost} bytes that were there are not kept; allowed are {limit:.0f}")


def on_its_way(rate):
    return int(rate * ON_ITS_WAY) + ON_ITS_WAY_LEAST


def cost(script, fault):
    """Bytes that a fault may cost which is none of the client's own."""
    every = sum(on_its_way(rate) for rate in script.source_rates)
    if fault.kind in ("kill peer", "cut uplink"):
        return on_its_way(script.source_rates[fault.host])
    if fault.kind in ("freeze peer", "cut lan"):
        # What comes meanwhile stands in queues, until others fetch it, too.
        rate = script.source_rates[fault.host]
        return on_its_way(rate) + int(rate * min(fault.lasts, QUEUED))
    if fault.kind in ("kill origin", "freeze origin", "freeze client"):
        return every
    return 0


def account(script, played, stage, ends, came):
    """The account of a round in which these faults happened."""
    sources = script.source_rates
    return Bytes(
        size=sum(stage.sizes),
        came=came,
        own=int(OWN_SHARE * sum(stage.sizes)) + OWN_PER_SOURCE * len(sources),
        others=sum(cost(script, fault) for fault in played),
        ends=ends,
        per_end=int(KEPT_WITHIN * script.rate) + PROBE + sum(map(on_its_way, sources)),
        rate=script.rate,
    )
