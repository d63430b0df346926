# SPDX-License-Identifier: MIT
"""1 to 8 uplinks: does each further one count in full?"""

from . import links, plots as p, tools
from .setting import say
from .stats import median, spread, table
from .uplinks import alone

TITLE = "1 to 8 uplinks"
ROUNDS = 2
MINUTES = 5.5
SHORT = None
NEEDS = ["aria2c", "axel", "wget2"]

# All take about the same time, so that what a download costs at its start weighs the same.
SECONDS = 6
KINDS = {"equal": (50,) * 8, "skewed": (20, 5, 10, 15, 30, 40, 60, 100)}


def run(setting):
    return {
        "seconds": SECONDS * setting.scale,
        "kinds": {kind: measure(setting, kind) for kind in KINDS if setting.wants(kind)},
    }


def measure(setting, kind):
    found = {"links": KINDS[kind], "rates": [], "ddm": [[] for _ in KINDS[kind]], "alone": {}}
    with setting.lab(*KINDS[kind]) as lab:
        peers = [lab.start_peer(host, tracker=None) for host in lab.hosts[1:]]
        for peer in peers:
            peer.wait_until_up()
        for number in range(setting.rounds):
            found["rates"].append(links.one_curl_each(setting, lab))
            for count in range(1, len(lab.hosts) + 1):
                mbit = with_uplinks(setting, lab, peers[: count - 1])
                found["ddm"][count - 1].append(mbit)
            for tool, rate in alone(setting, lab, number).items():
                found["alone"].setdefault(tool, []).append(rate)
            ratios = (times_bound(found, count, rates) for count, rates in enumerate(found["ddm"]))
            say(f"{kind}: " + ", ".join(f"{each[-1]:.3f}" for each in ratios))
    return found


def times_bound(found, count, rates):
    """What these Mbit/s are with count uplinks more than one: × the bound of all of them."""
    most = sum(links.steady(found["rates"])[: count + 1])
    return [most / rate for rate in rates]


def with_uplinks(setting, lab, peers):
    """Mbit/s of a download over the client's uplink and those of these peers."""
    nominal = sum(host.uplink.mbit for host in lab.hosts[: len(peers) + 1])
    count = max(int(nominal * 1e6 / 8 * SECONDS * setting.scale), 1 << 20)
    path = lab.file("file", count)
    who = ["--peer", ",".join(peer.address for peer in peers)] if peers else ["--no-peers"]
    get = links.download(lab, lab.hosts[0], path, *who, tracker=None)
    path.unlink()
    return links.mbit(count, get.process.seconds)


def goals(data):
    return []


def texts(data):
    found = {"seconds": f"{data['seconds']:g}"}
    kinds = data["kinds"]
    header = ["uplinks", *(f"{kind}, × bound" for kind in kinds)]
    rows = [
        [count + 1, *(spread(times_bound(k, count, k["ddm"][count]), 3) for k in kinds.values())]
        for count in range(8)
    ]
    found["table"] = table(header, rows)
    return found


def point(found, count, rates):
    return count + 1, median(times_bound(found, count, rates))


def plots(data):
    series = [
        (f"ddm, {kind}", [point(found, n, rates) for n, rates in enumerate(found["ddm"])])
        for kind, found in data["kinds"].items()
    ]
    first = next(iter(data["kinds"].values()))
    for tool in tools.TOOLS:
        rates = first["alone"][tool]
        series.append((tool, [point(first, n, rates) for n in range(8)]))
    return {"scaling": ("Times the bound with 1 to 8 uplinks", p.scaling(series))}
