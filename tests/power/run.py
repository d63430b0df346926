#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The power goes in the middle of downloads: what is resumed is right.

    run.py [--rounds N] [--seed S] [--jobs J] [--ddm PROGRAM]

In each round `ddm get` runs until the power goes, at a random moment or step. What it did not sync
may be on the disk, or not, or in parts (disk.py). What the journal says is there must be there; then
it goes on, the power goes again a few times, and in the end the file must be right. In some rounds
the origin's file changes in between, and changes back."""

import argparse
import concurrent.futures
import hashlib
import http.server
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from disk import Disk  # noqa: E402
from journal import Journal  # noqa: E402

SIZE = 5 * 1024 * 1024 + 12345
SECONDS = 2.5  # that a whole download takes: more than two turns of the journal
BLOCK = 32 * 1024


class Origin(http.server.ThreadingHTTPServer):
    """One file, in versions with ETags, at a bounded rate."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seed):
        super().__init__(("127.0.0.1", 0), Handler)
        self.versions = [random.Random(f"{seed}/{v}").randbytes(SIZE) for v in range(2)]
        self.version = 0
        self.next_time, self.pace = 0.0, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def etag(self, version):
        return f'"version-{version}"'

    def wait(self, length):
        with self.pace:
            now = time.monotonic()
            self.next_time = max(self.next_time, now) + length * SECONDS / SIZE
            pause = self.next_time - now
        time.sleep(pause)

    def handle_error(self, request, client_address):
        """Clients are killed here: that is no error."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        version = self.server.version
        content = self.server.versions[version]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1, SIZE) if asked and asked[2] else SIZE
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{SIZE}")
        self.send_header("Content-Length", str(end - begin))
        self.send_header("ETag", self.server.etag(version))
        self.end_headers()
        for at in range(begin, end, BLOCK):
            block = content[at : min(at + BLOCK, end)]
            self.server.wait(len(block))
            self.wfile.write(block)

    def log_message(self, *args):
        pass


class Failed(Exception):
    pass


class Round:
    def __init__(self, seed, number, ddm, preload, parent):
        self.name = f"seed {seed} round {number}"
        self.rng = random.Random(f"{seed}/{number}")
        self.ddm, self.preload = ddm, preload
        self.folder = Path(tempfile.mkdtemp(prefix="folder-", dir=parent))
        self.log = self.folder.with_name(self.folder.name + ".log")
        self.origin, self.seed = None, f"{seed}/{number}"
        self.changes = self.rng.random() < 0.4
        self.cuts = self.recorded = 0

    def command(self):
        port = self.origin.server_address[1]
        arguments = [self.ddm, "get", "--no-peers", "-q", "-o", str(self.folder / "file")]
        if not self.changes and self.rng.random() < 0.5:
            arguments += ["--checksum", "sha-256=" + hashlib.sha256(self.content()).hexdigest()]
        return arguments + [f"http://127.0.0.1:{port}/file"]

    def content(self):
        return self.origin.versions[self.origin.version]

    def run(self, cut):
        """Until the power goes (`cut`: or until it is done); leaves what the disk holds then."""
        disk = Disk(self.folder)
        self.log.unlink(missing_ok=True)
        by_step = cut and self.rng.random() < 0.5
        environment = dict(
            PATH=os.environ.get("PATH", ""),
            HOME=str(self.preload.parent),
            LD_PRELOAD=str(self.preload),
            DDM_POWER_FOLDER=str(self.folder),
            DDM_POWER_LOG=str(self.log),
            DDM_POWER_CUT=str(self.rng.randint(1, 45) if by_step else 0),
            DDM_POWER_SLOW=str(self.rng.choice((0, 20, 200))),
            ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""),
        )
        process = subprocess.Popen(
            self.command(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            seconds = self.rng.uniform(0.3, 1.1 * SECONDS) if cut and not by_step else 60
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            if not cut:
                raise Failed("it does not come to its end") from None
        if process.returncode not in (0, -9):
            raise Failed(f"exit status {process.returncode}: {output.decode()}")
        disk.play(self.log)
        disk.lose_power(self.rng)
        disk.write(self.folder)
        self.cuts += 1
        self.check(process.returncode == 0)
        return process.returncode == 0

    def check(self, done):
        file, part = self.folder / "file", self.folder / "file.part"
        journal = self.folder / "file.ddm"
        if done and not file.exists():
            raise Failed("done, but the file was not on the disk")
        if file.exists() and file.read_bytes() not in self.origin.versions:
            raise Failed("the file is wrong")
        if not journal.exists() or not part.exists():
            return
        said = Journal(journal.read_bytes())
        if not said.good:
            raise Failed("the journal is no journal")
        there = part.read_bytes()
        for begin, end in said.valid:
            version = [self.origin.etag(v) for v in range(2)].index(said.etags[-1])
            if there[begin:end] != self.origin.versions[version][begin:end]:
                raise Failed(f"the journal says [{begin}, {end}) is there, and it is not")
            self.recorded += end - begin

    def play(self):
        for _ in range(self.rng.randint(1, 4)):
            if self.run(cut=True) or (self.folder / "file").exists():
                break
            if self.changes and self.rng.random() < 0.5:
                self.origin.version ^= 1
        if not (self.folder / "file").exists():  # it is checked each time
            self.run(cut=False)

    def __call__(self):
        self.origin = Origin(self.seed)
        try:
            self.play()
            shutil.rmtree(self.folder)
            return None
        except Failed as why:
            return f"{self.name}: {why}"
        finally:
            self.log.unlink(missing_ok=True)
            self.origin.shutdown()
            self.origin.server_close()


def build(folder):
    preload = folder / "power.so"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-shared"]
        + ["-fPIC", "-o", str(preload), str(HERE / "power.c"), "-ldl", "-pthread"],
        check=True,
    )
    return preload


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--ddm", default=os.environ.get("DDM_BIN_RELEASE", "ddm"))
    asked = parser.parse_args()
    parent = Path(tempfile.mkdtemp(prefix="ddm-power-"))
    preload = build(parent)
    rounds = [Round(asked.seed, n, asked.ddm, preload, parent) for n in range(asked.rounds)]
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        failures = [f for f in pool.map(lambda r: r(), rounds) if f]
    for failure in failures:
        print("FAIL", failure)
    cuts, recorded = sum(r.cuts for r in rounds), sum(r.recorded for r in rounds)
    print(
        f"{asked.rounds} rounds, the power went {cuts} times, "
        f"{recorded / 2**20:.0f} MiB were recorded then: {len(failures)} failures"
    )
    if failures:
        print(f"what is left of them is in {parent}")
    else:
        shutil.rmtree(parent)
    if not failures and recorded == 0:
        print("FAIL nothing was ever recorded: this tests nothing")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
