# SPDX-License-Identifier: MIT
"""Four uplinks, one of which changes half way. The bound is the integral of what they bring."""

import time

from . import curve, links, plots as p
from . import goals as g
from .setting import say
from .stats import median, ratios, size, spread, table

TITLE = "an uplink that falls, rises, comes up, or joins half way"
ROUNDS = 3
MINUTES = 6
SHORT = 0.1
NEEDS = []

SIZE = 400  # MiB
LINKS = (50, 50, 50, 50)
LOW = 5
LIMIT = 1.06
# (Mbit/s of the last link before, after) and how it is said.
CASES = {
    "falls": ((50, LOW), "falls from 50 to 5 Mbit/s"),
    "up": ((0, 50), "comes up (it was cut; its peer was there)"),
    "rises": ((LOW, 50), "rises from 5 to 50 Mbit/s"),
    "joins": ((0, 50), "joins (its peer starts then)"),
}
ASKED = ("falls", "up")  # what must hold; the others are told as they are
SHORT_CASE = "falls"


def run(setting):
    return {
        "size": setting.bytes(SIZE),
        "cases": {case: measure(setting, case) for case in CASES if setting.wants(case)},
    }


def measure(setting, case):
    count = setting.bytes(SIZE)
    rounds = []
    with setting.lab(*LINKS) as lab:
        path = lab.file("file", count)
        tracker, _ = lab.swarm(*(lab.hosts[:3] if case == "joins" else lab.hosts))
        for _ in range(setting.rounds):
            rates = rates_of(setting, lab, CASES[case][0])
            rounds.append({"rates": rates, **one_round(lab, case, path, tracker, sum(rates[0]))})
            say(f"{case}: {times_bound(count, rounds)[-1]:.3f} × bound")
    for found in rounds[:-1]:
        del found["curve"]
    return rounds


def rates_of(setting, lab, ends):
    """What one curl gets on each uplink, with the last one as it is before and after."""
    found = []
    link = lab.hosts[-1].uplink
    for mbit in ends:
        if mbit == 0:
            found.append([*links.one_curl_each(setting, lab, lab.hosts[:-1]), 0])
            continue
        link.set_rate(mbit)
        found.append(links.one_curl_each(setting, lab))
    link.set_rate(max(ends))
    return found


def steady(rounds):
    """Mbit/s of all links, before and after."""
    return [sum(links.steady(each)) for each in zip(*(round_["rates"] for round_ in rounds))]


def bounds(count, rounds):
    """Seconds for so many bytes: what the links bring until the change, and the rest after it."""
    before, after = steady(rounds)
    return [r["changed"] + (count * 8 / 1e6 - before * r["changed"]) / after for r in rounds]


def times_bound(count, rounds):
    return ratios([round_["seconds"] for round_ in rounds], bounds(count, rounds))


def one_round(lab, case, path, tracker, before):
    """The change comes at half the time that it would take without it."""
    link, low = lab.hosts[-1].uplink, CASES[case][0][0]
    if case == "up":
        link.cut()
    elif case == "rises":
        link.set_rate(low)
    half = path.stat().st_size * 8 / 1e6 / before / 2
    get = lab.get(lab.hosts[0], lab.origin.url(links.fresh(lab, path)))
    time.sleep(half)
    changed = get.process.seconds
    peer = None
    if case == "up":
        link.restore()
    elif case == "joins":
        peer = lab.start_peer(lab.hosts[-1])
    else:
        link.set_rate(CASES[case][0][1])
    get.expect(0, deadline=300)
    if peer is not None:
        peer.process.stop()
        tracker.wait_for_peers(len(lab.hosts) - 1)
    links.assert_same(get.file, path)
    get.file.unlink()
    return {
        "seconds": get.process.seconds,
        "changed": changed,
        "curve": [[when, rate * 8 / 1e6] for when, rate, _ in curve.rates(curve.points(get))],
    }


def goals(data):
    return [
        g.at_most(
            f"{size(data['size'])} over 4 × 50 Mbit/s; half way one {CASES[case][1]}",
            median(times_bound(data["size"], rounds)),
            LIMIT,
            " × bound",
        )
        for case, rounds in data["cases"].items()
        if case in ASKED
    ]


def texts(data):
    rows = [
        (
            CASES[case][1],
            spread(bounds(data["size"], rounds)),
            spread([r["seconds"] for r in rounds]),
            f"**{spread(times_bound(data['size'], rounds), 3)}**",
        )
        for case, rounds in data["cases"].items()
    ]
    header = ("half way the fourth uplink …", "bound, s", "taken, s", "× bound")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    return {
        f"varying-{case}": (
            f"Rate over time: half way an uplink {CASES[case][1].partition(' (')[0]}",
            p.over_time(rounds[-1]["curve"], rounds[-1]["changed"], *steady(rounds)),
        )
        for case, rounds in data["cases"].items()
        if case in ASKED
    }
