# SPDX-License-Identifier: MIT
"""The other tools, as the distribution has them, and what a process cost."""

from ddmlab.content import assert_same
from ddmlab.memory import Sampler

from .setting import say

TRIES = 3
EVERY = 0.02  # s, between two looks at the memory of a process

# "as installed": no options but those that name the file and keep it quiet.
TOOLS = {
    "curl": lambda url, got: ["curl", "-s", "-o", got, url],
    "aria2 as installed": lambda url, got: [*_aria2(got), url],
    "aria2 -x16": lambda url, got: [*_aria2(got), "-x16", "-s16", "-k1M", url],
    "axel -n16": lambda url, got: ["axel", "-q", "-n16", "-o", got, url],
    "wget2": lambda url, got: ["wget2", "-q", "--no-config", "-O", got, url],
}
ONE_CONNECTION = ("curl", "aria2 as installed", "wget2")


def _aria2(got):
    return ["aria2c", "-q", "--no-conf", "-d", got.parent, "-o", got.name]


def fetch(host, tool, url, path, deadline=900):
    """One download with that tool, compared with path; {"seconds", "cpu", "peak"}."""

    def attempt():
        got = host.lab.folder() / "got"
        process, cost = run(host, TOOLS[tool](url, got), deadline)
        assert process.code == 0, process.tail()
        assert_same(got, path)
        got.unlink()
        return cost

    return patiently(attempt, tool)


def patiently(attempt, tool):
    """Some of the others crash now and then; that must not end a bench. ddm has one try."""
    for left in reversed(range(1 if tool.startswith("ddm") else TRIES)):
        try:
            return attempt()
        except AssertionError as error:
            if not left:
                raise
            say(f"{tool} failed, once more: {str(error).splitlines()[0]}")
    return None


def run(host, command, deadline=900):
    """A command to its end: (process, {"seconds", "cpu", "peak"}).

    The peak is the kernel's own (VmHWM) when last seen. The one that wait4() tells would begin with
    the memory of this program, out of which the process came."""
    process = host.run(*command)
    sampler = Sampler(process.pid, every=EVERY)
    process.wait(deadline)
    history = sampler.stop().history
    peak = history[-1][1].peak if history else 0
    return process, {"seconds": process.seconds, "cpu": process.cpu_seconds, "peak": peak}
