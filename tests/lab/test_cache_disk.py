# SPDX-License-Identifier: MIT
"""The cache of a peer on its disk: restarts, kills, wrong bytes, no room."""

import os

import pytest
from ddmlab import wait_until
from ddmlab.cached import BLOCK, SIZE, Cached
from ddmlab.content import MIB



@pytest.fixture
def cached(make_lab):
    return Cached(make_lab(200, 200))


def test_what_was_kept_outlives_the_peer(cached):
    cached.expect()
    cached.wait_until_recorded()
    sent = cached.sent()
    cached.restart()
    cached.expect()
    cached.expect(1000, 700_000)
    assert cached.sent() == sent


def test_a_peer_that_ends_records_what_it_has(cached):
    """Without the second that it waits for otherwise."""
    cached.expect()
    sent = cached.sent()
    cached.restart()
    cached.expect()
    assert cached.sent() == sent


def test_a_kill_loses_no_more_than_what_was_not_recorded(cached):
    cached.expect(0, 4 * MIB)
    cached.wait_until_recorded(4 * MIB)
    cached.lab.hosts[0].uplink.set_rate(20)
    cached.curl(4 * MIB, SIZE)
    wait_until(lambda: cached.peer.status()["fetched"] > 5 * MIB, "a part of the rest")
    cached.peer.process.kill()
    cached.start()
    cached.lab.hosts[0].uplink.set_rate(200)
    sent = cached.sent()
    cached.expect()
    assert cached.sent() - sent <= 4 * MIB
    assert cached.status()["failed"] == 0


@pytest.mark.parametrize("running", [True, False], ids=["peer running", "peer restarted"])
def test_a_flipped_bit_never_leaves_the_peer(cached, running):
    cached.expect()
    cached.wait_until_recorded()
    if not running:
        cached.stop()
    cached.flip(MIB + 777)  # memory has the end, if anything
    if not running:
        cached.start()
    cached.expect()
    assert cached.status()["failed"] == 1
    cached.lab.origin.settle()
    asked = cached.lab.origin.log()[-1]
    assert asked["range"] == f"bytes={MIB}-{MIB + BLOCK - 1}"
    cached.expect()
    assert cached.status()["failed"] == 1  # it was kept anew


def test_half_of_a_journal_and_of_the_data_is_better_than_nothing(cached):
    cached.expect()
    cached.wait_until_recorded()
    cached.stop()
    journal = cached.file(".ddm")
    os.truncate(journal, journal.stat().st_size - 5)
    os.truncate(cached.file(".data"), 3 * MIB)
    cached.start()
    cached.expect()


@pytest.mark.parametrize("what", [b"", b"no journal\n" * 50, None], ids=["empty", "other", "none"])
def test_what_is_no_journal_is_nothing(cached, what):
    cached.expect()
    cached.stop()
    journal = cached.file(".ddm")
    if what is None:
        journal.unlink()
    else:
        journal.write_bytes(what)
    cached.start()
    sent = cached.sent()
    cached.expect()
    assert cached.sent() - sent >= SIZE
    cached.wait_until_recorded()


def test_nothing_of_it_is_for_others(cached):
    cached.expect()
    cached.stop()
    assert cached.folder.stat().st_mode & 0o777 == 0o700
    for path in cached.folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_a_full_disk_is_no_error(make_lab):
    lab = make_lab(200, 200)
    disk = lab.small_disk(4 * MIB)
    cached = Cached(lab, folder=disk / "cache")
    cached.expect()
    cached.expect()
    assert "nothing more is kept on disk" in cached.peer.process.stderr
    assert MIB < cached.status()["bytes"] <= 3 * MIB  # the last one is for its journal
    cached.restart()
    sent = cached.sent()
    cached.expect()
    assert cached.sent() - sent < SIZE - MIB


def test_a_disk_that_others_fill_is_no_error(make_lab):
    lab = make_lab(200, 200)
    disk = lab.small_disk(16 * MIB)
    cached = Cached(lab, folder=disk / "cache")
    cached.expect(0, 2 * MIB)
    cached.wait_until_recorded(2 * MIB)
    with open(disk / "others", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    cached.expect()
    assert "nothing more is kept on disk" in cached.peer.process.stderr
    sent = cached.sent()
    cached.expect(0, 2 * MIB)
    cached.restart()
    cached.expect(0, 2 * MIB)
    assert cached.sent() == sent


def test_what_was_used_longest_ago_goes_first(make_lab):
    lab = make_lab(200, 200)
    files = [lab.file(f"f{i}", 2 * MIB) for i in range(4)]
    cached = Cached(lab, "--cache-size", "7M")
    for path in files[:3]:
        cached.expect(0, 2 * MIB, path)
    cached.wait_until_recorded(6 * MIB)
    cached.expect(0, 2 * MIB, files[0])
    last = cached.lab.origin.url("f0")
    wait_until(lambda: cached.objects()[-1]["url"] == last, "its use to be noted")
    cached.restart()  # the order outlives it
    cached.expect(0, 2 * MIB, files[3])
    assert cached.status()["evicted"] == 1
    assert cached.status()["bytes"] <= 7 * MIB
    sent = cached.sent()
    for path in (files[0], files[2], files[3]):
        cached.expect(0, 2 * MIB, path)
    assert cached.sent() == sent
    cached.expect(0, 2 * MIB, files[1])
    assert cached.sent() > sent


def test_one_that_is_larger_than_the_cache_is_kept_in_part(make_lab):
    cached = Cached(make_lab(200, 200), "--cache-size", "3M")
    cached.expect()
    cached.expect()
    status = cached.status()
    assert 2 * MIB < status["bytes"] <= 3 * MIB
    assert status["skipped"] > 0


def test_a_size_of_0_keeps_nothing(make_lab):
    cached = Cached(make_lab(200, 200), "--cache-size", "0")
    cached.expect()
    sent = cached.sent()
    cached.expect()
    assert cached.sent() > sent
    assert not cached.folder.exists()
    assert cached.status()["limit"] == 0


def test_a_second_peer_leaves_the_folder_alone(cached):
    cached.expect()
    other = cached.lab.peer(
        cached.lab.hosts[1], "--cache-dir", cached.folder, "--cache-size", "10M"
    )
    assert "another peer has its cache in" in other.process.stderr
    reply = other.fetch(cached.url, 0, MIB)
    assert reply.status == 206
    assert other.status()["cache"]["limit"] == 0
    cached.expect()


def test_a_folder_that_cannot_be_used_is_an_error_if_somebody_named_it(cli, tmp_path):
    (tmp_path / "file").write_text("")
    done = cli("peer", "--listen", "127.0.0.1:0", "--cache-dir", tmp_path / "file" / "x")
    assert done.returncode == 7
    assert "--cache-dir" in done.stderr
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    done = cli("peer", "--listen", "127.0.0.1:0", "--cache-dir", open_to_all)
    assert done.returncode == 7
    assert "by others" in done.stderr
