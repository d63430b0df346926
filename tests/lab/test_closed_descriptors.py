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
    if "--json" not in options or closed in ("0<&-", "2>&-"):
        assert code == 0, process.tail()
    if code == 0:
        assert_same(folder / "file", path)
    else:
        assert not (folder / "file").exists()
