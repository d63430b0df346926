# SPDX-License-Identifier: MIT
"""Small files: what a download costs before its first byte."""

import os
import statistics
import time

from ddmlab.content import assert_same
from ddmlab.process import clean_environment

from . import goals as g
from . import tools
from .setting import say
from .stats import in_turn, median, table

TITLE = "1 KiB and 1 MiB, next to curl"
ROUNDS = 200
MINUTES = 2
SHORT = 1
SHORT_ROUNDS = 10
NEEDS = ["aria2c", "axel", "wget2"]

LINKS = (50, 50, 50, 50)
# Bytes, and how many of the rounds.
SIZES = {"1 KiB": (1024, 1), "1 MiB": (1 << 20, 0.2)}
LIMIT = 1.3
SWARM, ALONE = "ddm, a swarm of 4", "ddm --no-peers"


def run(setting):
    found = {}
    with setting.lab(*LINKS) as lab:
        tracker, _ = lab.swarm()
        for name, (count, share) in SIZES.items():
            path = lab.file(name.replace(" ", "-"), count)
            commands = command_lines(setting, lab, tracker, path)
            rounds = max(round(setting.rounds * share), 5)
            found[name] = measure(lab.hosts[0], commands, path, rounds)
            ratio = ratio_to_curl(found[name], SWARM)
            say(f"{name}, {rounds} rounds: {ratio:.2f} × curl")
    return {"sizes": found}


def command_lines(setting, lab, tracker, path):
    """{name: (command, the file it makes)}"""
    url, folder = lab.origin.url(path.name), lab.folder("small")
    ddm = [setting.binary, "get", "--insecure", "-q", "-d", folder, "-o", "got"]
    commands = {
        SWARM: [*ddm, "--tracker", tracker.address, url],
        ALONE: [*ddm, "--no-peers", url],
    }
    for tool in tools.TOOLS if setting.others else ["curl"]:
        commands[tool] = tools.TOOLS[tool](url, folder / "got")
    return {name: (list(map(str, command)), folder / "got") for name, command in commands.items()}


def measure(host, commands, path, rounds):
    found = {name: {"seconds": [], "cpu": []} for name in commands}
    for number in range(rounds):
        for name in in_turn(commands, number):
            command, got = commands[name]
            seconds, cpu = tools.patiently(lambda: once(host, command, got, path), name)
            found[name]["seconds"].append(seconds)
            found[name]["cpu"].append(cpu)
    return found


def once(host, command, got, path):
    got.unlink(missing_ok=True)
    cost = spawn(host, command)
    assert_same(got, path)
    return cost


def spawn(host, command):
    """(seconds, seconds of CPU) of nothing but this program: the thread is in the host's namespace
    already, where the lab's processes first go through `ip netns exec` and setpriv."""
    nothing = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, number) for number in (0, 1, 2)]
    with host.namespace.entered():
        began = time.monotonic()
        pid = os.posix_spawnp(command[0], command, clean_environment(), file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.monotonic() - began
    os.close(nothing)
    assert status == 0, f"{os.waitstatus_to_exitcode(status)} from {' '.join(command)}"
    return seconds, usage.ru_utime + usage.ru_stime


def ratio_to_curl(figures, name):
    return median(figures[name]["seconds"]) / median(figures["curl"]["seconds"])


def goals(data):
    ratio = ratio_to_curl(data["sizes"]["1 KiB"], SWARM)
    return [g.at_most("1 KiB in a swarm of 4", ratio, LIMIT, " × curl", g.GROSS_CPU)]


def milliseconds(values):
    """Median and the middle half: one slow start among hundreds says nothing."""
    low, middle, high = (value * 1000 for value in statistics.quantiles(values, n=4))
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def texts(data):
    found = {}
    for name, figures in data["sizes"].items():
        rows = [
            (tool, milliseconds(values["seconds"]), f"{ratio_to_curl(figures, tool):.2f}",
             f"{median(values['cpu']) * 1000:.1f}")
            for tool, values in sorted(figures.items(), key=lambda item: item[0] != "curl")
        ]  # fmt: skip
        header = (name, "ms to done, median (middle half)", "× curl", "ms of CPU")
        found[name.replace(" ", "")] = table(header, rows)
        found["rounds" + name.replace(" ", "")] = str(len(figures["curl"]["seconds"]))
    return found


def plots(data):
    return {}
