# SPDX-License-Identifier: MIT
"""Downloads through proxies, which the environment names or a peer's owner: h1 downloads, the proxy
runs on h2, and the origin sees h2."""

import pytest
from ddmlab import content, ftp, proxy
from ddmlab.content import MIB, assert_same

LOGIN = ("somebody", "s3cret")


@pytest.fixture
def lab(make_lab):
    return make_lab(100, 100)


def make_proxy(kind, lab, login=None):
    if kind == "socks5":
        return proxy.Microsocks(lab.hosts[1], login=login)
    return proxy.Tinyproxy(lab.hosts[1], lab.folder("tinyproxy"), login=login)


def download(lab, url, code=0, **environment):
    return lab.download(lab.hosts[0], url, code=code, env=environment, events=False)


def seen_by_origin(lab):
    return {request["client"] for request in lab.origin.log()}


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
def test_a_download_goes_through_the_proxy_of_the_environment(lab, kind, login):
    path = lab.file("file", 3 * MIB + 1)
    server = make_proxy(kind, lab, login)
    get = download(lab, lab.origin.url("file"), http_proxy=server.url())
    assert_same(get.file, path)
    assert seen_by_origin(lab) == {lab.hosts[1].uplink_address}
    assert "s3cret" not in get.stderr + get.stdout


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_wants_a_login_and_gets_none_is_named(lab, kind):
    lab.file("file", 1000)
    server = make_proxy(kind, lab, LOGIN)
    get = download(lab, lab.origin.url("file"), 4, all_proxy=server.url(login=False))
    assert "407" in get.error_line or f"the proxy {server.host.address}" in get.error_line
    assert seen_by_origin(lab) == set()


def test_a_proxy_that_is_not_there_is_named(lab):
    address = f"{lab.hosts[1].address}:9"
    get = download(lab, lab.origin.url("file"), 3, all_proxy=f"http://{address}")
    assert f"the proxy {address}" in get.error_line


def test_what_no_proxy_names_is_reached_directly(lab):
    path = lab.file("file", MIB)
    server = make_proxy("http", lab)
    names = f"example.org,{lab.origin.address}"
    get = download(lab, lab.origin.url("file"), http_proxy=server.url(), no_proxy=names)
    assert_same(get.file, path)
    assert seen_by_origin(lab) == {lab.hosts[0].uplink_address}


def test_machines_of_the_swarm_are_reached_directly(lab):
    path = lab.file("file", 4 * MIB)
    server = make_proxy("socks5", lab)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file"), env={"all_proxy": server.url()})
    assert_same(get.file, path)
    assert len([amount for amount in get.shares().values() if amount > 0]) == 2, get.shares()


def test_ftp_goes_through_socks_with_its_data(lab):
    files = lab.folder("ftp")
    path = content.make_file(files / "file", MIB + 5)
    address = lab.origin_host.address
    origin = ftp.Vsftpd(lab.origin_host, address, lab.folder("vsftpd"), files)
    server = make_proxy("socks5", lab)
    get = download(lab, origin.url("file"), all_proxy=server.url())
    assert_same(get.file, path)
    assert lab.hosts[1].uplink.received() > MIB
