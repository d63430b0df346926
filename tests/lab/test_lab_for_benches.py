# SPDX-License-Identifier: MIT
"""What the benches stand on: a shared uplink is shared, a delay delays, a pace paces."""

import shutil

import pytest
from ddmlab import content, haproxy
from ddmlab.host import curl_rate

MIB = content.MIB


@pytest.fixture
def front(make_network):
    """front(haproxy.delayed, 300): a lab with one host, and haproxy before its origin."""
    if not shutil.which("haproxy"):
        pytest.skip("needs haproxy")

    def make(kind, *arguments):
        net = make_network(None)
        upstream = f"127.0.0.1:{net.origin.port}"
        return net, kind(net.origin_host, net.directory / "haproxy", upstream, *arguments)

    return make


def test_hosts_behind_a_router_share_its_uplink(make_network):
    net = make_network(None, None)
    router = net.router(net.hosts, 40)
    net.file("file", 4 * MIB)
    curls = [host.curl(net.origin.url("file")) for host in net.hosts]
    for curl in curls:
        assert curl.wait() == 0
    assert 8 * MIB * 8 / 1e6 / max(curl.seconds for curl in curls) < 40
    assert router.uplink.received() > 8 * MIB


def test_each_request_is_delayed_also_on_a_connection_that_is_kept(front):
    net, slow = front(haproxy.delayed, 300)
    net.file("file", 1024)
    once = ["-s", "-o", "/dev/null", "-w", "%{time_starttransfer} %{num_connects}\n"]
    curl = net.hosts[0].run("curl", *once, slow.url("file"), "--next", *once, slow.url("file"))
    assert curl.wait() == 0
    (first, _), (second, connects) = (line.split() for line in curl.stdout.splitlines())
    assert float(first) >= 0.3 and float(second) >= 0.3
    assert connects == "0"


def test_a_paced_connection_gets_no_more_for_a_new_request(front):
    net, paced = front(haproxy.paced, MIB)
    net.file("file", 2 * MIB)
    once = ["-s", "-o", "/dev/null", "-w", "%{speed_download}\n"]
    curl = net.hosts[0].run("curl", *once, paced.url("file"), "--next", *once, paced.url("file"))
    assert curl.wait() == 0
    assert all(float(speed) < 1.1 * MIB for speed in curl.stdout.split())


def test_two_paced_connections_get_twice_as_much(front):
    net, paced = front(haproxy.paced, MIB)
    net.file("file", 3 * MIB)
    curls = [net.hosts[0].curl(paced.url("file")) for _ in range(2)]
    for curl in curls:
        assert curl.wait() == 0
        assert curl_rate(curl) > 0.7 * MIB * 8 / 1e6
