# SPDX-License-Identifier: MIT
"""What --checksum costs: the same download with and without it, over loopback (where two cores have to
serve, fetch and hash at once) and over links that are as fast as links are."""

from ddmlab.content import assert_same, make_big_file, sha256

from . import goals as g
from . import tools
from .setting import say
from .stats import in_turn, median, size, spread, table

TITLE = "with and without a checksum, over loopback and over fast links"
ROUNDS = 8
MINUTES = 2
SHORT = 0.1
SHORT_ROUNDS = 2
NEEDS = []

SIZE = 1024  # MiB
LINKS = [1000, 2500]  # Mbit/s
LIMIT = 1.10


def run(setting):
    count = setting.bytes(SIZE)
    cases = {}
    for rate in [None, *LINKS]:
        name = f"{rate} Mbit/s" if rate else "loopback"
        if setting.wants(name):
            cases[name] = measure(setting, name, rate, count)
    return {"size": count, "cases": cases}


def measure(setting, name, rate, count):
    with setting.lab(rate or 100) as lab:
        path = make_big_file(lab.origin.files / "file", count)
        host = lab.hosts[0] if rate else lab.origin_host
        url = lab.origin.url("file") if rate else f"http://127.0.0.1:{lab.origin.port}/file"
        got = lab.folder() / "got"
        plain = [setting.binary, "get", "-q", "--no-peers", "-d", got.parent, "-o", "got", url]
        commands = {"off": plain, "on": [*plain, "--checksum", f"sha-256={sha256(path)}"]}
        measured = {way: {"seconds": [], "cpu": []} for way in commands}
        for number in range(setting.rounds + 1):  # the first one warms up
            for way in in_turn(commands, number):
                got.unlink(missing_ok=True)
                process, cost = tools.run(host, commands[way])
                assert process.code == 0, process.tail()
                if number == 0:
                    assert_same(got, path)
                for figure in measured[way] if number else ():
                    measured[way][figure].append(cost[figure])
        say(f"{name}: {median(measured['off']['seconds']):.2f} s, with a checksum "
            f"{median(measured['on']['seconds']):.2f} s")  # fmt: skip
        return measured


def ratio(case):
    return median(case["on"]["seconds"]) / median(case["off"]["seconds"])


def goals(data):
    return [
        g.at_most(f"{size(data['size'])}, {name}, with a checksum", ratio(case), LIMIT,
                  " × without", g.GROSS_CPU)
        for name, case in data["cases"].items()
    ]  # fmt: skip


def texts(data):
    rows = [
        (name, spread(case["off"]["seconds"]), spread(case["on"]["seconds"]), f"{ratio(case):.3f}")
        for name, case in data["cases"].items()
    ]
    header = ("origin", "seconds without", "with", "ratio")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    return {}
