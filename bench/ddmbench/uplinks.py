# SPDX-License-Identifier: MIT
"""One file over several uplinks, against the sum of what one curl gets on each."""

from . import goals as g
from . import links, tools
from .setting import say
from .stats import in_turn, median, size, spread, table

TITLE = "four equal uplinks, four unequal ones, eight from 1 to 20"
ROUNDS = 5
MINUTES = 8.5
SHORT = 0.1
NEEDS = ["aria2c", "axel", "wget2"]

SIZE = 400  # MiB
# The client is the first host. In the short form only the first case is measured.
CASES = {
    "equal": ((50, 50, 50, 50), 1.03),
    "skewed": ((10, 50, 100, 40), 1.04),
    "eight": ((20, 5, 10, 15, 30, 40, 60, 100), 1.06),
}
SHORT_CASE = "equal"
# What the others do on one link is seen on a part of the file; not in each round.
ALONE_SECONDS = 5
ALONE_ROUNDS = 2


def run(setting):
    return {
        "size": setting.bytes(SIZE),
        "cases": {
            case: measure(setting, case, CASES[case][0]) for case in CASES if setting.wants(case)
        },
    }


def measure(setting, case, mbits):
    count = setting.bytes(SIZE)
    rates, times, others = [], [], {}
    with setting.lab(*mbits) as lab:
        path = lab.file("file", count)
        lab.swarm()
        for number in range(setting.rounds):
            rates.append(links.one_curl_each(setting, lab))
            get = links.download(lab, lab.hosts[0], path)
            times.append(get.process.seconds)
            say(f"{case}: {times[-1] / links.bound(count, rates[-1]):.3f} × bound")
            if setting.others and number < ALONE_ROUNDS:
                for tool, rate in alone(setting, lab, number).items():
                    others.setdefault(tool, []).append(rate)
    return {"links": mbits, "rates": rates, "seconds": times, "alone": others}


def alone(setting, lab, number):
    """{tool: Mbit/s} of the other tools, which have nothing but the first host's uplink."""
    host, found = lab.hosts[0], {}
    path = links.ensure(
        lab, "alone", int(host.uplink.mbit * 1e6 / 8 * setting.seconds(ALONE_SECONDS))
    )
    for tool in in_turn(tools.TOOLS, number):
        seconds = tools.fetch(host, tool, lab.origin.url("alone"), path)["seconds"]
        found[tool] = links.mbit(path.stat().st_size, seconds)
    return found


def times_bound(case, count):
    least = links.bound(count, links.steady(case["rates"]))
    return [seconds / least for seconds in case["seconds"]]


def goals(data):
    return [
        g.at_most(
            f"{size(data['size'])} over {links.names(case['links'])} Mbit/s",
            median(times_bound(case, data["size"])),
            CASES[name][1],
            " × bound",
        )
        for name, case in data["cases"].items()
    ]


def texts(data):
    found = {"size": size(data["size"])}
    for name, case in data["cases"].items():
        found[name] = case_table(case, data["size"])
    return found


def case_table(case, count):
    sums = [sum(rates) for rates in case["rates"]]
    ddm = [links.mbit(count, seconds) for seconds in case["seconds"]]
    found = times_bound(case, count)
    rows = [
        ("bound: one curl on each", spread(sums, 1), "1.00"),
        (f"`ddm get`, {len(case['links'])} uplinks", spread(ddm, 1), f"**{spread(found, 3)}**"),
    ]
    for tool in tools.TOOLS:
        rates = case["alone"][tool]
        times = f"{sum(links.steady(case['rates'])) / median(rates):.2f}"
        rows.append((f"{tool}, the client alone", spread(rates, 1), times))
    return table((f"{links.names(case['links'])} Mbit/s", "Mbit/s", "× bound"), rows)


def plots(data):
    return {}
