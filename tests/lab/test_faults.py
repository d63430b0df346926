# SPDX-License-Identifier: MIT
"""Bad days: processes die, stand still, lose their link, run out of disk. The file is right."""

import pytest
from ddmlab.content import MIB, assert_same

SIZE = 16 * MIB


@pytest.fixture
def half_way(make_lab):
    """A download over three uplinks, half done: (lab, path, tracker, peers, get)."""
    lab = make_lab(20, 20, 20)
    path = lab.file("file", SIZE)
    tracker, peers = lab.swarm()
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    get.wait_for_bytes(SIZE // 3)
    return lab, path, tracker, peers, get


def arrives(get, path):
    get.expect(0)
    assert_same(get.file, path)
    assert get.left_behind() == ["file"]


def test_a_killed_peer_costs_only_its_speed(half_way):
    _, path, _, peers, get = half_way
    peers[1].process.kill()
    arrives(get, path)


def test_a_peer_that_stands_still_is_left_behind(half_way):
    _, path, _, peers, get = half_way
    peers[1].process.freeze()
    arrives(get, path)


def test_a_peer_without_its_uplink_is_left_behind(half_way):
    lab, path, _, _, get = half_way
    lab.hosts[1].uplink.cut()
    arrives(get, path)


def test_an_uplink_that_comes_back_is_used_again(half_way):
    lab, path, _, _, get = half_way
    lab.hosts[1].uplink.cut()
    get.wait_for_bytes(SIZE // 2)
    lab.hosts[1].uplink.restore()
    arrives(get, path)


def test_the_clients_own_uplink_may_go(half_way):
    lab, path, _, _, get = half_way
    lab.hosts[0].uplink.cut()
    arrives(get, path)


def test_a_peer_that_leaves_the_lan_is_left_behind(half_way):
    lab, path, _, _, get = half_way
    lab.hosts[1].lan.cut()
    arrives(get, path)


def test_the_tracker_is_not_needed_any_more(half_way):
    _, path, tracker, peers, get = half_way
    tracker.process.kill()
    arrives(get, path)
    assert all(get.shares()[peer.address] > MIB for peer in peers[1:])


def test_all_peers_may_die(half_way):
    _, path, _, peers, get = half_way
    for peer in peers:
        peer.process.kill()
    arrives(get, path)


def test_a_peer_that_is_asked_to_end_does_so_during_a_download(half_way):
    _, path, tracker, peers, get = half_way
    assert peers[2].process.stop() == 0
    tracker.wait_for_peers(2)
    arrives(get, path)


def test_ctrl_c_is_exit_8_and_keeps_what_is_there(half_way):
    _, _, _, _, get = half_way
    get.process.interrupt()
    get.expect(8, deadline=10)
    assert not get.published()
    assert get.part.stat().st_size > 0
    assert get.event("error")["code"] == "interrupted"


def test_what_cannot_fit_is_exit_7_before_it_begins(make_lab):
    lab = make_lab(100, 100)
    lab.file("file", 8 * MIB)
    lab.swarm()
    disk = lab.small_disk(3 * MIB)
    url = lab.origin.url("file")
    get = lab.download(lab.hosts[0], url, code=7, directory=disk, events=False)
    assert not get.published()
    assert not get.part.exists()
    assert "8.0 MiB" in get.error_line and "free" in get.error_line


def test_a_disk_that_fills_up_is_exit_7_and_keeps_what_is_there(make_lab):
    lab = make_lab(100)

    def respond(exchange):  # no length: nobody can know
        exchange.head("200 OK", 'ETag: "e"', "Connection: close")
        for _ in range(8):
            exchange.send(bytes(MIB))
        exchange.hang_up()

    disk = lab.small_disk(3 * MIB)
    url = lab.serve(respond).url("file")
    get = lab.download(lab.hosts[0], url, code=7, directory=disk, events=False)
    assert not get.published()
    assert get.part.exists()
    assert "space" in get.error_line


def test_a_directory_that_is_not_there_is_made_and_one_that_cannot_be_is_exit_7(make_lab):
    lab = make_lab(100)
    path = lab.file("file", 1000)
    made = lab.directory / "not" / "there" / "yet"
    lab.get(lab.hosts[0], lab.origin.url("file"), directory=made, events=False).expect(0)
    assert (made / "file").read_bytes() == path.read_bytes()
    nowhere = made / "file" / "below a file"
    get = lab.get(lab.hosts[0], lab.origin.url("file"), directory=nowhere, events=False)
    get.expect(7)
    assert str(nowhere) in get.error_line
