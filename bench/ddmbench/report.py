# SPDX-License-Identifier: MIT
"""docs/benchmarks.md out of bench/template.md and the saved results; the plots out of these, too.

{{bench.name}} in the template is what texts() of that bench has under this name; {{bench.plots}}
are its plots, {{bench.rounds}} its rounds. {{goals}}, {{machine}}, {{versions}}, {{date}} and
{{minutes}} are of all."""

import re
import textwrap
from pathlib import Path

from . import plots, results
from .stats import table

HERE = Path(__file__).resolve().parents[1]
TEMPLATE = HERE / "template.md"
DOCS = HERE.parent / "docs"
DOCUMENT = DOCS / "benchmarks.md"
PICTURES = DOCS / "benchmarks"
WIDTH = 100
ABSENT = "*(not measured here)*"


def write(benches, folder):
    """The document and its plots. Returns the names of the benches that have no result."""
    found = load(benches, folder)
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    for name, result in found.items():
        for picture, (_, script) in benches[name].plots(result["data"]).items():
            plots.draw(script, PICTURES / f"{picture}.svg")
    DOCUMENT.write_text(text(benches, found), encoding="utf-8")
    return [name for name in benches if name not in found]


def is_current(benches, folder):
    """The document says what the saved results say."""
    return DOCUMENT.read_text(encoding="utf-8") == text(benches, load(benches, folder))


def load(benches, folder):
    every = {name: results.load(folder, name) for name in benches}
    return {name: result for name, result in every.items() if result}


def text(benches, found):
    values = common(benches, found)
    for name, result in found.items():
        values[f"{name}.rounds"] = str(result["rounds"])
        values[f"{name}.plots"] = "\n\n".join(
            f"![{caption}](benchmarks/{picture}.svg)"
            for picture, (caption, _) in benches[name].plots(result["data"]).items()
        )
        for key, value in benches[name].texts(result["data"]).items():
            values[f"{name}.{key}"] = value

    def fill(match):
        name = match[1]
        if name.partition(".")[0] not in found and "." in name:
            return ABSENT
        return values[name]

    filled = re.sub(r"\{\{([\w.]+)\}\}", fill, TEMPLATE.read_text(encoding="utf-8"))
    return "\n\n".join(map(wrapped, filled.strip().split("\n\n"))) + "\n"


def wrapped(block):
    """A paragraph or a list in lines that fit; all else as it is."""
    if re.match(r"[|#!<`]", block) and not block.startswith("`ddm"):
        return block
    items = re.split(r"\n(?=- )", block)
    return "\n".join(
        textwrap.fill(
            " ".join(item.split()),
            WIDTH,
            subsequent_indent="  " if item.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for item in items
    )


def common(benches, found):
    dates = sorted(result["date"] for result in found.values())
    machines = sorted({result["machine"] for result in found.values()})
    versions = {}
    for result in found.values():
        versions.update(result["versions"])
    took = sum(result["took"] for result in found.values())
    return {
        "goals": goals(benches, found),
        "machine": "; also ".join(machines) or ABSENT,
        "versions": ", ".join(f"{name} {number}" for name, number in sorted(versions.items())),
        "date": " to ".join(sorted({dates[0], dates[-1]})) if dates else ABSENT,
        "minutes": f"{took / 60:.0f}",
    }


def goals(benches, found):
    rows = [
        (goal.what, goal.measured, goal.wanted, goal.verdict)
        for name, result in found.items()
        for goal in benches[name].goals(result["data"])
    ]
    return table(("what", "measured", "wanted", "held"), rows)
