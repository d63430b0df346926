# SPDX-License-Identifier: MIT
"""Started without standard input, output or error: no file of the download takes their place."""

import pytest
from ddmlab.content import MIB, assert_same


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_download_with_closed_descriptors(make_lab, closed, options):
    lab = make_lab(200)
    path = lab.file("file", 2 * MIB)
    folder = lab.folder()
    command = [lab.binary, "get", "--no-peers", *options, "-d", folder, lab.origin.url("file")]
    script = f'exec "$@" {closed}'
    process = lab.hosts[0].run("sh", "-c", script, "sh", *command, name="get")
    code = process.wait()
    assert not process.crashed(), process.tail()
    lost = "--json" in options and "1>&-" in closed  # the events went nowhere, and it says so
    assert code == (7 if lost else 0), process.tail()
    assert_same(folder / "file", path)


def test_a_stream_to_a_closed_output_is_not_done(make_lab):
    lab = make_lab(200)
    lab.file("file", 2 * MIB)
    command = [lab.binary, "get", "--no-peers", "-o", "-", lab.origin.url("file")]
    process = lab.hosts[0].run("sh", "-c", 'exec "$@" 1>&-', "sh", *command, name="get")
    assert process.wait() == 7, process.tail()
