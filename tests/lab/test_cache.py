# SPDX-License-Identifier: MIT
"""The cache of a peer on disk."""

import os
import signal

import pytest
from ddmlab import content, wait_until
from ddmlab.content import MIB

SIZE = 8 * MIB
BLOCK = MIB // 4


class Cached:
    """A peer on h1 with a cache, a file at the origin, and what the origin has sent of it."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.options = options
        self.path = lab.file("file", SIZE)
        self.folder = lab.cache_folder(lab.hosts[0])
        self.start()

    def start(self):
        self.peer = self.lab.peer(self.lab.hosts[0], *self.options)

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def stop(self, how=signal.SIGTERM):
        self.peer.process.kill(how)
        self.peer.process.wait()

    def fetch(self, begin=0, end=SIZE, path=None, **fields):
        path = path or self.path
        fields = {"size": path.stat().st_size, "etag": content.nginx_etag(path), **fields}
        return self.peer.fetch(
            self.lab.origin.url(path.name), begin, end, from_host=self.lab.hosts[1], **fields
        )

    def expect(self, begin=0, end=SIZE, path=None, **fields):
        reply = self.fetch(begin, end, path, **fields)
        assert reply.status == 206, reply.body[:300]
        assert reply.body == (path or self.path).read_bytes()[begin:end]
        return reply

    def sent(self):
        self.lab.origin.settle()
        return self.lab.origin.bytes_sent()

    def status(self):
        return self.peer.status()["cache"]

    def wait_until_recorded(self, count=SIZE):
        """The journal is behind the data by a second."""
        wait_until(lambda: self.recorded() >= count, f"{count} bytes to be recorded")

    def recorded(self):
        """What `ddm cache ls` says, of all objects."""
        done = self.lab.run_ddm(
            self.lab.hosts[0], "cache", "ls", "--cache-dir", self.folder, "--json", name="ls"
        )
        assert done.wait() == 0, done.tail()
        import json

        return sum(json.loads(line)["held"] for line in done.stdout.splitlines())

    def file(self, ending):
        """The one file of the folder that ends so."""
        (found,) = [p for p in self.folder.iterdir() if p.name.endswith(ending)]
        return found


@pytest.fixture
def cached(make_lab):
    return Cached(make_lab(200, 200), "--memory", "4M")


def test_what_was_fetched_once_comes_from_the_disk(cached):
    cached.expect()
    sent = cached.sent()
    cached.expect()
    assert cached.sent() == sent
    assert cached.status()["loaded"] > 0
