#!/bin/sh
# SPDX-License-Identifier: MIT
# Static analysis of src/: analyze.sh clang-tidy|gcc|cppcheck BUILD. BUILD is a folder that meson set up; its
# compile_commands.json says how. Findings on standard output; false if there are any.
#
# What is off stands here or in .clang-tidy, each with its reason; the code has no marks for it.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
cd -- "$root" || exit 1
jobs=${DDM_ANALYZE_JOBS:-$(nproc 2>/dev/null || echo 2)}

sources()
{
    find src -name '*.c' | sort
}

# The flags that all files share, out of the first command: -I, -D and -std.
flags()
{
    python3 - "$1" <<'END'
import json, shlex, sys
from pathlib import Path

build = Path(sys.argv[1])
for entry in json.loads((build / "compile_commands.json").read_text()):
    if entry["file"].endswith("src/cli/main.c"):
        for word in shlex.split(entry["command"]):
            if word.startswith("-I"):
                print(f"-I{(Path(entry['directory']) / word[2:]).resolve()}")
            elif word.startswith(("-D", "-std")):
                print(word)
        break
END
}

# What is off: .clang-tidy.
run_clang_tidy()
{
    sources | xargs -P "$jobs" -n 6 clang-tidy --quiet -p "$1" --extra-arg=-DDDM_ANALYZE 2>/dev/null
}

# Off: gcc's analyzer loses track of pointers that are kept in lists and structs, and of what is freed
# by `cleanup`: it calls them leaks, or not initialized; the sanitizers see real ones in all tests. A
# calloc() that is checked in another function it takes for one that is not.
run_gcc()
{
    flags "$1" | tr '\n' '\0' >"$tmp/flags"
    sources | xargs -P "$jobs" -n 1 sh -c 'xargs -0 gcc -fanalyzer \
        -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value \
        -Wno-analyzer-possible-null-dereference -Wno-analyzer-possible-null-argument \
        -DDDM_ANALYZE -c -o /dev/null "$2" <"$1"' sh "$tmp/flags" 2>&1
}

# Off: what it sees across files it reads without conditions (ctunullpointer), and it does not know
# __attribute__((cleanup)) (memleak, resourceLeak).
run_cppcheck()
{
    cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
        --suppress=ctunullpointer --suppress=memleak --suppress=resourceLeak \
        -Isrc -Iinclude -D__cppcheck__ -D_GNU_SOURCE -D__linux__ -DHAVE_SECCOMP -DDDM_ANALYZE \
        -DDDM_VERSION='"0"' --template='{file}:{line}: {message} [{id}]' src 2>&1
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
case ${1:-} in
clang-tidy) run=run_clang_tidy ;;
gcc | cppcheck) run=run_$1 ;;
*) echo "usage: analyze.sh clang-tidy|gcc|cppcheck BUILD" >&2 && exit 2 ;;
esac
"$run" "$2" >"$tmp/found"
status=$?
cat "$tmp/found"
[ $status = 0 ] && [ ! -s "$tmp/found" ]
