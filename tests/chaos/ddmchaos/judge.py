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

Where two download it at once, the file comes once for both, and

    what they do not agree on      SHARED of it; twice what each fault costs
    for a fault of a peer          what it can have had: the other one has to get that elsewhere
    where not all is kept          the file once more: the second one cannot read it from anybody
    where there is a mirror        once more: under its URL peers keep another object
    for a fault of the tracker     the same: who does not hear of the peers is alone

Where one comes after the other, what the peers say that they hold by then need not come again, and
may only for these reasons. A flipped bit costs FLIPPED, whenever it is read.

A link's counter knows nothing of what a server only meant to send. Besides, what the client itself
says that it had must be restored by the next one, but for as much as that."""

from dataclasses import dataclass, field

from ddmlab.waiting import PATIENCE

from .script import LATER_FLOW, MIB

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
FLIPPED = 512 * KIB  # what is dropped, and what is fetched along with it
# A mirror's URL makes another object: what a client asks for before it has heard what is held.
BY_MIRROR = 2 * MIB  # of each source
SHARED = 0.12  # rates are not known at first, and not the same to both
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

    size: int = 0  # of the versions that were published
    held: int = 0  # of it by peers, beforehand
    shared: int = 0  # allowed because there are two clients, or were
    came: int = 0
    own: int = 0  # allowed for each of the reasons above
    others: int = 0
    by_ends: int = 0
    ends: list = field(default_factory=list)
    rate: float = 0.0
    lan_rate: float = 0.0  # where more comes out of caches than over uplinks

    @property
    def ratio(self):
        return self.came / self.size

    @property
    def allowed(self):
        return self.size - self.held + self.own + self.shared + self.others + self.by_ends

    @property
    def seconds_per_end(self):
        """Of flow at the full rate that came again for each end, with no other reason."""
        again = self.came - self.allowed + self.by_ends
        return max(again, 0) / self.rate / len(self.ends) if self.ends else 0.0

    @property
    def seconds_lost(self):
        """The most that any client had and the next one did not."""
        return max([end.lost / self.rate for end in self.ends if end.lost is not None], default=0.0)

    def check(self):
        if self.came > self.allowed:
            raise Wrong(
                f"{self.came} bytes came for {self.size}, of which peers held {self.held}; allowed"
                f" were {self.allowed}: {self.own} on its own, {self.shared} by sharing,"
                f" {self.others} by faults, {self.by_ends} by ends of clients"
            )
        for end in self.ends:
            limit = end.may_lose(max(self.rate, self.lan_rate))
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
    if fault.kind.startswith("kill peer") or fault.kind == "cut uplink":
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


def _sharing(script, clients, played, need):
    """What may come again because not everybody knows, has or can reach the same."""
    if any("tracker" in fault.kind for fault in played) or not script.keeps_all:
        return need
    extra = SHARED * need if len(clients) > 1 else 0
    if script.ways & {"mirror", "metalink"}:
        extra += need if len(clients) > 1 else BY_MIRROR * len(script.source_rates)
    for fault in played:
        if fault.kind == "cut lan" and any(client.number == fault.host for client in clients):
            return need  # behind it are all the others
        if "peer" in fault.kind or fault.kind == "cut lan":
            extra += fault.had
        extra += cost(script, fault)
    return int(min(extra, need))


def account(play, clients, played, on_peers, came):
    """The account of a phase in which these faults happened; `on_peers`: bytes that were held before
    it, None where it is the first one."""
    script = play.script
    sources = script.source_rates
    ends = [end for client in clients for end in client.ends]
    need = sum(play.stage.sizes[version] for version in {client.version for client in clients})
    outdated = sum(client.outdated or 0 for client in clients if client.version)
    flips = sum("flip" in fault.kind for fault in play.result.played)
    shared = len(clients) > 1 or on_peers is not None
    return Bytes(
        size=need,
        held=min(on_peers or 0, need),
        shared=_sharing(script, clients, played, need) if shared else 0,
        came=came,
        own=int(OWN_SHARE * (need + outdated)) + OWN_PER_SOURCE * len(sources) * len(clients),
        others=outdated + flips * FLIPPED + sum(cost(script, fault) for fault in played),
        by_ends=sum(end.may_cost(script.rate, sources) for end in ends),
        ends=ends,
        rate=script.rate,
        lan_rate=need / LATER_FLOW if on_peers is not None else 0.0,
    )
