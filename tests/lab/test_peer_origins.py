# SPDX-License-Identifier: MIT
"""What a peer makes of origins that are busy, that redirect, and of URLs that are no web's."""

import email.utils
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ddmlab import server
from ddmlab.waiting import wait_until

DATA = bytes(range(256)) * 400


@pytest.fixture
def one_peer(make_lab):
    """(lab, peer): a peer on h1 without a tracker."""
    lab = make_lab(40)
    return lab, lab.peer(lab.hosts[0])


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_busy_origins_wait_reaches_the_client(one_peer, status):
    lab, peer = one_peer
    busy = lab.serve(lambda exchange: exchange.reply(status, b"later", "Retry-After: 7"))
    reply = peer.fetch(busy.url("x"), 0, 1000)
    assert reply.status == 502
    assert reply.headers["Retry-After"] == "7"
    told = reply.json()
    assert (told["error"], told["status"], told["retry_after"]) == ("origin", int(status[:3]), 7)


def test_a_wait_until_a_date_reaches_the_client(one_peer):
    lab, peer = one_peer

    def respond(exchange):
        now = time.time()
        exchange.reply(
            "503 Service Unavailable",
            b"",
            f"Date: {email.utils.formatdate(now, usegmt=True)}",
            f"Retry-After: {email.utils.formatdate(now + 600, usegmt=True)}",
        )

    told = peer.fetch(lab.serve(respond).url("x"), 0, 1000).json()
    assert told["status"] == 503
    assert 300 < told["retry_after"] <= 601


def test_an_origin_without_a_wait_names_none(one_peer):
    lab, peer = one_peer
    gone = lab.serve(lambda exchange: exchange.reply("404 Not Found", b"none"))
    reply = peer.fetch(gone.url("x"), 0, 1000)
    assert reply.headers["Retry-After"] is None
    assert "retry_after" not in reply.json()


class Signing:
    """Redirects to a signed URL, which soon is a 403."""

    LIFE = 1.5  # s; for a fetch on a busy machine

    def __init__(self, lab):
        self.asked = self.given = self.late = 0
        self.server = lab.serve(self._respond)

    def _respond(self, exchange):
        path, _, born = exchange.path.partition("?signed=")
        if not born:
            self.asked += 1
            location = f"Location: {path}?signed={time.monotonic()}"
            exchange.reply("302 Found", b"", location, "Cache-Control: max-age=3600")
        elif time.monotonic() - float(born) > self.LIFE:
            self.late += 1
            exchange.reply("403 Forbidden", b"expired")
        else:
            self.given += 1
            server.ranged(DATA)(exchange)


def test_each_fetch_begins_at_the_original_url(one_peer):
    lab, peer = one_peer
    origin = Signing(lab)
    for begin in (0, 1000, 2000):
        if begin:
            time.sleep(Signing.LIFE)
        reply = peer.fetch(origin.server.url("file"), begin, begin + 1000)
        assert (reply.status, reply.body) == (206, DATA[begin : begin + 1000])
    assert (origin.asked, origin.given, origin.late) == (3, 3, 0)


def test_who_signs_wrongly_takes_nothing_from_others(one_peer):
    """Both wait for one fetch, which began with the wrong signature."""
    lab, peer = one_peer
    both_wait = threading.Event()

    def respond(exchange):
        if "token=bad" in exchange.path:
            both_wait.wait(30)
            exchange.reply("403 Forbidden", b"no")
        else:
            server.ranged(DATA)(exchange)

    origin = lab.serve(respond)
    fields = {"size": len(DATA), "etag": '"lab"'}
    with ThreadPoolExecutor() as pool:
        bad = pool.submit(peer.fetch, origin.url("file?token=bad"), 0, 1000, **fields)
        wait_until(lambda: origin.requests, "the first one's fetch")
        good = pool.submit(peer.fetch, origin.url("file?token=good"), 0, 1000, **fields)
        wait_until(lambda: peer.status()["active"] == 2, "both to wait")
        assert len(origin.requests) == 1
        both_wait.set()
        assert (good.result().status, good.result().body) == (206, DATA[:1000])
        assert (bad.result().status, bad.result().json()["status"]) == (502, 403)


OTHERS = ["file:///etc/passwd", "dict://{0}/x", "gopher://{0}/x", "scp://{0}/x", "tftp://{0}/x",
          "ldap://{0}/x", "telnet://{0}/", "smb://{0}/x", "imap://{0}/x", "data:text/plain,x",
          "unix:/run/x", "javascript:x", "//{0}/x", "/etc/passwd", "x"]  # fmt: skip


@pytest.mark.parametrize("url", OTHERS)
def test_a_url_of_another_kind_is_refused(one_peer, url):
    lab, peer = one_peer
    seen = lab.serve(lambda exchange: exchange.reply("200 OK", b"x"))
    reply = peer.fetch(url.format(seen.address), 0, 1)
    assert (reply.status, reply.json()["error"]) == (400, "bad_url")
    assert seen.requests == []


@pytest.mark.parametrize("url", [url for url in OTHERS if "://" in url])
def test_a_redirect_to_one_is_refused(one_peer, url):
    lab, peer = one_peer
    seen = lab.serve(lambda exchange: exchange.reply("200 OK", b"x"))
    location = f"Location: {url.format(seen.address)}"
    redirecting = lab.serve(lambda exchange: exchange.reply("302 Found", b"", location))
    reply = peer.fetch(redirecting.url("x"), 0, 1)
    assert (reply.status, reply.json()["error"]) == (400, "bad_url")
    assert len(redirecting.requests) == 1
    assert seen.requests == []
    assert peer.healthy()


def test_a_redirect_without_end_is_refused(one_peer):
    lab, peer = one_peer
    circle = lab.serve(lambda exchange: exchange.reply("302 Found", b"", "Location: /x"))
    reply = peer.fetch(circle.url("x"), 0, 1)
    assert (reply.status, reply.json()["error"]) == (400, "bad_url")
    assert len(circle.requests) < 30
