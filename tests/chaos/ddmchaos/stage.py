# SPDX-License-Identifier: MIT
"""The lab that serves round after round. Hosts, links and disks stay; origins, daemons and files
are new in each round, so that a round alone is the same as a round among many."""

import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass

from ddmlab import Lab, content
from ddmlab.lab import ORIGIN_ADDRESS
from ddmlab.nginx import Nginx
from ddmlab.swarm import Swarm

from . import caches, disks
from .judge import Wrong
from .metalink import write_metalink
from .script import HOSTS, LATER_FLOW, LITTLE_MEMORY, MIB

NAME = "file"
OTHER = "other"  # another object, which wants room in caches
OTHER_SIZE = MIB
# The second one is the mirror.
PORTS = (80, 81)
CACHE_DISK_LEAST = 3 * MIB
SERVER = """\
    server {{
        listen {port} default_server;
        root {files};
        location / {{ }}
        location ~ ^/dated/(?<file>.*)$ {{ etag off; alias {files}/$file; }}
    }}"""


class WebServer:
    """nginx, which may die and come back."""

    def __init__(self, lab, port, files):
        self._host = lab.origin_host
        self._port = port
        self._root = lab.directory / f"nginx-{port}"
        self._body = SERVER.format(port=port, files=files)
        self._nginx = None

    @property
    def process(self):
        return self._nginx.process if self._nginx else None

    def start(self):
        if self.process is None or not self.process.running():
            self._nginx = Nginx(self._host, self._root, self._body, self._port)

    def kill(self):
        self.process.kill()


@dataclass
class Version:
    """One of the file, as peers are asked for it."""

    url: str
    data: bytes
    etag: str
    last_modified: str

    @property
    def key(self):
        return caches.object_key(self.url, len(self.data), self.etag, self.last_modified)


