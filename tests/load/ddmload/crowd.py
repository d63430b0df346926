# SPDX-License-Identifier: MIT
"""Thousands of connections to one peer. On hosts of their own:

    4 members with a quarter of the idle connections and of the busy ones each
    1 member with one connection: the well-behaved client

The busy ones ask for one range after the other, of a file that lies in the peer's store, so that what
they share is the rate that the peer may give to the LAN. It is slow enough that it, and neither the
link nor this machine, is what there is too little of: otherwise TCP's way to share a queue would be
measured, which with BBR leaves a tenth to those that come late. A client is a member, however many
connections it has: fair is what all of them got together, divided by five."""

import json
import re
import resource
import select
import subprocess
import sys
import time
from pathlib import Path

from ddmlab import Lab
from ddmlab.content import MIB

from .proc import held
from .swarm import Swarm

RATE = "25M"  # bytes/s
MEMBERS = 4
SIZE = 4 * MIB  # of what they ask for
FAIR = 0.8  # of its share that the well-behaved client must get
PATIENCE = 120  # s for all to be connected
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Client:
    """client.py on a host."""

    def __init__(self, lab, swarm, host, peer, count, asks):
        program = Path(__file__).with_name("client.py")
        arguments = [host_of(peer), peer.port, "--count", count, *asks, *swarm.client_options(host)]
        command = [sys.executable, program, *arguments]
        self.process = lab.adopt(
            host, command, "client", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ).popen

    def line(self, deadline=PATIENCE):
        if not select.select([self.process.stdout], [], [], deadline)[0]:
            return None
        text = self.process.stdout.readline()
        return json.loads(text) if text else None

    def report(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.line()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def host_of(peer):
    return peer.address.rpartition(":")[0]


def raise_limit():
    """For as many descriptors as the system allows; what is started inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def bound(peer):
    """The memory that the peer says it needs at most, in bytes; None where it says nothing."""
    said = re.search(r"memory: at most ([\d.]+) ([KMG]?i?B)", peer.process.stderr)
    return float(said[1]) * UNITS[said[2]] if said else None


def start(lab, swarm, idle, busy):
    """The peer, the crowd and the well-behaved client, all of them at work; or None."""
    hosts = lab.hosts
    lab.file("file", SIZE)
    url = lab.origin.url("file")
    origin = f"{lab.origin_host.address}:{lab.origin.port}"
    etag = hosts[0].request("HEAD", origin, "/file").headers["ETag"]
    asks = ["--url", url, "--size", SIZE, "--etag", etag]
    limits = ["--max-connections", idle + busy + 100, "--limit-rate-lan", RATE]
    peer = swarm.peer(hosts[0], "--memory", "256M", *limits)
    idlers = [Client(lab, swarm, h, peer, idle // MEMBERS, []) for h in hosts[1 : 1 + MEMBERS]]
    crowd = [Client(lab, swarm, h, peer, busy // MEMBERS, asks) for h in hosts[1 : 1 + MEMBERS]]
    one = Client(lab, swarm, hosts[1 + MEMBERS], peer, 1, asks)
    return peer, idlers, crowd, one


def run(results, binary, idle, busy, seconds, tls):
    raise_limit()
    with Lab(1000, *[10] * (MEMBERS + 1), binary=binary) as lab:
        swarm = Swarm(lab, tls)
        peer, idlers, crowd, one = start(lab, swarm, idle, busy)
        everybody = [*idlers, *crowd, one]
        began = time.monotonic()
        ready = [client.line() for client in everybody]
        if not all(ready):
            results.add(False, f"crowd: not all are connected after {PATIENCE} s")
            for client in everybody:
                results.say(client.report())
            results.say(peer.process.tail())
            return
        results.say(f"all are connected after {time.monotonic() - began:.1f} s")
        before = [client.report() for client in everybody]
        time.sleep(seconds)
        after = [client.report() for client in everybody]
        judge(results, peer, len(idlers), before, after, idle, busy)
        for client in everybody:
            client.end()


def judge(results, peer, idlers, before, after, idle, busy):
    grown = [b["bytes"] - a["bytes"] for a, b in zip(before, after)]
    span = after[-1]["time"] - before[-1]["time"]
    fair, one = sum(grown) / (MEMBERS + 1), grown[-1]
    rate = sum(grown) / span / 1e6
    results.say(f"{rate:.1f} MB/s together; fair is {fair / span / 1e6:.1f} MB/s")
    results.add(
        one >= FAIR * fair,
        f"crowd: one more client beside {busy} busy ones gets {one / fair:.0%} of its fair share",
    )
    stayed = sum(report["open"] for report in after[:idlers])
    broken = sum(b["broken"] - a["broken"] for a, b in zip(before, after))
    results.add(
        stayed == idle // MEMBERS * MEMBERS and broken == 0,
        f"crowd: {stayed} of {idle} idle connections are there, {broken} of all broke",
    )
    now, most = held(peer.pid), bound(peer)
    results.say(f"the peer holds {now}")
    if most is None:
        results.add(False, "crowd: the peer does not say how much memory it needs at most")
        return
    results.add(
        now.peak <= most,
        f"crowd: the peer took at most {now.peak / MIB:.0f} MiB, of {most / MIB:.0f} that it said",
    )
    for report in after:
        if report["reasons"] or report["refused"]:
            results.say(f"{report['reasons']} {report['refused']}")
