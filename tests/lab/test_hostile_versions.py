# SPDX-License-Identifier: MIT
"""Origins that have more than one version of a file: never mixed, never wrong with exit 0."""

import pytest
from ddmlab.hostile import ALONE, EACH, WAYS, WITH_PEER, name_of

MIB = 1 << 20
RATE = 8 * MIB

WAY_AND_OUTPUT = pytest.mark.parametrize(("way", "output"), EACH, ids=name_of)
WAY = pytest.mark.parametrize("way", WAYS)


# Which of them it is, see test_hostile_changes.py; here nothing counts but the bytes.
NOT_DONE = (3, 4, 5)


def versions(origin, url, count=8):
    return [origin.content(url, version) for version in range(count)]


@WAY_AND_OUTPUT
@pytest.mark.parametrize("path", ["two-edges", "weak-edges"])
def test_two_edges_with_other_content_are_never_mixed(place, hostile, path, way, output):
    origin = hostile(rate=RATE)
    url = f"{path}/4m/file"
    both = versions(origin, url, 2)
    place.arrives_or_fails(way, origin.url(url), NOT_DONE, *both, output=output)


@WAY_AND_OUTPUT
def test_where_each_address_has_an_edge_one_of_them_gives_the_file(place, hostile, way, output):
    origin = hostile(rate=RATE)
    url = "two-edges,address/4m/file"
    place.arrives(way, origin.url(url), *versions(origin, url, 2), output=output)


@WAY_AND_OUTPUT
@pytest.mark.parametrize("path", ["changes-after,2,always", "shrinks-after,2"])
def test_a_change_during_the_download_is_never_mixed_in(place, hostile, path, way, output):
    origin = hostile(rate=RATE)
    url = f"{path}/4m/file"
    resource = origin.resource(url)
    all_of_them = [*versions(origin, url, 40), resource.content(1, resource.size // 2)]
    place.arrives_or_fails(way, origin.url(url), NOT_DONE, *all_of_them, output=output)


@WAY
@pytest.mark.parametrize("path", ["weak-etag", "weak-etag,alone", "weak-etag,differs"])
def test_weak_etags_are_compared_and_never_a_condition(place, hostile, path, way):
    """Where they differ, date and size decide."""
    origin = hostile(rate=RATE)
    url = f"{path}/4m/file"
    place.arrives(way, origin.url(url), origin.content(url))
    conditions = [request.headers.get("if-range", "") for request in origin.resource(url).log]
    assert not [condition for condition in conditions if condition.startswith("W/")]


@WAY
def test_dates_tell_versions_apart_where_there_are_no_etags(place, hostile, way):
    origin = hostile(rate=2 * MIB)
    url = "switched,dated/4m/file"
    resource = origin.resource(url)
    get = place.start(way, origin.url(url))
    get.wait_for_bytes(MIB // 2)
    resource.notes["version"] = 1
    place.ends(get, (0, *NOT_DONE), *versions(origin, url, 2))


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_without_any_validator_one_notice_says_what_that_means(place, hostile, way):
    origin = hostile(rate=RATE)
    url = "switched,unmarked/4m/file"
    get = place.arrives(way, origin.url(url), origin.content(url))
    assert sum("change" in notice for notice in get.notices()) == 1, get.notices()
