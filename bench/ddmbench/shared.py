# SPDX-License-Identifier: MIT
"""Three peers behind the client's own uplink: they bring nothing, and must cost nothing."""

from . import goals as g
from . import links, tools
from .setting import say
from .stats import in_turn, median, ratios, size, spread, table

TITLE = "peers that share the client's own uplink"
ROUNDS = 3
MINUTES = 2
SHORT = 0.15
NEEDS = []

SIZE = 100  # MiB
MBIT = 50
LIMIT = 1.03


def run(setting):
    count = setting.bytes(SIZE)
    seconds = {"curl": [], "ddm": []}
    with setting.lab(None, None, None, None) as lab:
        router = lab.router(lab.hosts, MBIT)
        path = lab.file("file", count)
        lab.swarm()
        carried = []
        for number in range(setting.rounds):
            for tool in in_turn(seconds, number):
                before = router.uplink.received()
                seconds[tool].append(once(lab, tool, path))
                if tool == "ddm":
                    carried.append((router.uplink.received() - before) / count)
            say(f"shared uplink: {seconds['ddm'][-1] / seconds['curl'][-1]:.3f} × curl")
    return {"size": count, "seconds": seconds, "carried": carried}


def once(lab, tool, path):
    host = lab.hosts[0]
    if tool == "ddm":
        return links.download(lab, host, path).process.seconds
    return tools.fetch(host, tool, lab.origin.url(path.name), path)["seconds"]


def goals(data):
    what = f"3 peers behind the client's own uplink of {MBIT} Mbit/s, {size(data['size'])}"
    ratio = median(ratios(data["seconds"]["ddm"], data["seconds"]["curl"]))
    return [g.at_most(what, ratio, LIMIT, " × curl")]


def texts(data):
    curl, ddm = data["seconds"]["curl"], data["seconds"]["ddm"]
    rows = [
        ("curl alone", spread(curl), "1.00"),
        ("`ddm get`, 3 peers", spread(ddm), f"**{spread(ratios(ddm, curl), 3)}**"),
    ]
    return {
        "size": size(data["size"]),
        "carried": f"{median(data['carried']):.3f}",
        "table": table(("one uplink of 50 Mbit/s for all", "seconds", "× curl"), rows),
    }


def plots(data):
    return {}
