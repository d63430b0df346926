# SPDX-License-Identifier: MIT
"""What stands in the project's documents: fenced blocks, code spans, tables and links.

A `console` block carries a marker on the line before it, so that none is left out silently:

    <!-- run -->                               its commands are run as they stand, see machines.py
    <!-- run: big.iso of 8M at 1M -->          with that file at http://mirror.example/, of which
                                               each connection gets 1 MiB/s
    <!-- run: big.iso of 8M, 4 machines -->    in a swarm: a tracker on lab1, a peer on each
    <!-- not run: why -->

Lines that begin with a prompt (`$ `, `lab1$ `) are commands, the others what they print.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"console", "ini", "text"}

FENCE = re.compile(r"(?:^<!-- (?P<marker>.*?) -->\n)?^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.M | re.S)
PROMPT = re.compile(r"(?:(lab\d)?\$) (.+)")
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def documents():
    """The Markdown files of the project."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
    return [path for path in found if path.exists()]


@dataclass
class Command:
    host: str
    line: str
    output: list = field(default_factory=list)


@dataclass
class Block:
    where: str  # README.md:12
    language: str
    marker: str  # "" where there is none
    text: str

    def __str__(self):
        return self.where

    def commands(self):
        found = []
        for line in self.text.splitlines():
            prompt = PROMPT.fullmatch(line)
            if prompt:
                found.append(Command(prompt[1] or "here", prompt[2]))
            elif line.strip():
                found[-1].output.append(line)
        return found


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks(*languages):
    """The fenced blocks of all documents in these languages (none: all)."""
    found = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            where = f"{name_of(path)}:{text.count(chr(10), 0, match.start('text'))}"
            block = Block(where, match["language"], match["marker"] or "", match["text"])
            if not languages or block.language in languages:
                found.append(block)
    return found


def prose(path):
    """A document without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def spans(path):
    """What stands between backticks in a document, blocks left out."""
    return SPAN.findall(prose(path))


def table(path, first_header):
    """The rows, as lists of cells, of the table whose first header cell this is."""
    rows = []
    for line in prose(path).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if rows and not line.startswith("|"):
            return rows[2:]
        if rows or (line.startswith("|") and cells[0] == first_header):
            rows.append(cells)
    assert rows, f"{name_of(path)} has no table that begins with '{first_header}'"
    return rows[2:]


def headings(path):
    """The anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
