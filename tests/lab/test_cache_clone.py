# SPDX-License-Identifier: MIT
"""A finished file of a client on the peer's machine becomes what the peer holds, as a clone that
shares its blocks."""

import shutil

import pytest
from ddmlab import content, wait_until
from ddmlab.content import MIB

SIZE = 8 * MIB
ASKED = 256 * 1024  # bytes that the origin may send for the probe and for samples


class Cloned:
    """Peers with caches on h1 and h2, which share what is fetched, and a file with a digest. All of
    h1 is on a disk whose files can share blocks."""

    def __init__(self, lab, size="100M"):
        disk = lab.sharing_disk()
        if disk is None:
            pytest.skip("needs a loop device and XFS")
        self.lab, self.disk = lab, disk
        self.folder = disk / "cache"
        self.path = lab.file("file", SIZE)
        self.url = lab.origin.url("file")
        self.options = ["--cache-size", size, "--cache-dir", self.folder]
        lab.tracker(lab.hosts[0])
        self.peers = [lab.peer(lab.hosts[0], *self.options), lab.peer(lab.hosts[1])]

    def get(self, *options, folder=None):
        options = ["--cache-dir", folder or self.folder, *options]
        directory = self.lab.folder(self.disk / "download")
        return self.lab.download(self.lab.hosts[0], self.url, *options, directory=directory)

    def get_proved(self, **named):
        return self.get("--checksum", f"sha-256={content.sha256(self.path)}", **named)

    def get_late(self):
        return self.lab.download(self.lab.hosts[2], self.url)

    def restart(self):
        self.peers[0].process.stop()
        self.peers[0] = self.lab.peer(self.lab.hosts[0], *self.options)

    # --- what the peer on h1 has -----------------------------------------------------------------

    def data(self):
        (found,) = self.folder.glob("*.data")
        return found

    def key(self):
        return self.data().name.removesuffix(".data")

    def clones(self):
        return sorted(self.folder.glob("*.clone*"))

    def held(self, key=None):
        """Bytes of the one object, by its own word."""
        reply = self.peers[0].request("GET", f"/v1/objects/{key or self.key()}")
        ranges = reply.json()["ranges"] if reply.status == 200 else []
        return sum(end - begin for begin, end in ranges)

    def wait_until_whole(self):
        wait_until(lambda: self.held() == SIZE, "the finished file to be what the peer holds")

    def use(self):
        """Once; a second later the peer looks for clones."""
        assert self.held() > 0

    def origin_sends(self, download):
        """So many bytes, for one more download, which must be right."""
        before = self.sent()
        get = download()
        content.assert_same(get.file, self.path)
        return self.sent() - before

    def sent(self):
        self.lab.origin.settle()
        return self.lab.origin.bytes_sent()


@pytest.fixture
def cloned(make_lab):
    return Cloned(make_lab(100, 100, 100))


def test_a_finished_file_is_what_the_peer_holds(cloned):
    cloned.get_proved()
    cloned.wait_until_whole()
    cloned.peers[1].process.stop()
    assert cloned.origin_sends(cloned.get_late) < ASKED


def test_it_shares_its_blocks(cloned):
    before = shutil.disk_usage(cloned.disk).used
    cloned.get_proved()
    cloned.wait_until_whole()
    cloned.restart()  # all is recorded then
    assert shutil.disk_usage(cloned.disk).used - before < 1.5 * SIZE


def test_it_is_there_after_a_restart(cloned):
    cloned.get_proved()
    cloned.wait_until_whole()
    cloned.restart()
    cloned.peers[1].process.stop()
    assert cloned.held() == SIZE
    assert cloned.origin_sends(cloned.get_late) < ASKED


def test_what_nothing_has_proved_is_not_taken(cloned):
    cloned.get()
    assert cloned.clones() == []
    assert 0 < cloned.held() < SIZE


def test_a_folder_of_nobody_gets_nothing(cloned):
    folder = cloned.lab.folder(cloned.disk / "unused")
    cloned.get_proved(folder=folder)
    assert list(folder.iterdir()) == []


def test_what_becomes_of_the_file_afterwards_is_its_owners_affair(cloned):
    get = cloned.get_proved()
    cloned.wait_until_whole()
    cloned.peers[1].process.stop()
    get.file.write_bytes(bytes(SIZE))
    cloned.restart()
    assert cloned.origin_sends(cloned.get_late) < ASKED
    assert cloned.peers[0].status()["cache"]["failed"] == 0
    assert get.file.read_bytes() == bytes(SIZE)


def test_another_file_of_that_size_is_none_of_the_object(cloned):
    cloned.get()
    before = cloned.held()
    cloned.data().with_suffix(".clone").write_bytes(bytes(SIZE))
    cloned.use()
    wait_until(lambda: cloned.clones() == [], "it to be refused")
    assert cloned.held() == before
    assert cloned.origin_sends(cloned.get_late) < ASKED


def test_what_is_whole_already_needs_none(cloned):
    cloned.get_proved()
    cloned.wait_until_whole()
    shutil.copy(cloned.path, cloned.data().with_suffix(".clone"))
    cloned.use()
    wait_until(lambda: cloned.clones() == [], "it to be removed")
    assert cloned.held() == SIZE


def test_what_is_removed_from_the_cache_has_gone(cloned):
    get = cloned.get_proved()
    cloned.wait_until_whole()
    cloned.restart()  # all is recorded then
    key = cloned.key()
    command = cloned.lab.run_ddm(
        cloned.lab.hosts[0], "cache", "rm", key, "--cache-dir", cloned.folder, name="cache"
    )
    assert command.wait() == 0, command.tail()
    assert cloned.held(key=key) == 0
    content.assert_same(get.file, cloned.path)


def test_what_is_larger_than_the_cache_evicts_nothing(make_lab):
    cloned = Cloned(make_lab(100, 100, 100), f"{SIZE - MIB // 4 >> 10}K")
    cloned.lab.file("small", MIB)
    cloned.lab.download(cloned.lab.hosts[0], cloned.lab.origin.url("small"))
    cloned.restart()  # nobody has it open
    cloned.get_proved()
    wait_until(lambda: cloned.clones() == [], "it to be refused")
    assert cloned.peers[0].status()["cache"]["evicted"] == 0
