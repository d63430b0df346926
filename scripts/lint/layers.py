#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layers of src/, as contracts: who may include whom.

    layers.py [ROOT]        checks the tree; one line for each include that breaks a rule
    layers.py --self-test   builds small bad trees and sees each rule fail

Only direct includes count. The rules are the tables below.
"""

import re
import sys
import tempfile
from pathlib import Path

LOWER = {"base", "plan", "io", "swarm"}

# folder of src/ -> folders that it may include; ddm/ddm.h is for everybody.
LAYERS = {
    "base": {"base"},
    "plan": {"base", "plan"},
    "io": {"base", "plan", "io"},
    "swarm": LOWER,
    "get": LOWER | {"get"},
    "peer": LOWER | {"peer"},
    "tracker": LOWER | {"tracker"},
    "cli": LOWER | {"get", "peer", "tracker", "cli"},
}

# Files with a rule of their own: the subcommand `get` is made of the public library.
API_ONLY = re.compile(
    r"src/cli/(get|get_one|request|tasks|batch|batch_report|operand|on_complete|interrupt"
    r"|display|display_batch|progress|events)\.[ch]"
)
API_ONLY_LAYERS = {"base", "cli"}

# Files that know no socket, file, thread or clock: the system headers that they may include.
PURE = re.compile(r"src/(plan/.*|tracker/registry\.[ch])")
PURE_HEADERS = set(
    "stdbool.h stddef.h stdint.h stdlib.h string.h assert.h errno.h limits.h math.h stdio.h"
    " inttypes.h stdarg.h ddm/ddm.h".split()
)

# Each third-party library is named in so few files that it can be replaced.
LIBRARIES = {
    "libuv": re.compile(r"uv(\.h|/.*)"),
    "libcurl": re.compile(r"curl/.*"),
    "libmicrohttpd": re.compile(r"microhttpd.*\.h"),
    "GnuTLS": re.compile(r"gnutls/.*"),
    "jansson": re.compile(r"jansson.*\.h"),
    "inih": re.compile(r"ini\.h"),
    "expat": re.compile(r"expat.*\.h"),
    "libqrencode": re.compile(r"qrencode\.h"),
    "libseccomp": re.compile(r"seccomp\.h"),
}
FILES_PER_LIBRARY = 2
# What needs more files, and why.
MORE_FILES = {
    "libcurl": 3,  # the transfers, the long list of their options, URLs
    "jansson": 3,  # messages, what is held, the events of `get`
}

NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include(?:_next)?\b[ \t]*(?:"([^"]*)"|<([^>]*)>|(.*))', re.M)


def blank_comments(text):
    """The text with comments emptied and lines kept; strings stay, for they may hold "*/*"."""
    return NOT_CODE.sub(lambda m: m.group(1) or "\n" * m.group(0).count("\n"), text)


class Include:
    """One #include: where it stands, its name, and the project's file that it means, if any."""

    def __init__(self, root, path, match, line):
        self.where = f"{path}:{line}"
        self.name = match.group(1) or match.group(2) or ""
        self.unknown = match.group(3)
        self.target = None
        quoted = match.group(1) is not None
        places = ([Path(path).parent] if quoted else []) + [Path("src"), Path("include")]
        for place in places:
            if (root / place / self.name).is_file():
                # ".." must not hide where a file is.
                full = (root / place / self.name).resolve()
                self.target = full.relative_to(root.resolve()).as_posix()
                return
        if quoted or self.name.split("/")[0] in LAYERS:  # made by the build: by its name alone
            inside = self.name.split("/")[0] in LAYERS
            self.target = f"src/{self.name}" if inside else str(Path(path).parent / self.name)


def layer_of(path):
    """The folder of a file in src/, "ddm" for the public header, None for neither."""
    parts = Path(path).parts
    if parts[0] == "include":
        return "ddm"
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def read_tree(root):
    """{path: [Include]} of all C files of src/ and include/."""
    tree = {}
    for file in sorted((*root.glob("src/**/*.[ch]"), *root.glob("include/**/*.[ch]"))):
        path = file.relative_to(root).as_posix()
        text = blank_comments(file.read_text(encoding="utf-8"))
        tree[path] = [
            Include(root, path, match, text.count("\n", 0, match.start()) + 1)
            for match in INCLUDE.finditer(text)
        ]
    return tree


def check_layer(path, include):
    """The rows of LAYERS and API_ONLY."""
    if include.unknown:
        return f"{include.where}: an include that cannot be followed: {include.unknown}"
    if include.target is None:
        return None
    own, other = layer_of(path), layer_of(include.target)
    allowed = {"ddm"} if own == "ddm" else LAYERS[own] | {"ddm"}
    if API_ONLY.fullmatch(path):
        allowed = API_ONLY_LAYERS | {"ddm"}
    if other in allowed:
        return None
    who = path if API_ONLY.fullmatch(path) else f"{own}/"
    return f"{include.where}: {who} may not include {include.name}"


def check_pure(path, include):
    """No header of the system beyond the list, and nothing of io/ for the registry either."""
    if not PURE.fullmatch(path):
        return None
    if include.target is None:
        bad = include.name not in PURE_HEADERS
    else:
        bad = layer_of(path) == "tracker" and layer_of(include.target) == "io"
    return f"{include.where}: must stay pure, without <{include.name}>" if bad else None


def check_libraries(tree):
    for library, pattern in LIBRARIES.items():
        users = [
            path
            for path, includes in tree.items()
            if any(i.target is None and pattern.fullmatch(i.name) for i in includes)
        ]
        most = MORE_FILES.get(library, FILES_PER_LIBRARY)
        if len(users) > most:
            yield f"{library} is named in more than {most} files: {', '.join(users)}"


