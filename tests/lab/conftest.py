# SPDX-License-Identifier: MIT
"""Fixtures: `make_lab(50, 50)` builds a lab; it is torn down however the test ends."""

import os
import signal
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from ddmlab import Lab, ddm, missing  # noqa: E402
from ddmlab.home import Machine  # noqa: E402
from ddmlab.guarded import GuardedPlace  # noqa: E402
from ddmlab.hostile import Place  # noqa: E402
from ddmlab.process import SANITIZER_REPORT, clean_environment  # noqa: E402
from ddmlab.realservers import RealServers  # noqa: E402
from ddmlab.waiting import PATIENCE  # noqa: E402

_labs = pytest.StashKey()


def pytest_configure(config):
    # A test run that is told to end still runs its finalizers. (A worker of xdist may have been put
    # on another thread, where Python takes no handlers; the main process ends it in order.)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@pytest.fixture(scope="session")
def lab_works():
    reason = missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def make_network(request, lab_works):
    """Labs without ddm. A sanitizer's report in any process fails the test."""
    labs = request.node.stash.setdefault(_labs, [])

    def make(*uplinks, **options):
        labs.append(Lab(*uplinks, **options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
    complaints = [line for lab in labs for line in lab.complaints]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def make_lab(make_network):
    """Labs in which ddm runs: make_lab(50, 10) has two hosts with such uplinks, in Mbit/s."""
    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")
    return make_network


def for_a_module(make):
    """What has one lab for all tests of a module."""
    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")
    made = make()
    yield made
    made.close()
    if made.lab.complaints:
        pytest.fail("\n".join(made.lab.complaints), pytrace=False)


@pytest.fixture(scope="module")
def place(lab_works):
    """For downloads from origins that misbehave."""
    yield from for_a_module(Place)


@pytest.fixture(scope="module")
def servers(lab_works):
    """The servers that people have, side by side."""
    yield from for_a_module(RealServers)


@pytest.fixture(scope="module")
def world(lab_works):
    """A swarm with a key, and a stranger beside it."""
    yield from for_a_module(GuardedPlace)


@pytest.fixture
def untouched(world):
    """The same. Whatever is tried: the origin hears of nobody, and members are served as before."""
    world.lab.origin.settle()
    before = len(world.lab.origin.log())
    yield world
    world.lab.origin.settle()
    assert len(world.lab.origin.log()) == before, "the origin was asked"
    for daemon in world.tracker, world.peer:
        assert daemon.healthy()


@pytest.fixture
def hostile(place):
    """hostile(rate=…, tls=…): an origin of place.lab that misbehaves by path."""
    origins = []

    def make(tls=False, **options):
        origins.append(place.tls_origin(**options) if tls else place.origin(**options))
        return origins[-1]

    yield make
    for origin in origins:
        origin.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the processes said."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for lab in item.stash.get(_labs, []):
            report.sections.append((f"processes of {lab.name}", lab.report()))


@pytest.fixture
def cli(tmp_path):
    """cli("get", "--connections", "x"): runs ddm outside of any lab, to its end."""
    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")

    def run(*arguments, env=None, deadline=30):
        done = subprocess.run(
            [ddm.binary(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline * PATIENCE,
            cwd=tmp_path,
            env=clean_environment({"HOME": str(tmp_path), **(env or {})}),
        )
        assert not SANITIZER_REPORT.search(done.stderr), done.stderr
        return done

    return run


@pytest.fixture
def machine(tmp_path):
    """machine("lab1"): a machine that is a home folder."""
    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")
    return lambda name: Machine(tmp_path / name)


@pytest.fixture
def founder(machine):
    """Where a swarm began, whose tracker is lab1."""
    founder = machine("founder")
    founder.swarm("init", "--tracker", "lab1")
    return founder


@pytest.fixture
def member(machine, founder):
    member = machine("member")
    member.swarm("join", text=founder.token())
    return member
