# SPDX-License-Identifier: MIT
"""Many rounds, a few at a time, each worker with a stage of its own."""

import ctypes
import multiprocessing
import queue
import signal
import sys
import time
import traceback

from .round import play
from .script import MIB, script_of
from .stage import Stage

PR_SET_PDEATHSIG = 1
HOW_AGAIN = "tests/chaos/run --seed {seed} --rounds 1"


def _work(seeds, results):
    """A worker: rounds until there are no more seeds, or until the parent dies."""
    end_in_order()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        with Stage() as stage:
            while (seed := seeds.get()) is not None:
                results.put((seed, play(stage, seed)))
    except Exception:  # noqa: BLE001 the parent shows it
        results.put((None, traceback.format_exc()))


def end_in_order():
    """Ctrl-C and SIGTERM unwind, so that labs are removed; a second one does not disturb that."""

    def unwind(number, _):
        for other in (signal.SIGINT, signal.SIGTERM):
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, unwind)


def _indented(text):
    return "\n".join(f"     {line}" for line in text.splitlines())


def line_of(result):
    """A round in a line."""
    script = result.script
    word = "FAIL" if result.wrong else "ok  "
    happened = "; ".join(str(fault) for fault in result.played) or "nothing"
    out = f"{result.tries} tries, {result.seconds:.1f} s"
    for bytes_ in result.bytes:
        out += f", bytes {bytes_.ratio:.2f}"
        if bytes_.ends:
            out += f", {bytes_.seconds_per_end:.1f} s again per end"
            out += f", {bytes_.seconds_lost:.1f} s lost"
    if result.flipped:
        out += f", {result.flipped} bits flipped, {result.noticed} noticed"
    return f"{word} seed {script.seed}: {script}: {happened}: {out}"


class Summary:
    def __init__(self):
        self.results = []

    def add(self, result):
        self.results.append(result)

    def failed(self):
        return [result.script.seed for result in self.results if result.wrong]

    def __str__(self):
        results = self.results
        counts = {}
        for result in results:
            for fault in result.played:
                counts[fault.kind] = counts.get(fault.kind, 0) + 1
        kills = sum(result.kills for result in results)
        bytes_ = [(b.seconds_per_end, r.script.seed) for r in results for b in r.bytes]
        worst, seed = max(bytes_, default=(0.0, 0))
        lost = max((b.seconds_lost for r in results for b in r.bytes), default=0.0)
        lines = [
            f"{len(results)} rounds, {kills} kills of the client, {sum(r.tries for r in results)} tries,"
            f" {sum(r.script.size for r in results) / MIB:.0f} MiB, {len(self.failed())} failed",
            "faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())),
        ]
        lines.append(
            f"fetched again for each end of a client: at most {worst:.1f} s of flow (seed {seed});"
            f" not kept, as it counts: at most {lost:.1f} s"
        )
        lines.append(
            f"bits flipped in caches: {sum(result.flipped for result in results)}; wrong bytes that"
            f" peers noticed there: {sum(result.noticed for result in results)}"
        )
        lines += [f"failed: {HOW_AGAIN.format(seed=seed)}" for seed in self.failed()]
        return "\n".join(lines)


def run(first, rounds, at_a_time, verbose=False):
    """Plays the rounds of the seeds from `first` on; true if all went well."""
    context = multiprocessing.get_context("fork")
    end_in_order()
    seeds, results = context.Queue(), context.Queue()
    for seed in range(first, first + rounds):
        seeds.put(seed)
    workers = [
        context.Process(target=_work, args=(seeds, results), daemon=True)
        for _ in range(min(at_a_time, rounds))
    ]
    summary, began = Summary(), time.monotonic()
    for worker in workers:
        seeds.put(None)
        worker.start()
    try:
        _collect(summary, rounds, results, workers, verbose)
    finally:
        for worker in workers:
            worker.join(timeout=0 if sys.exc_info()[0] else 60)
            if worker.is_alive():
                worker.terminate()
                worker.join()
        print(f"{summary}\n({time.monotonic() - began:.0f} s)", flush=True)
    return len(summary.results) == rounds and not summary.failed()


def next_result(results, workers):
    """What a worker puts there; an error where none is left to do that."""
    while True:
        try:
            return results.get(timeout=5)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError("all stages broke down") from None


def _collect(summary, rounds, results, workers, verbose):
    for _ in range(rounds):
        seed, result = next_result(results, workers)
        if seed is None:
            raise RuntimeError(f"a stage broke down\n{result}")
        summary.add(result)
        print(line_of(result), flush=True)
        if result.wrong or verbose:
            print(_indented("\n".join([*result.story, *result.wrong])), flush=True)


def show(first, rounds):
    """The scripts, without playing them."""
    for seed in range(first, first + rounds):
        script = script_of(seed)
        print(f"seed {seed}: {script}: " + "; ".join(map(str, script.all_faults())))
