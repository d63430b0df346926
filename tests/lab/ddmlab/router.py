# SPDX-License-Identifier: MIT
"""A router that several hosts share: their uplinks end at it, and one link goes on to the origin.

                          origin
                            │ to-router
                            │             tbf, both ways: what they share
                            │ wan
                      ┌── router ──┐
                      │ to-h1      │ to-h2
                   ┌──┴─┐       ┌──┴─┐
                   │ h1 │       │ h2 │     Lab(None, None): no limits of their own
"""

from .link import End, Link

NEAR, FAR = "10.2.0.2", "10.2.0.1"


class Router:
    """Made by Lab.router(). `uplink` is the Link that all hosts share."""

    def __init__(self, lab, hosts, mbit):
        self.namespace = lab.add_namespace("router")
        origin = lab.origin_host.namespace
        self.uplink = Link(End(self.namespace, "wan"), End(origin, "to-router"), mbit)
        origin.ip(self.uplink.ip_line())
        self._route_to(origin)
        for host in hosts:
            self._take(host, origin)
        self.uplink.set_rate(mbit)

    def _route_to(self, origin):
        self.namespace.ip(
            "link set dev lo up",
            f"addr add {NEAR}/30 dev wan",
            "link set dev wan addrgenmode none up",
            f"route add default via {FAR} dev wan",
        )
        with self.namespace.entered(), open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        origin.ip(
            f"addr add {FAR}/30 dev to-router",
            "link set dev to-router addrgenmode none up",
        )

    def _take(self, host, origin):
        """The far end of the host's uplink moves in here, with its address and its rate."""
        near, device, mbit = host.uplink.near, host.uplink.far.device, host.uplink.mbit
        network = host.uplink_address.rpartition(".")[0]
        origin.ip(f"link set dev {device} netns {self.namespace.name}")
        self.namespace.ip(
            f"addr add {network}.1/24 dev {device}",
            f"link set dev {device} addrgenmode none up",
        )
        origin.ip(f"route add {network}.0/24 via {NEAR}")
        host.uplink = Link(near, End(self.namespace, device), mbit)
        if mbit is not None:
            host.uplink.set_rate(mbit)
