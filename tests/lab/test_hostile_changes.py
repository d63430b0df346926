# SPDX-License-Identifier: MIT
"""The file at the origin changes during the download: noticed, begun anew once and said; if it goes
on changing, exit 5."""

import pytest
from ddmlab.hostile import WAYS

MIB = 1 << 20
RATE = 8 * MIB

WAY = pytest.mark.parametrize("way", WAYS)


def says_so(get):
    return any("change" in notice for notice in get.notices())


@WAY
def test_one_change_means_to_begin_anew_and_to_say_so(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "changes-after,2/4m/file"
    get = place.arrives(way, origin.url(url), origin.content(url, 1))
    assert says_so(get), get.notices()


@WAY
def test_a_file_that_shrinks_is_begun_anew_too(place, hostile, way):
    """A 416 with another size is a change, no refusal."""
    origin = hostile(rate=RATE)
    url = "shrinks-after,2/4m/file"
    resource = origin.resource(url)
    get = place.arrives(way, origin.url(url), resource.content(1, resource.size // 2))
    assert says_so(get), get.notices()


@WAY
def test_a_second_change_is_exit_5(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "changes-after,2,always/4m/file"
    get = place.fails(way, origin.url(url), 5)
    assert "chang" in get.event("error")["message"]


@WAY
def test_a_change_behind_a_pipe_is_exit_5(place, hostile, way):
    """What was written cannot be taken back."""
    origin = hostile(rate=2 * MIB)
    url = "switched/4m/file"
    get = place.start(way, origin.url(url), output="-")
    place.wait_for_output(get, MIB // 4)
    origin.resource(url).notes["version"] = 1
    place.ends(get, (5,), origin.content(url, 0))


@WAY
def test_where_edges_disagree_it_is_exit_5_however_the_bytes_come(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "two-edges/4m/file"
    get = place.get(way, origin.url(url))
    if get.code != 0:
        assert get.code == 5, get.process.tail()


def test_a_peer_tells_why_nobody_gives_the_file(place, hostile):
    """The own uplink has no way to the origin; what the peer heard there is what counts."""
    origin = hostile()
    url = "status,404/4m/file"
    get = place.fails(WAYS[2], origin.url(url), 4)
    assert "404" in get.event("error")["message"]
