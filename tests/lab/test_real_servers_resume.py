# SPDX-License-Identifier: MIT
"""Going on after kill -9, with the servers that people have, also where the file changed."""

import os

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WITH_PEER, Content
from ddmlab.realservers import NAMES

MIB = 1 << 20
SIZE = 5 * MIB + 123
SLOW = 40  # Mbit/s

WITH_RANGES = [name for name in NAMES if name != "pyhttp"]


def interrupted(servers, way, url, kill):
    """Half of it; the links are fast again afterwards."""
    servers.slow_down(SLOW)
    get = servers.start(way, url)
    get.wait_for_bytes(SIZE // 3)
    if kill:
        get.process.kill()
    else:
        get.process.interrupt()
        get.expect(8)
    servers.slow_down(None)
    assert not get.published(), "it was done already: this test shows nothing"
    return get


@pytest.mark.parametrize(
    ("way", "kill"), [(ALONE, False), (WITH_PEER, True), (PEER_ONLY, True)],
    ids=lambda value: {False: "ctrl-c", True: "kill -9"}.get(value, value),
)  # fmt: skip
@pytest.mark.parametrize("name", WITH_RANGES)
def test_it_goes_on(servers, name, way, kill):
    servers.put("file", Content(SIZE))
    url = servers[name].url("file")
    first = interrupted(servers, way, url, kill)
    before = servers.client.uplink.received() + servers.helper.uplink.received()
    servers.arrives(way, url, Content(SIZE), directory=first.directory)
    came = servers.client.uplink.received() + servers.helper.uplink.received() - before
    if not kill:
        assert came < SIZE - SIZE // 3 + MIB, "it began anew"


@pytest.mark.parametrize(
    ("name", "way"), [*((name, ALONE) for name in WITH_RANGES), ("nginx", PEER_ONLY)]
)
def test_a_file_that_changed_meanwhile_is_begun_anew(servers, name, way):
    """Of the same size; with another date, as it is."""
    servers.put("file", Content(SIZE))
    os.utime(servers.files / "file", (1_600_000_000, 1_600_000_000))
    url = servers[name].url("file")
    first = interrupted(servers, way, url, kill=False)
    servers.put("file", Content(SIZE, 1))
    get = servers.arrives(way, url, Content(SIZE, 1), directory=first.directory)
    assert any("starting over" in notice for notice in get.notices()), get.notices()


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
@pytest.mark.parametrize("changed", [False, True], ids=["same", "changed"])
def test_without_ranges_it_is_right_all_the_same(servers, way, changed):
    servers.put("file", Content(SIZE))
    url = servers["pyhttp"].url("file")
    first = interrupted(servers, way, url, kill=True)
    if changed:
        servers.put("file", Content(SIZE, 1))
    servers.arrives(way, url, Content(SIZE, int(changed)), directory=first.directory)


@pytest.mark.parametrize("name", WITH_RANGES)
def test_a_file_that_shrank_is_begun_anew(servers, name):
    """What is left lies behind its end: 416."""
    servers.put("file", Content(SIZE))
    url = servers[name].url("file")
    first = interrupted(servers, ALONE, url, kill=False)
    servers.put("file", Content(MIB, 1))
    get = servers.arrives(ALONE, url, Content(MIB, 1), directory=first.directory)
    assert any("starting over" in notice for notice in get.notices()), get.notices()
