# SPDX-License-Identifier: MIT
"""Mixed work for long, in spells with a rest behind each. A peer and a tracker, and against them at
the same time, from a host that is a member:

    downloads     by `ddm get`, whole; each must be right
    cancelled     the same with Ctrl-C in the middle
    abandoned     ranges that nobody reads to their end, or at all
    reconnects    one request a connection
    garbage       bytes that are neither HTTP nor TLS, and beginnings of both, then nothing more

At each rest the work has ended and its connections are closed; what peer and tracker hold then is
compared with what they held at the rests before: the least of the later ones with the least of the
earlier ones, since what leaks is there at each rest, and what is kept for a while is not. What a
process needs once (buffers, the allocator's pools, threads) it has after the first two spells. Files
of the cache are open for each object that it keeps, and which these are is chance: they are bounded
by themselves."""

import hashlib
import json
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from ddmlab import Lab
from ddmlab.content import MIB

from .client import context
from .crowd import raise_limit
from .proc import held
from .swarm import Swarm

SIZE = 3 * MIB + 12345
SPELL = 2, 20  # s of work: at least, at most
REST = 15  # s until nothing is left to do, at most
OBJECTS = 6
CACHE = "12M"  # smaller than all of them
CACHE_FILES = 2 * 2 * OBJECTS + 2  # data and journal of each, at either path; lock and folder
PAUSE = 0.005  # s between two of a kind
WARM = 2  # spells before it counts
RESTS = 4  # that count, at least
# By how much the least of the later rests may lie above the least of the earlier ones.
RESIDENT = 8 * MIB  # the store, where all its places were not needed before
DESCRIPTORS = 4  # connections to the origin that are kept open
THREADS = 0


