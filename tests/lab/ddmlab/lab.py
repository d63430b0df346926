# SPDX-License-Identifier: MIT
"""The whole lab: hosts, links, origin, daemons and downloads; all gone after close()."""

import atexit
import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import content, ddm, netns
from .host import Host
from .link import End, Link, tbf
from .nginx import Nginx, Origin, cache_config, proxy_config
from .router import Router
from .server import Server
from .waiting import wait_until

LAN_MBIT = 1000
ORIGIN_ADDRESS = "10.99.0.1"
# The same origin under an address that is public anywhere else.
PUBLIC_ORIGIN_ADDRESS = "20.99.0.1"
TOOLS = ["ip", "tc", "setpriv", "nginx", "curl"]

_numbers = itertools.count(1)
_default = object()


def missing():
    """Why no lab can be built here, in one line; None if it can."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return f"the lab needs {', '.join(absent)}"
    if os.geteuid() != 0:
        return "the lab needs root for network namespaces"
    probe = netns.Namespace(f"{netns.PREFIX}-{os.getpid()}-probe", "x")
    try:
        netns.add_all([probe])
        probe.ip("link add name v1 type veth peer name v2", "link add name b type bridge")
        probe.tc(tbf("v1", 10))
    except netns.NamespaceError as error:
        reason = str(error).splitlines()[0]
        return f"the lab needs network namespaces, veth, bridge and tbf: {reason}"
    finally:
        netns.remove_all([probe])
    return None


def remove_stale_folders(parent):
    """Those of runs that were killed, and what is mounted in them."""
    for path in parent.glob(f"{netns.PREFIX}-*-*"):
        pid = path.name.split("-")[1]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            for disk in path.glob("disk-*"):
                subprocess.run(["umount", "--lazy", disk], check=False, capture_output=True)
            shutil.rmtree(path, ignore_errors=True)


def trust(host):
    """Whom the ddm of a host believes: its swarm, or everybody."""
    return ["--state-dir", host.state] if host.state else ["--insecure"]


class Lab:
    """Lab(50, 10) has two hosts, h1 with an uplink of 50 Mbit/s and h2 with one of 10.
    Lab((50, 20)) has one with two uplinks, "uplink" of 50, which is the default, and "uplink2"."""

    def __init__(self, *uplinks, lan=LAN_MBIT, binary=None, scratch=None):
        self.name = f"{netns.PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.binary = binary or ddm.binary()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=scratch))
        self.processes = []
        self.complaints = []
        self.default_tracker = None
        self._servers = []
        self._mounts = []
        self._namespaces = []
        self._origin = None
        self._names = {}
        self._closed = False
        atexit.register(self.close)
        try:
            self._build(uplinks, lan)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # --- network ---------------------------------------------------------------------------------

    def _build(self, uplinks, lan):
        uplinks = [mbit if isinstance(mbit, tuple) else (mbit,) for mbit in uplinks]
        netns.remove_stale()
        remove_stale_folders(self.directory.parent)
        origin = netns.Namespace(self.name, "origin")
        switch = netns.Namespace(self.name, "switch")
        spaces = [netns.Namespace(self.name, f"h{n}") for n in range(1, len(uplinks) + 1)]
        self._namespaces = [origin, switch, *spaces]
        netns.add_all(self._namespaces)
        self.origin_host = Host(self, "origin", origin, ORIGIN_ADDRESS)
        self.hosts = [
            Host(
                self,
                space.what,
                space,
                address=f"10.200.0.{number}",
                uplink_address=f"10.1.{number}.2",
                uplink=Link(End(space, "uplink"), End(origin, f"to-{space.what}"), mbit),
                lan=Link(End(space, "lan"), End(switch, f"port-{space.what}"), lan),
                **self._second_uplink(number, space, origin, *more),
            )
            for number, (space, (mbit, *more)) in enumerate(zip(spaces, uplinks), start=1)
        ]
        links = [
            link for host in self.hosts for link in (host.uplink, host.uplink2, host.lan) if link
        ]
        netns.run_batch("ip", [link.ip_line() for link in links])
        self._configure_switch(switch)
        self._configure_origin(origin)
        for number, host in enumerate(self.hosts, start=1):
            self._configure_host(number, host)
            if host.uplink2:
                self._configure_second(number, host)
        for link in links:
            link.set_rate(link.mbit)

    def _second_uplink(self, number, space, origin, *rates):
        if not rates:
            return {}
        link = Link(End(space, "uplink2"), End(origin, f"to-{space.what}-2"), *rates)
        return {"uplink2": link, "uplink2_address": f"10.3.{number}.2"}

    def _configure_switch(self, switch):
        switch.ip(
            "link add name bridge type bridge",
            "link set dev bridge up",
            *(
                f"link set dev {host.lan.far.device} addrgenmode none master bridge up"
                for host in self.hosts
            ),
        )

    def _configure_origin(self, origin):
        origin.ip(
            "link set dev lo up",
            f"addr add {ORIGIN_ADDRESS}/32 dev lo",
            f"addr add {PUBLIC_ORIGIN_ADDRESS}/32 dev lo",
            *(
                line
                for number, host in enumerate(self.hosts, start=1)
                for line in (
                    f"addr add 10.1.{number}.1/24 dev {host.uplink.far.device}",
                    f"link set dev {host.uplink.far.device} addrgenmode none up",
                )
            ),
        )

    def _configure_second(self, number, host):
        """What two routers would give a host: another address, and a default route that counts
        less. No rule says which source takes which route. Replies must not have to come the way
        that a request would go (rp_filter 2, as distributions have it)."""
        for device in ("all", "uplink", "uplink2"):
            host.namespace.sysctl(f"net/ipv4/conf/{device}/rp_filter", 2)
        host.namespace.ip(
            f"addr add {host.uplink2_address}/24 dev uplink2",
            "link set dev uplink2 addrgenmode none up",
            f"route add default via 10.3.{number}.1 dev uplink2 metric 700",
        )
        far = host.uplink2.far
        far.namespace.ip(
            f"addr add 10.3.{number}.1/24 dev {far.device}",
            f"link set dev {far.device} addrgenmode none up",
        )

    def _configure_host(self, number, host):
        host.namespace.ip(
            "link set dev lo up",
            f"addr add {host.uplink_address}/24 dev uplink",
            f"addr add {host.address}/24 dev lan",
            "link set dev uplink addrgenmode none up",
            "link set dev lan addrgenmode none up",
            f"route add default via 10.1.{number}.1 dev uplink",
        )
        # No name server answers, and at once: nothing listens there.
        host.namespace.write_etc({"resolv.conf": "nameserver 127.0.0.1\noptions attempts:1\n"})

    def router(self, hosts, mbit):
        """From now on these hosts share one uplink of that rate; see router.py."""
        return Router(self, hosts, mbit)

    def add_namespace(self, what):
        """One more; it goes with the lab."""
        namespace = netns.Namespace(self.name, what)
        self._namespaces.append(namespace)
        netns.add_all([namespace])
        return namespace

    # --- processes -------------------------------------------------------------------------------

    def adopt(self, host, command, name=None, **options):
        """Starts a command on a host; it is stopped with the lab."""
        name = name or Path(str(command[0])).name
        number = self._names[name] = self._names.get(name, 0) + 1
        name = f"{host.name}-{name}-{number}"
        process = host.start(command, self.directory, name, **options)
        self.processes.append(process)
        return process

    @property
    def origin(self):
        """nginx, started when it is first asked for."""
        if self._origin is None:
            self._origin = Origin(self.origin_host, ORIGIN_ADDRESS, self.directory / "nginx")
        return self._origin

    @property
    def public_address(self):
        return PUBLIC_ORIGIN_ADDRESS

    def public_url(self, name):
        """The origin's file under an address that is not private."""
        return f"http://{PUBLIC_ORIGIN_ADDRESS}/{name}"

    def proxy(self, host, port=8080):
        """nginx as a proxy to the origin, with the buffers that suit it best."""
        upstream = f"{ORIGIN_ADDRESS}:{self.origin.port}"
        root = self.directory / f"proxy-{host.name}"
        return Nginx(host, root, proxy_config(upstream, port), port)

    def caching_proxy(self, host, port=8081):
        """nginx as a proxy to the origin that keeps what comes."""
        upstream = f"{ORIGIN_ADDRESS}:{self.origin.port}"
        root = self.directory / f"caching-proxy-{host.name}"
        return Nginx(host, root, cache_config(upstream, port, root), port)

    def serve(self, respond, host=None, port=0):
        """A Python server; on the origin's host if none is given. See server.py."""
        host = host or self.origin_host
        return self.keep(Server(host, host.address, respond, port))

    def keep(self, server):
        """Closes it with the lab."""
        self._servers.append(server)
        return server

    def file(self, name, size):
        """A file of random bytes at the origin."""
        return content.make_file(self.origin.files / name, size)

    def folder(self, name="folder"):
        """A new empty directory."""
        number = self._names[name] = self._names.get(name, 0) + 1
        path = self.directory / f"{name}-{number}"
        path.mkdir()
        return path

    def small_disk(self, size):
        """A directory that holds no more than that many bytes."""
        path = self.folder("disk")
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True
        )
        self._mounts.append(path)
        return path

    def sharing_disk(self):
        """A directory on a disk whose files can share blocks; None where no such can be mounted."""
        image, path = self.directory / "disk.xfs", self.folder("disk")
        with open(image, "wb") as file:
            file.truncate(400 * content.MIB)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
        mount = ["mount", "-o", "loop", image, path]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            return None
        self._mounts.append(path)
        return path

    # --- ddm -------------------------------------------------------------------------------------

    def run_ddm(self, host, *arguments, name="ddm", **options):
        """Any ddm command line, started."""
        env = {"XDG_CACHE_HOME": str(self.directory / f"cache-{host.name}"), **options.pop("env", {})}
        return self.adopt(host, [self.binary, *arguments], name, env=env, **options)

    def tracker(self, host, *options, port=ddm.TRACKER_PORT, ttl=None):
        """A tracker, up; the one that peers and downloads use from now on."""
        arguments = ["tracker", *trust(host), "--listen", f"0.0.0.0:{port}"]
        if ttl is not None:
            arguments += ["--ttl", ttl]
        process = self.run_ddm(host, *arguments, *options, name="tracker")
        self.default_tracker = ddm.Tracker(host, process, port).wait_until_up()
        return self.default_tracker

    def peer(self, host, *options, **named):
        """A peer, up and known to the tracker if there is one."""
        peer = self.start_peer(host, *options, **named).wait_until_up()
        tracker = named.get("tracker", self.default_tracker)
        if tracker is not None and tracker.process.running():
            self.wait_for_peer(tracker, peer)
        return peer

    def start_peer(self, host, *options, tracker=_default, port=ddm.PEER_PORT,
                   allow=ddm.LAB_NETWORKS):  # fmt: skip
        """A peer, started only."""
        tracker = self.default_tracker if tracker is _default else tracker
        arguments = ["peer", *trust(host), "--listen", f"0.0.0.0:{port}"]
        arguments += ["--cache-dir", self.cache_folder(host, port)]
        if tracker is not None:
            arguments += ["--tracker", tracker.address]
        if allow:
            arguments += ["--allow", allow]
        process = self.run_ddm(host, *arguments, *options, name="peer")
        return ddm.Peer(host, process, port)

    def cache_folder(self, host, port=ddm.PEER_PORT):
        """Where the peer of a host and port keeps its cache, also when it is started again."""
        return self.directory / f"cache-{host.name}-{port}"

    def wait_for_peer(self, tracker, peer):
        def listed():
            return any(
                (entry["address"], entry["port"]) == (peer.host.address, peer.port)
                for entry in tracker.peers()
            )

        wait_until(listed, f"{peer.address} to stand in the tracker's list")

    def swarm(self, *hosts):
        """A tracker on the first host and a peer on each; returns (tracker, peers)."""
        hosts = hosts or self.hosts
        tracker = self.tracker(hosts[0])
        started = [self.start_peer(host) for host in hosts]
        for peer in started:
            peer.wait_until_up()
            self.wait_for_peer(tracker, peer)
        return tracker, started

    def get(self, host, url, *options, tracker=_default, output=None, directory=None, events=True,
            **named):  # fmt: skip
        """`ddm get`, started. Goes into a directory of its own unless one is given."""
        tracker = self.default_tracker if tracker is _default else tracker
        directory = directory or self.folder("download")
        arguments = ["get", *trust(host), "-d", directory]
        if tracker is not None:
            arguments += ["--tracker", tracker.address]
        if output is not None:
            arguments += ["-o", output]
        if events:
            arguments += ["--json"]
        process = self.run_ddm(host, *arguments, *options, url, name="get", **named)
        name = output or url.split("?")[0].rsplit("/", 1)[-1]
        return ddm.Get(process, directory, Path(directory) / name if name != "-" else None)

    def download(self, host, url, *options, code=0, deadline=60, **named):
        """`ddm get`, waited for; its exit code must be `code`."""
        return self.get(host, url, *options, **named).expect(code, deadline)

    # --- the end ---------------------------------------------------------------------------------

    def close(self):
        """Stops and removes everything, whatever state it is in; safe to call again."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.close()
        for process in self.processes:
            process.ask_to_stop()
        for process in self.processes:
            self._bury(process)
        netns.remove_all(self._namespaces)
        for path in self._mounts:
            subprocess.run(["umount", "--lazy", path], check=False)
        if not os.environ.get("DDM_LAB_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def _bury(self, process):
        found = [] if process.end() else ["did not end on SIGTERM"]
        found += process.complaints()
        if process.crashed():
            found.append(f"crashed: exit {process.code}")
        if found:
            found.append(process.tail(lines=100))
        self.complaints += [f"{process.name}: {line}" for line in found]

    def report(self):
        """The last lines of every process, for the report of a failed test."""
        return "\n".join(process.tail() for process in self.processes)
