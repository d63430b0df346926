# SPDX-License-Identifier: MIT
"""What daemons have given up before they serve (docs/security.md), seen from outside, and that they
do their work without it. What they cannot do any more is tried in tests/unit/io/test_sandbox.c."""

import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest
from ddmlab import ddm, server, sftp, wait_until
from ddmlab.content import MIB, make_file

DATA = bytes(range(256)) * 400
NOBODY = 65534


def status_of(pid):
    """Of /proc/PID/status: {"NoNewPrivs": "1", …}"""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture(params=["tracker", "peer", "peer with uplinks"])
def daemon(make_lab, request):
    lab = make_lab((40, 40))
    uplinks = ["--interface", "uplink", "--interface", "uplink2"] if "with" in request.param else []
    is_tracker = request.param == "tracker"
    daemon = lab.tracker(lab.hosts[0]) if is_tracker else lab.peer(lab.hosts[0], *uplinks)
    daemon.process.says("sandbox")  # its port was open before that
    return daemon


def test_a_daemon_has_no_privileges(daemon):
    status = status_of(daemon.pid)
    assert status["NoNewPrivs"] == "1"
    assert status["Threads"] == "1"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, (kind, status[kind])
    assert "running as root" in daemon.process.stderr
    assert daemon.healthy()


def test_a_daemons_system_calls_are_filtered(daemon):
    if "no seccomp" in daemon.process.stderr or "no libseccomp" in daemon.process.stderr:
        pytest.skip("this kernel or build has no seccomp")
    status = status_of(daemon.pid)
    assert (status["Seccomp"], status["Seccomp_filters"]) == ("2", "1")


def test_a_daemons_memory_is_its_own(make_lab):
    """Not even its own user may look into it: what /proc has of it is root's."""
    lab = make_lab(40)
    program = lab.folder("program") / "ddm"
    shutil.copy(ddm.binary(), program)
    os.chmod(lab.directory, 0o755)
    command = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", program]
    process = lab.hosts[0].run(*command, "tracker", name="tracker", env={"HOME": "/"})
    process.says("sandbox:")
    assert "running as root" not in process.stderr
    assert status_of(process.pid)["Uid"].split()[0] == str(NOBODY)
    assert os.stat(f"/proc/{process.pid}/environ").st_uid == 0
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
        (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
    assert process.stop() == 0


@pytest.mark.parametrize("role", ["tracker", "peer"])
def test_a_daemon_takes_a_new_key_and_renews_its_certificate(make_lab, role):
    lab = make_lab(40)
    state = lab.folder("state") / "ddm"
    assert lab.run_ddm(lab.hosts[0], "swarm", "init", "--state-dir", state).wait() == 0
    options = ["--cache-dir", lab.folder("cache")] if role == "peer" else []
    process = lab.run_ddm(lab.hosts[0], role, "--state-dir", state, *options, name=role)
    process.says("sandbox")
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    new_key = ["swarm", "init", "--rotate", "--rotate-for", "0", "--state-dir", state]
    assert lab.run_ddm(lab.hosts[0], *new_key).wait() == 0

    def renewed():
        assert "go on" not in process.stderr, process.tail()
        after = {file.name: file.read_bytes() for file in state.iterdir()}
        changed = {name for name in after if after[name] != before.get(name)}
        return any(name.startswith("node.") for name in changed)

    wait_until(renewed, "a certificate of the new key")
    assert process.running()


class NameServer:
    """Says on 127.0.0.1 of a host that all names of the lab have this address."""

    def __init__(self, host, address):
        self.asked = []
        self._address = socket.inet_aton(address)
        with host.namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            question, asker = self._socket.recvfrom(512)
            if not question:
                return
            end = question.index(b"\0", 12) + 5
            kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
            self.asked.append(question[12:end])
            head = question[:2] + struct.pack("!5H", 0x8180, 1, int(kind == 1), 0, 0)
            answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + self._address
            self._socket.sendto(head + question[12:end] + (answer if kind == 1 else b""), asker)

    def close(self):
        with self._socket as own:
            own.sendto(b"", own.getsockname())
            self._thread.join()


def test_a_peer_looks_up_names(make_lab):
    lab = make_lab(40)
    origin = lab.serve(server.ranged(DATA))
    names = lab.keep(NameServer(lab.hosts[0], lab.origin_host.address))
    peer = lab.peer(lab.hosts[0])
    port = origin.address.rpartition(":")[2]
    reply = peer.fetch(f"http://files.lab.example:{port}/file", 100, 2000)
    assert (reply.status, reply.body) == (206, DATA[100:2000])
    assert any(b"\5files\3lab\7example" in asked for asked in names.asked)


def test_a_peer_knows_the_hosts_that_its_user_knows(make_lab):
    """Over SFTP: it gets as far as the login, for which it has no key to give."""
    if "sftp" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
        pytest.skip("this libcurl has no SFTP")
    lab = make_lab(40)
    sshd = sftp.Sshd(lab.origin_host, lab.origin_host.address, lab.folder("sshd"))
    path = make_file(lab.folder("files") / "file", MIB)
    options = ["peer", "--allow", ddm.LAB_NETWORKS, "--listen", f"127.0.0.1:{ddm.PEER_PORT}"]
    process = lab.run_ddm(lab.hosts[0], *options, name="peer", env={"HOME": str(sshd.home)})
    peer = ddm.Peer(lab.hosts[0], process, ddm.PEER_PORT).wait_until_up()
    peer.address = f"127.0.0.1:{ddm.PEER_PORT}"
    told = peer.fetch(sshd.url(path), 0, 1000).json()
    assert "authentication" in told["message"].lower(), told
    assert peer.healthy()
