# SPDX-License-Identifier: MIT
"""The file as one stream: from the start, or when ranges turn out not to work."""

import gzip
import os

import pytest
from ddmlab import server
from ddmlab.content import MIB

SIZE = 4 * MIB


def notices_of_one_stream(get):
    return [notice for notice in get.notices() if "one stream" in notice]


def test_a_stream_that_falls_silent_is_given_up_and_begun_again(make_lab):
    """Slow: the patience of the client with a silent origin has to run out once (20 s)."""
    lab = make_lab(200)
    data = os.urandom(SIZE)

    def respond(exchange):
        if len(origin.requests) > 1:
            exchange.reply("200 OK", data)
            return
        exchange.head("200 OK", f"Content-Length: {SIZE}")
        exchange.send(data[: SIZE // 2])
        exchange.stay_silent()

    origin = lab.serve(respond)
    get = lab.download(lab.hosts[0], origin.url("file"), "--no-peers", deadline=90)
    assert get.file.read_bytes() == data
    assert len(origin.requests) == 2


@pytest.mark.parametrize("codings", [["gzip", "identity"], ["identity", "gzip"]], ids=", ".join)
def test_codings_in_two_lines_are_undone_or_refused(make_lab, codings):
    lab = make_lab(200)
    data = os.urandom(MIB) + b"\0" * MIB
    lines = [f"Content-Encoding: {coding}" for coding in codings]
    origin = lab.serve(server.whole(gzip.compress(data), *lines))
    get = lab.get(lab.hosts[0], origin.url("file"), "--no-peers").wait()
    if get.code == 0:
        assert get.file.read_bytes() == data
    else:
        assert not get.published()


def test_an_encoded_error_page_does_not_mean_one_stream(make_lab):
    """The page says nothing about the file: that one comes in ranges, a moment later."""
    lab = make_lab(200)
    data = os.urandom(SIZE)

    def respond(exchange):
        if len(origin.requests) > 1:
            server.ranged(data)(exchange)
            return
        page = gzip.compress(b"<html>later</html>")
        exchange.reply(
            "503 Service Unavailable", page, "Content-Encoding: gzip", "Retry-After: 1"
        )

    origin = lab.serve(respond)
    get = lab.download(lab.hosts[0], origin.url("file"), "--no-peers")
    assert get.file.read_bytes() == data
    assert notices_of_one_stream(get) == []
    assert len(origin.requests) > 2, "one request after the page: no ranges"


def test_a_stream_of_another_version_is_not_put_behind_ranges(make_lab):
    """The file changes just when the ranges end: its beginning is of the old version."""
    lab = make_lab(200)
    old, new = os.urandom(SIZE), os.urandom(SIZE)

    def respond(exchange):
        if (exchange.range(SIZE) or (1, 1))[0] == 0:
            server.ranged(old, etag='"old"')(exchange)
        else:
            exchange.reply("200 OK", new, 'ETag: "new"')

    url = lab.serve(respond).url("file")
    piped = lab.get(lab.hosts[0], url, "--no-peers", output="-", events=False).wait()
    assert piped.code == 5
    filed = lab.get(lab.hosts[0], url, "--no-peers").wait()
    assert filed.code == 5 or filed.file.read_bytes() in (old, new)
    assert (filed.code == 0) == filed.published()


@pytest.mark.parametrize("etag", ['"lab"', None], ids=["validator", "no validator"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_stream_that_breaks_off_is_taken_up_again(make_lab, coding, etag):
    """In a pipe what was written cannot be taken back: only a validator allows to go on."""
    lab = make_lab(200)
    data = os.urandom(SIZE)
    body = gzip.compress(data, 1) if coding == "gzip" else data
    lines = [f"Content-Encoding: {coding}", *([f"ETag: {etag}"] if etag else [])]

    def respond(exchange):
        exchange.head("200 OK", f"Content-Length: {len(body)}", *lines)
        if len(origin.requests) % 3 == 0:
            exchange.send(body)
        else:
            exchange.send(body[: len(body) // 4 * (len(origin.requests) % 3)])
            exchange.hang_up()

    origin = lab.serve(respond)
    filed = lab.download(lab.hosts[0], origin.url("file"), "--no-peers")
    assert filed.file.read_bytes() == data
    origin.requests.clear()
    piped = lab.get(
        lab.hosts[0], origin.url("file"), "--no-peers", output="-", events=False
    ).wait()  # fmt: skip
    got = piped.process.stdout_path.read_bytes()
    assert piped.code == (0 if etag else 3), piped.process.tail()
    assert got == data if etag else data.startswith(got)


def breaking_first(tag, first, later):
    """A stream of `len(later)` bytes; the first reply breaks off behind `first`."""

    def respond(exchange):
        tries.append(1)
        exchange.head("200 OK", f"Content-Length: {len(later)}", *tag)
        exchange.send(first if len(tries) == 1 else later)
        exchange.hang_up()

    tries = []
    return respond


def test_a_weak_etag_does_not_join_two_streams(make_lab):
    """The second reply may be another version: all of it is taken."""
    lab = make_lab(200)
    respond = breaking_first(['ETag: W/"x"'], b"A" * (MIB // 2), b"B" * MIB)
    origin = lab.serve(respond)
    get = lab.download(lab.hosts[0], origin.url("file"), "--no-peers")
    assert get.file.read_bytes() == b"B" * MIB


def test_a_stream_that_always_breaks_off_comes_to_an_end(make_lab):
    lab = make_lab(200)
    origin = lab.serve(lambda exchange: breaking_first([], b"A" * 1000, b"A" * MIB)(exchange))
    get = lab.get(lab.hosts[0], origin.url("file"), "--no-peers", "--retries", "2")
    get.expect(3)
    assert origin.count("/file") <= 4


def test_a_second_stream_that_is_shorter_is_not_the_whole(make_lab):
    lab = make_lab(200)

    def respond(exchange):
        if origin.count("/file") == 1:
            exchange.head("200 OK", 'ETag: "e"', "Transfer-Encoding: chunked")
            exchange.send(b"1000\r\n" + b"A" * 0x1000 + b"\r\n")  # and no last chunk
        else:
            exchange.head("200 OK", 'ETag: "e"', "Connection: close")
            exchange.send(b"A" * 100)
        exchange.hang_up()

    origin = lab.serve(respond)
    lab.get(lab.hosts[0], origin.url("file"), "--no-peers").expect(5)
