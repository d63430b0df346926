# SPDX-License-Identifier: MIT
"""Origins that are not as one would wish, real ones; those made to be hostile are in
test_hostile_*.py."""

from ddmlab.content import MIB, assert_same


def test_an_origin_without_ranges_is_taken_as_one_stream_and_said_once(make_lab):
    lab = make_lab(40, 40)
    path = lab.file("file", 4 * MIB)
    lab.swarm()
    url = lab.origin.url("file", "no-ranges")
    get = lab.download(lab.hosts[0], url, "--progress", "none", events=False)
    assert_same(get.file, path)
    assert sum("range" in line for line in get.stderr.splitlines()) == 1, get.stderr


def test_an_origin_with_one_connection_per_address_gives_the_file(make_lab):
    lab = make_lab(20, 20, 20)
    path = lab.file("file", 8 * MIB)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file", "one-connection"), "--connections", 4)
    assert_same(get.file, path)
    # Each address has its one connection: all of them together still add up.
    shares = get.shares()
    assert sum(amount > MIB for amount in shares.values()) == 3, shares


def test_an_origin_that_limits_each_connection_gives_more_to_more_hosts(make_lab):
    lab = make_lab(50, 50, 50)
    path = lab.file("file", 8 * MIB)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file", "limited/512k"))
    assert_same(get.file, path)
    assert all(amount > MIB for name, amount in get.shares().items() if amount), get.shares()


def test_404_is_exit_4_with_the_status(make_lab):
    lab = make_lab(50, 50)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("no-such-file"), code=4, events=False)
    assert "404" in get.error_line
    assert get.left_behind() == []


def test_an_unknown_host_is_exit_3_with_its_name(make_lab):
    lab = make_lab(50)
    get = lab.download(lab.hosts[0], "http://no-such-host.invalid/file", code=3, events=False)
    assert "no-such-host.invalid" in get.error_line
    assert get.left_behind() == []


def test_a_refused_connection_is_exit_3_with_host_and_reason(make_lab):
    lab = make_lab(50)
    url = f"http://{lab.origin_host.address}:9/file"
    get = lab.download(lab.hosts[0], url, code=3, events=False)
    assert lab.origin_host.address in get.error_line
    assert "refused" in get.error_line.lower()
