# SPDX-License-Identifier: MIT
"""Files beyond 4 GiB, which no other test of the lab has, and names that come with hostile bytes
through a peer."""

import os

import pytest
from ddmlab import Lab, ddm
from ddmlab.hostile import PEER_ONLY, Content, Hostile
from ddmlab.hostile.behaviours import BEHAVIOURS
from ddmlab.hostile.contents import difference

MIB = 1 << 20
GIB = 1 << 30

NAMES = ["..%2f..%2fevil", "%2e%2e", "%00", "a%00b", "a%0ab", "x" * 300, "%2fetc%2fevil", "con",
         "~", "-rf", ".bashrc", "%ff%fe", "%5c..%5cevil"]  # fmt: skip


def test_more_than_4_gib(lab_works):
    """With the program as people run it, on a disk that is memory."""
    if ddm.release_binary() is None:
        pytest.skip("no build for speed: set DDM_BIN_RELEASE")
    with Lab(None, binary=ddm.release_binary()) as lab:
        host = lab.origin_host
        origin = lab.keep(Hostile(host, host.address, BEHAVIOURS))
        url = "honest/4g+123/file"
        get = lab.get(
            lab.hosts[0], origin.url(url), "--no-peers", directory=lab.small_disk("4200m")
        ).expect(0, deadline=120)  # fmt: skip
        assert get.left_behind() == ["file"]
        assert difference(get.file, origin.content(url)) is None


def test_a_peer_relays_what_lies_beyond_4_gib(place, hostile):
    origin = hostile()
    url = "honest/5g/file"
    begin = 4 * GIB + 4096
    reply = place.peer.fetch(
        origin.url(url), begin, begin + MIB, from_host=place.island, size=5 * GIB
    )
    assert reply.status == 206
    assert reply.body == origin.content(url).read(begin, begin + MIB)


@pytest.mark.parametrize("path", ["", "says," + b"Content-Disposition: x; filename=../evil".hex()])
def test_names_through_a_peer_are_safe_too(place, hostile, path):
    origin = hostile()
    content = Content(1000)
    for name in NAMES:
        get = place.get(PEER_ONLY, origin.url(f"{path or 'honest'}/1000/{name}"))
        assert get.code == 0, get.process.tail()
        (entry,) = os.listdir(os.fsencode(get.directory))
        assert not entry.startswith((b"-", b".")) and len(entry) <= 255, entry
        assert not any(byte < 0x20 or byte == 0x7F for byte in entry), entry
        assert (get.directory / os.fsdecode(entry)).read_bytes() == content.all()
    assert not list(place.lab.directory.glob("*evil*"))
