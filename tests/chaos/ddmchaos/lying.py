# SPDX-License-Identifier: MIT
"""A peer that flips one bit in every block of what it gives: how often that is found out, beside
the odds that docs/internals/verification.md states.

A peer's bytes, in the order in which they come, are divided into windows of SAMPLE / share; in each
lies a sample, and before the first one there is one more. One in `every` / SAMPLE blocks of a
sample's size is wrong, so a sample is right with 1 - SAMPLE / every, and a lie survives n of them
with that to the power of n."""

import math
import multiprocessing
import random
import sys
import time
import traceback
from dataclasses import dataclass

from ddmlab import Lab, content, evil

from .campaign import end_in_order, next_result
from .metalink import write_metalink
from .script import MIB

KIB = 1 << 10
SIZE = 32 * MIB
SAMPLE = 16 * KIB
SHARE = 0.0025
OWN_MBIT = 300  # what was a lie comes again over this
PIECE = 512 * KIB
SIGMAS = 4  # a result that is further off than this is none of chance


@dataclass(frozen=True)
class Way:
    name: str
    every: int  # bytes in which one bit is wrong
    always: bool = False  # it must be found out
    rounds: float = 1.0  # of the rounds asked for

    def __str__(self):
        return f"{self.name}, one bit in {self.every // KIB} KiB"


WAYS = [
    Way("spot checks", 64 * KIB),
    Way("spot checks", 256 * KIB),
    Way("spot checks", MIB),
    Way("piece hashes", MIB, True, 0.2),
    Way("checksum", MIB, True, 0.2),
]


@dataclass
class Trial:
    way: int
    code: int
    caught: bool
    right: bool
    given: int  # bytes of the peer that are in the file
    words: str


def flips(every, salt):
    """A behaviour: one bit in each such block of the file, at a place that nobody can foretell."""

    def behaviour(exchange, wanted, file):
        data = bytearray(file.data[wanted.begin : wanted.end])
        for block in range(wanted.begin // every, -(-wanted.end // every)):
            rng = random.Random(f"{salt} {block}")
            at = block * every + rng.randrange(every) - wanted.begin
            if 0 <= at < len(data):
                data[at] ^= 1 << rng.randrange(8)
        exchange.head("206 Partial Content", *evil.headers(file, wanted.begin, wanted.end))
        exchange.send(data)

    return behaviour


def samples(given):
    """How many of so many bytes are taken, as an expectation: the early one, and one a window."""
    window = SAMPLE / SHARE
    last = max(given % window - SAMPLE, 0) / (window - SAMPLE)
    return 1 + given // window + last


def odds(every, given):
    return 1 - (1 - SAMPLE / every) ** samples(given)


def _trial(lab, path, number, salt):
    way = WAYS[number]
    peer = evil.EvilPeer(lab.hosts[1], flips(way.every, salt), path)
    what, options = lab.origin.url(path.name), ["--peer", peer.address]
    if way.name == "checksum":
        options += ["--checksum", f"sha-256={content.sha256(path)}", "--spot-check", "0"]
    if way.name == "piece hashes":
        what = lab.directory / f"{path.name}.meta4"
        url = lab.origin.url(path.name)
        write_metalink(what, path.name, path.read_bytes(), [url], PIECE)
    get = lab.get(lab.hosts[0], str(what), *options, output=path.name, tracker=None).wait()
    peer.close()
    right = get.code == 0 and content.same_bytes(get.file, path)
    shares = get.shares() if get.code == 0 else {}
    given = shares.get(peer.address, 0)
    caught = any(peer.address in notice and "wrong" in notice for notice in get.notices())
    get.file.unlink(missing_ok=True)
    return Trial(number, get.code, caught, right, given, get.process.tail(lines=5))


def _work(jobs, results):
    end_in_order()
    try:
        with Lab(OWN_MBIT, None) as lab:
            path = lab.file("file", SIZE)
            while (job := jobs.get()) is not None:
                results.put(_trial(lab, path, *job))
    except Exception:  # noqa: BLE001 the parent shows it
        results.put(traceback.format_exc())


def _verdict(way, trials):
    """(fits, line)"""
    caught = sum(trial.caught for trial in trials)
    bad = [t for t in trials if t.code != 0 or (t.caught and not t.right)]
    bad += [t for t in trials if way.always and not t.right]
    line = f"{way}: {caught} of {len(trials)} caught"
    if way.always:
        # Without hashes of pieces nobody can say who lied where the whole is wrong.
        return not bad, f"{line}, {sum(t.right for t in trials)} right in the end, expected all", bad
    given = [trial.given for trial in trials if not trial.caught] or [SIZE]
    chance = sum(odds(way.every, count) for count in given) / len(given)
    expected = len(trials) * chance
    near = abs(caught - expected) <= SIGMAS * math.sqrt(expected * (1 - chance)) + 1
    mean = sum(given) / len(given) / MIB
    line += f" ({100 * caught / len(trials):.0f} %), expected {100 * chance:.0f} %"
    return near and not bad, f"{line} ({samples(mean * MIB):.1f} samples of {mean:.0f} MiB)", bad


def run(rounds, at_a_time, seed):
    """Plays so many rounds of each way; true if what was caught fits what was to be expected."""
    context = multiprocessing.get_context("fork")
    jobs, results = context.Queue(), context.Queue()
    todo = [
        (number, f"{seed} {nth}")
        for number, way in enumerate(WAYS)
        for nth in range(max(round(rounds * way.rounds), 1))
    ]
    for job in todo:
        jobs.put(job)
    workers = [
        context.Process(target=_work, args=(jobs, results), daemon=True) for _ in range(at_a_time)
    ]
    end_in_order()
    began, trials = time.monotonic(), []
    for worker in workers:
        jobs.put(None)
        worker.start()
    for _ in todo:
        trial = next_result(results, workers)
        if isinstance(trial, str):
            sys.exit(f"a lab broke down\n{trial}")
        trials.append(trial)
    for worker in workers:
        worker.join()
    good = True
    for number, way in enumerate(WAYS):
        fits, line, bad = _verdict(way, [trial for trial in trials if trial.way == number])
        print("ok  " if fits else "FAIL", line)
        for trial in bad[:3]:
            print(f"     exit {trial.code}, {'caught' if trial.caught else 'not caught'},"
                  f" {'right' if trial.right else 'wrong'}\n     {trial.words}")  # fmt: skip
        good &= fits
    print(f"({time.monotonic() - began:.0f} s)")
    return good
