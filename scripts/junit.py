# SPDX-License-Identifier: MIT
"""junit.py FILE: prints `PASSED FAILED SKIPPED` of a JUnit XML file, and on standard error one line
for each test that failed or was skipped."""

import sys
import xml.etree.ElementTree as xml


def outcome(case):
    """The outcome of one test, and why."""
    for tag, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        element = case.find(tag)
        if element is not None:
            return word, (element.get("message") or "").splitlines()
    return "passed", []


def main():
    count = {"passed": 0, "failed": 0, "skipped": 0}
    label = {"failed": "FAIL", "skipped": "SKIP"}
    for case in xml.parse(sys.argv[1]).iter("testcase"):
        word, why = outcome(case)
        count[word] += 1
        if word in label:
            reason = f": {why[0][:200]}" if why else ""
            print(f"{label[word]} {case.get('name')}{reason}", file=sys.stderr)
    print(count["passed"], count["failed"], count["skipped"])


if __name__ == "__main__":
    main()
