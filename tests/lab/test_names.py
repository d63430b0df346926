# SPDX-License-Identifier: MIT
"""Names that come from outside stay inside the chosen folder."""

import os

import pytest
from ddmlab import server

DATA = b"the content"

DISPOSITIONS = [
    'attachment; filename="../../evil"',
    'attachment; filename="/etc/evil"',
    'attachment; filename="a/b/c"',
    'attachment; filename="..\\\\..\\\\evil"',
    'attachment; filename=".."',
    'attachment; filename="."',
    'attachment; filename=""',
    "attachment; filename=",
    'attachment; filename="~"',
    'attachment; filename="~root"',
    'attachment; filename="con"',
    'attachment; filename="nul.txt"',
    'attachment; filename="a\x01\x02\x1b[2Jb"',
    'attachment; filename="' + "n" * 300 + '.iso"',
    'attachment; filename="' + "ü" * 200 + '"',
    'attachment; filename="\xff\xfe"',
    "attachment; filename*=UTF-8''..%2F..%2Fevil",
    "attachment; filename*=UTF-8''evil%00.txt",
    "attachment; filename*=UTF-8''%0Aevil",
    "attachment; filename*=UTF-8''" + "%C3%BC" * 200,
    "attachment; filename*=",
    'attachment; filename="-rf"',
    'attachment; filename=".bashrc"',
    'attachment; filename="trailing. "',
    'attachment; filename="unterminated',
    "attachment; filename=a; filename=../b",
    "inline; " + "x=y; " * 500 + 'filename="../z"',
]

PATHS = [
    "",
    "a/b/",
    "..%2f..%2fevil",
    "%2e%2e",
    "%2fetc%2fevil",
    "%00",
    "a%00b",
    "a%0ab",
    "x" * 300,
    "%c3%bc" * 100,
    "a?../../b",
    "a#../../b",
    "a;b",
    "%5c..%5cevil",
    "%ff%fe",
]


def lands_safely(get, lab):
    """One file, in the chosen folder, with a name that does no harm."""
    get.expect(0)
    names = os.listdir(os.fsencode(get.directory))
    assert len(names) == 1, names
    name = names[0]
    assert 0 < len(name) <= 255
    assert not any(byte < 0x20 or byte == 0x7F for byte in name), name
    assert name not in (b".", b"..")
    assert not name.startswith((b"-", b".")), name
    entry = get.directory / os.fsdecode(name)
    assert entry.is_file() and entry.read_bytes() == DATA
    assert not list(lab.directory.glob("*evil*"))
    assert not os.path.exists("/etc/evil")


@pytest.fixture(scope="module")
def one_origin(lab_works):
    """One lab for all names: each of them is a download of some bytes."""
    from ddmlab import Lab, ddm

    if ddm.binary() is None:
        pytest.skip("ddm is not built")
    with Lab(100) as lab:
        yield lab
    assert not lab.complaints, lab.complaints


@pytest.mark.parametrize("disposition", DISPOSITIONS, ids=lambda text: ascii(text)[:50])
def test_names_from_the_origins_header(one_origin, disposition):
    value = disposition.encode("latin-1", "replace").decode("latin-1")
    origin = one_origin.serve(server.ranged(DATA, f"Content-Disposition: {value}"))
    lands_safely(one_origin.get(one_origin.hosts[0], origin.url("plain")), one_origin)


@pytest.mark.parametrize("path", PATHS, ids=lambda text: text[:50] or "empty")
def test_names_from_the_url(one_origin, path):
    origin = one_origin.serve(server.ranged(DATA))
    lands_safely(one_origin.get(one_origin.hosts[0], origin.url(path)), one_origin)


def test_a_good_name_from_the_header_is_used(one_origin):
    header = 'Content-Disposition: attachment; filename="good name.iso"'
    origin = one_origin.serve(server.ranged(DATA, header))
    get = one_origin.download(one_origin.hosts[0], origin.url("plain"))
    assert get.left_behind() == ["good name.iso"]


def test_the_name_on_the_command_line_wins(one_origin):
    header = 'Content-Disposition: attachment; filename="theirs"'
    origin = one_origin.serve(server.ranged(DATA, header))
    get = one_origin.download(one_origin.hosts[0], origin.url("plain"), output="mine")
    assert get.left_behind() == ["mine"]
