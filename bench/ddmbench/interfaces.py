# SPDX-License-Identifier: MIT
"""One host with two uplinks and no peers: ddm over both, against the sum of one curl on each."""

from ddmlab.host import curl_rate

from . import goals as g
from . import links
from .setting import say
from .stats import median, size, spread, table

TITLE = "one host with two uplinks"
ROUNDS = 3
MINUTES = 1.5
SHORT = 0.15
NEEDS = []

SIZE = 200  # MiB
LINKS = (50, 20)
DEVICES = ("uplink", "uplink2")
LIMIT = 1.05


def run(setting):
    count = setting.bytes(SIZE)
    rates, seconds = [], []
    with setting.lab(LINKS) as lab:
        path = lab.file("file", count)
        for _ in range(setting.rounds):
            rates.append(one_curl_each(setting, lab))
            both = ["--interface", ",".join(DEVICES), "--no-peers"]
            get = links.download(lab, lab.hosts[0], path, *both, tracker=None)
            seconds.append(get.process.seconds)
            say(f"two uplinks: {seconds[-1] / links.bound(count, rates[-1]):.3f} × bound")
    return {"size": count, "rates": rates, "seconds": seconds}


def one_curl_each(setting, lab):
    """Mbit/s of `curl --interface` on each of the two, at the same time."""
    counts = [int(mbit * 1e6 / 8 * setting.seconds(links.SECONDS)) for mbit in LINKS]
    links.ensure(lab, "calibration", max(counts))
    url = lab.origin.url("calibration")
    curls = [
        lab.hosts[0].curl(url, "--interface", device, "--range", f"0-{count - 1}")
        for device, count in zip(DEVICES, counts)
    ]
    for curl in curls:
        assert curl.wait() == 0, curl.tail()
    return [curl_rate(curl) for curl in curls]


def times_bound(data):
    least = links.bound(data["size"], links.steady(data["rates"]))
    return [seconds / least for seconds in data["seconds"]]


def goals(data):
    what = f"{size(data['size'])}, one host with uplinks of {links.names(LINKS)} Mbit/s"
    return [g.at_most(what, median(times_bound(data)), LIMIT, " × bound")]


def texts(data):
    rows = [
        (f"one curl on {device}", spread([rates[n] for rates in data["rates"]], 1), "")
        for n, device in enumerate(DEVICES)
    ]
    ddm = [links.mbit(data["size"], seconds) for seconds in data["seconds"]]
    rows += [
        ("bound: both", spread([sum(rates) for rates in data["rates"]], 1), "1.00"),
        ("`ddm get` over both", spread(ddm, 1), f"**{spread(times_bound(data), 3)}**"),
    ]
    header = (f"one host, {links.names(LINKS)} Mbit/s", "Mbit/s", "× bound")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    return {}
