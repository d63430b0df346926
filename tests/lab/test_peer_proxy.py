# SPDX-License-Identifier: MIT
"""A peer behind a proxy. It cannot see the address of the origin, and checks what it can: numbers,
and names that are known here, too; in the URL and after redirects."""

import json
import shutil

import pytest
from ddmlab import ddm, proxy, raw, server

DATA = bytes(range(256)) * 400

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, proxy.TOOLS)), reason=f"needs {', '.join(proxy.TOOLS)}"
)


class World:
    """h1 is the peer's, h2 the proxy's. `origin` is public, `inside` is private; both write down
    whom they heard from."""

    def __init__(self, lab):
        self.lab = lab
        self.here, self.there = lab.hosts
        self.heard = {"origin": [], "inside": []}
        self.origin = lab.serve(self._respond("origin"))
        self.inside = lab.serve(self._respond("inside"), self.there)
        # What each of them knows besides localhost.
        self._write_hosts(self.here, private="known.test both.test", public="both.test public.test")
        self._write_hosts(self.there, private="known.test", public="far.test both.test public.test")

    def _write_hosts(self, host, private, public):
        lines = ["127.0.0.1 localhost", f"{self.there.address} {private}"]
        lines.append(f"{self.lab.public_address} {public}")
        host.namespace.write_etc({"hosts": "\n".join(lines) + "\n"})

    def _respond(self, name):
        def respond(exchange):
            self.heard[name].append(exchange.client_address[0])
            server.ranged(DATA)(exchange)

        return respond

    def url(self, host, server=None):
        """Some URL at that host, by its name there."""
        return f"http://{host}:{(server or self.origin).port}/file"

    def private(self, host):
        """The same for what only the proxy's host serves."""
        return self.url(host, self.inside)

    def redirecting(self, location):
        respond = lambda exchange: exchange.reply("302 Found", b"", f"Location: {location}")  # noqa: E731
        return self.url(self.lab.public_address, self.lab.serve(respond))

    def proxy(self, way):
        if way == "http":
            return proxy.Tinyproxy(self.there, self.lab.folder("proxy")).url()
        return proxy.Microsocks(self.there).url(way)

    def peer(self, *options, env=None, allow=None):
        port = ddm.PEER_PORT
        allowed = ["--allow", allow] if allow else []
        arguments = ["peer", "--insecure", "--listen", f"0.0.0.0:{port}", *allowed, *options]
        process = self.lab.run_ddm(self.here, *arguments, name="peer", env=env or {})
        return ddm.Peer(self.here, process, port).wait_until_up()


@pytest.fixture
def world(make_lab):
    return World(make_lab(100, 100))


@pytest.fixture(params=["http", "socks5h"])
def proxied(request, world):
    """(the world, a peer behind a proxy in it)."""
    return world, world.peer("--proxy", world.proxy(request.param))


def is_refused(reply, code="policy"):
    assert (reply.status, reply.json()["error"]) == (403, code), reply


@pytest.mark.parametrize("way", ["http", "socks5", "socks5h"])
def test_it_fetches_through_the_proxy(world, way):
    peer = world.peer("--proxy", world.proxy(way))
    for begin in (0, 1000):
        reply = peer.fetch(world.url(world.lab.public_address), begin, begin + 1000)
        assert (reply.status, reply.body) == (206, DATA[begin : begin + 1000])
    assert set(world.heard["origin"]) == {world.there.uplink_address}


