# SPDX-License-Identifier: MIT
"""Downloads that were interrupted and go on: with what is there where the file is the same, anew,
and said so, where it is not."""

import re

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER
from ddmlab.hostile.ways import is_right

MIB = 1 << 20
RATE = 4 * MIB
SIZE = 4 * MIB
HALF = SIZE // 2

WAY = pytest.mark.parametrize("way", WAYS)


def goes_on(place, origin, url, first, way, *versions):
    """The same command again, where the first one was; faster, for nobody need wait any more, but
    not so fast that a reply is in the buffers of the kernel before anybody can leave it."""
    origin.rate = 4 * RATE
    origin.resource(url).log.clear()
    return place.arrives(way, origin.url(url), *versions, directory=first.directory)


def says(get, word):
    return any(word in notice for notice in get.notices())


# What may come once more: what was on its way when it ended, and the reply of the probe.
ALLOWANCE = MIB + MIB // 2


@WAY
def test_after_ctrl_c_nothing_is_fetched_twice(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "switched/4m/file"
    first = place.interrupted(way, origin, url, HALF)
    had = first.done_bytes()
    said = first.stderr + first.event("error")["message"]
    assert re.search("again|resume|go on|goes on", said), f"how does one go on? {said}"
    get = goes_on(place, origin, url, first, way, origin.content(url))
    assert origin.resource(url).sent() < SIZE - had + ALLOWANCE
    assert not says(get, "starting over"), get.notices()


def test_a_kill_costs_the_last_seconds_only(place, hostile):
    """Recorded every couple of seconds, at a rate at which three of them are half of the file."""
    way, seconds = ALONE, 3
    origin = hostile(rate=MIB // 2)
    url = "switched/6m/file"
    first = place.interrupted(way, origin, url, 5 * MIB, "--connections", 2, kill=True)
    goes_on(place, origin, url, first, way, origin.content(url))
    assert origin.resource(url).sent() < MIB + seconds * MIB + MIB // 2


@WAY
def test_a_killed_download_goes_on_right(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "switched/4m/file"
    first = place.interrupted(way, origin, url, HALF, kill=True)
    goes_on(place, origin, url, first, way, origin.content(url))


@pytest.mark.parametrize("ways", [(ALONE, PEER_ONLY), (PEER_ONLY, ALONE), (ALONE, WITH_PEER)],
                         ids=" then ".join)  # fmt: skip
def test_other_sources_go_on_with_it(place, hostile, ways):
    origin = hostile(rate=RATE)
    url = "switched/4m/file"
    first = place.interrupted(ways[0], origin, url, HALF)
    goes_on(place, origin, url, first, ways[1], origin.content(url))
    assert origin.resource(url).sent() < SIZE - HALF + ALLOWANCE


@WAY
@pytest.mark.parametrize("marks", ["", ",dated", ",weak"])
def test_a_file_that_changed_meanwhile_is_begun_anew(place, hostile, marks, way):
    origin = hostile(rate=RATE)
    url = f"switched{marks}/4m/file"
    first = place.interrupted(way, origin, url, HALF)
    origin.resource(url).notes["version"] = 1
    get = goes_on(place, origin, url, first, way, origin.content(url, 1))
    assert says(get, "starting over"), get.notices()


@WAY
@pytest.mark.parametrize("size", [HALF // 2 + 1, 2 * SIZE])
def test_a_file_of_another_size_is_begun_anew(place, hostile, size, way):
    """Smaller: what is left lies behind its end, and the origin says 416 and its size."""
    origin = hostile(rate=RATE)
    url = "switched/4m/file"
    first = place.interrupted(way, origin, url, HALF)
    resource = origin.resource(url)
    resource.notes.update(version=1, size=size)
    get = goes_on(place, origin, url, first, way, resource.content(1, size))
    assert says(get, "starting over"), get.notices()


@pytest.mark.parametrize("size", [HALF // 2, 2 * SIZE])
def test_without_a_validator_the_size_tells(place, hostile, size):
    origin = hostile(rate=RATE)
    url = "switched,unmarked/4m/file"
    first = place.interrupted(ALONE, origin, url, HALF)
    resource = origin.resource(url)
    resource.notes.update(version=1, size=size)
    goes_on(place, origin, url, first, ALONE, resource.content(1, size))


@WAY
def test_what_nothing_can_tell_apart_is_begun_anew(place, hostile, way):
    """The same size, no validator, and other content: only a new beginning is right."""
    origin = hostile(rate=RATE)
    url = "switched,unmarked/4m/file"
    first = place.interrupted(way, origin, url, HALF)
    origin.resource(url).notes["version"] = 1
    goes_on(place, origin, url, first, way, origin.content(url, 1))


@pytest.mark.parametrize("path", ["if-range-200", "weak-etag"])
def test_conditions_are_a_hint_only(place, hostile, path):
    origin = hostile(rate=RATE)
    url = f"{path}/4m/file"
    first = place.interrupted(ALONE, origin, url, HALF)
    goes_on(place, origin, url, first, ALONE, origin.content(url))
    log = origin.resource(url).log
    assert not [r for r in log if r.headers.get("if-range", "").startswith("W/")]
    # A 200 with the same validator is the same file: what is there stays.
    assert origin.resource(url).sent() < SIZE - HALF + ALLOWANCE


@pytest.mark.parametrize("path", ["ignores-ranges", "no-length", "http10", "multipart",
                                  "no-content-range", "star-total", "no-ranges-416"])  # fmt: skip
def test_without_ranges_it_is_right_all_the_same(place, hostile, path):
    origin = hostile(rate=RATE)
    url = f"{path}/4m/file"
    first = place.interrupted(ALONE, origin, url, HALF)
    goes_on(place, origin, url, first, ALONE, origin.content(url))


def test_what_was_encoded_is_begun_anew(place, hostile):
    """Where in the encoded stream it broke off, nobody knows."""
    origin = hostile(rate=RATE)
    url = "gzip,slowly/4m/file"
    first = place.interrupted(ALONE, origin, url, HALF)
    goes_on(place, origin, url, first, ALONE, origin.content(url))


def test_encoding_is_said_to_rule_out_going_on(place, hostile):
    origin = hostile(rate=RATE)
    url = "gzip/1m/file"
    get = place.arrives(ALONE, origin.url(url), origin.content(url))
    assert says(get, "resume"), get.notices()


@WAY
def test_a_signed_url_that_expired_meanwhile_is_asked_for_anew(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "signed,0.3/4m/file"
    first = place.interrupted(way, origin, url, HALF)
    goes_on(place, origin, url, first, way, origin.content(url))


@WAY
def test_a_finished_file_is_said_to_be_there(place, hostile, way):
    origin = hostile()
    url = "switched/2m/file"
    first = place.arrives(way, origin.url(url), origin.content(url))
    before = first.file.stat()
    get = goes_on(place, origin, url, first, way, origin.content(url))
    after = get.file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert origin.resource(url).sent() < 2 * MIB


def test_with_force_it_is_fetched_again(place, hostile):
    origin = hostile()
    url = "switched/2m/file"
    first = place.arrives(ALONE, origin.url(url), origin.content(url))
    origin.resource(url).notes["version"] = 1
    get = place.get(ALONE, origin.url(url), "--force", directory=first.directory)
    assert get.code == 0
    assert is_right(get, origin.content(url, 1))
