# SPDX-License-Identifier: MIT
"""A link: a veth pair between two namespaces, each end shaped by a token bucket (tbf).

What the figures do: at 1500 bytes MTU a TCP stream carries 1448 of each 1514 bytes, so one curl
gets 0.956 of the nominal rate. The bucket is 5 ms deep (8 to 256 KiB): deep enough that a timer
that fires late on a busy machine costs nothing, shallow enough that the head start does not show
(+0.2 % over two seconds). The queue holds 50 ms, what a decent home router has."""

import json
import subprocess
from dataclasses import dataclass

QUEUE_MS = 50
BUCKET_SECONDS = 0.005
BUCKET_MIN = 8 * 1024
BUCKET_MAX = 256 * 1024
HEADERS = 14 + 20 + 32  # Ethernet, IPv4, TCP with timestamps


@dataclass(frozen=True)
class End:
    """One end of a link: a device in a namespace."""

    namespace: object
    device: str


def bucket_bytes(mbit):
    return int(min(max(mbit * 1e6 / 8 * BUCKET_SECONDS, BUCKET_MIN), BUCKET_MAX))


def tbf(device, mbit):
    """The tc line that shapes what leaves through this device."""
    kbit = round(mbit * 1000)
    return (
        f"qdisc replace dev {device} root tbf rate {kbit}kbit"
        f" burst {bucket_bytes(mbit)} latency {QUEUE_MS}ms"
    )


class Link:
    """near is the host's end, far the other one. The rate is the same both ways."""

    def __init__(self, near, far, mbit):
        self.near = near
        self.far = far
        self.mbit = mbit
        self._shaped = False

    def ip_line(self):
        """The line for `ip -batch` outside of any namespace that makes the pair."""
        near, far = self.near, self.far
        return (
            f"link add name {near.device} netns {near.namespace.name} type veth"
            f" peer name {far.device} netns {far.namespace.name}"
        )

    def set_rate(self, mbit):
        """Also while traffic flows. None: as fast as the machine can."""
        shaped, self.mbit = self._shaped, mbit
        self._shaped = mbit is not None
        for end in (self.near, self.far):
            if mbit is not None:
                end.namespace.tc(tbf(end.device, mbit))
            elif shaped:
                end.namespace.tc(f"qdisc del dev {end.device} root")

    def cut(self):
        """No packet passes from now on, and nobody is told: the far end goes away, as when
        somebody pulls a cable further up. Addresses and routes of the near end stay."""
        self.far.namespace.ip(f"link set dev {self.far.device} down")

    def restore(self):
        self.far.namespace.ip(f"link set dev {self.far.device} up")

    def received(self):
        """Bytes that came in at the near end so far, headers included."""
        return self._counters()["rx"]["bytes"]

    def received_payload(self):
        """The same without the headers of Ethernet, IP and TCP. (The kernel passes several segments
        on as one packet with one head, and counts them so.)"""
        counters = self._counters()["rx"]
        return counters["bytes"] - counters["packets"] * HEADERS

    def sent(self):
        return self._counters()["tx"]["bytes"]

    def _counters(self):
        command = ["ip", "-n", self.near.namespace.name, "-s", "-j", "link", "show", "dev"]
        shown = subprocess.run(
            [*command, self.near.device], capture_output=True, text=True, check=True
        )
        return json.loads(shown.stdout)[0]["stats64"]
