# SPDX-License-Identifier: MIT
"""A peer with a cache on disk, and what the origin has sent to it."""

import json

from . import content
from .content import MIB
from .waiting import wait_until

SIZE = 8 * MIB
BLOCK = MIB // 8  # an extent is no longer than that


class Cached:
    """A peer on h1 with a cache, and a file at the origin. Little memory, so that it has to read
    from the disk."""

    def __init__(self, lab, *options, folder=None):
        self.lab = lab
        self.folder = folder or lab.cache_folder(lab.hosts[0])
        self.options = ["--memory", "4M", "--cache-size", "1G", "--cache-dir", self.folder, *options]
        self.path = lab.file("file", SIZE)
        self.url = lab.origin.url("file")
        self.start()

    # --- the peer --------------------------------------------------------------------------------

    def start(self):
        self.peer = self.lab.peer(self.lab.hosts[0], *self.options)

    def stop(self):
        self.peer.process.stop()

    def restart(self):
        self.stop()
        self.start()

    def status(self):
        return self.peer.status()["cache"]

    # --- requests --------------------------------------------------------------------------------

    def fields(self, path=None, **others):
        path = path or self.path
        return {"size": path.stat().st_size, "etag": content.nginx_etag(path), **others}

    def fetch(self, begin=0, end=SIZE, path=None, **others):
        path = path or self.path
        return self.peer.fetch(
            self.lab.origin.url(path.name),
            begin,
            end,
            from_host=self.lab.hosts[1],
            **self.fields(path, **others),
        )

    def expect(self, begin=0, end=SIZE, path=None, **others):
        """The bytes of the file; returns the reply."""
        reply = self.fetch(begin, end, path, **others)
        assert reply.status == 206, reply.body[:300]
        assert reply.body == (path or self.path).read_bytes()[begin:end]
        return reply

    def curl(self, begin, end, output="/dev/null"):
        """Started, to be left to itself."""
        body = json.dumps({"url": self.url, "begin": begin, "end": end, **self.fields()})
        return self.lab.hosts[1].curl(
            f"http://{self.peer.address}/v1/fetch",
            "--header", "Content-Type: application/json", "--data-binary", body, output=output,
        )  # fmt: skip

    def sent(self):
        """By the origin, so far."""
        self.lab.origin.settle()
        return self.lab.origin.bytes_sent()

    # --- the folder ------------------------------------------------------------------------------

    def files(self):
        """Those of objects; none where there is no folder."""
        if not self.folder.exists():
            return []
        return sorted(path for path in self.folder.iterdir() if path.name != ".lock")

    def file(self, ending):
        """The one file of the folder that ends so."""
        (found,) = [path for path in self.files() if path.name.endswith(ending)]
        return found

    def flip(self, at):
        """A bit of the one object's data, at an offset."""
        with open(self.file(".data"), "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 4]))

    def command(self, *arguments):
        """`ddm cache`, to its end."""
        command = self.lab.run_ddm(
            self.lab.hosts[0], "cache", *arguments, "--cache-dir", self.folder, name="cache"
        )
        command.wait()
        return command

    def objects(self):
        """What `ddm cache ls` says of each."""
        listed = self.command("ls", "--json")
        assert listed.code == 0, listed.tail()
        return [json.loads(line) for line in listed.stdout.splitlines()]

    def wait_until_recorded(self, count=SIZE):
        """The journal is behind the data by a second."""
        wait_until(
            lambda: sum(entry["held"] for entry in self.objects()) >= count,
            f"{count} bytes to be recorded",
        )
