# SPDX-License-Identifier: MIT
"""Origins that are busy, count connections, or let connections starve: waited for as told, their
limits kept, and few requests in vain."""

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER, name_of

MIB = 1 << 20

WAY = pytest.mark.parametrize("way", WAYS)
BUSY = ("429", "503")


def refused(origin, url):
    """Requests that were refused, by client."""
    found = {}
    for request in origin.resource(url).log:
        if request.status in (429, 503):
            found[request.client] = found.get(request.client, 0) + 1
    return found


@WAY
@pytest.mark.parametrize("status", BUSY)
def test_who_is_busy_is_asked_again_when_he_said(place, hostile, status, way):
    origin = hostile(rate=16 * MIB)
    url = f"busy,{status},1/2m/file"
    place.arrives(way, origin.url(url), origin.content(url))
    counts = refused(origin, url)
    assert counts and max(counts.values()) <= 3, counts


@pytest.mark.parametrize("form", ["date", "nothing"])
def test_who_is_busy_until_a_date_or_does_not_say(place, hostile, form):
    origin = hostile(rate=16 * MIB)
    url = f"busy,503,1,{form}/2m/file"
    place.arrives(ALONE, origin.url(url), origin.content(url), output="-")
    assert max(refused(origin, url).values()) <= 4


def test_a_date_is_waited_for(place, hostile):
    """Busy for a moment only, and yet it said when to come back: not before."""
    origin = hostile()
    url = "busy,429,0.05,seconds,2/1/file"
    place.arrives(ALONE, origin.url(url), origin.content(url))
    first, second = origin.resource(url).log
    assert second.began - first.ended > 1.5


@pytest.mark.parametrize("status", BUSY)
@pytest.mark.parametrize("way", [ALONE, PEER_ONLY])
def test_a_limit_of_connections_is_learned(place, hostile, way, status):
    origin = hostile(rate=2 * MIB)
    url = f"at-most,2,{status}/6m/file"
    place.arrives(way, origin.url(url), origin.content(url))
    assert sum(refused(origin, url).values()) <= 8


def test_a_limit_of_each_address_is_learned_for_each(place, hostile):
    origin = hostile(rate=2 * MIB)
    url = "at-most,2,503/6m/file"
    get = place.arrives(WITH_PEER, origin.url(url), origin.content(url))
    assert max(refused(origin, url).values(), default=0) <= 8
    assert get.shares()[place.peer.address] > MIB


def test_a_limit_of_all_together_leaves_the_download_whole(place, hostile):
    origin = hostile(rate=2 * MIB)
    url = "at-most,2,503,all/6m/file"
    place.arrives(WITH_PEER, origin.url(url), origin.content(url))
    assert sum(refused(origin, url).values()) <= 24


@WAY
def test_errors_at_first_are_got_over(place, hostile, way):
    origin = hostile(rate=16 * MIB)
    url = "fails-first,2,502/2m/file"
    place.arrives(way, origin.url(url), origin.content(url))


@pytest.mark.parametrize(
    ("way", "output"), [(ALONE, None), (WITH_PEER, "-"), (PEER_ONLY, None)], ids=name_of
)
def test_one_connection_that_stalls_does_not_hold_up_the_rest(place, hostile, way, output):
    origin = hostile(rate=4 * MIB)
    url = "stalls-one/3m/file"
    get = place.arrives(way, origin.url(url), origin.content(url), output=output)
    assert get.process.seconds < 20
    assert origin.resource(url).sent() < 1.5 * 3 * MIB


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_the_tail_on_a_slow_connection_is_split(place, hostile, way):
    """Unsplit, 1 MiB of it takes 20 s."""
    origin = hostile(rate=MIB)
    url = "slow-last/3m/file"
    get = place.arrives(way, origin.url(url), origin.content(url))
    assert get.process.seconds < 10


@WAY
def test_an_address_that_is_refused_is_left_out(place, hostile, way):
    """The first address gets the file, any other one 403."""
    origin = hostile(rate=8 * MIB)
    url = "only-first-client/3m/file"
    place.arrives(way, origin.url(url), origin.content(url))
    assert origin.resource(url).count(403) <= 4
