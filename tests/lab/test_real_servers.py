# SPDX-License-Identifier: MIT
"""The servers that people have: nginx, Apache httpd, lighttpd, Python's http.server."""

import gzip

import pytest
from ddmlab.hostile import ALONE, EACH, PEER_ONLY, WAYS, WITH_PEER, Content, name_of
from ddmlab.realservers import NAMES

MIB = 1 << 20
FILE = Content(5 * MIB + 123)
SPEED = 200  # Mbit/s: slow enough that several requests come about

OUTPUT = pytest.mark.parametrize("output", [None, "-"], ids=["file", "pipe"])
WAY = pytest.mark.parametrize("way", WAYS)


def may_fail(name, way):
    """One stream comes over an own uplink, and there is none."""
    return way == PEER_ONLY and name == "pyhttp"


@pytest.fixture(scope="module")
def servers(servers):
    servers.put("file", FILE)
    servers.put("file", gzip.compress(FILE.all(), 1), ".gz")
    for size in (0, 1, MIB):
        servers.put(f"size-{size}", Content(size))
    servers.slow_down(SPEED)
    return servers


@pytest.mark.parametrize(("way", "output"), EACH, ids=name_of)
@pytest.mark.parametrize("name", NAMES)
def test_each_gives_the_file(servers, name, way, output):
    url = servers[name].url("file")
    if may_fail(name, way):
        servers.arrives_or_fails(way, url, (3, 4), FILE, output=output)
        return
    get = servers.arrives(way, url, FILE, output=output)
    if way == WITH_PEER and name != "pyhttp" and output is None:
        assert get.shares()[servers.peer.address] > MIB


@WAY
@pytest.mark.parametrize("size", [0, 1, MIB])
@pytest.mark.parametrize("name", NAMES)
def test_each_gives_files_of_awkward_sizes(servers, name, size, way):
    url, content = servers[name].url(f"size-{size}"), Content(size)
    if may_fail(name, way) or (way == PEER_ONLY and size == 0):
        servers.arrives_or_fails(way, url, (3, 4), content)
    else:
        servers.arrives(way, url, content)


@pytest.mark.parametrize("name", NAMES)
def test_each_refuses_what_it_does_not_have(servers, name):
    get = servers.fails(ALONE, servers[name].url("no-such-file"), 4)
    assert "404" in get.event("error")["message"]


@WAY
@pytest.mark.parametrize("name", ["nginx", "apache", "lighttpd"])
def test_a_date_is_enough_where_there_are_no_etags(servers, name, way):
    get = servers.arrives(way, servers[name].url("file", "no-etag"), FILE)
    assert not any("change" in notice for notice in get.notices()), get.notices()


@OUTPUT
@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
@pytest.mark.parametrize("name", ["nginx", "apache"])
def test_what_is_encoded_for_everybody_is_decoded(servers, name, way, output):
    """Both give ranges of what is encoded, if asked to."""
    get = servers.arrives(way, servers[name].url("file", "gzipped"), FILE, output=output)
    if output is None:
        assert sum("one stream" in notice for notice in get.notices()) == 1


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_what_nginx_decodes_as_it_goes_is_one_stream(servers, way):
    servers.arrives(way, servers["nginx"].url("file", "gunzipped"), FILE)


@pytest.mark.parametrize("way", [ALONE, WITH_PEER])
def test_lighttpd_without_ranges_is_one_stream(servers, way):
    servers.arrives(way, servers["lighttpd"].url("file", "no-ranges"), FILE)


@WAY
def test_a_limit_of_connections_in_nginx(servers, way):
    servers["nginx"].forget()
    servers.arrives(way, servers["nginx"].url("file", "limited-one/2048k"), FILE)
    refused = sum(request["status"] == 503 for request in servers["nginx"].log())
    assert refused <= 16, f"{refused} requests in vain"


@WAY
def test_a_limit_of_requests_in_nginx(servers, way):
    servers["nginx"].forget()
    servers.arrives(way, servers["nginx"].url("file", "few-requests"), FILE)
    refused = sum(request["status"] == 429 for request in servers["nginx"].log())
    assert refused <= 24, f"{refused} requests in vain"


@WAY
def test_a_limit_of_each_connection_in_apache(servers, way):
    servers.arrives(way, servers["apache"].url("file", "limited"), FILE)