class Stage:
    def __init__(self):
        self.lab = Lab(*[10] * HOSTS)
        self._mounted = {}
        self._rounds = 0
        self.tracker = None
        self.peers = {}  # by the number of the host
        self.disk = None
        self.cache_disk = None
        self.script = None
        self.noticed = 0  # wrong bytes in caches, by the peers of the round that was
        self._swarm = None
        self._states = []

    def __enter__(self):
        try:
            self.files = self.lab.folder("origin")
            self._mount("tmpfs", disks.mount_tmpfs)
            self._mount("ext4", disks.mount_ext4)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception):
        self.close()

    def _mount(self, kind, mount):
        path = self.lab.directory / f"disk-{kind}"
        self._mounted[kind] = path
        if mount(path) is False:
            del self._mounted[kind]

    def close(self):
        for path in self._mounted.values():
            disks.unmount(path)
        self.lab.close()

    # --- a round ---------------------------------------------------------------------------------

    def set_up(self, script):
        """All that the round needs but the client."""
        self._rounds += 1
        self.script = script
        self.versions = []  # of the file
        self.digests = []
        self.sizes = []
        self.publish(0)
        content.make_file(self.files / OTHER, OTHER_SIZE)
        self._give_key(script.key)
        for host, rate in zip(self.lab.hosts, script.rates):
            host.uplink.set_rate(rate)
        self.origins = [WebServer(self.lab, port, self.files) for port in PORTS]
        for origin in self.origins:
            origin.start()
        self.disk = self._new_disk(script.disk)
        first = self.disk.folder if self.disk else self.lab.folder("download")
        self._folders = [first, self.lab.folder("download")]
        self._set_up_caches(script)
        self.lab.default_tracker = self.tracker = None
        self.peers = {}
        if script.peers:
            self.start_tracker()
            for number in range(script.peers):
                self.start_peer(number)
            for number, peer in self.peers.items():
                self.lab.wait_for_peer(self.tracker, peer)
        self.command = self._command(script)

    def _give_key(self, wanted):
        """All hosts are members of one swarm, or of none."""
        if wanted and not self._swarm:
            self._swarm = Swarm(self.lab).join(*self.lab.hosts)
            self._states = [host.state for host in self.lab.hosts]
        for number, host in enumerate(self.lab.hosts):
            host.state = self._states[number] if wanted else None
            host.swarm = self._swarm if wanted else None

    def _set_up_caches(self, script):
        self._caches = self.lab.directory / f"caches-{self._rounds}"
        self.cache_disk = None
        self._peer_options = ["--memory", LITTLE_MEMORY] if script.little_memory else []
        size = {"memory": 0, "tiny": script.cache_size}.get(script.cache, "1G")
        self._peer_options += ["--cache-size", size]
        if script.cache == "small disk":
            mount_point = self.lab.directory / f"disk-cache-{self._rounds}"
            disks.mount_tmpfs(mount_point, max(script.cache_size, CACHE_DISK_LEAST))
            self.cache_disk = disks.Disk(mount_point, self._rounds)
            self._caches = self.cache_disk.folder
            self._mounted[mount_point.name] = mount_point

    def cache_folder(self, number):
        """Of the peer on a host."""
        return self._caches / f"h{number + 1}"

    def folder_of(self, number):
        """Where a client writes."""
        return self._folders[number]

    def _new_disk(self, kind):
        if kind == "folder":
            return None
        return disks.Disk(self._mounted.get(kind, self._mounted["tmpfs"]), self._rounds)

    def publish(self, version):
        """From now on the origin has this version; replies that have begun go on with the old."""
        data = self.script.content(version)
        new = self.files / f"{NAME}.new"
        new.write_bytes(data)
        os.utime(new, (self.script.modified(version),) * 2)
        new.rename(self.files / NAME)
        etag = "" if self.script.dated else content.nginx_etag(self.files / NAME)
        dated = content.last_modified(self.files / NAME)
        self.versions.append(Version(self._url(PORTS[0]), data, etag, dated))
        self.digests.append(hashlib.sha256(data).hexdigest())
        self.sizes.append(len(data))

    def start_tracker(self):
        if self.tracker is None or not self.tracker.process.running():
            self.tracker = self.lab.tracker(self.lab.hosts[0])

    def start_peer(self, number):
        peer = self.peers.get(number)
        if peer is None or not peer.process.running():
            options = [*self._peer_options, "--cache-dir", self.cache_folder(number)]
            self.peers[number] = self.lab.start_peer(self.lab.hosts[number], *options)

    def live_peers(self):
        return {n: peer for n, peer in sorted(self.peers.items()) if peer.process.running()}

    def fetch_other(self, peer):
        """The other object through a peer."""
        fields = {"size": OTHER_SIZE, "etag": content.nginx_etag(self.files / OTHER)}
        return peer.fetch(f"http://{ORIGIN_ADDRESS}/{OTHER}", 0, OTHER_SIZE, **fields)

    def _url(self, port):
        path = f"dated/{NAME}" if self.script.dated else NAME
        return f"http://{ORIGIN_ADDRESS}:{port}/{path}"

    def _command(self, script):
        """(options, what to get)"""
        options = [] if script.peers else ["--no-peers"]
        if "no spot check" in script.ways:
            options += ["--spot-check", "0"]
        if "checksum" in script.ways:
            options += ["--checksum", f"sha-256={self.digests[0]}"]
        if "mirror" in script.ways:
            options += ["--mirror", self._url(PORTS[1])]
        if "metalink" not in script.ways:
            return options, self._url(PORTS[0])
        path = self.lab.folder("metalink") / f"{NAME}.meta4"
        urls = [self._url(port) for port in PORTS]
        return options, write_metalink(path, NAME, script.content(), urls, MIB // 2)

    def start_client(self, number):
        options, what = self.command
        if self.script.second == "after" and number > 0:
            options = [*options, "--limit-rate", int(self.sizes[-1] / LATER_FLOW)]
        host, folder = self.lab.hosts[number], self._folders[number]
        return self.lab.get(host, str(what), *options, output=NAME, directory=folder)

    def received(self, number=None):
        """Bytes that came in over all uplinks so far, without the packets' headers; or over one."""
        hosts = self.lab.hosts if number is None else [self.lab.hosts[number]]
        return sum(host.uplink.received_payload() for host in hosts)

    def audit(self):
        """All that peers hold is right, or they do not give it; and they count what was wrong."""
        for number, peer in self.live_peers().items():
            for version in self.versions:
                caches.audit(peer, version, version is self.versions[-1])
            counted = peer.status()["cache"]["failed"]
            said = peer.process.stderr.count(caches.NOTICED)
            if counted != said:
                raise Wrong(f"the peer on h{number + 1} counts {counted} wrong extents, says {said}")

    def tear_down(self):
        """Ends the round. Returns what was not in order: processes that had to be killed, crashes,
        reports of the sanitizers, processes that nobody started, files that nobody needs."""
        found = []
        started = list(self.lab.processes)
        for process in started:
            process.ask_to_stop()
        for process in started:
            found += _bury(process)
        peers = [process for process in started if "-peer-" in process.name]
        self.noticed = sum(process.stderr.count(caches.NOTICED) for process in peers)
        self.lab.processes.clear()
        found += self._left_running()
        if self.disk:
            self.disk.remove()
        if self.cache_disk:
            disks.unmount(self._mounted.pop(f"disk-cache-{self._rounds}"))
        for path in self.lab.directory.iterdir():
            if path.suffix in (".out", ".err"):
                path.unlink()
            elif path.name.startswith(("download-", "metalink-", "nginx-", "cache")):
                shutil.rmtree(path, ignore_errors=True)
        return found

    def _left_running(self):
        found = []
        for host in self.lab.hosts:
            command = ["ip", "netns", "pids", host.namespace.name]
            shown = subprocess.run(command, capture_output=True, text=True, check=True)
            found += [f"process {pid} is left on {host.name}" for pid in shown.stdout.split()]
        return found

    def right(self, path):
        """The version whose bytes the file has; None if it is none of them."""
        digest = content.sha256(path)
        return self.digests.index(digest) if digest in self.digests else None


def _bury(process):
    began = time.monotonic()
    found = [] if process.end() else [f"{process.name} did not end on SIGTERM"]
    found += [f"{process.name}: {line}" for line in process.complaints()]
    if process.crashed():
        found.append(f"{process.name} crashed: exit {process.code}")
    if found:
        found.append(f"(after {time.monotonic() - began:.1f} s) {process.tail(lines=60)}")
    return found
