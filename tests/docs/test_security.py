# SPDX-License-Identifier: MIT
"""The hostile attempts of docs/security.md: each is a test that is really there."""

import re
import subprocess
import sys

from documents import ROOT, prose

SECURITY = ROOT / "docs" / "security.md"
AT_LEAST = 60
PYTEST = re.compile(r"tests/\w+/\w+\.py::\w+(\[.*\])?")
UNIT = re.compile(r"(tests/unit/\w+/\w+\.c)::(\w+)")
CAMPAIGN = re.compile(r"tests/(fuzz/\w+\.c|load/run)")  # one is a test as a whole


def attempts():
    """(attempt, what happens, test) of all tables whose first header is "attempt"."""
    rows, inside = [], False
    for line in prose(SECURITY).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == "attempt":
            inside = True
        elif inside and not re.fullmatch(r"[|\s:-]+", line):
            assert len(cells) == 3, f"not three cells: {line}"
            rows.append(cells)
    return rows


def collected(files):
    """The names of all tests in these files, as pytest has them, with and without their cases."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "no:xdist", *sorted(files)],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    found = {line for line in done.stdout.splitlines() if "::" in line}
    assert found, done.stdout + done.stderr
    return found | {name.partition("[")[0] for name in found}


def is_in_its_program(test):
    """Whether a unit test stands in the list of those that are run."""
    named = UNIT.fullmatch(test)
    if not named or not (ROOT / named[1]).is_file():
        return False
    text = (ROOT / named[1]).read_text(encoding="utf-8")
    return re.search(rf"\b(cmocka_unit_test\w*|TEST)\({named[2]}\b", text)


def test_there_are_enough_attempts():
    assert len(attempts()) >= AT_LEAST
    words = [row[0].lower() for row in attempts()]
    assert not {text for text in words if words.count(text) > 1}


def test_each_attempt_is_a_test():
    tests = {cell for _, _, cell in attempts()}
    in_python = {test for test in tests if PYTEST.fullmatch(test)}
    campaigns = {test for test in tests if CAMPAIGN.fullmatch(test) and (ROOT / test).is_file()}
    there = collected({test.partition("::")[0] for test in in_python})
    missing = {test for test in in_python if test not in there}
    missing |= {test for test in tests - in_python - campaigns if not is_in_its_program(test)}
    assert not missing
    assert all(attempt and outcome for attempt, outcome, _ in attempts())
