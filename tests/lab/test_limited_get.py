# SPDX-License-Identifier: MIT
"""A download whose rate is limited reads nothing from any of its sockets most of the time."""

from ddmlab.content import MIB, assert_same


def test_nobody_is_left_out_for_the_limit(make_lab):
    """libcurl tells a head that came meanwhile as one piece, not line by line."""
    lab = make_lab(200, 200, 200)
    path = lab.file("file", 24 * MIB)
    lab.swarm()
    url = lab.origin.url("file")
    lab.download(lab.hosts[0], url)
    for host in lab.hosts[1:]:
        get = lab.download(host, url, "--limit-rate", "6M")
        assert_same(get.file, path)
        assert not [notice for notice in get.notices() if "left out" in notice]
