# SPDX-License-Identifier: MIT
"""The short form: a small part of most benches, once, in about a minute.

No measurement: it fails where a bench does not work any more, where bytes are wrong, or where a
figure is so far off that no busy machine explains it. Prints a line a bench, as ./check does."""

import shutil
import traceback

from .setting import Setting


def run(binary, benches):
    good = True
    for name, bench in benches.items():
        if bench.SHORT is not None:
            good = one(binary, name, bench) and good
    return good


def one(binary, name, bench):
    absent = [program for program in bench.NEEDS if not shutil.which(program)]
    if absent:
        print(f"SKIP {name}: needs {', '.join(absent)}", flush=True)
        return True
    rounds, only = getattr(bench, "SHORT_ROUNDS", 1), getattr(bench, "SHORT_CASE", "")
    setting = Setting(binary, rounds, bench.SHORT, only, others=False)
    try:
        goals = getattr(bench, "short_goals", bench.goals)(bench.run(setting))
    except Exception:  # whatever it was: the other benches are worth a look, too
        traceback.print_exc()
        print(f"FAIL {name}: it broke, see above", flush=True)
        return False
    gross = [goal for goal in goals if not goal.fair]
    for goal in gross or goals:
        print(f"{'FAIL' if gross else 'ok  '} {name}: {goal.short}", flush=True)
    return not gross
