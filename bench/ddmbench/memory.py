# SPDX-License-Identifier: MIT
"""Memory of get and peer with a large file, and with a reader that is slow."""

import subprocess

from ddmlab import wait_until
from ddmlab.content import MIB, assert_same, make_big_file
from ddmlab.memory import Sampler

from . import goals as g
from .setting import say
from .stats import mib, size, table

TITLE = "memory with a large file, and with a slow reader"
ROUNDS = 1
MINUTES = 1.5
SHORT = None
NEEDS = ["pv"]

SIZE = 4096  # MiB
SECONDS = 60  # that the slow reader reads
LIMIT = 48  # MiB
GROWTH = 2  # MiB, and MiB/s over the uplinks where the reader takes 1


def run(setting):
    # The client has a slow uplink of its own, the peer one without a limit, and so has the LAN.
    with setting.lab(100, None, lan=None) as lab:
        path = make_big_file(lab.origin.files / "file", setting.bytes(SIZE))
        tracker, (_, peer) = lab.swarm()
        large = large_file(lab, peer, path)
        slow = slow_reader(lab, peer, tracker, SECONDS * max(setting.scale, 0.2))
    return {"size": setting.bytes(SIZE), "large": large, "slow": slow}


def large_file(lab, peer, path):
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    samplers = {"get": Sampler(get.process.pid), "peer": Sampler(peer.pid)}
    get.expect(0, deadline=600)
    assert_same(get.file, path)
    share = get.shares()[peer.address] / path.stat().st_size
    get.file.unlink()
    found = {"seconds": get.process.seconds, "share": share}
    for name, sampler in samplers.items():
        sampler.stop()
        # The kernel's peak when last seen: the first look may be at what became the program.
        found[name] = max(sampler.highest_held, sampler.history[-1][1].peak)
    say(f"{share:.0%} through the peer in {get.process.seconds:.1f} s")
    return found


def slow_reader(lab, peer, tracker, seconds):
    url = lab.origin.url("file")
    get = lab.get(lab.hosts[0], url, output="-", events=False, stdout=subprocess.PIPE)
    pipe = get.process.popen.stdout
    pv = lab.hosts[0].run("pv", "-q", "-L", "1m", stdin=pipe, stdout=subprocess.DEVNULL)
    get.process.popen.stdout.close()
    processes = {"get": get.process, "peer": peer.process, "tracker": tracker.process}
    samplers = {name: Sampler(process.pid, every=0.2) for name, process in processes.items()}
    third = seconds / 3
    carried = []
    for part in (1, 2, 3):
        end = part * third
        wait_until(lambda: pv.seconds > end, f"{third:g} s to pass", deadline=third + 60)
        carried.append(sum(host.uplink.received() for host in lab.hosts))
        say(f"slow reader: {part * third:.0f} s, {mib(carried[-1])} over the uplinks")
    # In the last two thirds the uplinks must carry what the reader takes, and no more.
    found = {"seconds": seconds, "flow": (carried[2] - carried[0]) / (2 * third) / MIB}
    for name, sampler in samplers.items():
        sampler.stop()
        grown = sampler.grown_between((third / 2, third), (2 * third, 3 * third))
        held = max(sampler.highest_held, sampler.history[-1][1].peak)
        found[name] = {"held": held, "grown": grown}
    pv.kill()
    get.wait()
    return found


def goals(data):
    large, slow = data["large"], data["slow"]
    found = [
        g.at_most(f"memory of ddm {name}, {size(data['size'])}", large[name] / MIB, LIMIT, " MiB")
        for name in ("get", "peer")
    ]
    for name in ("get", "peer", "tracker"):
        what = f"ddm {name}, a slow reader"
        found.append(g.at_most(f"memory of {what}", slow[name]["held"] / MIB, LIMIT, " MiB"))
        found.append(g.at_most(f"growth of {what}", slow[name]["grown"] / MIB, GROWTH, " MiB"))
    found.append(g.at_most("a reader of 1 MiB/s: the uplinks", slow["flow"], GROWTH, " MiB/s"))
    return found


def texts(data):
    large, slow = data["large"], data["slow"]
    rows = [
        (
            f"`ddm {name}`",
            mib(large[name]) if name in large else "",
            mib(slow[name]["held"]),
            f"{slow[name]['grown'] / 1024:.0f} KiB",
        )
        for name in ("get", "peer", "tracker")
    ]
    return {
        "size": size(data["size"]),
        "share": f"{large['share']:.0%}",
        "seconds": f"{slow['seconds']:g}",
        "flow": f"{slow['flow']:.2f}",
        "table": table(("process", size(data["size"]), "slow reader", "grown meanwhile"), rows),
    }


def plots(data):
    return {}