def test_the_environment_counts_for_nothing(world):
    dead = "http://127.0.0.1:9"
    env = {name: dead for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY")}
    url = world.url(world.lab.public_address)
    peer = world.peer(env=env)
    assert peer.fetch(url, 0, 1000).body == DATA[:1000]
    peer.process.stop()
    peer = world.peer("--proxy", world.proxy("http"), env={**env, "no_proxy": "*", "NO_PROXY": "*"})
    assert peer.fetch(url, 0, 1000).body == DATA[:1000]
    assert world.heard["origin"] == [world.here.uplink_address, world.there.uplink_address]


def test_names_that_only_the_proxy_knows_are_fetched(proxied):
    world, peer = proxied
    reply = peer.fetch(world.url("far.test"), 0, 1000)
    assert (reply.status, reply.body) == (206, DATA[:1000])
    assert peer.fetch(world.url("public.test"), 0, 1000).status == 206


PRIVATE = ["127.0.0.1", "localhost", "x.localhost", "localhost.", "LOCALHOST", "[::1]", "0.0.0.0",
           "2130706433", "0x7f.1", "127.1", "127.0.0.1.", "[::ffff:127.0.0.1]", "10.200.0.2",
           "known.test", "KNOWN.test.", "169.254.169.254"]  # fmt: skip


def test_what_is_known_to_be_private_is_refused(proxied):
    world, peer = proxied
    for host in (*PRIVATE, "both.test", "b%C3%BCcher.test"):
        is_refused(peer.fetch(world.private(host), 0, 1000))
    assert world.heard == {"origin": [], "inside": []}


def test_what_the_owner_allows_is_fetched(world):
    peer = world.peer("--proxy", world.proxy("http"), allow="10.0.0.0/8")
    assert peer.fetch(world.private("known.test"), 0, 1000).body == DATA[:1000]
    assert peer.fetch(world.private(world.there.address), 0, 1000).body == DATA[:1000]
    is_refused(peer.fetch(world.private("127.0.0.1"), 0, 1000))


def test_a_redirect_to_a_private_address_gives_nothing_away(proxied):
    world, peer = proxied
    for host in ("127.0.0.1", "2130706433", "localhost", "known.test"):
        is_refused(peer.fetch(world.redirecting(world.private(host)), 0, 1000))
    is_refused(peer.fetch(world.redirecting(world.url("both.test")), 0, 1000))


def test_a_redirect_to_what_is_public_is_followed(proxied):
    world, peer = proxied
    for host in (world.lab.public_address, "far.test", "public.test"):
        reply = peer.fetch(world.redirecting(world.url(host)), 0, 1000)
        assert (reply.status, reply.body) == (206, DATA[:1000])
    big = peer.fetch(world.redirecting(world.url("far.test")), 0, len(DATA))
    assert big.body == DATA


@pytest.mark.parametrize("body", [b"", b"none of it here"], ids=["no body", "a body"])
def test_an_error_behind_a_redirect_is_told(proxied, body):
    world, peer = proxied
    missing = world.lab.serve(lambda exchange: exchange.reply("404 Not Found", body))
    reply = peer.fetch(world.redirecting(world.url("far.test", missing)), 0, 1000)
    assert (reply.status, reply.json()["status"]) == (502, 404)


def test_a_client_that_goes_away_meanwhile_does_no_harm(proxied):
    world, peer = proxied
    for host in ("far.test", "known.test", "nobody.test"):
        for url in (world.url(host), world.redirecting(world.url(host))):
            body = json.dumps({"url": url, "begin": 0, "end": 1000}).encode()
            with world.here.connect(world.here.address, peer.port) as connection:
                connection.sendall(raw.request("POST", "/v1/fetch", body))
    assert peer.healthy()
    assert peer.fetch(world.url("far.test"), 0, 1000).status == 206


def test_a_proxy_that_is_not_there_is_an_origin_that_is_not(world):
    peer = world.peer("--proxy", f"http://{world.there.address}:9")
    reply = peer.fetch(world.url("far.test"), 0, 1000)
    assert (reply.status, reply.json()["error"]) == (502, "origin_unreachable")


@pytest.mark.parametrize("url", ["ftp://x:hush@h:1", "hush@", "http://", "socks9://x:hush@h"])
def test_a_wrong_proxy_is_a_usage_error(cli, url):
    done = cli("peer", "--listen", "127.0.0.1:0", "--proxy", url, deadline=10)
    assert done.returncode == 2, done.stderr
    assert "proxy" in done.stderr.lower()
    assert "hush" not in done.stderr
