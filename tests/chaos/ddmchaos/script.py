# SPDX-License-Identifier: MIT
"""A round on paper. Everything that is random about it is decided here, out of the seed."""

import random
import re
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

# What peers keep: in memory only; on a disk with room; on one that is too small for all that they
# fetch; up to a --cache-size that is.
CACHES = {"memory": 2, "disk": 5, "small disk": 3, "tiny": 2}
TOO_SMALL = (0.15, 0.9)  # of what there would be to keep
LITTLE_MEMORY = "8M"  # so that more has to come from the disk
# A second download of the same file, on the next host.
SECONDS = {"": 5, "together": 3, "after": 4}
LATER_FLOW = 2.5  # s that one that comes after takes at least: at the LAN's speed nothing can happen
KEY_SHARE = 0.3  # of the rounds: the swarm has a key

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
    "flip data": (3, None),
    "flip journal": (2, None),
    "kill peer, flip data": (2, (0.2, 2.0)),
    "kill peer, flip journal": (2, (0.2, 2.0)),
    "fill cache disk": (4, (0.3, 3.0)),
}
CHANGES = {"new version", "kill client at new version"}
OF_CACHES = {"flip data", "flip journal", "kill peer, flip data", "kill peer, flip journal"}
OF_PEERS = {"kill peer", "freeze peer", "kill tracker", "freeze tracker", "cut lan"} | OF_CACHES
# Between two downloads: how often.
BETWEEN = {
    "restart peer": 3,  # by kill -9
    "flip data": 3,
    "flip journal": 2,
    "restart peer, flip data": 2,
    "restart peer, flip journal": 2,
    "other object": 2,  # through that peer
    "new version": 2,
}


LOCAL = {"peer", "uplink", "lan", "data", "journal", "object"}  # what happens to one host


@dataclass(order=True)
class Fault:
    at: float  # s after the client was first started
    kind: str
    host: int = 0  # number of the host that it happens to, where it happens to one
    lasts: float | None = None  # None: for ever
    client: int = 0  # which one, where it happens to one
    had: int = 0  # bytes that its host can have had of the file, when it happened

    @property
    def is_of_client(self):
        return "client" in self.kind

    def __str__(self):
        where = f" h{self.host + 1}" if set(re.findall(r"\w+", self.kind)) & LOCAL else ""
        where = " 2" if self.is_of_client and self.client else where
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
    cache: str = ""  # one of CACHES; "": no peers
    cache_size: int = 0  # bytes: of the disk ("small disk"), of each peer's cache ("tiny")
    little_memory: bool = False
    key: bool = False
    second: str = ""  # one of SECONDS
    between: list = field(default_factory=list)  # what happens before the one that comes after,
    later: list = field(default_factory=list)  # and while it runs

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

    @property
    def on_disk(self):
        """Whether there are files of peers' caches."""
        return self.cache not in ("", "memory")

    @property
    def keeps_all(self):
        """Whether what was fetched once is kept."""
        return self.cache == "disk"

    def all_faults(self):
        return [*self.faults, *self.between, *self.later]

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
        words += [f"cache: {self.cache}"] if self.cache else []
        if self.cache_size:
            words[-1] += f" of {self.cache_size / MIB:.1f} MiB"
        words += ["little memory"] if self.little_memory else []
        words += ["key"] if self.key else []
        words += [f"two {self.second}".replace("two after", "one after another")] if self.second else []
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


def _decide_caches(rng, script):
    """And who reads what they keep."""
    script.cache = rng.choices(list(CACHES), CACHES.values())[0]
    to_keep = {"small disk": script.size, "tiny": script.size / script.peers}.get(script.cache, 0)
    script.cache_size = int(to_keep * rng.uniform(*TOO_SMALL))
    script.little_memory = rng.random() < 0.5
    script.key = rng.random() < KEY_SHARE
    script.second = rng.choices(list(SECONDS), SECONDS.values())[0]
    if script.on_disk and rng.random() < 0.5:
        script.ways.add("no spot check")  # nobody else looks


def _possible(script):
    """The kinds of faults that can happen to it, with their weights."""
    kinds = {kind: weight for kind, (weight, _) in KINDS.items()}
    without = set()
    if not script.peers:
        without |= OF_PEERS
    if not script.on_disk:
        without |= OF_CACHES
    if script.cache != "small disk":
        without.add("fill cache disk")
    if script.disk == "folder":
        without.add("fill disk")
    if script.ways & {"metalink", "checksum"}:
        without |= CHANGES
    return {kind: weight for kind, weight in kinds.items() if kind not in without}


def _fault(rng, script, flow, kinds, clients=(0,)):
    kind = rng.choices(list(kinds), kinds.values())[0]
    # Sudden ends late enough that too much would be lost if nothing were kept.
    early = 0.4 if kind.startswith("kill client") else 0.05
    at = rng.uniform(0, SOON) if rng.random() < SOON_SHARE else rng.uniform(early, 1.0) * flow
    lasts = rng.uniform(*KINDS[kind][1]) if KINDS[kind][1] else None
    if kind in ("kill peer", "kill tracker") and rng.random() < FOR_EVER:
        lasts = None
    return Fault(at, kind, rng.randrange(max(script.peers, 1)), lasts, rng.choice(clients))


def _faults(rng, script, flow, kinds, clients):
    """Some, in the order in which they happen; `kinds` loses what cannot happen twice."""
    faults = []
    for _ in range(rng.randint(*FAULTS)):
        faults.append(_fault(rng, script, flow, kinds, clients))
        if faults[-1].kind in CHANGES:
            for kind in CHANGES:
                kinds.pop(kind, None)
    return sorted(faults)


def _decide_after(rng, script, kinds):
    """What happens to the one that comes after, and before it."""
    between = dict(BETWEEN)
    if not script.on_disk:
        between = {kind: weight for kind, weight in between.items() if "flip" not in kind}
    if "new version" not in kinds:
        del between["new version"]
    for _ in range(rng.randint(0, 3)):
        kind = rng.choices(list(between), between.values())[0]
        script.between.append(Fault(0.0, kind, rng.randrange(script.peers)))
        if kind == "new version":
            del between[kind]
    for kind in CHANGES | {"fill disk"}:
        kinds.pop(kind, None)
    if rng.random() < 0.7:
        script.later = _faults(rng, script, LATER_FLOW, kinds, [1])


def script_of(seed):
    """The round of that seed."""
    rng = random.Random(f"chaos {seed}")
    peers = rng.choices([0, 2, 3, 4], [1, 2, 3, 2])[0]
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
    if peers:
        _decide_caches(rng, script)
    kinds = _possible(script)
    script.faults = _faults(rng, script, flow, kinds, [0, 1] if script.second == "together" else [0])
    if script.second == "after":
        _decide_after(rng, script, kinds)
    return script
