# SPDX-License-Identifier: MIT
"""An origin that takes 300 ms to the first byte of each reply, over four uplinks."""

from ddmlab import haproxy

from . import goals as g
from . import links
from .setting import say
from .stats import median, size, spread, table

TITLE = "an origin that takes 300 ms to its first byte"
ROUNDS = 3
MINUTES = 1.5
SHORT = 0.15
NEEDS = ["haproxy"]

SIZE = 400  # MiB
LINKS = (50, 50, 50, 50)
DELAY = 300  # ms
LIMIT = 1.08


def run(setting):
    count = setting.bytes(SIZE)
    rates, seconds, waits = [], [], []
    with setting.lab(*LINKS) as lab:
        path = lab.file("file", count)
        here = lab.origin_host
        slow = haproxy.delayed(
            here, lab.directory / "haproxy", f"127.0.0.1:{lab.origin.port}", DELAY
        )
        lab.swarm()
        for _ in range(setting.rounds):
            # The bound is that of the links: the delay is what is to be hidden.
            rates.append(links.one_curl_each(setting, lab))
            waits.append(first_byte(lab, slow, path))
            get = links.download(lab, lab.hosts[0], path, url=slow.url)
            seconds.append(get.process.seconds)
            say(f"{DELAY} ms: {seconds[-1] / links.bound(count, rates[-1]):.3f} × bound")
    return {"size": count, "rates": rates, "seconds": seconds, "waits": waits}


def first_byte(lab, slow, path):
    """Seconds that the second request on a connection waits: the delay is in each of them."""
    url = slow.url(path.name)
    once = ["-s", "-r", "0-0", "-o", "/dev/null", "-w", "%{time_starttransfer} %{num_connects}\n"]
    curl = lab.hosts[0].run("curl", *once, url, "--next", *once, url)
    assert curl.wait() == 0, curl.tail()
    wait, connects = curl.stdout.splitlines()[1].split()
    assert connects == "0", curl.stdout
    return float(wait)


def least(data):
    return links.bound(data["size"], links.steady(data["rates"]))


def times_bound(data):
    return [seconds / least(data) for seconds in data["seconds"]]


def goals(data):
    what = f"{size(data['size'])} over 4 × 50 Mbit/s, {DELAY} ms to each first byte"
    return [g.at_most(what, median(times_bound(data)), LIMIT, " × bound")]


def texts(data):
    found = times_bound(data)
    rows = [
        ("bound: one curl on each link, without the delay", f"{least(data):.2f}", "1.00"),
        ("`ddm get`, 4 uplinks", spread(data["seconds"]), f"**{spread(found, 3)}**"),
    ]
    return {
        "size": size(data["size"]),
        "wait": f"{median(data['waits']) * 1000:.0f}",
        "table": table((f"{DELAY} ms to each first byte", "seconds", "× bound"), rows),
    }


def plots(data):
    return {}
