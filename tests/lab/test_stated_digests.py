# SPDX-License-Identifier: MIT
"""What an origin says of a file's digest is checked without being asked for; files of checksums
beside it are, with --checksum auto."""

import base64
import hashlib

import pytest
from ddmlab.hostile import ALONE, PEER_ONLY, WAYS, WITH_PEER, Content, name_of

MIB = 1 << 20
RATE = 16 * MIB
SIZE = 3 * MIB
RIGHT = Content(SIZE)
WRONG = Content(SIZE, 1)

OUTPUT = pytest.mark.parametrize("output", [None, "-"], ids=["file", "pipe"])
WAY = pytest.mark.parametrize("way", WAYS)


def encoded(content, algorithm):
    return base64.b64encode(content.digest(algorithm).digest()).decode()


# Of the file, in any reply; and of the body, which is the file in a 200 only.
OF_FILE = {
    "Repr-Digest": lambda c: f"Repr-Digest: sha-256=:{encoded(c, 'sha256')}:",
    "Repr-Digest of two": lambda c: (
        f"Repr-Digest: sha-512=:{encoded(c, 'sha512')}:, sha-256=:{encoded(c, 'sha256')}:"
    ),
    "Digest": lambda c: f"Digest: SHA-256={encoded(c, 'sha256')}",
    "Digest sha-512": lambda c: f"Digest: sha-512={encoded(c, 'sha512')}",
    "x-goog-hash": lambda c: f"x-goog-hash: crc32c=n03x6A==,md5={encoded(c, 'md5')}",
    "x-amz-checksum-sha256": lambda c: f"x-amz-checksum-sha256: {encoded(c, 'sha256')}",
    "x-amz-checksum-sha1": lambda c: f"x-amz-checksum-sha1: {encoded(c, 'sha1')}",
}
OF_BODY = {
    "Content-MD5": lambda c: f"Content-MD5: {encoded(c, 'md5')}",
    "Content-Digest": lambda c: f"Content-Digest: sha-256=:{encoded(c, 'sha256')}:",
}
# None of these says anything that could be checked.
NOTHING = {
    "unknown algorithm": "Repr-Digest: unixsum=:AAAA:",
    "no base64": "Repr-Digest: sha-256=:not base64!:",
    "too short": "Repr-Digest: sha-256=:AAAA:",
    "of parts": "x-amz-checksum-sha256: qUiQTy8PR5uPgZdpSzAYSw0u0cHNKh7A+4XSmaGSpEc=-3",
    "crc only": "x-goog-hash: crc32c=n03x6A==",
    "empty": "Digest:",
}


def path(name, *lines, size="3m"):
    return f"{name},{','.join(line.encode().hex() for line in lines)}/{size}/file"


@pytest.mark.parametrize("way", [WITH_PEER, PEER_ONLY])
@pytest.mark.parametrize("header", OF_FILE)
def test_a_right_digest_of_the_file_is_fine(place, hostile, header, way):
    origin = hostile(rate=RATE)
    place.arrives(way, origin.url(path("says", OF_FILE[header](RIGHT))), RIGHT)


@pytest.mark.parametrize(("way", "output"), [(ALONE, "-"), (WITH_PEER, None)], ids=name_of)
@pytest.mark.parametrize("header", OF_FILE)
def test_a_wrong_digest_of_the_file_is_exit_6(place, hostile, header, way, output):
    origin = hostile(rate=RATE)
    url = origin.url(path("says", OF_FILE[header](WRONG)))
    get = place.fails(way, url, 6, RIGHT, output=output)
    assert "does not match" in (get.error_line if output else get.event("error")["message"])


def test_a_wrong_digest_that_only_a_peer_sees_does_no_harm(place, hostile):
    origin = hostile(rate=RATE)
    url = origin.url(path("says", OF_FILE["Repr-Digest"](WRONG)))
    place.arrives_or_fails(PEER_ONLY, url, (6,), RIGHT)


@pytest.mark.parametrize("header", OF_BODY)
def test_a_right_digest_of_a_whole_body_is_fine(place, hostile, header):
    origin = hostile(rate=RATE)
    place.arrives(ALONE, origin.url(path("says-with-200", OF_BODY[header](RIGHT))), RIGHT)


@OUTPUT
@pytest.mark.parametrize("header", OF_BODY)
def test_a_wrong_digest_of_a_whole_body_is_exit_6(place, hostile, header, output):
    origin = hostile(rate=RATE)
    url = origin.url(path("says-with-200", OF_BODY[header](WRONG)))
    place.fails(ALONE, url, 6, RIGHT, output=output)


