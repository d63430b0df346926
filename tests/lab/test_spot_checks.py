# SPDX-License-Identifier: MIT
"""Where there are no digests, some of what peers gave is fetched once more and compared: who lies
is found out, named and left out, and the file is right in the end."""

import pytest
from ddmlab import evil
from ddmlab.hostile import Content

MIB = 1 << 20
RATE = 2 * MIB
FILE = Content(4 * MIB)
URL = "honest/4m/file"
SAMPLE = 16 << 10  # where less than a tenth is compared


def get_with(place, origin, *peers, options=(), url=URL, **named):
    words = [word for peer in peers for word in ("--peer", peer.address)]
    return place.lab.get(place.client, origin.url(url), *words, *options, **named)


def is_caught(place, get, peer):
    place.ends(get, (0,), FILE)
    assert peer.asked, "the peer was never asked: this test shows nothing"
    assert any(peer.address in notice for notice in get.notices()), get.notices()


@pytest.mark.parametrize("behaviour", [evil.flips_bits, evil.lies, evil.garbles],
                         ids=lambda behaviour: behaviour.__name__)  # fmt: skip
def test_one_wrong_bit_is_caught_where_all_is_checked(place, hostile, behaviour):
    peer = place.evil_peer(behaviour, FILE)
    get = get_with(place, hostile(rate=RATE), peer, options=["--spot-check", 100])
    is_caught(place, get, peer)


def test_what_a_liar_gave_is_nothing_that_was_used(place, hostile):
    peer = place.evil_peer(evil.garbles, FILE)
    get = get_with(place, hostile(rate=RATE), peer, options=["--spot-check", 100])
    is_caught(place, get, peer)
    assert get.shares().get(peer.address, 0) == 0


def test_a_peer_whose_every_byte_is_wrong_is_caught_without_asking(place, hostile):
    peer = place.evil_peer(evil.garbles, FILE)
    is_caught(place, get_with(place, hostile(rate=RATE), peer), peer)


def test_a_good_peer_beside_an_evil_one_goes_on(place, hostile):
    peer = place.evil_peer(evil.garbles, FILE)
    get = get_with(place, hostile(rate=RATE), peer, place.peer)
    is_caught(place, get, peer)
    assert get.shares()[place.peer.address] > MIB
    assert not any(place.peer.address in notice for notice in get.notices()), get.notices()


def test_what_went_into_a_pipe_wrong_is_no_success(place, hostile):
    """Or it is caught before anything wrong goes out."""
    peer = place.evil_peer(evil.flips_bits, FILE)
    get = get_with(
        place, hostile(rate=RATE), peer,
        options=["--spot-check", 100], output="-", events=False,
    ).wait()  # fmt: skip
    assert peer.asked, "the peer was never asked: this test shows nothing"
    if get.code == 0:
        place.ends(get, (0,), FILE)
    else:
        assert get.code in (5, 6), get.process.tail()
        assert peer.address in get.stderr


def test_a_checksum_finds_a_liar_too(place, hostile):
    """Whether by another try or by exit 6."""
    peer = place.evil_peer(evil.flips_bits, FILE)
    options = ["--checksum", f"sha-256={FILE.digest().hexdigest()}", "--spot-check", 0]
    get = get_with(place, hostile(rate=RATE), peer, options=options)
    place.ends(get, (0, 6), FILE)
    assert peer.asked, "the peer was never asked: this test shows nothing"


def test_an_honest_peer_passes_and_little_comes_twice(place, hostile):
    origin = hostile(rate=RATE)
    get = get_with(place, origin, place.peer)
    place.ends(get, (0,), FILE)
    assert get.shares()[place.peer.address] > MIB
    assert not any("wrong" in notice for notice in get.notices()), get.notices()
    assert origin.resource(URL).sent() < 1.2 * FILE.size


def test_an_honest_peer_passes_where_all_is_checked(place, hostile):
    origin = hostile(rate=RATE)
    get = get_with(place, origin, place.peer, options=["--spot-check", 100])
    place.ends(get, (0,), FILE)
    share = get.shares()[place.peer.address]
    assert share > MIB
    assert origin.resource(URL).sent() >= FILE.size + share


def test_without_spot_checks_nothing_comes_twice(place, hostile):
    origin = hostile(rate=RATE)
    get = get_with(place, origin, place.peer, options=["--spot-check", 0])
    place.ends(get, (0,), FILE)
    assert origin.resource(URL).sent() < 1.1 * FILE.size


def samples(resource):
    """The requests for them or their parts, by their length: leases are longer."""
    log = [request for request in resource.log if request.range]
    return [request for request in log if request.range[1] - request.range[0] <= SAMPLE]


def side_by_side(requests, duration):
    """The most of them that were there in the middle of one, of such a duration."""
    middles = [request.began + duration / 2 for request in requests]
    return max(sum(r.began <= middle < r.ended for r in requests) for middle in middles)


def test_a_few_are_compared_at_a_time_where_the_origin_is_far(place, hostile):
    url = "far,0.5/4m/file"
    origin = hostile(rate=RATE)
    get = get_with(place, origin, place.peer, options=["--spot-check", 9], url=url)
    place.ends(get, (0,), FILE)
    assert side_by_side(samples(origin.resource(url)), 0.5) >= 2


def test_who_refuses_all_but_one_at_a_time_is_asked_one_at_a_time(place, hostile):
    """What is refused together is one failure."""
    url = "at-most,1,429/4m/file"
    origin = hostile(rate=RATE)
    options = ["--spot-check", 20, "--retries", 3]
    get = get_with(place, origin, place.peer, options=options, url=url)
    place.ends(get, (0,), FILE)
    assert origin.resource(url).count(status=429) > 0
