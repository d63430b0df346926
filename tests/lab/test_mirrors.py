# SPDX-License-Identifier: MIT
"""Several servers for one file. They are mixed only where their validators prove them equal, or a
checksum can tell; else the others are there for when the first one fails."""

import pytest
from ddmlab.hostile import ALONE, EACH, WAYS, WITH_PEER, name_of

MIB = 1 << 20
RATE = 4 * MIB
DEAD = "http://10.99.0.1:9/file"

OUTPUT = pytest.mark.parametrize("output", [None, "-"], ids=["file", "pipe"])
WAY_AND_OUTPUT = pytest.mark.parametrize(("way", "output"), EACH, ids=name_of)
WAY = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def two(hostile):
    return hostile(rate=RATE), hostile(rate=RATE)


def mirrored(place, way, first, others, *versions, **named):
    options = [word for url in others for word in ("--mirror", url)]
    return place.arrives(
        way, first, *versions, options=[*options, *named.pop("options", ())], **named
    )


@WAY
@pytest.mark.parametrize("path", ["honest", "switched,dated"])
def test_equal_mirrors_share_the_work(place, two, path, way):
    """The same strong ETag, or the same date and size."""
    url = f"{path}/4m/file"
    mirrored(place, way, two[0].url(url), [two[1].url(url)], two[0].content(url))
    sent = [mirror.resource(url).sent() for mirror in two]
    assert min(sent) > MIB // 2, sent
    assert sum(sent) < 1.3 * 4 * MIB, sent


def test_several_urls_are_mirrors_too(place, two):
    url = "honest/4m/file"
    get = place.get(ALONE, two[1].url(url), two[0].url(url))
    assert get.code == 0, get.process.tail()
    place.ends(get, (0,), two[0].content(url))
    assert min(mirror.resource(url).sent() for mirror in two) > MIB // 2


@WAY_AND_OUTPUT
@pytest.mark.parametrize("marks", ["", ",dated", ",weak", ",unmarked"])
def test_mirrors_of_another_content_are_not_mixed_in(place, two, marks, way, output):
    url = f"switched{marks}/4m/file"
    two[1].resource(url).notes["version"] = 1
    mirrored(
        place, way, two[0].url(url), [two[1].url(url)], two[0].content(url), output=output
    )


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
@pytest.mark.parametrize("size", [MIB, 4 * MIB - 1, 6 * MIB])
def test_mirrors_of_another_size_are_not_mixed_in(place, two, size, way):
    url = "switched/4m/file"
    two[1].resource(url).notes.update(version=1, size=size)
    mirrored(place, way, two[0].url(url), [two[1].url(url)], two[0].content(url))


def test_mirrors_that_nothing_proves_equal_are_not_mixed(place, two):
    """They are, but who knows."""
    url = "switched,unmarked/4m/file"
    mirrored(place, ALONE, two[0].url(url), [two[1].url(url)], two[0].content(url))
    assert two[1].resource(url).sent() < MIB


@WAY
@pytest.mark.parametrize("path", ["status,404", "status,403", "status,500", "redirect-loop"])
def test_a_first_mirror_that_refuses_is_passed_over(place, two, path, way):
    url = "honest/3m/file"
    first = two[0].url(f"{path}/3m/file")
    mirrored(place, way, first, [two[1].url(url)], two[1].content(url))


@WAY
def test_dead_mirrors_are_passed_over(place, two, way):
    url = "honest/3m/file"
    mirrored(place, way, DEAD, [DEAD, two[1].url(url)], two[1].content(url))


@WAY
def test_bad_mirrors_behind_a_good_one_do_no_harm(place, two, way):
    url = "honest/3m/file"
    others = [DEAD, two[1].url("status,404/3m/file"), two[1].url("status,503/3m/file")]
    mirrored(place, way, two[0].url(url), others, two[0].content(url))


def test_where_all_mirrors_refuse_it_is_exit_4(place, two):
    urls = [mirror.url("status,404/1m/file") for mirror in two]
    get = place.fails(ALONE, urls[0], 4, options=["--mirror", urls[1]])
    assert "404" in get.event("error")["message"]


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_a_slow_mirror_does_not_hold_up_a_quick_one(place, hostile, way):
    """Alone, the slow one would take half a minute."""
    slow, quick = hostile(rate=MIB // 8), hostile(rate=RATE)
    url = "honest/4m/file"
    get = mirrored(place, way, slow.url(url), [quick.url(url)], quick.content(url))
    assert quick.resource(url).sent() > 2 * MIB
    assert get.process.seconds < 15


@WAY
@pytest.mark.parametrize("requests", [1, 2, 3, 4])
def test_an_equal_mirror_goes_on_where_the_first_one_fails(place, two, way, requests):
    """Also where the first one's last request is one to compare what the other one gave."""
    failing, url = f"fails-after,{requests}/4m/file", "honest/4m/file"
    mirrored(place, way, two[0].url(failing), [two[1].url(url)], two[1].content(url))
    assert two[1].resource(url).sent() < 4 * MIB, "what the first one gave was thrown away"


@WAY_AND_OUTPUT
def test_another_version_is_begun_anew_where_the_first_mirror_fails(place, two, way, output):
    failing, url = "fails-after,2/4m/file", "switched/4m/file"
    two[1].resource(url).notes["version"] = 1
    get = place.arrives_or_fails(
        way, two[0].url(failing), (5,) if output else (),
        two[0].content(failing), two[1].content(url, 1),
        options=["--mirror", two[1].url(url)], output=output,
    )  # fmt: skip
    if output is None and get.code == 0:
        assert two[1].resource(url).sent() >= 4 * MIB, get.process.tail()


@OUTPUT
@pytest.mark.parametrize("wrong", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("marks", ["", ",unmarked"])
def test_with_a_checksum_a_wrong_mirror_is_found_out(place, two, marks, wrong, output):
    url = f"switched{marks}/4m/file"
    right = two[0].content(url)
    two[wrong].resource(url).notes["version"] = 1
    checksum = f"sha-256={right.digest().hexdigest()}"
    options = ["--mirror", two[1].url(url), "--checksum", checksum]
    get = place.get(ALONE, two[0].url(url), *options, output=output)
    # What went into a pipe cannot be taken back: the second one must not come in there.
    assert get.code in ((0, 6) if wrong == 0 else (0,)), get.process.tail()
    if get.code == 0:
        place.ends(get, (0,), right)
    elif output is None:
        assert not get.published()


def test_a_mirror_that_lies_about_its_version_fails_the_checksum(place, two):
    """All it says is right, and the bytes are not."""
    url, lying = "honest/4m/file", "flips/4m/file"
    right = two[0].content(url)
    checksum = f"sha-256={right.digest().hexdigest()}"
    options = ["--mirror", two[1].url(lying), "--checksum", checksum]
    place.arrives_or_fails(ALONE, two[0].url(url), (6,), right, options=options)
