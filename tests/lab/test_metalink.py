# SPDX-License-Identifier: MIT
"""Metalinks: mirrors, size, digests of the whole and of pieces. A wrong piece is found when it
comes; who gave it is left out, and only that piece comes again."""

import hashlib

import pytest
from ddmlab import evil
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER, Content

MIB = 1 << 20
RATE = 8 * MIB
SIZE = 4 * MIB
PIECE = MIB // 4
FILE = Content(SIZE)
OTHER = Content(SIZE, 1)

WAY = pytest.mark.parametrize("way", WAYS)


def version4(urls, content=FILE, name="file", size=SIZE, pieces=True, whole=True):
    hashes = [hashlib.sha256(block).hexdigest() for block in content.blocks(length=PIECE)]
    parts = "".join(f"<hash>{text}</hash>" for text in hashes)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="{name}">
    <size>{size}</size>
    {f'<hash type="sha-256">{content.digest().hexdigest()}</hash>' if whole else ""}
    {f'<pieces type="sha-256" length="{PIECE}">{parts}</pieces>' if pieces else ""}
    {"".join(f'<url priority="{n}">{url}</url>' for n, url in enumerate(urls, start=1))}
  </file>
</metalink>
"""


def version3(urls, content=FILE):
    hashes = [hashlib.sha1(block).hexdigest() for block in content.blocks(length=PIECE)]
    parts = "".join(f'<hash piece="{n}">{text}</hash>' for n, text in enumerate(hashes))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
  <files><file name="file">
    <size>{SIZE}</size>
    <verification>
      <hash type="sha1">{content.digest("sha1").hexdigest()}</hash>
      <pieces type="sha1" length="{PIECE}">{parts}</pieces>
    </verification>
    <resources>{"".join(f'<url type="http">{url}</url>' for url in urls)}</resources>
  </file></files>
</metalink>
"""


def get_by(place, way, text, *options, name="file"):
    """`ddm get` of a Metalink on disk, to its end."""
    document = place.lab.folder("metalink") / "list.meta4"
    document.write_text(text)
    get = place.start(way, str(document), *options)
    get.file = get.directory / name
    get.wait()
    assert not get.process.complaints(), get.process.tail(lines=100)
    return get


@WAY
@pytest.mark.parametrize("write", [version3, version4])
def test_a_metalink_gives_the_file(place, hostile, write, way):
    first, second = hostile(rate=RATE), hostile(rate=RATE)
    text = write([origin.url("honest/4m/file") for origin in (first, second)])
    place.ends(get_by(place, way, text), (0,), FILE)
    sent = [origin.resource("honest/4m/file").sent() for origin in (first, second)]
    # Peers are sent to mirrors that an own uplink has seen.
    assert way == PEER_ONLY or min(sent) > 0, "its mirror was not used"
    assert sum(sent) < 1.3 * SIZE


def test_a_metalink_from_the_origin(place, hostile):
    origin = hostile(rate=RATE)
    text = version4([origin.url("honest/4m/file")])
    origin.files["/list/1/list.meta4"] = text.encode()
    get = place.start(ALONE, origin.url("list/1/list.meta4"))
    get.file = get.directory / "file"
    place.ends(get, (0,), FILE)


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_a_mirror_that_flips_bits_is_left_out(place, hostile, way):
    """Nothing it says gives it away; each piece that it sends is wrong."""
    good, bad = hostile(rate=RATE), hostile(rate=RATE)
    text = version4([bad.url("flips/4m/file"), good.url("honest/4m/file")])
    get = get_by(place, way, text)
    place.ends(get, (0,), FILE)
    assert good.resource("honest/4m/file").sent() >= SIZE
    # Found with its first pieces, not at the end.
    assert bad.resource("flips/4m/file").sent() < SIZE


def test_only_mirrors_that_flip_bits_are_exit_6(place, hostile):
    bad = hostile(rate=RATE)
    get = get_by(place, ALONE, version4([bad.url("flips/4m/file")]))
    assert get.code in (5, 6), get.process.tail()
    assert not get.published()


@WAY
def test_digests_that_are_wrong_are_exit_6(place, hostile, way):
    origin = hostile(rate=RATE)
    get = get_by(place, way, version4([origin.url("honest/4m/file")], content=OTHER))
    assert get.code in (5, 6), get.process.tail()
    assert not get.published()


def test_a_wrong_digest_of_the_whole_is_exit_6(place, hostile):
    origin = hostile(rate=RATE)
    text = version4([origin.url("honest/4m/file")], content=OTHER, pieces=False)
    get = get_by(place, ALONE, text)
    assert get.code == 6, get.process.tail()
    assert not get.published()


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 2 * SIZE])
def test_a_size_that_is_not_the_origins_is_no_success(place, hostile, size):
    origin = hostile(rate=RATE)
    text = version4([origin.url("honest/4m/file")], size=size, pieces=False, whole=False)
    get = get_by(place, ALONE, text)
    assert get.code in (5, 6), get.process.tail()
    assert not get.published()


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..", "a/../../evil"])
def test_names_in_a_metalink_stay_in_the_folder(place, hostile, name):
    origin = hostile()
    get = get_by(place, ALONE, version4([origin.url("honest/4m/file")], name=name))
    assert not list(place.lab.directory.glob("*evil*"))
    for entry in get.directory.rglob("*"):
        assert entry.is_file() and entry.stat().st_size == SIZE, entry
    assert get.code != 0 or len(list(get.directory.rglob("*"))) == 1


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_a_wrong_mirror_version_is_told_by_the_pieces(place, hostile, way):
    """Another ETag and other bytes: a mirror that is out of date."""
    new, old = hostile(rate=RATE), hostile(rate=RATE)
    old.resource("switched/4m/file").notes["version"] = 1
    text = version4([old.url("switched/4m/file"), new.url("switched/4m/file")])
    place.ends(get_by(place, way, text), (0,), FILE)


EVIL = pytest.mark.parametrize("behaviour", [evil.flips_bits, evil.garbles, evil.lies],
                               ids=lambda behaviour: behaviour.__name__)  # fmt: skip


def get_with(place, host, peer, text, *options):
    """The same from a host, with one peer."""
    document = place.lab.folder("metalink") / "list.meta4"
    document.write_text(text)
    get = place.lab.get(host, str(document), "--peer", peer.address, *options)
    get.file = get.directory / "file"
    return get


@EVIL
def test_a_peer_that_flips_bits_is_caught_by_pieces(place, hostile, behaviour):
    origin = hostile(rate=2 * MIB)
    peer = place.evil_peer(behaviour, FILE)
    text = version4([origin.url("honest/4m/file")], whole=False)
    get = get_with(place, place.client, peer, text, "--spot-check", 0)
    place.ends(get, (0,), FILE)
    assert peer.asked, "the peer was never asked: this test shows nothing"
    assert any(peer.address in notice for notice in get.notices()), get.notices()


@EVIL
def test_through_an_evil_peer_only_there_is_no_file(place, hostile, behaviour):
    text = version4([hostile().url("honest/4m/file")])
    peer = place.evil_peer(behaviour, FILE)
    place.ends(get_with(place, place.island, peer, text, "--retries", 2), (3, 4, 5, 6))
    assert peer.asked, "the peer was never asked: this test shows nothing"
