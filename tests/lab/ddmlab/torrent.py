# SPDX-License-Identifier: MIT
"""A file as a torrent: aria2 seeds it at the origin, a tracker in Python knows who takes part, and
aria2 on the hosts gets it over the uplinks and from each other over the LAN.

BEP 3 (the torrent, the tracker's answer) and BEP 23 (compact lists of peers)."""

import hashlib
import socket
import struct
import urllib.parse

PORT = 6881
PIECE = 256 * 1024
# Its own ways to find peers are off: there is nobody besides those of the tracker.
ARIA2 = ["aria2c", "--no-conf", "--quiet", "--file-allocation=none", "--enable-dht=false",
         "--enable-dht6=false", "--bt-enable-lpd=false", "--bt-max-peers=0", "--seed-ratio=0.0",
         f"--listen-port={PORT}"]  # fmt: skip
# Runs with (gid, number of files, path): the date of the new file is that of the end.
HOOK = '#!/bin/sh\n: >"$3.done"\n'


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    items = sorted(value.items())
    return b"d" + b"".join(bencode(key) + bencode(item) for key, item in items) + b"e"


def metainfo(path, announce):
    """The torrent of one file."""
    digests = []
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digests.append(hashlib.sha1(piece).digest())
    info = {
        "name": path.name,
        "length": path.stat().st_size,
        "piece length": PIECE,
        "pieces": b"".join(digests),
    }
    return bencode({"announce": announce, "info": info})


class Torrent:
    """Seeded from now on. start(host) makes an aria2 get it, which goes on seeding until it is
    stopped; is_done(process) tells whether it has all of it, ended(process) since when."""

    def __init__(self, lab, path):
        self.lab = lab
        self.path = path
        self.folder = lab.folder("torrent")
        self._joined = {}  # the LAN address of each host that has announced itself
        self._by_uplink = {host.uplink_address: host.address for host in lab.hosts}
        self.tracker = lab.serve(self._answer)
        self.file = self.folder / "file.torrent"
        self.file.write_bytes(metainfo(path, self.tracker.url("announce")))
        self.hook = self.folder / "done.sh"
        self.hook.write_text(HOOK)
        self.hook.chmod(0o755)
        self.seeder = lab.origin_host.run(
            *ARIA2, "--bt-seed-unverified=true", "-d", path.parent, self.file, name="seeder"
        )
        lab.origin_host.wait_for_port(PORT, process=self.seeder)

    def _answer(self, exchange):
        """All hosts over the LAN and the seeder at the origin. The seeder itself hears of nobody:
        it cannot reach the LAN."""
        address = self._by_uplink.get(exchange.client_address[0])
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(exchange.path).query)
        peers = b""
        if address:
            others = [other for other in self._joined if other != address]
            if "stopped" not in query.get("event", []):
                self._joined[address] = True
            peers = b"".join(map(compact, [self.lab.origin_host.address, *others]))
        exchange.reply("200 OK", bencode({"interval": 5, "min interval": 5, "peers": peers}))

    def start(self, host):
        folder = self.lab.folder("download")
        process = host.run(
            *ARIA2, "-d", folder, "--on-bt-download-complete", self.hook, self.file, name="aria2c"
        )
        process.folder = folder
        return process

    def got(self, process):
        return process.folder / self.path.name

    def _mark(self, process):
        return process.folder / f"{self.path.name}.done"

    def is_done(self, process):
        assert process.running(), process.tail()
        return self._mark(process).exists()

    def ended(self, process):
        """As time.time() has it."""
        return self._mark(process).stat().st_mtime


def compact(address):
    return socket.inet_aton(address) + struct.pack(">H", PORT)
