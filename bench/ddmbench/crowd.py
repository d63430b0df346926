# SPDX-License-Identifier: MIT
"""Many clients of one file: what the origin sends, against its size, and when the last one is done,
against the size over all uplinks."""

import os
import random
import time

from ddmlab.content import make_file, same_bytes
from ddmlab.crowd import Crowd

from . import goals as g
from . import links
from .setting import say
from .stats import median, size, spread, table

TITLE = "eight clients of one file"
ROUNDS = 3
MINUTES = 6
SHORT = 0.24
SHORT_CASE = "at once"
NEEDS = ["openssl"]

SIZE = 100  # MiB
EQUAL = (20,) * 8
UNEQUAL = (5, 10, 15, 20, 25, 30, 40, 50)
SPREAD = 10  # s, within which they start one after another
LATE = 64 * 1024  # bytes that the origin may send to who comes late
LAN_SHARE = 0.8  # of the LAN's rate, for the same
VICTIMS = (2, 5)  # neither is the tracker's host


def run(setting):
    found = {"size": setting.bytes(SIZE), "cases": {}}
    for name, (rates, measure, _) in CASES.items():
        if setting.wants(name):
            rounds = [measure(setting, rates, number) for number in range(setting.rounds)]
            found["cases"][name] = {"links": rates, "rounds": rounds}
            say(f"{name}: " + ", ".join(tell(case, found["size"]) for case in rounds))
    return found


def tell(case, count):
    return f"origin {case['origin'] / count:.3f} × in {case['seconds'][-1]:.2f} s"


def outcome_of(outcome, paths, **more):
    """As plain data. Each client must have one of these versions; whose files are none of them are
    counted."""
    wrong = 0
    for get in outcome.gets:
        wrong += not any(same_bytes(get.file, path) for path in paths)
        get.file.unlink()
    return {
        "origin": outcome.origin,
        "lan": outcome.lan,
        "cpu": outcome.cpu,
        "seconds": outcome.ends,
        "wrong": wrong,
        **more,
    }


# --- the cases: each is a swarm of its own -------------------------------------------------------


def at_once(setting, rates, number):
    with setting.lab(*rates) as lab:
        path = lab.file("file", setting.bytes(SIZE))
        return outcome_of(Crowd(lab).get("file"), [path])


def rates_known(setting, rates, number):
    """Another file before: the peers have told the tracker what they saw of their uplinks."""
    with setting.lab(*rates) as lab:
        path, crowd = lab.file("file", setting.bytes(SIZE)), Crowd(lab)
        before = lab.file("before", setting.bytes(SIZE))
        outcome_of(crowd.get("before"), [before])
        crowd.wait_for_rates()
        return outcome_of(crowd.get("file"), [path])


def one_after_another(setting, rates, number):
    dice = random.Random(number)
    delays = [0, *(dice.uniform(0, SPREAD) for _ in rates[1:])]
    with setting.lab(*rates) as lab:
        path = lab.file("file", setting.bytes(SIZE))
        return outcome_of(Crowd(lab).get("file", delays=delays), [path])


def a_ninth(setting, rates, number):
    """It took no part before: one without a peer, then one that has joined with a peer."""
    with setting.lab(*rates, rates[0], rates[0]) as lab:
        path = lab.file("file", setting.bytes(SIZE))
        *hosts, ninth, tenth = lab.hosts
        crowd = Crowd(lab, hosts, others=[ninth, tenth])
        outcome_of(crowd.get("file"), [path])
        late = outcome_of(crowd.get("file", [ninth]), [path])
        crowd.add_peer(tenth)
        joined = outcome_of(crowd.get("file", [tenth]), [path])
        return {**late, "wrong": late["wrong"] + joined["wrong"], "joined": joined}


def two_die(setting, rates, number):
    """Their peers are killed when half of the file is there."""
    held = []
    with setting.lab(*rates) as lab:
        count = setting.bytes(SIZE)
        path, crowd = lab.file("file", count), Crowd(lab)

        def kill():
            if sum(crowd.fetched()) < count / 2:
                return False
            for victim in VICTIMS:
                peer = crowd.peers[victim]
                peer.process.freeze()  # what it has fetched now, nobody gets any more of
            before = [lab.hosts[victim].uplink.received_payload() for victim in VICTIMS]
            for victim in VICTIMS:
                crowd.peers[victim].process.kill()
            held.append(sum(before))
            return True

        outcome = crowd.get("file", meanwhile=kill)
        assert held, "it was over before"
        return outcome_of(outcome, [path], held=held[0])


