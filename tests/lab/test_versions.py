# SPDX-License-Identifier: MIT
"""Two versions of a file never become one, whatever the origin says of them."""

import os

from ddmlab import server
from ddmlab.content import MIB

SIZE = 6 * MIB


def long_etag(letter):
    """Longer than one would think of keeping."""
    return '"' + letter * 300 + '"'


def serve_a_change(lab, first, second):
    """An origin that has the second one after its first reply; each is (content, etag)."""

    def respond(exchange):
        content, etag = first if len(origin.requests) == 1 else second
        server.ranged(content, etag=etag)(exchange)

    origin = lab.serve(respond)
    return origin


def test_long_etags_that_differ_are_two_versions(make_lab):
    lab = make_lab(50)
    old, new = os.urandom(SIZE), os.urandom(SIZE)
    origin = serve_a_change(lab, (old, long_etag("a")), (new, long_etag("b")))
    get = lab.get(lab.hosts[0], origin.url("file")).wait()
    is_one_version_or_exit_5(get, old, new)


def test_long_etags_that_differ_at_their_end_are_two_versions(make_lab):
    lab = make_lab(50)
    old, new = os.urandom(SIZE), os.urandom(SIZE)
    etags = ['"' + "a" * 300 + end + '"' for end in "xy"]
    origin = serve_a_change(lab, (old, etags[0]), (new, etags[1]))
    get = lab.get(lab.hosts[0], origin.url("file")).wait()
    is_one_version_or_exit_5(get, old, new)


def is_one_version_or_exit_5(get, *versions):
    if get.code == 0:
        assert get.file.read_bytes() in versions
    else:
        assert get.code == 5, get.process.tail()
        assert not get.published()


def test_long_etags_that_agree_are_one_version(make_lab):
    lab = make_lab(20, 20)
    _, peers = lab.swarm()
    data = os.urandom(SIZE)
    origin = lab.serve(server.ranged(data, etag=long_etag("a")))
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == data
    assert get.shares()[peers[1].address] > MIB


def test_with_a_validator_no_notice_speaks_of_changes(make_lab):
    lab = make_lab(50)
    data = os.urandom(MIB)
    origin = lab.serve(server.ranged(data))
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == data
    assert not any("change" in notice for notice in get.notices()), get.notices()
