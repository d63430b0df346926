# SPDX-License-Identifier: MIT
"""Origins whose ranges, lengths and codings are not what they should be: the file is right, or
there is none."""

import pytest
from ddmlab.hostile import ALONE, EACH, PEER_ONLY, WAYS, WITH_PEER, name_of

MIB = 1 << 20
RATE = 16 * MIB  # of a connection: slow enough that several requests come about

OUTPUT = pytest.mark.parametrize("output", [None, "-"], ids=["file", "pipe"])
WAY = pytest.mark.parametrize("way", WAYS)
WAY_AND_OUTPUT = pytest.mark.parametrize(("way", "output"), EACH, ids=name_of)

# No ranges that could be believed, at once or later.
STREAMS = [
    "ignores-ranges",
    "first-206-then-200",
    "other-start",
    "other-start,1000",
    "no-content-range",
    "star-total",
    "multipart",
    "multipart,twice",
    "no-ranges-416",
    "http10",
    "http10,no-length",
    "no-length",
    "no-length,close",
    "length-and-chunked,5,before",
    "length-and-chunked,9000000,after",
    "gzip",
    "gzip,ranges",
]
WITHOUT_LENGTH = [path for path in STREAMS if "length" in path or "chunked" in path]

RANGES = [
    "honest",
    "head-405",
    "gives-less",
    "if-range-200",
    "length-and-chunked,5,before,206",
    "length-and-chunked,9000000,after,206",
]


@OUTPUT
@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
@pytest.mark.parametrize("path", STREAMS)
def test_without_ranges_the_one_stream_is_taken(place, hostile, path, way, output):
    origin = hostile(rate=RATE)
    url = f"{path}/3m/file"
    get = place.arrives(way, origin.url(url), origin.content(url), output=output)
    resource = origin.resource(url)
    # What came in ranges before is lost at most; nothing goes round and round.
    assert resource.sent() < 2 * resource.size
    assert len(resource.log) < 12
    if output is None:
        said = [notice for notice in get.notices() if "one stream" in notice]
        assert len(said) == 1, get.notices()


@pytest.mark.parametrize("path", STREAMS)
def test_a_peer_does_not_pass_on_what_is_no_range(place, hostile, path):
    origin = hostile(rate=RATE)
    url = f"{path}/3m/file"
    place.arrives_or_fails(PEER_ONLY, origin.url(url), (3, 4), origin.content(url))


@pytest.mark.parametrize("path", WITHOUT_LENGTH)
def test_a_length_that_means_nothing_is_no_size(place, hostile, path):
    origin = hostile(rate=RATE)
    url = f"{path}/3m/file"
    get = place.arrives(ALONE, origin.url(url), origin.content(url))
    assert get.event("start")["size"] is None


@WAY_AND_OUTPUT
@pytest.mark.parametrize("path", RANGES)
def test_ranges_that_are_in_order_are_used(place, hostile, path, way, output):
    origin = hostile(rate=RATE)
    url = f"{path}/3m/file"
    get = place.arrives(way, origin.url(url), origin.content(url), output=output)
    resource = origin.resource(url)
    assert len(resource.log) > 2, "one request: this test shows nothing"
    assert resource.count(200) == 0, "it came as one stream"
    assert resource.count(method="HEAD") == 0
    assert resource.sent() < 1.5 * resource.size
    if output is None:
        assert not [notice for notice in get.notices() if "one stream" in notice]


@WAY_AND_OUTPUT
def test_connections_that_close_half_way_leave_their_half(place, hostile, way, output):
    origin = hostile(rate=RATE)
    url = "closes-half-way/3m/file"
    place.arrives(way, origin.url(url), origin.content(url), output=output)
    resource = origin.resource(url)
    assert resource.sent() < 1.5 * resource.size


@WAY
@pytest.mark.parametrize("path", ["honest", "ignores-ranges", "no-length", "http10", "empty-is-416"])
@pytest.mark.parametrize("size", ["0", "1"])
def test_next_to_nothing(place, hostile, size, path, way):
    """`honest` says 416 to a range of an empty file, as it must."""
    origin = hostile()
    url = f"{path}/{size}/file"
    if way == PEER_ONLY and (path != "honest" or size == "0"):
        place.arrives_or_fails(way, origin.url(url), (3, 4), origin.content(url))
    else:
        place.arrives(way, origin.url(url), origin.content(url))
        place.arrives(way, origin.url(url), origin.content(url), output="-")


@WAY_AND_OUTPUT
@pytest.mark.parametrize("size", ["1m", "2m", "2m+1", "8m"])
def test_multiples_of_a_piece(place, hostile, size, way, output):
    origin = hostile()
    url = f"honest/{size}/file"
    place.arrives(way, origin.url(url), origin.content(url), output=output)
    assert origin.resource(url).count(416) == 0, "it asked for what is behind the end"
