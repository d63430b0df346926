# SPDX-License-Identifier: MIT
"""Redirects that lead to where one did not mean to go; signed URLs that are used while they live."""

import shutil

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER
from ddmlab.lab import PUBLIC_ORIGIN_ADDRESS

MIB = 1 << 20

WAY = pytest.mark.parametrize("way", WAYS)


@WAY
def test_a_signed_url_is_used_while_it_works(place, hostile, way):
    origin = hostile(rate=2 * MIB)
    url = "signed,60/6m/file"
    place.arrives(way, origin.url(url), origin.content(url), output="-")
    log = origin.resource(url).log
    for client in origin.resource(url).clients() if way == ALONE else ():  # peers begin at the URL
        asked = sum(1 for request in log if request.client == client and not request.query)
        used = sum(1 for request in log if request.client == client and request.query)
        # Those that were begun before the first redirect was answered.
        assert asked <= 4 < used, f"{asked} of {used} requests by way of the original"


@pytest.fixture
def leads_inside(hostile):
    """(outside, inside): a public address that redirects to a private one."""
    inside = hostile(rate=16 * MIB)
    outside = hostile()
    outside.address = outside.address.replace(outside.address.split(":")[0], PUBLIC_ORIGIN_ADDRESS)
    outside.targets = {"inside": inside.url("honest/2m/file")}
    return outside, inside


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_a_redirect_into_a_private_network_is_refused(place, leads_inside, way):
    """What a peer may do is up to its own --allow."""
    outside, inside = leads_inside
    url = outside.url("redirect,inside/2m/file")
    if way == ALONE:
        get = place.fails(way, url, 4)
        assert inside.resource("honest/2m/file").log == []
        assert "redirect" in get.event("error")["message"]
    else:
        place.arrives_or_fails(way, url, (4,), inside.content("honest/2m/file"))


def test_a_redirect_into_a_private_network_that_is_allowed_is_followed(place, leads_inside):
    outside, inside = leads_inside
    place.arrives(
        ALONE, outside.url("redirect,inside/2m/file"), inside.content("honest/2m/file"),
        options=["--allow-redirect", "10.0.0.0/8"],
    )  # fmt: skip


def test_a_peer_refuses_what_its_policy_does_not_allow(place, leads_inside):
    outside, inside = leads_inside
    peer = place.lab.peer(place.helper, port=7099, allow=None)
    get = place.lab.get(
        place.island, outside.url("redirect,inside/2m/file"),
        "--retries", 2, "--peer", peer.address,
    ).wait()  # fmt: skip
    peer.process.stop()
    assert get.code in (3, 4), get.process.tail()
    assert not get.published()
    assert inside.resource("honest/2m/file").log == []


@pytest.fixture
def secure(hostile):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    return hostile(tls=True, rate=16 * MIB)


def test_https_is_as_good_as_http(place, secure):
    place.arrives(ALONE, secure.url("honest/2m/file"), secure.content("honest/2m/file"))


@pytest.mark.parametrize("output", [None, "-"], ids=["file", "pipe"])
def test_a_redirect_from_https_to_http_is_refused(place, secure, hostile, output):
    plain = hostile()
    secure.targets = {"down": plain.url("honest/2m/file")}
    get = place.fails(ALONE, secure.url("redirect,down/2m/file"), 4, output=output)
    assert plain.resource("honest/2m/file").log == []
    assert "http" in get.stderr if output else "http" in get.event("error")["message"]


def test_a_redirect_from_https_to_https_is_followed(place, secure):
    secure.targets = {"on": secure.url("honest/2m/file")}
    place.arrives(ALONE, secure.url("redirect,on/2m/file"), secure.content("honest/2m/file"))


def test_https_through_a_peer(place, secure):
    """A peer that trusts the certificate: one that was started after it was made."""
    peer = place.lab.peer(place.helper, port=7098)
    url = "honest/2m/file"
    get = place.lab.get(place.island, secure.url(url), "--retries", 3, "--peer", peer.address)
    place.ends(get, (0,), secure.content(url))
    assert PEER_ONLY and get.shares()[peer.address] == 2 * MIB
    peer.process.stop()
