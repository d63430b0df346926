# SPDX-License-Identifier: MIT
"""To a pipe, in order, against to a file."""

import hashlib
import subprocess

from ddmlab.content import sha256

from . import goals as g
from . import links
from .setting import say
from .stats import in_turn, median, ratios, size, spread, table

TITLE = "to a pipe against to a file"
ROUNDS = 3
MINUTES = 2
SHORT = 0.15
NEEDS = []

SIZE = 200  # MiB
CASES = {"equal": (50, 50, 50, 50), "skewed": (10, 50, 100, 40)}
SHORT_CASE = "equal"
LIMIT = 1.05


def run(setting):
    return {
        "size": setting.bytes(SIZE),
        "cases": {
            case: measure(setting, case, CASES[case]) for case in CASES if setting.wants(case)
        },
    }


def measure(setting, case, mbits):
    seconds = {"file": [], "pipe": []}
    with setting.lab(*mbits) as lab:
        path = lab.file("file", setting.bytes(SIZE))
        digest = sha256(path)
        lab.swarm()
        for number in range(setting.rounds):
            for way in in_turn(seconds, number):
                if way == "file":
                    get = links.download(lab, lab.hosts[0], path)
                else:
                    get = to_pipe(lab, path, digest)
                seconds[way].append(get.process.seconds)
            say(f"{case}: {seconds['pipe'][-1] / seconds['file'][-1]:.3f} × the time to a file")
    return {"links": mbits, "seconds": seconds}


def to_pipe(lab, path, digest):
    """`ddm get -o -`, read here as fast as it comes."""
    url = lab.origin.url(links.fresh(lab, path))
    get = lab.get(lab.hosts[0], url, output="-", events=False, stdout=subprocess.PIPE)
    read = hashlib.sha256()
    with get.process.popen.stdout as pipe:
        while block := pipe.read1(1 << 20):
            read.update(block)
    get.expect(0)
    assert read.hexdigest() == digest, "wrong bytes in the pipe"
    return get


def case_ratios(case):
    return ratios(case["seconds"]["pipe"], case["seconds"]["file"])


def goals(data):
    return [
        g.at_most(
            f"`-o -` to a pipe, {size(data['size'])} over {links.names(case['links'])} Mbit/s",
            median(case_ratios(case)),
            LIMIT,
            " × to a file",
        )
        for case in data["cases"].values()
    ]


def texts(data):
    rows = [
        (links.names(case["links"]), spread(case["seconds"]["file"]),
         spread(case["seconds"]["pipe"]), f"**{spread(case_ratios(case), 3)}**")
        for case in data["cases"].values()
    ]  # fmt: skip
    header = ("uplinks, Mbit/s", "to a file, s", "to a pipe, s", "ratio")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    return {}
