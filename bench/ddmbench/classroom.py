# SPDX-License-Identifier: MIT
"""Thirty clients that want one file at the same time, each with an uplink of its own: ddm, nginx as
a caching proxy on one of the hosts, and aria2 with a torrent that is seeded at the origin."""

import time

from ddmlab.content import assert_same
from ddmlab.crowd import Crowd, lan_payload, measured, together, uplinks_payload
from ddmlab.torrent import Torrent

from . import goals as g
from . import links
from .setting import say
from .stats import in_turn, median, size, spread, table

TITLE = "thirty clients of one file, next to nginx and aria2"
ROUNDS = 3
MINUTES = 13
SHORT = None
NEEDS = ["aria2c", "openssl"]

SIZE = 64  # MiB
HOSTS, MBIT = 30, 5
DEADLINE = 900


def run(setting):
    count, found = setting.bytes(SIZE), {tool: [] for tool in TOOLS}
    for number in range(setting.rounds):
        for tool in in_turn([t for t in TOOLS if setting.wants(t)], number):
            with setting.lab(*[MBIT] * HOSTS) as lab:
                found[tool].append(TOOLS[tool](lab, lab.file("file", count)))
            say(f"{tool}: last of {HOSTS} after {found[tool][-1]['ends'][-1]:.2f} s")
    return {"size": count, "hosts": HOSTS, "mbit": MBIT, "tools": found}


def plain(outcome):
    return {"origin": outcome.origin, "lan": outcome.lan, "cpu": outcome.cpu, "ends": outcome.ends}


def ddm(lab, path):
    outcome = Crowd(lab).get(path.name, deadline=DEADLINE)
    for get in outcome.gets:
        assert_same(get.file, path)
    return plain(outcome)


def nginx(lab, path):
    """All ask the one on the first host, which has nothing but that host's uplink."""
    proxy, folder = lab.caching_proxy(lab.hosts[0]), lab.folder()
    url = f"http://{lab.hosts[0].address}:{proxy.port}/{path.name}"

    def start(host):
        return host.curl(url, output=folder / host.name, limit=DEADLINE)

    def go():
        return together(start, lab.hosts, deadline=DEADLINE)

    outcome = measured(lab, go, [proxy.process])
    for host in lab.hosts:
        assert_same(folder / host.name, path)
    return plain(outcome)


def aria2(lab, path):
    """They go on giving until all have it."""
    torrent, all_done = Torrent(lab, path), False
    origin, lan = uplinks_payload(lab.hosts), lan_payload(lab.hosts)
    began, end = time.time(), time.monotonic() + DEADLINE
    processes = [torrent.start(host) for host in lab.hosts]
    while not all_done:
        assert time.monotonic() < end, "aria2 takes too long"
        time.sleep(0.1)
        all_done = all([torrent.is_done(process) for process in processes])
    found = {
        "origin": uplinks_payload(lab.hosts) - origin,
        "lan": lan_payload(lab.hosts) - lan,
        "cpu": sum(process.cpu_so_far for process in processes),
        "ends": sorted(torrent.ended(process) - began for process in processes),
    }
    for process in processes:
        assert_same(torrent.got(process), path)
    return found


TOOLS = {"ddm": ddm, "nginx": nginx, "aria2": aria2}
NAMES = {
    "ddm": "`ddm get`, a peer on each host, TLS",
    "nginx": "nginx on one host, `proxy_cache_lock`, slices of 1 MiB; curl",
    "aria2": "aria2, a torrent seeded at the origin",
}


def goals(data):
    """ddm against the best of the others."""
    ends = {tool: median(r["ends"][-1] for r in rounds) for tool, rounds in data["tools"].items() if rounds}
    others = [end for tool, end in ends.items() if tool != "ddm"]
    if "ddm" not in ends or not others:
        return []
    what = f"{data['hosts']} clients, {size(data['size'])}: the last one"
    return [g.at_most(what, ends["ddm"] / min(others), 1.0, " × the better of nginx and aria2")]


def texts(data):
    count = data["size"]
    bound = links.bound(count, [data["mbit"]] * data["hosts"])
    rows = [("bound: all uplinks together", *[f"{bound:.1f}"] * 3, "1", "", "")]
    for tool, rounds in data["tools"].items():
        if rounds:
            rows.append((NAMES[tool], *figures(rounds, count, data["hosts"])))
    header = ("", "first, s", "median, s", "last, s", "origin / size", "LAN / (clients × size)", "CPU, s")
    return {
        "size": size(count),
        "hosts": str(data["hosts"]),
        "mbit": f"{data['mbit']:g}",
        "table": table(header, rows),
    }


def figures(rounds, count, hosts):
    ends = [r["ends"] for r in rounds]
    return (
        spread([e[0] for e in ends], 1),
        spread([median(e) for e in ends], 1),
        spread([e[-1] for e in ends], 1),
        spread([r["origin"] / count for r in rounds]),
        spread([r["lan"] / count / hosts for r in rounds]),
        spread([r["cpu"] for r in rounds], 1),
    )


def plots(data):
    return {}
