# SPDX-License-Identifier: MIT
"""tshark on the switch: what everybody on the LAN can see."""

import socket
import subprocess

from .host import Host
from .waiting import wait_until

TOOLS = ["tshark"]
FIELDS = ["tcp.stream", "ip.src", "tcp.seq", "tcp.payload"]


class Capture:
    """All ports of the switch from now on; stop(), and then payloads()."""

    def __init__(self, lab):
        self.lab = lab
        self.path = lab.folder("capture") / "lan.pcapng"
        switch = Host(lab, "switch", lab.hosts[0].lan.far.namespace, "")
        ports = [option for host in lab.hosts for option in ("-i", host.lan.far.device)]
        self.process = switch.run(
            "tshark", "-q", "-n", "-s", "0", "-B", "64", *ports, "-w", self.path
        )
        wait_until(lambda: self._knock() in self._raw(), "the capture to begin")

    def _knock(self):
        """Something that is on the wire, and in the file once it captures."""
        first, second = self.lab.hosts[:2]
        with first.namespace.entered():
            knock = b"is anybody there?"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.sendto(knock, (second.address, 9))
        return knock

    def _raw(self):
        return self.path.read_bytes() if self.path.exists() else b""

    def stop(self):
        self.process.interrupt()
        self.process.wait()
        return self

    def payloads(self):
        """The bytes of each TCP connection, each way, in the order of their numbers."""
        options = [part for field in FIELDS for part in ("-e", field)]
        done = subprocess.run(
            ["tshark", "-r", self.path, "-n", "-Y", "tcp.len > 0", "-T", "fields", *options],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = {}
        for line in done.stdout.splitlines():
            stream, source, number, payload = line.split("\t")
            segments = found.setdefault((stream, source), {})
            segments.setdefault(int(number), bytes.fromhex(payload))
        return [b"".join(data for _, data in sorted(s.items())) for s in found.values()]
