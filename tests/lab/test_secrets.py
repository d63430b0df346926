# SPDX-License-Identifier: MIT
"""What stands in a URL for the origin alone stays between the machine and the origin."""

import base64
import os

import pytest
from ddmlab import evil, server
from ddmlab.content import MIB

USER, PASSWORD = "somebody", "hush-4711"


def honest(exchange, wanted, file):
    exchange.head("206 Partial Content", *evil.headers(file, wanted.begin, wanted.end))
    exchange.send(file.data[wanted.begin : wanted.end])


@pytest.fixture
def protected(make_lab):
    """(lab, content, url, the headers that the origin got, a peer that writes down all it gets)."""
    lab = make_lab(20, 50)
    data = os.urandom(4 * MIB)
    path = lab.directory / "content"
    path.write_bytes(data)
    got = []

    def respond(exchange):
        got.append(exchange.headers["Authorization"])
        server.ranged(data)(exchange)

    origin = lab.serve(respond)
    peer = lab.keep(evil.EvilPeer(lab.hosts[1], honest, path))
    url = f"http://{USER}:{PASSWORD}@{origin.address}/file"
    return lab, data, url, got, peer


def test_a_password_reaches_the_origin_and_nobody_else(protected):
    lab, data, url, got, peer = protected
    tracker = lab.tracker(lab.hosts[0])
    announced = {"port": peer.port, "host_id": "the-other-host"}
    lab.hosts[1].request("PUT", tracker.address, "/v1/peers/the-peer", announced)
    get = lab.download(lab.hosts[0], url, "--peer", peer.address)
    assert get.file.read_bytes() == data
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert set(got) == {expected}
    assert peer.requests == []
    told = [notice for notice in get.notices() if "password" in notice]
    assert len(told) == 1, get.notices()


@pytest.mark.parametrize("events", [True, False], ids=["json", "text"])
def test_a_password_is_never_shown(protected, events):
    lab, _, url, _, peer = protected
    get = lab.download(lab.hosts[0], url, "--peer", peer.address, events=events)
    assert PASSWORD not in get.stdout
    assert PASSWORD not in get.stderr


@pytest.mark.parametrize("events", [True, False], ids=["json", "text"])
def test_a_password_is_not_shown_by_an_error_either(make_lab, events):
    lab = make_lab(50)
    url = f"http://{USER}:{PASSWORD}@{lab.origin_host.address}:9/file"
    get = lab.download(lab.hosts[0], url, code=3, events=events)
    assert PASSWORD not in get.stdout
    assert PASSWORD not in get.stderr


def test_a_url_without_a_password_goes_to_the_peer(protected):
    """The peer of this lab is one that would be asked."""
    lab, data, url, _, peer = protected
    get = lab.download(
        lab.hosts[0], url.replace(f"{USER}:{PASSWORD}@", ""), "--peer", peer.address
    )
    assert get.file.read_bytes() == data
    assert peer.asked


EARLY = [
    (["--connections", "0"], "10.99.0.1/file"),
    (["-o", "/"], "10.99.0.1/file"),
    (["--tracker", "a b:1"], "10.99.0.1/file"),
    ([], "[::1/file"),
    ([], "10.99.0.1:99999/file"),
    ([], "ho st/file"),
]


@pytest.mark.parametrize("options, place", EARLY, ids=lambda value: "".join(value) or "-")
@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
def test_a_password_is_not_shown_by_what_is_wrong_from_the_start(cli, options, place, json):
    done = cli("get", *json, *options, f"http://{USER}:{PASSWORD}@{place}")
    assert done.returncode != 0
    assert PASSWORD not in done.stdout
    assert PASSWORD not in done.stderr
