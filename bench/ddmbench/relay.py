# SPDX-License-Identifier: MIT
"""One large file through a relay to /dev/null: a peer against nginx as a proxy."""

import json
import os

from ddmlab import Lab
from ddmlab.content import GIB, make_big_file, sha256

from .report import median, say, spread, table, verdict

ROUNDS = 5
SCRATCH = "/dev/shm"


def add_arguments(parser):
    parser.add_argument("--size", type=float, default=2, metavar="GIB")


def cpu_seconds(pid):
    """User and system time of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(binary, arguments):
    with Lab(binary=binary, scratch=SCRATCH) as lab:
        here = lab.origin_host
        path = make_big_file(lab.origin.files / "file", int(arguments.size * GIB))
        proxy = lab.proxy(here)
        peer = lab.start_peer(here, tracker=None, allow="127.0.0.0/8,10.0.0.0/8").wait_until_up()

        def through_peer(name, output):
            url = f"http://127.0.0.1:{lab.origin.port}/{name}"
            body = json.dumps({"url": url, "begin": 0, "end": path.stat().st_size})
            route = f"http://127.0.0.1:{peer.port}/v1/fetch"
            return here.curl(route, "--data-binary", body, output=output, limit=300)

        def through_proxy(name, output):
            return here.curl(f"http://127.0.0.1:{proxy.port}/{name}", output=output, limit=300)

        relays = {
            "nginx proxy": (through_proxy, proxy.process.pid),
            "ddm peer": (through_peer, peer.pid),
        }
        check(lab, path, relays)
        rates = {name: [] for name in relays}
        costs = {name: [] for name in relays}
        for number in range(arguments.rounds):
            # A name of its own each time: nothing comes out of a cache.
            (lab.origin.files / f"file-{number}").hardlink_to(path)
            for name, (start, pid) in relays.items():
                before = cpu_seconds(pid)
                curl = start(f"file-{number}", "/dev/null")
                assert curl.wait(deadline=300) == 0, curl.tail()
                speed, _, size, _ = curl.stdout.split()
                assert int(size) == path.stat().st_size, curl.tail()
                rates[name].append(float(speed) / 1e9)
                costs[name].append(cpu_seconds(pid) - before)
                say(f"{name}: {rates[name][-1]:.2f} GB/s, {costs[name][-1]:.2f} s of CPU")
    return present(arguments, rates, costs)


def check(lab, path, relays):
    """Both give the right bytes."""
    (lab.origin.files / "check").hardlink_to(path)
    expected, got = sha256(path), lab.directory / "got"
    for name, (start, _) in relays.items():
        assert start("check", got).wait(deadline=300) == 0
        assert sha256(got) == expected, f"{name} gives wrong bytes"
        got.unlink()


def present(arguments, rates, costs):
    base = median(rates["nginx proxy"])
    rows = [
        (name, spread(rates[name]), f"{median(rates[name]) / base:.2f}", spread(costs[name]))
        for name in rates
    ]
    good = median(rates["ddm peer"]) >= base
    table(
        f"{arguments.size:g} GiB through a relay to /dev/null, loopback, {arguments.rounds} rounds"
        f" (peer at least as fast: {verdict(good)})",
        ("relay", "GB/s", "× nginx", "CPU seconds of the relay"),
        rows,
    )
    return good
