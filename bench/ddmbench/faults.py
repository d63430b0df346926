# SPDX-License-Identifier: MIT
"""Four uplinks of 50 Mbit/s, and something breaks half way."""

from ddmlab.content import assert_same

from . import goals as g
from . import links
from .setting import say
from .stats import size, spread, table

TITLE = "something breaks half way"
ROUNDS = 3
MINUTES = 2
SHORT = None
NEEDS = []

SIZE = 100  # MiB
LINKS = (50, 50, 50, 50)
FACTOR, SLACK = 1.10, 2.0  # of the bound for what was left, and seconds


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


FAULTS = {
    "nothing": nothing,
    "a peer is killed with -9": kill_peer,
    "a peer is stopped (SIGSTOP)": stop_peer,
    "a peer's uplink is cut": cut_uplink,
    "the tracker is killed": kill_tracker,
}


def run(setting):
    count, found = setting.bytes(SIZE), {}
    with setting.lab(*LINKS) as lab:
        rates = links.one_curl_each(setting, lab)
    for title, fault in FAULTS.items():
        if setting.wants(title):
            rounds = [measure(setting, count, fault, rates) for _ in range(setting.rounds)]
            found[title] = {"bound": [r[0] for r in rounds], "taken": [r[1] for r in rounds]}
            say(f"{title}: " + ", ".join(f"{r[1]:.2f} s ({r[0]:.2f})" for r in rounds))
    return {"size": count, "faults": found}


def measure(setting, count, fault, rates):
    """(bound for what was left then, seconds taken from then on)"""
    with setting.lab(*LINKS) as lab:
        path = lab.file("file", count)
        tracker, peers = lab.swarm()
        get = lab.get(lab.hosts[0], lab.origin.url("file"))
        get.wait_for_bytes(count // 2)
        last = [event for event in get.events if event["event"] == "progress"][-1]
        left = rates if fault(lab, tracker, peers) else rates[:1] + rates[2:]
        get.expect(0, deadline=120)
        assert_same(get.file, path)
        # From the last progress event before the fault on: what it says was there is there.
        taken = get.event("done")["elapsed"] - last["elapsed"]
    return links.bound(count - last["done"], left), taken


def goals(data):
    return [
        g.at_most(
            f"half way {title}: worst time over {FACTOR:.2f} × the bound for what was left",
            max(t - FACTOR * b for t, b in zip(figures["taken"], figures["bound"])),
            SLACK,
            " s",
        )
        for title, figures in data["faults"].items()
    ]


def texts(data):
    rows = [
        (title, spread(figures["bound"]), spread(figures["taken"]))
        for title, figures in data["faults"].items()
    ]
    return {
        "size": size(data["size"]),
        "table": table(("half way", "bound, s", "taken, s"), rows),
    }


def plots(data):
    return {}
