# SPDX-License-Identifier: MIT
"""The hostile attempts of docs/security.md: each is a test that is really there."""

import re

from documents import ROOT, prose

SECURITY = ROOT / "docs" / "security.md"
AT_LEAST = 60
TEST = re.compile(r"`?(tests/[\w/]+\.(?:py|c))::(\w+)(?:\[([^\]]*)\])?`?")


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


def is_there(path, name, case):
    """Whether that file runs a test of that name; a case's name stands in it, too."""
    file = ROOT / path
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    runs = rf"^def {name}\(" if path.endswith(".py") else rf"\bcmocka_unit_test\w*\({name}\b"
    return re.search(runs, text, re.M) and (case is None or case in text)


def test_there_are_enough_attempts():
    assert len(attempts()) >= AT_LEAST
    words = [row[0].lower() for row in attempts()]
    assert not {text for text in words if words.count(text) > 1}


def test_each_attempt_is_a_test():
    for attempt, outcome, cell in attempts():
        assert attempt and outcome
        named = TEST.fullmatch(cell)
        assert named, f"{attempt}: '{cell}' names no test"
        assert is_there(*named.groups()), f"{attempt}: there is no {cell}"
