# SPDX-License-Identifier: MIT
"""A finished file of a client on the peer's machine becomes what the peer holds, without a copy."""

import os
import stat

import pytest
from ddmlab import content, wait_until
from ddmlab.content import MIB

SIZE = 8 * MIB
ASKED = 256 * 1024  # bytes that the origin may send for the probe and for samples


class Linked:
    """Peers with caches on h1 and h2, which share what is fetched, and a file with a digest."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.path = lab.file("file", SIZE)
        self.url = lab.origin.url("file")
        self.tracker = lab.tracker(lab.hosts[0])
        self.peers = [lab.peer(host, *options) for host in lab.hosts[:2]]
        self.folder = lab.cache_folder(lab.hosts[0])

    def get(self, *options, host=0, folder=None):
        """Of a machine; its cache's folder is known."""
        host = self.lab.hosts[host]
        folder = folder or self.lab.cache_folder(host)
        return self.lab.download(host, self.url, "--cache-dir", folder, *options)

    def get_proved(self, **named):
        return self.get("--checksum", f"sha-256={content.sha256(self.path)}", **named)

    def data(self):
        (found,) = self.folder.glob("*.data")
        return found

    def key(self):
        return self.data().name.removesuffix(".data")

    def held(self, key=None):
        """Bytes of the one object that the peer on h1 says it holds."""
        reply = self.peers[0].request("GET", f"/v1/objects/{key or self.key()}")
        ranges = reply.json()["ranges"] if reply.status == 200 else []
        return sum(end - begin for begin, end in ranges)

    def restart(self):
        self.peers[0].process.stop()
        self.peers[0] = self.lab.peer(self.lab.hosts[0])

    def wait_until_whole(self):
        wait_until(lambda: self.held() == SIZE, "the linked file to be what the peer holds")

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
def linked(make_lab):
    return Linked(make_lab(100, 100, 100))


def test_a_finished_file_is_what_the_peer_holds(linked):
    get = linked.get_proved()
    linked.wait_until_whole()
    assert os.path.samefile(get.file, linked.data())
    linked.peers[1].process.stop()
    assert linked.origin_sends(lambda: linked.get(host=2)) < ASKED


def test_it_is_there_after_a_restart(linked):
    linked.get_proved()
    linked.wait_until_whole()
    linked.restart()
    linked.peers[1].process.stop()
    assert linked.held() == SIZE
    assert linked.origin_sends(lambda: linked.get(host=2)) < ASKED


def test_what_nothing_has_proved_is_not_linked(linked):
    get = linked.get()
    assert get.file.stat().st_nlink == 1
    assert linked.held() < SIZE


def test_a_folder_of_nobody_gets_nothing(linked):
    folder = linked.lab.folder("unused")
    linked.get_proved(folder=folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_its_owner_changes_stays_as_he_wants_it(linked, restarted):
    """And nobody is given a byte of what it has become."""
    get = linked.get_proved()
    linked.wait_until_whole()
    linked.peers[1].process.stop()
    if restarted:
        linked.restart()
    mine = bytes(SIZE)
    with open(get.file, "r+b") as file:
        file.write(mine)
    assert linked.origin_sends(lambda: linked.get(host=2)) > SIZE / 4  # the rest is in memory
    assert get.file.read_bytes() == mine
    wait_until(lambda: get.file.stat().st_nlink == 1, "the cache to make a file of its own")


def test_another_file_of_that_size_is_none_of_the_object(linked):
    linked.get()
    link = linked.data().with_suffix(".link")
    link.write_bytes(bytes(SIZE))
    before = linked.held()
    wait_until(lambda: linked.held() == before and not link.exists(), "it to be refused")
    assert linked.origin_sends(lambda: linked.get(host=2)) < ASKED


def test_a_file_that_can_only_be_read_is_taken_too(linked):
    """Its mode is its owner's."""
    get = linked.get()
    get.file.chmod(0o444)
    os.link(get.file, linked.data().with_suffix(".link"))
    linked.wait_until_whole()
    assert stat.S_IMODE(get.file.stat().st_mode) == 0o444
    linked.restart()
    assert linked.held() == SIZE


def test_removed_from_the_cache_it_stays_its_owners(linked):
    get = linked.get_proved()
    linked.wait_until_whole()
    linked.restart()  # all is recorded then
    key = linked.key()
    command = linked.lab.run_ddm(
        linked.lab.hosts[0], "cache", "rm", key, "--cache-dir", linked.folder, name="cache"
    )
    assert command.wait() == 0, command.tail()
    assert linked.held(key=key) == 0
    content.assert_same(get.file, linked.path)


def test_what_is_larger_than_the_cache_is_not_linked(make_lab):
    linked = Linked(make_lab(100, 100, 100), "--cache-size", f"{SIZE * 3 // 4 >> 10}K")
    get = linked.get_proved()
    wait_until(lambda: get.file.stat().st_nlink == 1, "the link to be refused")
    assert linked.held() < SIZE
