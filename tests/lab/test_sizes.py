# SPDX-License-Identifier: MIT
"""Files of awkward sizes arrive right."""

import pytest
from ddmlab.content import MIB, assert_same

SIZES = [0, 1, 2, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 2 * MIB, 4 * MIB, 5 * MIB + 123]


def test_sizes_over_two_uplinks(make_lab):
    lab = make_lab(100, 100)
    lab.swarm()
    for size in SIZES:
        path = lab.file(f"file-{size}", size)
        get = lab.download(lab.hosts[0], lab.origin.url(path.name))
        assert_same(get.file, path)
        assert get.left_behind() == [path.name]


@pytest.mark.parametrize("size", [0, 1, MIB])
def test_sizes_alone(make_lab, size):
    lab = make_lab(100)
    path = lab.file("file", size)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "--no-peers")
    assert_same(get.file, path)


@pytest.mark.parametrize("size", [0, 1, MIB])
def test_sizes_from_an_origin_without_ranges(make_lab, size):
    lab = make_lab(100, 100)
    lab.swarm()
    path = lab.file("file", size)
    get = lab.download(lab.hosts[0], lab.origin.url("file", "no-ranges"))
    assert_same(get.file, path)


@pytest.mark.parametrize("size", [0, 1, MIB])
def test_sizes_to_a_pipe(make_lab, size):
    lab = make_lab(100, 100)
    lab.swarm()
    path = lab.file("file", size)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), output="-", events=False)
    assert get.process.stdout_path.read_bytes() == path.read_bytes()


def test_a_small_file_does_not_wait_for_the_tracker(make_lab):
    lab = make_lab(50, 50)
    path = lab.file("file", 1000)
    tracker = lab.tracker(lab.hosts[1])
    tracker.process.freeze()
    get = lab.download(lab.hosts[0], lab.origin.url("file"))
    assert_same(get.file, path)
    assert get.process.seconds < 5
