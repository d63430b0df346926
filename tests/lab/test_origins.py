# SPDX-License-Identifier: MIT
"""Origins that are not as one would wish."""

import os

from ddmlab import server
from ddmlab.content import MIB, assert_same


def test_an_origin_without_ranges_is_taken_as_one_stream_and_said_once(make_lab):
    lab = make_lab(40, 40)
    path = lab.file("file", 4 * MIB)
    lab.swarm()
    url = lab.origin.url("file", "no-ranges")
    get = lab.download(lab.hosts[0], url, "--progress", "none", events=False)
    assert_same(get.file, path)
    assert sum("range" in line for line in get.stderr.splitlines()) == 1, get.stderr


def test_an_unknown_length_is_one_stream_too(make_lab):
    lab = make_lab(40, 40)
    lab.swarm()
    data = os.urandom(3 * MIB + 17)
    origin = lab.serve(server.without_length(data))
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == data


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


def test_a_206_that_starts_elsewhere_is_not_believed(make_lab):
    lab = make_lab(50)
    data = os.urandom(2 * MIB)
    honest = server.ranged(data)

    def shifted(exchange):
        span = exchange.range(len(data))
        if span is None or span[0] == 0:
            return honest(exchange)
        begin = span[0] - 1000
        exchange.head(
            "206 Partial Content",
            f"Content-Length: {span[1] - span[0]}",
            f"Content-Range: bytes {begin}-{begin + span[1] - span[0] - 1}/{len(data)}",
            'ETag: "lab"',
        )
        return exchange.send(data[begin : begin + span[1] - span[0]])

    origin = lab.serve(shifted)
    get = lab.get(lab.hosts[0], origin.url("file")).wait()
    assert not get.published() or get.file.read_bytes() == data
    assert (get.code == 0) == get.published()


def test_later_ranges_that_become_200_do_no_harm(make_lab):
    lab = make_lab(50, 50)
    lab.swarm()
    data = os.urandom(6 * MIB)
    honest = server.ranged(data)

    def first_only(exchange):
        if origin.count("/file") > 1:
            del exchange.headers["Range"]
        honest(exchange)

    origin = lab.serve(first_only)
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == data


def test_a_file_that_changes_during_the_download_is_never_mixed(make_lab):
    lab = make_lab(20, 20)
    lab.swarm()
    versions = [os.urandom(6 * MIB), os.urandom(6 * MIB)]

    def changing(exchange):
        version = 0 if origin.count("/file") < 4 else 1
        server.ranged(versions[version], etag=f'"v{version}"')(exchange)

    origin = lab.serve(changing)
    get = lab.get(lab.hosts[0], origin.url("file")).wait()
    if get.code == 0:
        assert get.file.read_bytes() in versions
    else:
        assert get.code == 5
        assert not get.published()


def test_a_connection_that_ends_half_way_is_taken_up_again(make_lab):
    lab = make_lab(50)
    data = os.urandom(2 * MIB)

    def half(exchange):
        begin, end = exchange.range(len(data)) or (0, len(data))
        exchange.head(
            "206 Partial Content",
            f"Content-Length: {end - begin}",
            f"Content-Range: bytes {begin}-{end - 1}/{len(data)}",
            'ETag: "lab"',
        )
        exchange.send(data[begin : begin + max((end - begin) // 2, 65536)][: end - begin])
        exchange.hang_up()

    origin = lab.serve(half)
    get = lab.download(lab.hosts[0], origin.url("file"))
    assert get.file.read_bytes() == data
