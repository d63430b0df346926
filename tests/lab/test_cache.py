# SPDX-License-Identifier: MIT
"""The cache of a peer: what was fetched once, and for whom it is."""

import os
import time
from email.utils import formatdate

import pytest
from ddmlab import content, server, wait_until
from ddmlab.cached import SIZE, Cached
from ddmlab.content import MIB



@pytest.fixture
def cached(make_lab):
    return Cached(make_lab(200, 200))


def test_what_was_fetched_once_comes_from_the_disk(cached):
    cached.expect()
    sent = cached.sent()
    cached.expect()
    assert cached.sent() == sent
    assert cached.status()["loaded"] > 0
    assert cached.status()["hits"] == 1


def test_parts_that_others_asked_for_are_put_together(cached):
    """None of them begins or ends where a block does."""
    for begin, end in ((1_000_000, 1_300_001), (5_000_000, 8_000_000), (1_300_001, 5_000_000)):
        cached.expect(begin, end)
    sent = cached.sent()
    cached.restart()
    cached.expect(1_000_000, 8_000_000)
    assert cached.sent() == sent
    cached.expect()
    assert cached.sent() - sent < 1_000_000 + (SIZE - 8_000_000) + 20_000


def test_what_came_for_one_who_went_away_is_kept(cached):
    cached.lab.hosts[0].uplink.set_rate(20)
    curl = cached.curl(0, SIZE)
    wait_until(lambda: cached.peer.status()["fetched"] > 2 * MIB, "two MiB")
    curl.kill()
    curl.wait()
    wait_until(lambda: cached.peer.status()["active"] == 0, "it to be noticed")
    sent = cached.sent()
    cached.expect(0, 2 * MIB)
    assert cached.sent() == sent


def test_another_version_is_another_object(cached):
    cached.expect()
    old = content.nginx_etag(cached.path)
    data = cached.path.read_bytes()
    cached.path.write_bytes(bytes(SIZE))
    os.utime(cached.path, (10**9, 10**9))
    cached.expect()
    assert content.nginx_etag(cached.path) != old
    # The old one is served to those only who name it: they have been told so by the origin.
    reply = cached.fetch(etag=old)
    assert (reply.status, reply.body) == (206, data)


def test_who_names_no_validator_gets_nothing_from_the_disk(cached):
    cached.expect()
    sent = cached.sent()
    reply = cached.peer.fetch(cached.url, 0, MIB)
    assert reply.body == cached.path.read_bytes()[:MIB]
    assert cached.sent() - sent >= MIB


def test_signed_urls_share_what_is_kept(cached):
    signed = cached.url + "?part=1&X-Amz-Signature={}&token={}"
    fields = cached.fields()
    cached.peer.fetch(signed.format(1, 2), 0, 4 * MIB, **fields)
    sent = cached.sent()
    reply = cached.peer.fetch(signed.format(3, 4), 0, SIZE, **fields)
    assert reply.body == cached.path.read_bytes()
    assert SIZE - 4 * MIB <= cached.sent() - sent < SIZE - 4 * MIB + 20_000
    # What was missing was asked for with the newest signature.
    assert "X-Amz-Signature=3" in cached.lab.origin.log()[-1]["uri"]
    other = cached.url + "?part=2"
    sent = cached.sent()
    cached.peer.fetch(other, 0, SIZE, **fields)
    assert cached.sent() - sent >= SIZE


def test_which_parameters_sign_can_be_told(make_lab):
    cached = Cached(make_lab(200, 200), "--signing-parameters", "pass")
    fields = cached.fields()
    url = cached.url
    for query, more in (("?pass=1", True), ("?pass=2", False), ("?token=1", True), ("?token=2", True)):
        sent = cached.sent()
        assert cached.peer.fetch(url + query, 0, SIZE, **fields).status == 206
        assert (cached.sent() > sent) == more, query


def test_what_came_with_a_login_is_not_on_disk(cached):
    secret = {"Authorization": "Basic c2VjcmV0"}
    cached.expect(headers=secret)
    cached.stop()
    assert cached.files() == []
    cached.start()
    login = cached.url.replace("//", "//me:secret@")
    cached.peer.fetch(login, 0, SIZE, **cached.fields())
    cached.stop()
    assert cached.files() == []


DAY = 86400


@pytest.mark.parametrize(
    "lines, kept",
    [
        (lambda now: [f"Last-Modified: {formatdate(now - DAY, usegmt=True)}"], True),
        (lambda now: [f"Last-Modified: {formatdate(now - 20, usegmt=True)}"], False),
        (
            lambda now: [
                f"Last-Modified: {formatdate(now - DAY, usegmt=True)}",
                f"Date: {formatdate(now - DAY + 20, usegmt=True)}",
            ],
            False,
        ),
        (lambda now: ['ETag: W/"1"', f"Last-Modified: {formatdate(now - DAY, usegmt=True)}"], True),
        (lambda now: ['ETag: W/"1"'], False),
        (lambda now: ['ETag: "1"', f"Last-Modified: {formatdate(now, usegmt=True)}"], True),
        (lambda now: [], False),
    ],
    ids=["old date", "new date", "new by its own clock", "weak, old date", "weak", "strong", "none"],
)
def test_only_what_can_be_told_apart_later_is_kept(make_lab, lines, kept):
    cached = Cached(make_lab(200, 200))
    data = os.urandom(MIB)
    head = lines(time.time())

    def respond(exchange):
        begin, end = exchange.range(len(data))
        span = server.span(begin, end, len(data))
        exchange.head("206 Partial Content", span, f"Content-Length: {end - begin}", *head)
        exchange.send(data[begin:end])

    origin = cached.lab.serve(respond)
    said = dict(line.split(": ", 1) for line in head)
    fields = {"etag": said.get("ETag", ""), "last_modified": said.get("Last-Modified", "")}
    reply = cached.peer.fetch(origin.url("x"), 0, MIB, size=MIB, **fields)
    assert reply.body == data
    cached.restart()
    assert cached.status()["bytes"] >= (MIB if kept else 0)
    assert bool(cached.files()) == kept
    reply = cached.peer.fetch(origin.url("x"), 0, MIB, size=MIB, **fields)
    assert reply.body == data
    assert len(origin.requests) == (1 if kept else 2)
