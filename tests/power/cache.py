#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The power goes in a peer that keeps what it fetches: what it recorded is there.

    cache.py [--rounds N] [--seed S] [--jobs J] [--ddm PROGRAM]

In each round a peer fetches ranges of a file for some clients until the power goes, at a random
moment or step. What it did not sync may be on the disk, or not, or in parts (disk.py). Each extent
that the journal names must be right then, and what the peer gives when it comes back, too. In some
rounds several files share a cache that is too small for them: then an old journal may stand beside
new data, and only what is given counts."""

import argparse
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from disk import Disk  # noqa: E402
from journal import Journal  # noqa: E402
from run import SIZE, Failed, Origin, build  # noqa: E402

MIB = 1 << 20
NOTICED = "are not what was kept"
TRIES = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def key_of(url, etag):
    """As src/swarm/object_key.h has it."""
    return hashlib.sha256(f"ddm object 1\n{url}\n{SIZE}\netag\n{etag}\n".encode()).hexdigest()


class Round:
    def __init__(self, seed, number, ddm, preload, parent):
        self.name = f"seed {seed} round {number}"
        self.rng = random.Random(f"cache/{seed}/{number}")
        self.seed, self.ddm, self.preload = f"{seed}/{number}", ddm, preload
        self.folder = Path(tempfile.mkdtemp(prefix="cache-", dir=parent))
        self.state = Path(tempfile.mkdtemp(prefix="state-", dir=parent))
        self.log = self.folder.with_name(self.folder.name + ".log")
        self.evicts = self.rng.random() < 0.3
        self.files = [f"f{n}" for n in range(3 if self.evicts else 1)]
        self.cuts = self.recorded = self.noticed = 0

    def url(self, name):
        return f"http://127.0.0.1:{self.origin.server_address[1]}/{name}"

    # --- the peer --------------------------------------------------------------------------------

    def start(self, cut):
        self.port = free_port()
        environment = dict(
            PATH=os.environ.get("PATH", ""),
            HOME=str(self.state),
            LD_PRELOAD=str(self.preload),
            DDM_POWER_FOLDER=str(self.folder),
            DDM_POWER_LOG=str(self.log),
            DDM_POWER_CUT=str(cut),
            DDM_POWER_SLOW=str(self.rng.choice((0, 20, 200))),
            ASAN_OPTIONS="detect_leaks=0:verify_asan_link_order=0",
        )
        size = int(1.2 * SIZE) if self.evicts else 1 << 30
        options = ["--listen", f"127.0.0.1:{self.port}", "--allow", "127.0.0.0/8"]
        options += ["--cache-dir", str(self.folder), "--cache-size", str(size), "--memory", "4M"]
        with open(self.state / "said", "wb") as said:
            return subprocess.Popen(
                [self.ddm, "peer", *options, "--state-dir", str(self.state)],
                env=environment, stdout=said, stderr=said,
            )  # fmt: skip

    def wait_until_up(self, process):
        """False where the power went before."""
        for _ in range(TRIES):
            if process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return True
            time.sleep(0.02)
        raise Failed("the peer does not come up")

    def fetch(self, name, begin, end):
        """Bytes, as many as come."""
        body = {"url": self.url(name), "begin": begin, "end": end, "size": SIZE}
        body["etag"] = self.origin.etag(0)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/fetch", json.dumps(body), headers)
            reply = connection.getresponse()
            data = reply.read()
            return data if reply.status == 206 else b""
        except http.client.IncompleteRead as error:
            return error.partial
        except (OSError, http.client.HTTPException):
            return b""
        finally:
            connection.close()

    def read(self, name, begin, end):
        data = self.fetch(name, begin, end)
        if data != self.origin.versions[0][begin : begin + len(data)]:
            raise Failed(f"the peer gave wrong bytes from {begin} on")
        return len(data) == end - begin

    def ask(self, seed, process):
        """A client: range after range, until the peer is gone."""
        rng = random.Random(seed)
        while process.poll() is None:
            begin = rng.randrange(SIZE - 1)
            self.read(rng.choice(self.files), begin, min(SIZE, begin + rng.randrange(1, MIB)))

    # --- the power -------------------------------------------------------------------------------

    def run_until_cut(self):
        disk = Disk(self.folder)
        self.log.unlink(missing_ok=True)
        by_step = self.rng.random() < 0.5
        seeds = [self.rng.random() for _ in range(3)]
        seconds = self.rng.uniform(0.3, 4.0)
        process = self.start(self.rng.randint(1, 60) if by_step else 0)
        try:
            if self.wait_until_up(process):
                with concurrent.futures.ThreadPoolExecutor(len(seeds)) as pool:
                    clients = [pool.submit(self.ask, seed, process) for seed in seeds]
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(10.0 if by_step else seconds)
                    process.kill()
                    process.wait()
                for client in clients:
                    client.result()
        finally:
            process.kill()
            process.wait()
        if process.returncode != -9:
            said = (self.state / "said").read_text(errors="replace")
            raise Failed(f"exit status {process.returncode}: {said[-2000:]}")
        disk.play(self.log)
        disk.lose_power(self.rng)
        disk.write(self.folder)
        self.cuts += 1
        self.check()

    def check(self):
        """What is recorded is there."""
        for path in self.folder.glob("*.ddm"):
            data = path.with_suffix(".data")
            said = Journal(path.read_bytes())
            if not data.exists():
                continue  # the peer removes such a journal
            if not said.good and not self.evicts:
                raise Failed("the journal is no journal")
            there = data.read_bytes()
            for (begin, end), checksum in said.extents.items():
                good = hashlib.sha256(there[begin:end]).digest()[:16] == checksum
                good = good and there[begin:end] == self.origin.versions[0][begin:end]
                if not good and not self.evicts:
                    raise Failed(f"the journal says [{begin}, {end}) is there, and it is not")
                self.recorded += good * (end - begin)

    def read_all(self):
        """In the end all is right, and of what was recorded nothing is missed."""
        process = self.start(0)
        try:
            if not self.wait_until_up(process):
                raise Failed("the peer did not come back")
            for name in self.files:
                if not self.read(name, 0, SIZE):
                    raise Failed("the peer gave too little")
        finally:
            process.terminate()
            process.wait()
        self.noticed = (self.state / "said").read_text(errors="replace").count(NOTICED)
        if self.noticed and not self.evicts:
            raise Failed("the peer found wrong bytes on its disk")

    def __call__(self):
        self.origin = Origin(self.seed)
        try:
            for _ in range(self.rng.randint(1, 3)):
                self.run_until_cut()
            self.read_all()
            shutil.rmtree(self.folder)
            return None
        except Failed as why:
            return f"{self.name}: {why}"
        finally:
            self.log.unlink(missing_ok=True)
            self.origin.shutdown()
            self.origin.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4)
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
        f"{asked.rounds} rounds, the power went {cuts} times, {recorded / MIB:.0f} MiB were recorded"
        f" then, {sum(r.noticed for r in rounds)} wrong extents were noticed: {len(failures)} failures"
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
