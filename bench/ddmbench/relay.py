# SPDX-License-Identifier: MIT
"""One large file through a relay to /dev/null: a peer against nginx and haproxy as proxies."""

import json
import os

from ddmlab import haproxy
from ddmlab.content import make_big_file, sha256

from . import goals as g
from .setting import say
from .stats import in_turn, median, mib, ratios, size, spread, table

TITLE = "2 GiB through a peer, nginx and haproxy"
ROUNDS = 10
MINUTES = 1.5
SHORT = 0.125
SHORT_ROUNDS = 5
NEEDS = ["haproxy"]

JSON = "Content-Type: application/json"
SIZE = 2048  # MiB
LIMIT = 1.2
PEER, NGINX, HAPROXY = "ddm peer", "nginx", "haproxy with splice"


def run(setting):
    with setting.lab() as lab:
        path = make_big_file(lab.origin.files / "file", setting.bytes(SIZE))
        relays = start(lab, path.stat().st_size)
        check(lab, path, relays)
        found = {name: {"rate": [], "cpu": [], "peak": []} for name in relays}
        for number in range(setting.rounds):
            # A name of its own each time: nothing comes out of a cache.
            (lab.origin.files / f"file-{number}").hardlink_to(path)
            for name in in_turn(relays, number):
                ask, process = relays[name]
                before = cpu_seconds(process.pid)
                found[name]["rate"].append(once(ask, f"file-{number}", path.stat().st_size))
                found[name]["cpu"].append(cpu_seconds(process.pid) - before)
                found[name]["peak"].append(process.memory().peak)
            say(", ".join(f"{name} {m['rate'][-1] / 1e9:.2f} GB/s" for name, m in found.items()))
    return {"size": setting.bytes(SIZE), "relays": found}


def start(lab, count):
    """{name: (how to ask it for a file, its process)}"""
    here, upstream = lab.origin_host, f"127.0.0.1:{lab.origin.port}"
    peer = lab.start_peer(
        here, "--cache-size", "0", tracker=None, allow="127.0.0.0/8,10.0.0.0/8"
    ).wait_until_up()
    proxies = {NGINX: lab.proxy(here)}
    proxies[HAPROXY] = haproxy.splicing(here, lab.directory / "haproxy", upstream)

    def ask_peer(name, output):
        body = json.dumps({"url": f"http://{upstream}/{name}", "begin": 0, "end": count})
        route = f"http://127.0.0.1:{peer.port}/v1/fetch"
        return here.curl(route, "-H", JSON, "--data-binary", body, output=output, limit=300)

    def ask_proxy(port):
        return lambda name, output: here.curl(
            f"http://127.0.0.1:{port}/{name}", output=output, limit=300
        )

    relays = {PEER: (ask_peer, peer.process)}
    for name, proxy in proxies.items():
        relays[name] = (ask_proxy(proxy.port), proxy.process)
    return relays


def once(ask, name, count):
    """Bytes per second, as curl says."""
    curl = ask(name, "/dev/null")
    assert curl.wait(deadline=300) == 0, curl.tail()
    speed, _, received, _ = curl.stdout.split()
    assert int(received) == count, curl.tail()
    return float(speed)


def check(lab, path, relays):
    """All give the right bytes."""
    (lab.origin.files / "check").hardlink_to(path)
    expected, got = sha256(path), lab.directory / "got"
    for name, (ask, _) in relays.items():
        assert ask("check", got).wait(deadline=300) == 0
        assert sha256(got) == expected, f"{name} gives wrong bytes"
        got.unlink()


def cpu_seconds(pid):
    """User and system time of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def goals(data):
    return compared(data, LIMIT)


def compared(data, limit, how=""):
    """The peer against nginx."""
    rates = {name: figures["rate"] for name, figures in data["relays"].items()}
    ratio = median(ratios(rates[PEER], rates[NGINX]))
    what = f"{size(data['size'])} relayed by one peer{how}"
    return [g.at_least(what, ratio, limit, " × nginx", g.GROSS_CPU)]


def texts(data):
    relays = data["relays"]
    rows = [
        (
            f"**{name}**" if name == PEER else name,
            spread([rate / 1e9 for rate in m["rate"]]),
            spread(ratios(m["rate"], relays[NGINX]["rate"])),
            spread([cpu / (data["size"] / 1e9) for cpu in m["cpu"]]),
            mib(max(m["peak"])),
        )
        for name, m in relays.items()
    ]
    header = ("relay", "GB/s", "× nginx", "its CPU s per GB", "peak memory")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    return {}
