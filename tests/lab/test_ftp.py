# SPDX-License-Identifier: MIT
"""FTP and FTPS: ranges through a peer, which asks for nothing else; the one stream of a download."""

import http.client
import json
import os
import threading

import pytest
from ddmlab import content, ftp, tls
from ddmlab.content import MIB, assert_same


@pytest.fixture
def peer_and(make_lab):
    """peer_and(data, **ways): (a peer, a server in Python with that file and those ways)."""

    def make(data, **ways):
        lab = make_lab(100)
        server = lab.keep(ftp.FakeFtp(lab.origin_host, lab.origin_host.address, data, **ways))
        return lab.peer(lab.hosts[0]), server

    return make


def vsftpd(lab, more=""):
    files = lab.folder("ftp")
    return ftp.Vsftpd(lab.origin_host, lab.origin_host.address, lab.folder("vsftpd"), files,
                      more=more), files  # fmt: skip


def test_ranges_of_vsftpd_are_right_with_size_and_date(make_lab):
    lab = make_lab(100)
    origin, files = vsftpd(lab)
    (files / "deep" / "er").mkdir(parents=True)
    path = content.make_file(files / "deep" / "er" / "file", 3 * MIB + 17)
    data = path.read_bytes()
    peer = lab.peer(lab.hosts[0])
    for begin, end in [(0, 1), (0, 100_000), (1, 2), (MIB - 1, 2 * MIB), (3 * MIB, len(data))]:
        reply = peer.fetch(origin.url("deep/er/file"), begin, end)
        assert reply.status == 206, reply
        assert reply.body == data[begin:end]
        assert reply.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(data)}"
        assert reply.headers["Last-Modified"] == content.last_modified(path)
    reply = peer.fetch(origin.url("deep/er/file"), len(data), len(data) + 1)
    assert reply.status == 416, reply
    assert peer.healthy()


def test_many_ranges_at_once_are_right_and_the_limit_of_vsftpd_is_busy(make_lab):
    lab = make_lab(200)
    origin, files = vsftpd(lab, "max_per_ip=2\nanon_max_rate=2000000")
    path = content.make_file(files / "file", 6 * MIB)
    data = path.read_bytes()
    peer = lab.peer(lab.hosts[0])
    replies = [None] * 6

    def ask(number):
        replies[number] = peer.fetch(origin.url("file"), number * MIB, (number + 1) * MIB)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, reply in enumerate(replies):
        if reply.status == 206:
            assert reply.body == data[number * MIB : (number + 1) * MIB]
        else:
            assert json.loads(reply.body)["status"] == 503, reply
    assert 1 <= sum(reply.status == 206 for reply in replies) <= 5


def test_a_download_over_ftp_gives_the_file(make_lab):
    lab = make_lab(100)
    origin, files = vsftpd(lab)
    path = content.make_file(files / "file", 5 * MIB + 3)
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert_same(get.file, path)


def test_a_download_keeps_to_the_limit_of_vsftpd(make_lab):
    lab = make_lab(100)
    origin, files = vsftpd(lab, "max_per_ip=2\nanon_max_rate=2000000")
    path = content.make_file(files / "file", 8 * MIB)
    get = lab.download(lab.hosts[0], origin.url("file"), "--connections", 6)
    assert_same(get.file, path)


def test_an_empty_file_over_ftp_gives_an_empty_file(make_lab):
    lab = make_lab(100)
    origin, files = vsftpd(lab)
    (files / "file").write_bytes(b"")
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == b""


def test_a_file_that_is_not_there_is_refused(make_lab):
    lab = make_lab(100)
    origin, _ = vsftpd(lab)
    get = lab.download(lab.hosts[0], origin.url("no-such-file"), code=4, events=False)
    assert lab.origin_host.address in get.error_line
    get = lab.download(lab.hosts[0], origin.url("no/such/folder/x"), code=4, events=False)
    assert get.left_behind() == []


def test_a_wrong_password_is_refused(make_lab):
    lab = make_lab(100)
    origin, files = vsftpd(lab)
    content.make_file(files / "file", 1000)
    url = origin.url("file").replace("ftp://", "ftp://somebody:secret@")
    get = lab.download(lab.hosts[0], url, code=4, events=False)
    assert "secret" not in get.stderr


# --- servers that are not as one would wish; a range is right or there is none -------------------

DATA = os.urandom(300_000)


def is_whole(peer, server, begin, end):
    """Whether it gave that range as if all were well."""
    try:
        return peer.fetch(server.url(), begin, end).status == 206
    except (http.client.IncompleteRead, ConnectionError):
        return False


