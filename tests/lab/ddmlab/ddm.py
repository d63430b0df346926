# SPDX-License-Identifier: MIT
"""ddm's command lines, and what its processes say."""

import json
import os
from pathlib import Path

from .waiting import wait_until

CHECKOUT = Path(__file__).resolve().parents[3]
TRACKER_PORT = 7070
PEER_PORT = 7071
# The lab's networks; a peer connects to public addresses only unless it is told so.
LAB_NETWORKS = "10.0.0.0/8"


def binary():
    """The ddm to test: $DDM_BIN, else the sanitizer build, else the release build; or None."""
    return _find("DDM_BIN", ["build-asan", "build"])


def release_binary():
    """The one built for speed, for figures that mean nothing under a sanitizer; or None."""
    return _find("DDM_BIN_RELEASE", ["build"])


def _find(variable, builds):
    if variable in os.environ:
        path = Path(os.environ[variable]).absolute()
        assert os.access(path, os.X_OK), f"{variable}={path} is not a program"
        return path
    for path in (CHECKOUT / build / place for build in builds for place in ("ddm", "src/ddm")):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


class Daemon:
    """A tracker or a peer: a process that listens on a host's LAN address."""

    def __init__(self, host, process, port):
        self.host = host
        self.process = process
        self.port = port
        self.address = f"{host.address}:{port}"

    def __repr__(self):
        return repr(self.process)

    @property
    def pid(self):
        return self.process.pid

    def wait_until_up(self):
        self.host.wait_for_port(self.port, process=self.process)
        return self

    def request(self, method, path, body=None, **options):
        """From the host itself."""
        return self.host.request(method, f"127.0.0.1:{self.port}", path, body, **options)

    def status(self):
        return self.request("GET", "/v1/status").json()

    def healthy(self):
        """It still answers."""
        return self.process.running() and self.request("GET", "/healthz").status == 200


class Tracker(Daemon):
    def peers(self):
        """What it lists: dictionaries with id, address, port, host_id, …"""
        return self.request("GET", "/v1/peers").json()["peers"]

    def wait_for_peers(self, count, **options):
        wait_until(lambda: len(self.peers()) == count, f"{count} peers at the tracker", **options)


class Peer(Daemon):
    def fetch(self, url, begin, end, from_host=None, **fields):
        """POST /v1/fetch, whole; from another host if given. fields: size, etag, last_modified."""
        body = {"url": url, "begin": begin, "end": end, **fields}
        asker = from_host or self.host
        return asker.request("POST", self.address, "/v1/fetch", body, timeout=60)


class Get:
    """A running or ended `ddm get`. `file` is where the download goes, `part` the unfinished."""

    def __init__(self, process, directory, file):
        self.process = process
        self.directory = Path(directory)
        self.file = Path(file) if file else None

    def __repr__(self):
        return repr(self.process)

    @property
    def part(self):
        return self.file.with_name(self.file.name + ".part")

    def wait(self, deadline=60):
        """Waits for its end and returns itself."""
        self.process.wait(deadline)
        return self

    def expect(self, code, deadline=60):
        """Waits for its end and insists on that exit code."""
        self.wait(deadline)
        assert self.code == code, f"exit {self.code}, not {code}\n{self.process.tail()}"
        return self

    @property
    def code(self):
        return self.process.code

    @property
    def stderr(self):
        return self.process.stderr

    @property
    def stdout(self):
        return self.process.stdout

    @property
    def error_line(self):
        """The line that says what went wrong; there is one."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("ddm: ")]
        assert lines, f"nothing says what went wrong:\n{self.stderr}"
        return lines[0]

    @property
    def events(self):
        """The NDJSON events of --json so far. A line that is not JSON is a failure once ended."""
        lines = self.process.stdout_path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1] if line]

    def event(self, kind):
        """The last event of that kind, or None."""
        found = [event for event in self.events if event.get("event") == kind]
        return found[-1] if found else None

    def notices(self):
        return [event["text"] for event in self.events if event.get("event") == "notice"]

    def shares(self):
        """What each source gave, in bytes, by its name."""
        done = self.event("done")
        assert done, f"no done event\n{self.process.tail()}"
        return {source["name"]: source["bytes"] for source in done["sources"]}

    def done_bytes(self):
        """Of the last progress event."""
        for event in reversed(self.events):
            if "done" in event:
                return event["done"]
        return 0

    def wait_for_bytes(self, count, **options):
        """Until it has received that many bytes."""

        def enough():
            assert self.process.running(), f"ended too early\n{self.process.tail()}"
            return self.done_bytes() >= count

        wait_until(enough, f"{count} bytes to be downloaded", **options)

    def published(self):
        return self.file.exists()

    def left_behind(self):
        """Names in its directory."""
        return sorted(os.listdir(self.directory))