class Work:
    """What is done against a peer, from one host, until it is told to stop."""

    def __init__(self, lab, swarm, host, peer, tracker):
        self.lab, self.swarm, self.host = lab, swarm, host
        self.peer, self.tracker = peer, tracker
        self.right = hashlib.sha256((lab.origin.files / "file").read_bytes()).digest()
        self.tls = context(swarm.folder(host)) if swarm.tls else None
        self.counts, self.wrong = {}, []
        self.random = random.Random(5)
        self.end = threading.Event()

    def spell(self, seconds):
        kinds = [self.download, self.cancelled, self.abandoned, self.reconnect, self.garbage]
        self.end.clear()
        threads = [threading.Thread(target=self.repeat, args=[kind]) for kind in kinds]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.end.set()
        for thread in threads:
            thread.join()

    def repeat(self, kind):
        while not self.end.is_set():
            try:
                kind()
                self.end.wait(PAUSE)
                self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
            except OSError as error:  # it may hang up on who talks garbage, and on nobody else
                if kind != self.garbage:
                    self.wrong.append(f"{kind.__name__}: {error!r}")
                    return

    def url_of(self, path):
        """One of many objects: some are in the peer's cache, some are not (any more)."""
        return f"{self.lab.origin.url(path)}?{self.random.randrange(OBJECTS)}"

    def get(self, folder, url):
        options = ["-q", "-d", folder, "--tracker", self.tracker.address]
        command = [self.lab.binary, "get", *options, *self.swarm.options(self.host), url]
        return subprocess.Popen(
            self.host.namespace.command([str(part) for part in command]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def download(self):
        with tempfile.TemporaryDirectory(dir=self.lab.directory) as folder:
            process = self.get(folder, self.url_of("file"))
            _, words = process.communicate(timeout=60)
            if process.returncode:
                self.wrong.append(f"download: exit {process.returncode}: {words.decode()}")
            elif hashlib.sha256(open(f"{folder}/file", "rb").read()).digest() != self.right:
                self.wrong.append("download: wrong bytes with exit 0")

    def cancelled(self):
        with tempfile.TemporaryDirectory(dir=self.lab.directory) as folder:
            process = self.get(folder, self.url_of("limited/300k/file"))
            time.sleep(self.random.uniform(0.05, 0.6))
            process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=60)
            if process.returncode not in (0, 8, -signal.SIGINT):  # 0: it was there already
                self.wrong.append(f"cancelled: exit {process.returncode}: {words.decode()}")

    def connect(self, daemon, member=True):
        plain = self.host.connect(daemon.host.address, daemon.port)
        if not member or not self.tls:
            return plain
        return self.tls.wrap_socket(plain, server_hostname="ddm")

    def abandoned(self):
        fetch = {"url": self.url_of("limited/300k/file"), "begin": 0, "end": SIZE, "size": SIZE}
        body = json.dumps(fetch).encode()
        head = "POST /v1/fetch HTTP/1.1\r\nHost: ddm\r\nContent-Type: application/json\r\n"
        with self.connect(self.peer) as sock:
            sock.sendall(head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            if self.random.random() < 0.7:
                sock.recv(self.random.randrange(1, 65536))

    def reconnect(self):
        for daemon in (self.peer, self.tracker):
            with self.connect(daemon) as sock:
                sock.sendall(b"GET /v1/status HTTP/1.1\r\nHost: ddm\r\nConnection: close\r\n\r\n")
                reply = b""
                while data := sock.recv(65536):
                    reply += data
            if not reply.startswith(b"HTTP/1.1 200 "):
                self.wrong.append(f"reconnect: {reply[:100]}")

    def garbage(self):
        begun = b"POST /v1/fetch HTTP/1.1\r\nHost: ddm\r\nContent-Length: 900\r\n\r\n{"
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        what = self.random.choice((b"", begun, hello, b"GET " + b"/" * 40000))
        what += self.random.randbytes(self.random.choice((0, 10, 5000)))
        daemon = self.random.choice((self.peer, self.tracker))
        inside = self.random.random() < 0.5  # of TLS
        with self.connect(daemon, inside) as sock:
            sock.settimeout(0.5)
            try:
                sock.sendall(what)
                sock.recv(1000)
            except (TimeoutError, ssl.SSLError):
                pass


def rest(daemons):
    """Waits until they have nothing to do any more; what they hold then."""
    now = [held(daemon.pid) for daemon in daemons]
    for _ in range(REST):
        time.sleep(1)
        before, now = now, [held(daemon.pid) for daemon in daemons]
        if all(b.resembles(a) for a, b in zip(before, now)):
            break
    return now


def judge(results, name, rests):
    """The later half against the earlier one."""
    rests = rests[WARM:]
    half = len(rests) // 2
    first, last = rests[:half], rests[-half:]
    files = max(rest.cache_files for rest in rests)
    results.add(files <= CACHE_FILES, f"soak: {name}: at most {files} files of the cache")
    for what, most, unit in (
        ("resident", RESIDENT, 1024),
        ("descriptors", DESCRIPTORS, 1),
        ("threads", THREADS, 1),
    ):
        a, b = (min(getattr(rest, what) / unit for rest in part) for part in (first, last))
        results.add(
            b - a <= most / unit,
            f"soak: {name}: {what} from {a:.0f} to {b:.0f}{' KiB' if unit > 1 else ''}",
        )


def run(results, binary, seconds, tls):
    raise_limit()
    with Lab(200, 50, binary=binary) as lab:
        swarm = Swarm(lab, tls)
        (lab.origin.files / "file").write_bytes(random.Random(1).randbytes(SIZE))
        tracker = swarm.tracker(lab.hosts[0])
        peer = swarm.peer(lab.hosts[0], "--cache-size", CACHE, tracker=tracker)
        work = Work(lab, swarm, lab.hosts[1], peer, tracker)
        daemons = {"peer": peer, "tracker": tracker}
        rests = {name: [] for name in daemons}
        spell = min(max(seconds / 30, SPELL[0]), SPELL[1])
        began = time.monotonic()
        while time.monotonic() < began + seconds or len(rests["peer"]) < WARM + RESTS:
            work.spell(spell)
            for name, now in zip(daemons, rest(daemons.values())):
                rests[name].append(now)
                results.say(f"{time.monotonic() - began:5.0f} s  {name}: {rests[name][-1]}")
            if work.wrong:
                break
        done = ", ".join(f"{count} {kind}" for kind, count in sorted(work.counts.items()))
        results.add(not work.wrong, f"soak: {done}")
        for line in work.wrong:
            results.say(line)
        if not work.wrong:
            for name in daemons:
                judge(results, name, rests[name])
