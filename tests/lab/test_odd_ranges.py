# SPDX-License-Identifier: MIT
"""Ranges that are in order, and not as one expects them; and addresses that lead nowhere."""

import os

import pytest
from ddmlab import server
from ddmlab.content import MIB

SIZE = 6 * MIB


@pytest.fixture
def places(make_lab):
    """(lab, peer): h1 downloads; the peer on h2 may help."""
    lab = make_lab(40, 40)
    return lab, lab.peer(lab.hosts[1])


def gives_little(data):
    """An origin that answers with the first 64 KiB of a range, and says so, as any server may."""

    def respond(exchange):
        begin, end = exchange.range(len(data)) or (0, len(data))
        end = min(end, begin + 64 * 1024)
        lines = [f"Content-Length: {end - begin}", 'ETag: "lab"']
        exchange.head("206 Partial Content", server.span(begin, end, len(data)), *lines)
        exchange.send(data[begin:end])

    return respond


def never_ends(data):
    """An origin that sends all of a range in chunks, and then not the end of the chunks."""

    def respond(exchange):
        begin, end = exchange.range(len(data)) or (0, len(data))
        lines = ["Transfer-Encoding: chunked", 'ETag: "lab"']
        exchange.head("206 Partial Content", server.span(begin, end, len(data)), *lines)
        for at in range(begin, end, 65536):
            part = data[at : min(at + 65536, end)]
            exchange.send(b"%x\r\n%s\r\n" % (len(part), part))
        exchange.stay_silent()

    return respond


ODD = pytest.mark.parametrize("odd", [gives_little, never_ends], ids=lambda odd: odd.__name__)


@ODD
def test_a_download_from_an_odd_origin(places, odd):
    lab, _ = places
    data = os.urandom(SIZE)
    get = lab.download(lab.hosts[0], lab.serve(odd(data)).url("file"), "--no-peers")
    assert get.file.read_bytes() == data


@ODD
def test_a_download_from_an_odd_origin_with_a_peer(places, odd):
    lab, peer = places
    data = os.urandom(SIZE)
    url = lab.serve(odd(data)).url("file")
    get = lab.download(lab.hosts[0], url, "--peer", peer.address)
    assert get.file.read_bytes() == data
    assert get.shares()[peer.address] > 0


@ODD
def test_a_peer_relays_all_of_a_range_of_an_odd_origin(places, odd):
    lab, peer = places
    data = os.urandom(SIZE)
    url = lab.serve(odd(data)).url("file")
    for begin, end in [(1000, MIB), (MIB // 2, 2 * MIB)]:
        reply = peer.fetch(url, begin, end, from_host=lab.hosts[0], etag='"lab"', size=SIZE)
        assert (reply.status, reply.body) == (206, data[begin:end])


def test_a_reply_is_not_believed_past_its_own_range(make_lab):
    lab = make_lab(200)
    data = os.urandom(MIB)

    def respond(exchange):
        begin, end = exchange.range(MIB) or (0, MIB)
        said = min(begin + 100_000, end)
        exchange.head(
            "206 Partial Content",
            'ETag: "e"',
            f"Content-Range: bytes {begin}-{said - 1}/{MIB}",
            "Transfer-Encoding: chunked",
        )
        exchange.send_chunked(data[begin:said] + b"X" * 200_000)

    origin = lab.serve(respond)
    get = lab.download(lab.hosts[0], origin.url("file"), "--no-peers")
    assert get.file.read_bytes() == data
