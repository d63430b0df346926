#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A file is one idea and a function fits a screen: sizes.py [ROOT] names those that do not.

A function is what stands between a line `{` and a line `}`, both at column 0.
"""

import os
import re
import sys
from pathlib import Path

FILE_LINES = 500
FUNCTION_LINES = 60

# What may be larger: "path" or "path:function" -> why.
ALLOWED = {
    "src/cli/options.c": "one table, whose rows are long",
}

NAME = re.compile(r"(\w+)\s*\(")


def sources(root):
    """The .c, .h and .py files, without builds and hidden folders."""
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        yield from (Path(folder, n) for n in sorted(names) if n.endswith((".c", ".h", ".py")))


def name_before(lines, index):
    """The name of the function whose body starts at this line."""
    while index > 0:
        index -= 1
        match = NAME.search(lines[index])
        if match and not lines[index][0].isspace():
            return match.group(1)
    return "?"


def functions(lines):
    """(name, line, lines of its body)"""
    start = None
    for index, line in enumerate(lines):
        if line.startswith("{"):
            start = index
        elif line.startswith("}") and start is not None:
            yield name_before(lines, start), start + 1, index - start - 1
            start = None


def check(root):
    seen = set()
    for file in sources(root):
        path = file.relative_to(root).as_posix()
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        large = [(path, path, "the file", len(lines), FILE_LINES)]
        if path.startswith("src/"):
            large += [
                (f"{path}:{name}", f"{path}:{line}", f"{name}()", size, FUNCTION_LINES)
                for name, line, size in functions(lines)
            ]
        for key, where, what, size, limit in large:
            if size > limit:
                seen.add(key)
                if key not in ALLOWED:
                    yield f"{where}: {what} has {size} lines, over {limit}"
    for key in ALLOWED.keys() - seen:
        yield f"{key} is not over its limit any more: take it out of ALLOWED"


def main():
    root = Path(sys.argv[1] if sys.argv[1:] else Path(__file__).resolve().parents[2])
    findings = list(check(root))
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
