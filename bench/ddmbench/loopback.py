# SPDX-License-Identifier: MIT
"""Where nothing is slow: loopback to tmpfs, no limits, no peers. Time, CPU and memory of each."""

from ddmlab.content import make_big_file, same_bytes

from . import goals as g
from . import plots as p
from . import tools
from .setting import say
from .stats import in_turn, median, mib, size, spread, table

TITLE = "2 GiB where nothing is slow: time, CPU and memory of every tool"
ROUNDS = 8
MINUTES = 3
SHORT = 0.125
SHORT_ROUNDS = 2
NEEDS = ["aria2c", "axel", "wget2"]

SIZE = 2048  # MiB
CPU_LIMIT = 1.1


def run(setting):
    count = setting.bytes(SIZE)
    with setting.lab() as lab:
        path = make_big_file(lab.origin.files / "file", count)
        got = lab.folder() / "got"
        url = f"http://127.0.0.1:{lab.origin.port}/file"
        commands = {
            "ddm": [setting.binary, "get", "-q", "--no-peers", "-d", got.parent, "-o", "got", url],
            **{tool: command(url, got) for tool, command in tools.TOOLS.items()},
        }
        measured = {name: {"seconds": [], "cpu": [], "peak": []} for name in commands}
        # The first round warms up and compares; the others measure.
        for number in range(setting.rounds + 1):
            for name in in_turn(commands, number):
                cost = tools.patiently(lambda: once(lab, commands[name], got), name)
                if number == 0:
                    assert same_bytes(got, path), f"{name} gives wrong bytes"
                else:
                    for figure, value in cost.items():
                        measured[name][figure].append(value)
            if number > 0:
                say(", ".join(f"{name} {m['seconds'][-1]:.2f} s" for name, m in measured.items()))
    return {"size": count, "tools": measured}


def once(lab, command, got):
    got.unlink(missing_ok=True)
    process, cost = tools.run(lab.origin_host, command)
    assert process.code == 0, process.tail()
    return cost


def goals(data):
    ddm, curl = data["tools"]["ddm"], data["tools"]["curl"]
    others = {name: median(m["seconds"]) for name, m in data["tools"].items() if name != "ddm"}
    best = min(others, key=others.get)
    what = f"{size(data['size'])} over loopback to tmpfs"
    return [
        g.at_most(
            f"{what}: CPU",
            median(ddm["cpu"]) / median(curl["cpu"]),
            CPU_LIMIT,
            " × curl",
            g.GROSS_CPU,
        ),
        g.at_most(
            f"{what}: time, best of the others: {best}",
            median(ddm["seconds"]) / others[best],
            1.0,
            " × the best",
            g.GROSS_CPU,
        ),
    ]


def per_gb(data, name):
    """CPU seconds per GB of each round."""
    return [cpu / (data["size"] / 1e9) for cpu in data["tools"][name]["cpu"]]


def texts(data):
    rows = [
        (f"**{name}**" if name == "ddm" else name, spread(m["seconds"]),
         spread(per_gb(data, name)), mib(median(m["peak"])))
        for name, m in data["tools"].items()
    ]  # fmt: skip
    header = ("tool", "seconds", "CPU s per GB", "peak memory")
    return {"size": size(data["size"]), "table": table(header, rows)}


def plots(data):
    rows = [
        (name, median(per_gb(data, name)), median(m["peak"]) / (1 << 20))
        for name, m in data["tools"].items()
    ]
    return {"costs": ("CPU seconds per GB and peak memory of every tool", p.costs(rows))}
