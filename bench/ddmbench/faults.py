# SPDX-License-Identifier: MIT
"""Four uplinks of 50 Mbit/s, and something breaks half way."""

from ddmlab import Lab
from ddmlab.content import MIB, assert_same

from .report import say, spread, table, verdict
from .uplinks import calibrate

ROUNDS = 3
LINKS = (50, 50, 50, 50)
FACTOR, SLACK = 1.10, 2.0  # of the bound for what was left, and seconds


def add_arguments(parser):
    parser.add_argument("--size", type=int, default=100, metavar="MIB")
    parser.add_argument("--only", metavar="WORD", default="", help="only faults with this word")


# Each does it, and tells whether the uplink of the second host still counts.


def nothing(lab, tracker, peers):
    return True


def kill_peer(lab, tracker, peers):
    peers[1].process.kill()
    return False


def stop_peer(lab, tracker, peers):
    peers[1].process.freeze()
    return False


def cut_uplink(lab, tracker, peers):
    lab.hosts[1].uplink.cut()
    return False


def kill_tracker(lab, tracker, peers):
    tracker.process.kill()
    return True


FAULTS = [
    ("nothing happens", nothing),
    ("a peer killed with -9", kill_peer),
    ("a peer stopped (SIGSTOP)", stop_peer),
    ("a peer's uplink cut", cut_uplink),
    ("the tracker killed", kill_tracker),
]


def run(binary, arguments):
    with Lab(*LINKS, binary=binary) as lab:
        rates = calibrate(lab)
    rows, good = [], True
    for title, fault in FAULTS:
        if arguments.only not in title:
            continue
        results = [
            measure(binary, arguments.size * MIB, fault, list(rates))
            for _ in range(arguments.rounds)
        ]
        ok = all(taken <= allowed for taken, _, allowed in results)
        good = good and ok
        worst = max(results, key=lambda result: result[0] - result[2])
        rows.append(
            (title, spread([r[1] for r in results]), spread([r[0] for r in results]),
             f"{worst[2]:.2f}", verdict(ok))
        )  # fmt: skip
        say(f"{title}: " + ", ".join(f"{r[0]:.2f} s ({r[1]:.2f})" for r in results))
    table(
        f"{arguments.size} MiB over 4 × 50 Mbit/s; half way … ({arguments.rounds} rounds)",
        ("fault", "bound for what was left, s", "taken, s", f"{FACTOR} × bound + {SLACK:g} s",
         "all within"),
        rows,
    )  # fmt: skip
    return good


def measure(binary, size, fault, rates):
    """(seconds taken after the fault, bound for what was left, allowed); rates: Mbit/s that one
    curl gets on each uplink."""
    with Lab(*LINKS, binary=binary) as lab:
        path = lab.file("file", size)
        tracker, peers = lab.swarm()
        get = lab.get(lab.hosts[0], lab.origin.url("file"))
        get.wait_for_bytes(size // 2)
        last = [event for event in get.events if event["event"] == "progress"][-1]
        if not fault(lab, tracker, peers):
            del rates[1]
        get.expect(0, deadline=120)
        assert_same(get.file, path)
        # From the last progress event before the fault on: what it says was there is there.
        taken = get.event("done")["elapsed"] - last["elapsed"]
    bound = (size - last["done"]) * 8 / 1e6 / sum(rates)
    return taken, bound, FACTOR * bound + SLACK
