# SPDX-License-Identifier: MIT
"""SFTP, against OpenSSH."""

import subprocess

import pytest
from ddmlab import content, ddm, sftp
from ddmlab.content import MIB, assert_same


@pytest.fixture
def sshd(make_lab):
    """(lab, server, path of a file)"""
    if "sftp" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
        pytest.skip("this libcurl has no SFTP")
    lab = make_lab(100)
    server = sftp.Sshd(lab.origin_host, lab.origin_host.address, lab.folder("sshd"))
    return lab, server, content.make_file(lab.folder("files") / "file", 2 * MIB + 3)


def test_a_download_logs_in_with_a_key(sshd):
    lab, server, path = sshd
    get = lab.download(lab.hosts[0], server.url(path), env={"HOME": str(server.home)})
    assert_same(get.file, path)


def test_a_host_that_is_not_known_is_refused(sshd):
    lab, server, path = sshd
    env = {"HOME": str(server.home)}
    server.known_hosts.unlink()
    get = lab.download(lab.hosts[0], server.url(path), code=4, events=False, env=env)
    assert "known_hosts" in get.error_line
    sftp.make_key(server.home / "other")
    other = (server.home / "other.pub").read_text()
    server.known_hosts.write_text(f"[{server.address}]:{server.port} {other}")
    get = lab.download(lab.hosts[0], server.url(path), code=4, events=False, env=env)
    assert "known_hosts" in get.error_line
    assert get.left_behind() == []


def test_a_peer_does_not_log_in_with_its_owners_key(sshd):
    lab, server, path = sshd
    process = lab.run_ddm(lab.hosts[0], "peer", "--insecure", "--listen", "0.0.0.0:7072", "--allow",
                          ddm.LAB_NETWORKS, env={"HOME": str(server.home)})  # fmt: skip
    peer = ddm.Peer(lab.hosts[0], process, 7072).wait_until_up()
    reply = peer.fetch(server.url(path), 0, 1000)
    assert reply.status == 502, reply
