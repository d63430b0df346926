# SPDX-License-Identifier: MIT
"""Memory of get and peer with a large file, and with a reader that is slow."""

import subprocess

from ddmlab import Lab, wait_until
from ddmlab.content import GIB, MIB, assert_same, make_big_file
from ddmlab.memory import Sampler

from .report import mib, say, table, verdict

ROUNDS = 1
LIMIT = 48 * MIB
SCRATCH = "/dev/shm"


def add_arguments(parser):
    parser.add_argument("--size", type=float, default=4, metavar="GIB")
    parser.add_argument("--seconds", type=int, default=60, help="how long the slow reader reads")


def run(binary, arguments):
    # The client has a slow uplink of its own, the peer one without a limit, and so has the LAN.
    with Lab(100, None, lan=None, binary=binary, scratch=SCRATCH) as lab:
        path = make_big_file(lab.origin.files / "file", int(arguments.size * GIB))
        tracker, (_, peer) = lab.swarm()
        good = large_file(lab, peer, path, arguments)
        return slow_reader(lab, peer, tracker, path, arguments) and good


def large_file(lab, peer, path, arguments):
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    samplers = [("get", Sampler(get.process.pid)), ("peer", Sampler(peer.pid))]
    get.expect(0, deadline=600)
    assert_same(get.file, path)
    share = get.shares()[peer.address]
    get.file.unlink()
    rows, good = [], True
    for name, sampler in samplers:
        highest = sampler.stop().highest
        held = max(sampler.highest_held, highest.peak)
        good = good and held <= LIMIT
        figures = (highest.peak, highest.shared, highest.memfd, held)
        rows.append((name, *map(mib, figures), verdict(held <= LIMIT)))
    share = f"{share / path.stat().st_size:.0%}"
    table(
        f"{arguments.size:g} GiB in {get.process.seconds:.1f} s, {share} of it through a peer:"
        " highest memory",
        ("process", "resident", "shared of it", "memfd", "held", f"at most {mib(LIMIT)}"),
        rows,
    )
    return good


def slow_reader(lab, peer, tracker, path, arguments):
    url = lab.origin.url("file")
    get = lab.get(lab.hosts[0], url, output="-", events=False, stdout=subprocess.PIPE)
    pipe = get.process.popen.stdout
    pv = lab.hosts[0].run("pv", "-q", "-L", "1m", stdin=pipe, stdout=subprocess.DEVNULL)
    get.process.popen.stdout.close()
    processes = [("get", get.process), ("peer", peer.process), ("tracker", tracker.process)]
    samplers = [(name, Sampler(process.pid, every=0.2)) for name, process in processes]
    third = arguments.seconds / 3
    carried = []
    for part in (1, 2, 3):
        end = part * third
        wait_until(lambda: pv.seconds > end, f"{third:g} s to pass", deadline=third + 60)
        carried.append(sum(host.uplink.received() for host in lab.hosts))
        say(f"slow reader: {part * third:.0f} s, {mib(carried[-1])} over the uplinks")
    rows, good = [], True
    for name, sampler in samplers:
        sampler.stop()
        grown = sampler.grown_between((third / 2, third), (2 * third, 3 * third))
        held = max(sampler.highest_held, sampler.highest.peak)
        bounded = held <= LIMIT and grown < 2 * MIB
        good = good and bounded
        rows.append((name, mib(held), f"{grown / 1024:.0f} KiB", verdict(bounded)))
    pv.kill()
    get.wait()
    # In the last two thirds the uplinks must carry what the reader takes, and no more.
    flow = (carried[2] - carried[0]) / (2 * third) / MIB
    good = good and flow < 2
    table(
        f"`-o - | pv -L 1m` for {arguments.seconds} s; in the last two thirds the uplinks carried"
        f" {flow:.2f} MiB/s ({verdict(flow < 2)})",
        ("process", "highest held", "grown from the first to the last third", "bounded"),
        rows,
    )
    return good