@WAY
@pytest.mark.parametrize("header", OF_BODY)
def test_a_digest_of_a_part_says_nothing_of_the_file(place, hostile, header, way):
    origin = hostile(rate=RATE)
    place.arrives(way, origin.url(path("says", OF_BODY[header](WRONG))), RIGHT)


@pytest.mark.parametrize("line", NOTHING)
def test_what_cannot_be_checked_is_left_alone(place, hostile, line):
    origin = hostile(rate=RATE)
    for name in ("says", "says-with-200"):
        place.arrives(ALONE, origin.url(path(name, NOTHING[line])), RIGHT)


def test_a_digest_of_what_is_encoded_is_not_one_of_the_file(place, hostile):
    """It is of the representation, gzip and all."""
    origin = hostile(rate=RATE)
    origin.extra = [OF_FILE["Repr-Digest"](WRONG)]
    place.arrives(ALONE, origin.url("gzip/3m/file"), RIGHT)


def test_the_digest_of_the_command_line_counts_beside_it(place, hostile):
    origin = hostile(rate=RATE)
    url = origin.url(path("says", OF_FILE["Repr-Digest"](RIGHT)))
    checksum = f"sha-256={WRONG.digest().hexdigest()}"
    place.fails(ALONE, url, 6, RIGHT, options=["--checksum", checksum])


# --- --checksum auto ------------------------------------------------------------------------------

BESIDE = {
    "file.sha256": lambda hexes: f"{hexes['sha256']}\n",
    "file.sha256 with its name": lambda hexes: f"{hexes['sha256']}  file\n",
    "file.sha512": lambda hexes: f"{hexes['sha512']} *file\n",
    "file.md5": lambda hexes: f"MD5 (file) = {hexes['md5']}\n",
    "SHA256SUMS": lambda hexes: f"{'0' * 64}  another\n{hexes['sha256']}  file\n",
    "SHA512SUMS": lambda hexes: f"{hexes['sha512']}  ./file\n",
}


def place_beside(origin, name, content):
    hexes = {a: content.digest(a).hexdigest() for a in ("md5", "sha256", "sha512")}
    text = BESIDE[name](hexes)
    origin.files[f"/honest/3m/{name.split()[0]}"] = text.encode()


@pytest.mark.parametrize(
    ("name", "way"), [*((name, ALONE) for name in BESIDE), *(("SHA256SUMS", way) for way in WAYS[1:])]
)
def test_a_right_checksum_beside_it_is_found(place, hostile, name, way):
    origin = hostile(rate=RATE)
    place_beside(origin, name, RIGHT)
    url = origin.url("honest/3m/file")
    codes = (3,) if way == PEER_ONLY else (0,)  # it cannot get at the file of checksums
    get = place.get(way, url, "--checksum", "auto")
    place.ends(get, codes, RIGHT)
    if way != PEER_ONLY:
        assert origin.count(f"/honest/3m/{name.split()[0]}") == 1


@OUTPUT
@pytest.mark.parametrize("name", BESIDE)
def test_a_wrong_checksum_beside_it_is_exit_6(place, hostile, name, output):
    origin = hostile(rate=RATE)
    place_beside(origin, name, WRONG)
    url = origin.url("honest/3m/file")
    place.fails(ALONE, url, 6, RIGHT, options=["--checksum", "auto"], output=output)


def test_without_a_checksum_beside_it_that_is_no_success(place, hostile):
    """It was asked for; whether by notice or exit, silence is wrong."""
    origin = hostile(rate=RATE)
    get = place.get(ALONE, origin.url("honest/3m/file"), "--checksum", "auto")
    if get.code == 0:
        assert any("checksum" in notice for notice in get.notices()), get.notices()
        place.ends(get, (0,), RIGHT)
    else:
        assert not get.published()


def test_a_list_without_the_file_is_no_checksum_of_it(place, hostile):
    origin = hostile(rate=RATE)
    other = hashlib.sha256(b"other").hexdigest()
    origin.files["/honest/3m/SHA256SUMS"] = f"{other}  another\n".encode()
    get = place.get(ALONE, origin.url("honest/3m/file"), "--checksum", "auto")
    if get.code == 0:
        assert any("checksum" in notice for notice in get.notices()), get.notices()
        place.ends(get, (0,), RIGHT)
    else:
        assert not get.published()


def test_the_checksum_file_is_named(place, hostile):
    origin = hostile(rate=RATE)
    origin.files["/honest/3m/file.sha256"] = f"{RIGHT.digest().hexdigest()}\n".encode()
    get = place.get(ALONE, origin.url("honest/3m/file"), "--checksum", "auto")
    place.ends(get, (0,), RIGHT)
    assert any("that of file.sha256" in notice for notice in get.notices()), get.notices()
