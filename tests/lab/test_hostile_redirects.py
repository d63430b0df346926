# SPDX-License-Identifier: MIT
"""Redirects: into circles, into private networks, to less safety, and to URLs that expire."""

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER

MIB = 1 << 20
RATE = 2 * MIB

WAY = pytest.mark.parametrize("way", WAYS)


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_circles_are_exit_4_at_once(place, hostile, way):
    origin = hostile()
    get = place.fails(way, origin.url("redirect-loop/1m/file"), 4)
    assert "redirect" in get.event("error")["message"]
    assert len(origin.resource("redirect-loop/1m/file").log) < 15, "it went around more than once"
    assert get.left_behind() == []


def test_circles_that_only_a_peer_sees_come_to_an_end(place, hostile):
    origin = hostile()
    place.fails(PEER_ONLY, origin.url("redirect-loop/1m/file"), (3, 4))
    assert len(origin.resource("redirect-loop/1m/file").log) < 60


@WAY
def test_a_few_redirects_are_followed(place, hostile, way):
    origin = hostile(rate=8 * MIB)
    origin.targets = {
        "one": origin.url("redirect,two/2m/file"),
        "two": origin.url("honest/2m/file"),
    }
    content = origin.content("honest/2m/file")
    place.arrives(way, origin.url("redirect,one/2m/file"), content)


@WAY
@pytest.mark.parametrize("status", ["401", "403", "410"])
def test_a_signed_url_that_expires_is_asked_for_anew(place, hostile, status, way):
    origin = hostile(rate=RATE)
    url = f"signed,0.5,{status}/4m/file"
    place.arrives(way, origin.url(url), origin.content(url))
    assert len(origin.resource(url).log) < 60


@WAY
def test_a_signature_for_one_address_is_got_by_each(place, hostile, way):
    """Each peer resolves the original URL: none is refused for another one's address."""
    origin = hostile(rate=RATE)
    url = "signed,60,403,address/4m/file"
    get = place.arrives(way, origin.url(url), origin.content(url))
    assert origin.resource(url).count(403) == 0
    if way == WITH_PEER:
        assert get.shares()[place.peer.address] > MIB


@WAY
def test_a_signature_that_only_one_address_gets_leaves_the_others_out(place, hostile, way):
    origin = hostile(rate=RATE)
    origin.targets = {"there": origin.url("only-first-client/4m/file")}
    content = origin.content("only-first-client/4m/file")
    place.arrives(way, origin.url("redirect,there/4m/file"), content)