def check_cycles(tree):
    """Depth first; `trail` is the way to the current header."""
    done, trail = set(), []

    def visit(path):
        if path in trail:
            yield "cycle: " + " -> ".join([*trail[trail.index(path) :], path])
        elif path in tree and path not in done:
            trail.append(path)
            for include in tree[path]:
                if include.target and include.target.endswith(".h"):
                    yield from visit(include.target)
            done.add(trail.pop())

    for path in tree:
        if path.endswith(".h"):
            yield from visit(path)


def check(root):
    """All findings in a tree, as lines."""
    tree, findings = read_tree(root), []
    for path, includes in tree.items():
        if layer_of(path) not in (*LAYERS, "ddm"):
            findings.append(f"{path}: no layer has this place")
            continue
        for include in includes:
            findings += filter(None, (check_layer(path, include), check_pure(path, include)))
    return [*findings, *check_libraries(tree), *check_cycles(tree)]


# A tree that keeps all rules, and what to change in it so that one is broken.
GOOD = {
    "include/ddm/ddm.h": "#include <stdint.h>",
    "src/base/str.h": '#include <unistd.h>\n#include "ddm/ddm.h"',
    "src/base/str.c": '#include "base/str.h"\nchar *any = "*/*"; /*\n#include "get/job.h" */',
    "src/plan/plan.h": '#include "base/str.h"\n#include <stdint.h>',
    "src/io/loop.h": '#include "plan/plan.h"\n#include <uv.h>',
    "src/swarm/message.h": '#include "io/loop.h"',
    "src/get/job.h": '#include "swarm/message.h"\n#include <sys/socket.h>',
    "src/peer/peer.h": '#include "swarm/message.h"',
    "src/tracker/registry.h": '#include "plan/plan.h"',
    "src/tracker/tracker.h": '#include "registry.h"\n#include "page.inc"',
    "src/cli/get.c": '#include "ddm/ddm.h"\n#include "cli/options.h"\n#include <time.h>',
    "src/cli/options.h": '#include "base/str.h"\n#include "tracker/tracker.h"',
}
BAD = [
    ({"src/base/x.c": '#include "plan/plan.h"'}, "base/ may not include plan/plan.h"),
    ({"src/base/x.c": '# include <plan/plan.h>'}, "base/ may not include plan/plan.h"),
    ({"src/base/x.c": '#include "../plan/plan.h"'}, "base/ may not include ../plan/plan.h"),
    ({"src/base/x.c": '#include "io/made.h"'}, "base/ may not include io/made.h"),
    ({"src/plan/x.c": '#include "io/loop.h"'}, "plan/ may not include io/loop.h"),
    ({"src/io/x.c": '#include "swarm/message.h"'}, "io/ may not include swarm/message.h"),
    ({"src/swarm/x.c": '#include "get/job.h"'}, "swarm/ may not include get/job.h"),
    ({"src/get/x.c": '#include "peer/peer.h"'}, "get/ may not include peer/peer.h"),
    ({"src/peer/x.c": '#include "get/job.h"'}, "peer/ may not include get/job.h"),
    ({"src/peer/x.c": '#include "tracker/tracker.h"'}, "peer/ may not include tracker/"),
    ({"src/tracker/x.c": '#include "peer/peer.h"'}, "tracker/ may not include peer/peer.h"),
    ({"src/get/x.c": '#include "cli/options.h"'}, "get/ may not include cli/options.h"),
    ({"src/cli/get.c": '#include "get/job.h"'}, "cli/get.c may not include get/job.h"),
    ({"src/cli/events.h": '#include "io/loop.h"'}, "cli/events.h may not include io/loop.h"),
    ({"include/ddm/ddm.h": '#include "io/made.h"'}, "ddm/ may not include io/made.h"),
    ({"src/plan/x.c": "#include <pthread.h>"}, "must stay pure, without <pthread.h>"),
    ({"src/plan/x.c": "#include <time.h>"}, "must stay pure, without <time.h>"),
    ({"src/tracker/registry.c": "#include <uv.h>"}, "must stay pure, without <uv.h>"),
    ({"src/tracker/registry.c": '#include "io/loop.h"'}, "must stay pure, without <io/loop.h>"),
    ({"src/io/x.c": "#include HEADER"}, "cannot be followed"),
    ({"src/misc/x.c": ""}, "no layer has this place"),
    ({"src/x.c": ""}, "no layer has this place"),
    ({f"src/io/{n}.c": "#include <curl/curl.h>" for n in "abcd"}, "libcurl is named in more than"),
    ({f"src/io/{n}.c": "#include <gnutls/x509.h>" for n in "abc"}, "GnuTLS is named in more"),
    ({"src/base/a.h": '#include "b.h"', "src/base/b.h": '#include "base/a.h"'}, "cycle: src/base"),
]


def findings_of(files):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")
        return check(Path(folder))


def self_test():
    wrong = [f"a good tree: {finding}" for finding in findings_of(GOOD)]
    for change, expected in BAD:
        findings = findings_of(GOOD | change)
        if len(findings) != 1 or expected not in findings[0]:
            wrong.append(f"{change}: wanted '{expected}', found {findings}")
    return wrong


def main():
    if sys.argv[1:] == ["--self-test"]:
        findings = self_test()
    else:
        here = Path(__file__).resolve().parents[2]
        findings = check(Path(sys.argv[1]) if sys.argv[1:] else here)
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
