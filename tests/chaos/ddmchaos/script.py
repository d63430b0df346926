# SPDX-License-Identifier: MIT
"""A round on paper. Everything that is random about it is decided here, out of the seed."""

import random
from dataclasses import dataclass, field

MBIT = 1e6 / 8
MIB = 1 << 20
# What a TCP stream carries of a link's rate: 1448 of each 1514 bytes.
PAYLOAD = 1448 / 1514

HOSTS = 4
TOTAL_MBIT = (24, 64)  # of all uplinks that take part
FLOW = (4.0, 9.0)  # seconds that the file takes at that rate
FAULTS = (1, 4)
SOON = 0.4  # s: a fault in seven falls into the beginning
SOON_SHARE = 1 / 7
FOR_EVER = 0.3  # of the peers and trackers that die stay dead

# kind: how often, how long it lasts (for the client: until it is started again)
KINDS = {
    "kill client": (6, (0.0, 1.0)),
    "interrupt client": (2, (0.0, 1.0)),
    "freeze client": (2, (0.3, 5.0)),
    "kill peer": (3, (0.3, 4.0)),
    "freeze peer": (2, (0.5, 5.0)),
    "kill tracker": (1, (0.3, 4.0)),
    "freeze tracker": (1, (0.5, 5.0)),
    "cut uplink": (2, (0.3, 5.0)),
    "cut lan": (2, (0.3, 5.0)),
    "kill origin": (2, (0.1, 3.0)),
    "freeze origin": (1, (0.3, 4.0)),
    "fill disk": (2, (0.3, 3.0)),
    "new version": (1, None),
    "kill client at new version": (2, (0.0, 1.0)),
}
CHANGES = {"new version", "kill client at new version"}
OF_PEERS = {"kill peer", "freeze peer", "kill tracker", "freeze tracker", "cut lan"}


@dataclass(order=True)
class Fault:
    at: float  # s after the client was first started
    kind: str
    host: int = 0  # number of the host that it happens to, where it happens to one
    lasts: float | None = None  # None: for ever

    @property
    def is_of_client(self):
        return "client" in self.kind

    def __str__(self):
        where = f" h{self.host + 1}" if self.kind.split()[1] in ("peer", "uplink", "lan") else ""
        until = "" if self.lasts is None else f"+{self.lasts:.1f}"
        return f"{self.at:.1f}{until}s {self.kind}{where}"


@dataclass
class Script:
    seed: int
    rates: list  # Mbit/s of each host's uplink
    peers: int  # on so many hosts, the client's own first; 0: without
    size: int
    dated: bool  # the origin gives Last-Modified and no ETag
    disk: str  # where the client writes: "folder", "tmpfs", "ext4"
    ways: set = field(default_factory=set)  # "checksum", "mirror", "metalink", "no spot check"
    faults: list = field(default_factory=list)
    again: bool = False  # the same command once more when it is done
    new_size: int = 0  # of the version that replaces the file

    @property
    def rate(self):
        """Bytes a second that all its uplinks bring together."""
        return sum(self.source_rates)

    @property
    def own_rate(self):
        return self.source_rates[0]

    @property
    def source_rates(self):
        """Bytes a second of each uplink that takes part."""
        return [mbit * MBIT * PAYLOAD for mbit in self.rates[: max(self.peers, 1)]]

    def content(self, version=0):
        """The file; another one for each seed and version."""
        size = self.new_size if version else self.size
        return random.Random(f"content {self.seed} {version}").randbytes(size)

    def modified(self, version=0):
        """When it was last changed: long ago, and at another time than any other version."""
        return 1_400_000_000 + (self.seed * 2 + version) * 7919 % 300_000_000

    def __str__(self):
        words = [f"{self.size / MIB:.1f} MiB", f"{self.rate / MIB:.1f} MiB/s"]
        words.append(f"{self.peers} peers" if self.peers else "no peers")
        words += ["dated"] if self.dated else []
        words += [self.disk] if self.disk != "folder" else []
        words += sorted(self.ways)
        return ", ".join(words)


def _uplinks(rng, hosts):
    """Rates of all hosts; the first `hosts` of them make the total."""
    shares = [rng.uniform(1, 2) for _ in range(HOSTS)]
    scale = rng.uniform(*TOTAL_MBIT) / sum(shares[:hosts])
    return [round(share * scale, 1) for share in shares]


def _ways(rng):
    ways = set()
    what = rng.random()
    if what < 0.2:
        ways.add("metalink")
    elif what < 0.4:
        ways.add("checksum")
    if rng.random() < 0.25 and "metalink" not in ways:
        ways.add("mirror")
    if rng.random() < 0.2:
        ways.add("no spot check")
    return ways


def _possible(script):
    """The kinds of faults that can happen to it, with their weights."""
    kinds = {kind: weight for kind, (weight, _) in KINDS.items()}
    if not script.peers:
        kinds = {kind: weight for kind, weight in kinds.items() if kind not in OF_PEERS}
    if script.disk == "folder":
        del kinds["fill disk"]
    if script.ways & {"metalink", "checksum"}:
        kinds = {kind: weight for kind, weight in kinds.items() if kind not in CHANGES}
    return kinds


def _fault(rng, script, flow, kinds):
    kind = rng.choices(list(kinds), kinds.values())[0]
    # Sudden ends late enough that too much would be lost if nothing were kept.
    early = 0.4 if kind.startswith("kill client") else 0.05
    at = rng.uniform(0, SOON) if rng.random() < SOON_SHARE else rng.uniform(early, 1.0) * flow
    lasts = rng.uniform(*KINDS[kind][1]) if KINDS[kind][1] else None
    if kind in ("kill peer", "kill tracker") and rng.random() < FOR_EVER:
        lasts = None
    return Fault(at, kind, rng.randrange(max(script.peers, 1)), lasts)


def script_of(seed):
    """The round of that seed."""
    rng = random.Random(f"chaos {seed}")
    peers = rng.choices([0, 2, 3, 4], [2, 2, 3, 2])[0]
    rates = _uplinks(rng, max(peers, 1))
    flow = rng.uniform(*FLOW)
    script = Script(
        seed=seed,
        rates=rates,
        peers=peers,
        size=int(flow * sum(rates[: max(peers, 1)]) * MBIT * PAYLOAD),
        dated=rng.random() < 0.25,
        disk=rng.choices(["folder", "tmpfs", "ext4"], [3, 2, 1])[0],
        ways=_ways(rng),
        again=rng.random() < 0.25,
    )
    script.new_size = script.size if rng.random() < 0.7 else int(script.size * rng.uniform(0.5, 1.2))
    kinds = _possible(script)
    for _ in range(rng.randint(*FAULTS)):
        script.faults.append(_fault(rng, script, flow, kinds))
        if script.faults[-1].kind in CHANGES:
            kinds = {kind: weight for kind, weight in kinds.items() if kind not in CHANGES}
    script.faults.sort()
    return script
