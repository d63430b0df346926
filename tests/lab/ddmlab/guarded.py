# SPDX-License-Identifier: MIT
"""A swarm with a key, a stranger beside it, and servers that are not what they say."""

import json
import os

from . import raw
from .content import MIB
from .guests import knock
from .lab import ORIGIN_ADDRESS, PUBLIC_ORIGIN_ADDRESS, Lab
from .server import Server
from .swarm import Swarm
from .tap import Tap

NAME = "the-name-of-a-secret"
DAEMONS = ["tracker", "peer"]


class GuardedPlace:
    """h1 has the tracker and h2 the peer of a swarm; h3 is a member and h4 a stranger, neither with
    a way to the origin of its own."""

    def __init__(self):
        self.lab = Lab(None, None, None, None)
        try:
            self.home, self.helper, self.member, self.stranger = self.lab.hosts
            self.swarm = Swarm(self.lab).join(self.home, self.helper, self.member)
            self.other = Swarm(self.lab)
            for island in self.member, self.stranger:
                island.namespace.ip(
                    f"route add unreachable {ORIGIN_ADDRESS}/32",
                    f"route add unreachable {PUBLIC_ORIGIN_ADDRESS}/32",
                )
            self.tracker = self.lab.tracker(self.home)
            self.peer = self.lab.peer(self.helper)
            self.path = self.lab.file(NAME, 4 * MIB)
            self.url = self.lab.origin.url(NAME)
            self.folder = self.lab.folder("certificates")
        except BaseException:
            self.lab.close()
            raise

    def close(self):
        self.lab.close()

    def daemon(self, which):
        return {"tracker": self.tracker, "peer": self.peer}[which]

    def insider(self, *extra, **options):
        """A certificate of this swarm for a node of a test."""
        return self.swarm.issue(os.urandom(16).hex(), *extra, **options)

    def served(self):
        """How many requests for ranges the peer has had so far."""
        metrics = self.peer.request("GET", "/metrics").body.decode()
        lines = [line.split() for line in metrics.splitlines()]
        (count,) = [line[1] for line in lines if line[0] == "ddm_peer_requests_total"]
        return int(count)

    def fetch(self, url=None):
        """A request for a range, as bytes."""
        body = json.dumps({"url": url or self.url, "begin": 0, "end": 1000}).encode()
        return raw.request("POST", "/v1/fetch", body, "Connection: close")

    def refuses(self, which, context, aloud=True):
        """Nothing comes back to the stranger that is no TLS, whatever is asked for. The Outcome."""
        for data in None, self.fetch():
            outcome = knock(self.stranger, self.daemon(which).address, context, data)
            assert outcome.data == b"", outcome
            assert outcome.why or not aloud, "the daemon closed without a word of TLS"
        return outcome


class Rogue:
    """Listens on the stranger's host and keeps what it could read, and what was on the wire."""

    def __init__(self, world, context, tracker=False):
        self.bodies, self.wire = [], []
        wrap = None
        if context:
            wrap = lambda s: context.wrap_socket(  # noqa: E731
                s, server_side=True, do_handshake_on_connect=False
            )
        self.server = Server(world.stranger, world.stranger.address, self._respond, wrap=wrap)
        self.tap = Tap(world.stranger, self.server.address)
        self.address = self.tap.address

    def _respond(self, exchange):
        self.bodies.append((exchange.command, exchange.path, exchange.body))
        exchange.reply("200 OK", b'{"peers": []}', "Content-Type: application/json")

    def close(self):
        self.tap.close()
        self.server.close()

    @property
    def heard(self):
        return b"".join(bytes(up) for up in self.tap.up)
