# SPDX-License-Identifier: MIT
"""Runs the commands of the documents as they stand, with machines that are folders on loopback.

Each machine (lab1, lab2, …; `here` where the prompt names none) has a home, a host id and a port for
its peer. What differs from the words of the document:

    lab1 behind --tracker or --peer, or `tracker = lab1`   the loopback address with that port
    http://mirror.example/                                 the test's own origin
    ./run ARGUMENTS                                        ddm ARGUMENTS
    ddm1_…                                                 the token that was printed last
    ./check                                                ./check --help: it is what runs this
    DDM_LISTEN, DDM_ALLOW, DDM_HOST_ID                     say what the network would say
"""

import errno
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import socket
import ssl
import struct
import subprocess
import termios
import time
import urllib.request
from pathlib import Path

from documents import ROOT

PATIENCE = 60  # s


def find_binary():
    """The one built for speed; the downloads here are none of a sanitizer's business."""
    given = os.environ.get("DDM_BIN_RELEASE") or os.environ.get("DDM_BIN")
    path = Path(given or ROOT / "build" / "ddm").absolute()
    assert os.access(path, os.X_OK), f"{path} is not a program: build ddm, or set DDM_BIN"
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(condition, what, process=None):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, f"{what}: {process.args} has ended"
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.02)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Machines:
    """All machines of one block. Use it in a `with`: the daemons end with it, each with exit 0."""

    def __init__(self, folder, origin=None):
        self.folder = folder
        self.origin = origin
        self.tracker_port = free_port()
        self.peer_ports = {}
        self.daemons = []
        self.token = ""
        self.binary = find_binary()
        (folder / "bin").mkdir()
        (folder / "bin" / "ddm").symlink_to(self.binary)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for process in self.daemons:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(PATIENCE) for process in self.daemons]
        assert kind or not any(codes), f"daemons ended with {codes}"

    def peer_port(self, host):
        return self.peer_ports.setdefault(host, free_port())

    def translate(self, text):
        """The words of a document to those of this test."""
        text = re.sub(
            r"((?:--tracker|-t|tracker =) )lab1\b", rf"\g<1>127.0.0.1:{self.tracker_port}", text
        )
        text = re.sub(
            r"((?:--peer|-p|peer =) )(lab\d)\b",
            lambda match: f"{match[1]}127.0.0.1:{self.peer_port(match[2])}",
            text,
        )
        if self.origin:
            text = text.replace("http://mirror.example/", f"http://{self.origin.address}/")
        text = re.sub(r"\bddm1_\S*", self.token, text)
        text = re.sub(r"^\./run\b", "ddm", text)
        return re.sub(r"^\./check\b", f"{shlex.quote(str(ROOT / 'check'))} --help", text)

    def home(self, host):
        home = self.folder / host
        (home / "Downloads").mkdir(parents=True, exist_ok=True)
        return home

    def state(self, host):
        return self.home(host) / "state"

    def environment(self, host, port):
        inherited = {
            name: value for name, value in os.environ.items()
            if not name.startswith("DDM_") and not name.lower().endswith("_proxy")
        }  # fmt: skip
        return {
            **inherited,
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.home(host)),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "DDM_CONFIG": "/dev/null",
            "DDM_STATE_DIR": str(self.state(host)),
            "DDM_HOST_ID": host,
            "DDM_ALLOW": "127.0.0.0/8",
            "DDM_LISTEN": f"127.0.0.1:{port}",
        }

    def run(self, host, line, columns=0):
        """Runs a command line to its end, or a daemon until it serves. Returns (exit code, output),
        of both streams; on a terminal that is so wide, if columns are given."""
        line = self.translate(line)
        daemon = re.match(r"ddm (tracker|peer)\b", line)
        if daemon:
            return self.start_daemon(host, line, daemon[1])
        start = dict(cwd=self.home(host), env=self.environment(host, 0))
        if columns:
            return run_on_terminal(["sh", "-c", line], columns, **start)
        done = subprocess.run(
            ["sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=PATIENCE, check=False, **start,
        )  # fmt: skip
        output = done.stdout.decode()
        self.token = (re.findall(r"\bddm1_[\w-]+", output) or [self.token])[-1]
        return done.returncode, output

    def swarm(self, count):
        """Makes a swarm of lab1, which runs the tracker, and the others; each runs a peer."""
        hosts = [f"lab{number}" for number in range(1, count + 1)]
        self.run("lab1", "ddm swarm init --tracker lab1")
        self.run("lab1", "ddm swarm token")
        self.run("lab1", "ddm tracker")
        for host in hosts:
            self.run(host, "ddm swarm join ddm1_")
            self.run(host, "ddm peer")

    def start_daemon(self, host, line, role):
        port = self.tracker_port if role == "tracker" else self.peer_port(host)
        with open(self.folder / f"{host}-{role}.log", "wb") as log:
            process = subprocess.Popen(
                shlex.split(line), cwd=self.home(host), env=self.environment(host, port),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.daemons.append(process)
        wait_until(lambda: listens(port), f"{role} on {host}", process)
        if role == "peer":
            wait_until(lambda: self.knows(host, port), f"the tracker to know {host}", process)
        return 0, ""

    def knows(self, host, port):
        state, scheme, handlers = self.state(host), "http", [urllib.request.ProxyHandler({})]
        if (state / "swarm.token").exists():
            scheme = "https"
            member = ssl.create_default_context(cafile=state / "ca.crt")
            member.check_hostname = False  # certificates name nodes, not addresses
            member.load_cert_chain(state / "node.crt", state / "node.key")
            handlers.append(urllib.request.HTTPSHandler(context=member))
        url = f"{scheme}://127.0.0.1:{self.tracker_port}/v1/peers"
        with urllib.request.build_opener(*handlers).open(url) as reply:
            return any(peer["port"] == port for peer in json.load(reply)["peers"])


def run_on_terminal(command, columns, **start):
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, **start)
    os.close(terminal)
    output = b""
    while True:
        try:
            output += os.read(main, 65536)
        except OSError as error:  # the other end was closed
            assert error.errno == errno.EIO
            break
    os.close(main)
    return process.wait(PATIENCE), output.decode()