def code_of(reply):
    return json.loads(reply.body)["error"]


@pytest.mark.parametrize("ways", [{"no_size": True}, {"no_rest": True}], ids=lambda w: next(iter(w)))
@pytest.mark.parametrize("begin", [0, 1000])
def test_without_size_or_rest_there_is_no_range(peer_and, ways, begin):
    peer, server = peer_and(DATA, **ways)
    reply = peer.fetch(server.url(), begin, begin + 5000)
    assert reply.status == 502 and code_of(reply) == "no_ranges", reply


@pytest.mark.parametrize("ways", [{"no_size": True}, {"no_rest": True}], ids=lambda w: next(iter(w)))
def test_without_size_or_rest_a_download_is_the_whole_file(make_lab, ways):
    lab = make_lab(100)
    server = lab.keep(ftp.FakeFtp(lab.origin_host, lab.origin_host.address, DATA, **ways))
    get = lab.download(lab.hosts[0], server.url())
    assert get.file.read_bytes() == DATA


def test_a_server_that_takes_no_notice_of_rest_is_found_out_at_the_end_of_the_file(peer_and):
    peer, server = peer_and(DATA, deaf=True)
    reply = peer.fetch(server.url(), 0, 5000)
    assert reply.status == 206 and reply.body == DATA[:5000]
    for length in 1, 1000, 250_000:  # and it sends 300000
        assert not is_whole(peer, server, len(DATA) - length, len(DATA))
    assert peer.healthy()


def test_a_data_connection_that_breaks_is_no_whole_range(peer_and):
    peer, server = peer_and(DATA, short=100)
    assert not is_whole(peer, server, 1000, len(DATA))
    assert is_whole(peer, server, 1000, len(DATA) - 200)
    assert peer.healthy()


def test_a_file_that_shrank_is_another_version(peer_and):
    peer, server = peer_and(DATA)
    first = peer.fetch(server.url(), 0, 1000)
    assert first.status == 206
    server.data = DATA[:200_000]
    known = {"size": len(DATA), "last_modified": first.headers["Last-Modified"]}
    for begin in 1000, 250_000:
        reply = peer.fetch(server.url(), begin, begin + 1000, **known)
        assert reply.status == 409 and code_of(reply) == "changed", reply


def test_the_data_come_from_the_host_of_the_control_connection(peer_and):
    peer, server = peer_and(DATA, bounce="127.0.0.1")
    reply = peer.fetch(server.url(), 100, 2000)
    assert reply.status == 206 and reply.body == DATA[100:2000]
    assert "PASV" in server.commands
    assert not any(command.startswith(("PORT", "EPRT")) for command in server.commands)


@pytest.mark.parametrize(
    ("ways", "status"),
    [
        ({"greeting": "421 too many connections"}, 503),
        ({"refuse": {"PASS": "530 Sorry, the maximum number of users is reached"}}, 503),
        ({"refuse": {"PASS": "530 Login incorrect"}}, None),
        ({"refuse": {"RETR": "550 no"}}, None),
    ],
)
def test_errors_are_told_apart(peer_and, ways, status):
    peer, server = peer_and(DATA, **ways)
    reply = peer.fetch(server.url(), 0, 1000)
    assert reply.status == 502, reply
    assert reply.json().get("status") in ((status,) if status else (None, 0)), reply


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def ftps(make_lab):
    """(lab, origin, path, certificate)"""
    lab = make_lab(100)
    address = lab.origin_host.address
    files = lab.folder("ftp")
    path = content.make_file(files / "file", MIB)
    pair = tls.make_certificate(lab.folder("tls"), address)
    origin = ftp.with_tls(lab.origin_host, address, lab.folder("vsftpd"), files, *pair)
    return lab, origin, path, pair[0]


def test_ftps_is_verified(ftps):
    lab, origin, _, _ = ftps
    get = lab.download(lab.hosts[0], origin.url("file"), code=3, events=False)
    assert "certificate" in get.error_line.lower()


def test_ftps_gives_the_file_and_ranges_of_it(ftps):
    lab, origin, path, certificate = ftps
    tls.trust(lab.hosts[0], certificate)
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert_same(get.file, path)
    peer = lab.peer(lab.hosts[0])
    for begin, end in [(0, 1000), (5000, 600_000), (1000, MIB)]:
        reply = peer.fetch(origin.url("file"), begin, end)
        assert (reply.status, reply.body) == (206, path.read_bytes()[begin:end])
