# SPDX-License-Identifier: MIT
"""What a download makes of a file that is there already, or that another one is writing."""

import os

import pytest
from ddmlab.content import MIB, assert_same, sha256
from ddmlab.waiting import wait_until


@pytest.fixture
def done(make_lab):
    """(lab, the origin's file, a folder that has it, again(*options, code))"""
    lab = make_lab(100)
    path = lab.file("file", 300_000)
    folder = lab.folder()
    url = lab.origin.url("file")

    def again(*options, code=0):
        return lab.download(lab.hosts[0], url, "--no-peers", *options, code=code, directory=folder)

    again()
    return lab, path, folder / "file", again


def test_a_finished_file_is_left_alone(done):
    _, path, got, again = done
    assert int(got.stat().st_mtime) == int(path.stat().st_mtime), "it has not the origin's date"
    before = got.stat().st_ino
    assert again().event("done")["already"] is True
    assert got.stat().st_ino == before
    assert again("--force").event("done")["already"] is False
    assert got.stat().st_ino != before
    assert_same(got, path)


def test_another_file_of_its_size_is_not_taken_for_it(done):
    _, path, got, again = done
    got.write_bytes(bytes(300_000))
    os.utime(got, (1, 1))
    assert "exists" in again(code=2).event("error")["message"]
    assert "exists" in again("--checksum", "auto", code=2).event("error")["message"]
    assert "exists" in again("--checksum", f"sha-256={sha256(path)}", code=6).event("error")["message"]
    assert got.read_bytes() == bytes(300_000)


def test_a_checksum_tells_whatever_the_date(done):
    _, path, got, again = done
    os.utime(got, (1, 1))
    assert again("--checksum", f"sha-256={sha256(path)}").event("done")["already"] is True


def test_only_newer(done):
    _, path, got, again = done
    assert again("--only-newer").event("done")["already"] is True
    os.utime(got, (1, 1))
    assert again("--only-newer").event("done")["already"] is False
    assert_same(got, path)


def test_a_second_download_of_one_file_at_once_is_refused(make_lab):
    lab = make_lab(10)
    lab.file("file", 4 * MIB)
    folder = lab.folder()
    url = lab.origin.url("file")
    first = lab.get(lab.hosts[0], url, "--no-peers", directory=folder)
    wait_until(lambda: (folder / "file.part").exists(), what="the first one writes")
    second = lab.download(lab.hosts[0], url, "--no-peers", code=7, directory=folder)
    assert "another download" in second.event("error")["message"]
    first.expect(0)


def test_a_limit_of_the_rate_and_of_the_time(make_lab):
    lab = make_lab(100)
    path = lab.file("file", 2 * MIB)
    folder = lab.folder()
    url = lab.origin.url("file")
    options = ["--no-peers", "--limit-rate", "1M"]
    cut = lab.download(lab.hosts[0], url, *options, "--max-time", "1s", code=3, directory=folder)
    assert cut.event("error")["resumable"] is True
    assert 0 < cut.event("error")["done"] < 2 * MIB
    got = lab.download(lab.hosts[0], url, *options, directory=folder)
    assert got.event("done")["restored"] > 0
    assert_same(folder / "file", path)
    whole = lab.download(lab.hosts[0], url, *options)
    assert whole.event("done")["elapsed"] > 1.5