def another_version(setting, rates, number):
    """Four get it, the origin changes it, the other four get it, and the first four anew."""
    with setting.lab(*rates) as lab:
        count = setting.bytes(SIZE)
        path, crowd = lab.file("file", count), Crowd(lab)
        first = crowd.get("file", lab.hosts[:4])
        old = lab.directory / "old"
        path.rename(old)
        make_file(path, count)
        os.utime(path, (time.time() + 60,) * 2)  # an ETag of nginx is size and date, in seconds
        wrong = outcome_of(first, [old])["wrong"]
        later = outcome_of(crowd.get("file", [*lab.hosts[4:], *lab.hosts[:4]]), [path])
        return {**later, "wrong": later["wrong"] + wrong}


# name: links, what is done, the most that the origin may send (of the size; None: see goals())
CASES = {
    "at once": (EQUAL, at_once, 1.03),
    "uplinks 5 to 50, known": (UNEQUAL, rates_known, 1.05),
    "uplinks 5 to 50, not known": (UNEQUAL, at_once, 1.12),
    "start within 10 s": (EQUAL, one_after_another, 1.05),
    "a ninth host afterwards": (EQUAL, a_ninth, None),
    "two peers die half way": (EQUAL, two_die, None),
    "another version in between": (EQUAL, another_version, None),
}
LAST = 1.15  # of the bound, "at once"


# --- what must hold ------------------------------------------------------------------------------


def goals(data):
    found = []
    for name, case in data["cases"].items():
        limit = CASES[name][2]
        if limit:
            found.append(g.at_most(f"{name}: origin", origin(case, data), limit, " × size"))
        found += MORE.get(name, lambda *_: [])(name, case, data)
    wrong = sum(r["wrong"] for case in data["cases"].values() for r in case["rounds"])
    found.append(g.at_most("clients with wrong bytes", wrong, 0))
    return found


def short_goals(data):
    """Of so small a file a busy machine has the most part of the time."""
    found = goals(data)
    for goal in found:
        goal.gross = g.GROSS_CPU
    return found


def origin(case, data):
    return median(r["origin"] for r in case["rounds"]) / data["size"]


def last(case, data):
    """The last client, in times of the bound."""
    times = [r["seconds"][-1] for r in case["rounds"]]
    return median(times) / links.bound(data["size"], case["links"])


def at_once_goals(name, case, data):
    return [g.at_most(f"{name}: the last client", last(case, data), LAST, " × bound")]


def late_mbit(case, data, of=lambda r: r):
    return [links.mbit(data["size"], of(r)["seconds"][-1]) for r in case["rounds"]]


def ninth_goals(name, case, data):
    found = []
    for who, of in WHO.items():
        sent = median(of(r)["origin"] for r in case["rounds"])
        found.append(g.at_most(f"{who}: origin", sent / 1024, LATE / 1024, " KiB"))
        rate = median(late_mbit(case, data, of)) / 1000
        found.append(g.at_least(f"{who}: rate", rate, LAN_SHARE, " × LAN"))
    return found


WHO = {"a ninth host afterwards": lambda r: r, "a tenth, with a peer": lambda r: r["joined"]}


def death_goals(name, case, data):
    more = median((r["origin"] - r["held"]) / data["size"] for r in case["rounds"])
    return [g.at_most(f"{name}: origin, without what the dead held", more, 1.0, " × size")]


MORE = {
    "at once": at_once_goals,
    "a ninth host afterwards": ninth_goals,
    "two peers die half way": death_goals,
}


# --- the page ------------------------------------------------------------------------------------


def texts(data):
    rows = []
    for name, case in data["cases"].items():
        if name != "a ninth host afterwards":
            rows.append(row(name, case, data))
    return {
        "size": size(data["size"]),
        "table": table(("", "origin / size", "last client / bound", "LAN / size"), rows),
        "late": late_table(data),
    }


def row(name, case, data):
    count, least = data["size"], links.bound(data["size"], case["links"])
    sent = spread([r["origin"] / count for r in case["rounds"]], 3)
    if "held" in case["rounds"][0]:
        held = spread([r["held"] / count for r in case["rounds"]], 3)
        sent += f"; the dead held {held}"
    times = spread([r["seconds"][-1] / least for r in case["rounds"]])
    if name == "start within 10 s":
        times = "–"
    return name, sent, times, spread([r["lan"] / count for r in case["rounds"]])


def late_table(data):
    case = data["cases"].get("a ninth host afterwards")
    if not case:
        return ""
    rows = [
        (
            who,
            spread([of(r)["origin"] / 1024 for r in case["rounds"]], 0) + " KiB",
            spread(late_mbit(case, data, of), 0) + " Mbit/s",
        )
        for who, of in WHO.items()
    ]
    return table(("", "origin", "rate"), rows)


def plots(data):
    return {}
