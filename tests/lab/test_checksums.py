# SPDX-License-Identifier: MIT
"""The checksum is the last word, also where everything else is over at once."""

import hashlib
import os
import threading

import pytest
from ddmlab import server
from ddmlab.content import MIB

RUNS = 25
WRONG = "sha-256=" + "0" * 64


def checksum(data):
    return "sha-256=" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def tiny(make_lab):
    """(lab, content, origin) of files that are done before anything else could happen: /N has the
    first N bytes, with ranges."""
    lab = make_lab(None)
    data = os.urandom(200)

    def respond(exchange):
        server.ranged(data[: int(exchange.path[1:])])(exchange)

    return lab, data, lab.serve(respond)


def sizes():
    """From 1 to 200 bytes, in so many runs."""
    return [1 + 199 * run // (RUNS - 1) for run in range(RUNS)]


def test_a_tiny_file_with_a_wrong_checksum_is_never_published(tiny):
    lab, _, origin = tiny
    for size in sizes():
        url = origin.url(str(size))
        get = lab.download(lab.hosts[0], url, "--no-peers", "--checksum", WRONG, code=6)
        assert not get.published()


def test_a_tiny_file_with_the_right_checksum_is_always_there(tiny):
    lab, data, origin = tiny
    for size in sizes():
        right = checksum(data[:size])
        url = origin.url(str(size))
        get = lab.download(lab.hosts[0], url, "--no-peers", "--checksum", right)
        assert get.file.read_bytes() == data[:size]
        assert get.left_behind() == [str(size)]


@pytest.fixture
def short_stream(make_lab):
    """(lab, content, url) of 5 kB without ranges."""
    lab = make_lab(None)
    data = os.urandom(5000)
    return lab, data, lab.serve(server.whole(data)).url("file")


def piped(lab, url, check, code):
    return lab.download(
        lab.hosts[0], url, "--no-peers", "--checksum", check,
        code=code, output="-", events=False,
    )  # fmt: skip


def test_a_short_stream_into_a_pipe_with_a_wrong_checksum_always_fails(short_stream):
    lab, _, url = short_stream
    for _ in range(RUNS):
        assert "sha-256" in piped(lab, url, WRONG, code=6).error_line


def test_a_short_stream_into_a_pipe_with_the_right_checksum_is_always_whole(short_stream):
    lab, data, url = short_stream
    for _ in range(RUNS):
        get = piped(lab, url, checksum(data), code=0)
        assert get.process.stdout_path.read_bytes() == data


@pytest.fixture(params=['"lab"', None], ids=["validator", "no validator"])
def breaking(request, make_lab):
    """(lab, content, url, event) of an origin that gives the range at the start, and the whole file
    for every other one, from the event on."""
    lab = make_lab(None)
    data = os.urandom(4 * MIB)
    honest = server.ranged(data, etag=request.param)
    may_break = threading.Event()

    def respond(exchange):
        if (exchange.range(len(data)) or (1, 1))[0] > 0:
            may_break.wait(60)
            del exchange.headers["Range"]
        honest(exchange)

    return lab, data, lab.serve(respond).url("file"), may_break


def test_ranges_that_become_one_stream_pass_their_checksum_every_time(breaking):
    """What the ranges left in the file and in the digest is not mixed with the stream."""
    lab, data, url, may_break = breaking
    may_break.set()
    for _ in range(20):
        get = lab.download(lab.hosts[0], url, "--no-peers", "--checksum", checksum(data))
        assert get.file.read_bytes() == data


def test_ranges_that_become_one_stream_later_pass_their_checksum(breaking):
    """The digest has begun then."""
    lab, data, url, may_break = breaking
    get = lab.get(lab.hosts[0], url, "--no-peers", "--checksum", checksum(data))
    get.wait_for_bytes(1)
    may_break.set()
    get.expect(0)
    assert get.file.read_bytes() == data
