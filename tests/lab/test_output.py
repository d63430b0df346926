# SPDX-License-Identifier: MIT
"""Where the bytes go and what is said about them."""

import hashlib
import subprocess

import pytest
from ddmlab import evil, wait_until
from ddmlab.content import MIB, assert_same, sha256


def test_an_existing_file_is_not_replaced_without_force(make_lab):
    lab = make_lab(100)
    path = lab.file("file", 1000)
    folder = lab.folder()
    (folder / "file").write_text("mine")
    url = lab.origin.url("file")

    get = lab.get(lab.hosts[0], url, directory=folder, events=False).wait()
    assert get.code not in (0, None)
    assert "file" in get.error_line
    assert (folder / "file").read_text() == "mine"

    get = lab.download(lab.hosts[0], url, "--force", directory=folder)
    assert_same(folder / "file", path)


def test_a_pipe_gets_the_bytes_in_order(make_lab):
    lab = make_lab(30, 30, 30)
    path = lab.file("file", 12 * MIB)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file"), output="-", events=False)
    assert hashlib.sha256(get.process.stdout_path.read_bytes()).hexdigest() == sha256(path)
    assert get.left_behind() == []


def test_a_slow_reader_holds_the_whole_chain_back(make_lab):
    lab = make_lab(200, 200)
    path = lab.file("file", 96 * MIB)
    lab.swarm()
    get = lab.get(
        lab.hosts[0], lab.origin.url("file"), output="-", events=False, stdout=subprocess.PIPE
    )
    pipe = get.process.popen.stdout
    digest = hashlib.sha256(pipe.read(MIB))
    # Nobody reads now. Windows and buffers fill up, and then nothing moves any more.
    wait_until(lambda: stands_still(lab.hosts), "the uplinks to fall silent", deadline=60)
    assert sum(host.uplink.received() for host in lab.hosts) < 88 * MIB
    while block := pipe.read(MIB):
        digest.update(block)
    get.expect(0)
    assert digest.hexdigest() == sha256(path)


def stands_still(hosts):
    """Hardly a byte comes in over half a second."""
    first = sum(host.uplink.received() for host in hosts)
    subprocess.run(["sleep", "0.5"], check=True)
    return sum(host.uplink.received() for host in hosts) - first < 100_000


def test_a_reader_that_goes_away_ends_the_download(make_lab):
    lab = make_lab(50, 50)
    lab.file("file", 16 * MIB)
    lab.swarm()
    get = lab.get(
        lab.hosts[0], lab.origin.url("file"), output="-", events=False, stdout=subprocess.PIPE
    )
    assert get.process.popen.stdout.read(1000)
    get.process.popen.stdout.close()
    get.wait(deadline=20)
    assert get.code != 0


def test_the_right_checksum_is_exit_0(make_lab):
    lab = make_lab(50, 50)
    path = lab.file("file", 6 * MIB)
    lab.swarm()
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--checksum", f"sha-256={sha256(path)}"
    )
    assert_same(get.file, path)


@pytest.mark.parametrize("size", [0, 6 * MIB])
def test_a_wrong_checksum_is_exit_6_and_nothing_is_published(make_lab, size):
    lab = make_lab(50, 50)
    lab.file("file", size)
    lab.swarm()
    wrong = f"sha-256={'0' * 64}"
    get = lab.download(
        lab.hosts[0], lab.origin.url("file"), "--checksum", wrong, code=6, events=False
    )
    assert not get.published()
    assert "sha-256" in get.error_line


def test_a_checksum_finds_a_peer_that_lies(make_lab):
    lab = make_lab(5, 100)
    path = lab.file("file", 6 * MIB)
    liar = lab.keep(evil.EvilPeer(lab.hosts[1], evil.lies, path))
    get = lab.get(
        lab.hosts[0], lab.origin.url("file"),
        "--peer", liar.address, "--checksum", f"sha-256={sha256(path)}",
    ).wait()  # fmt: skip
    assert liar.asked
    assert get.code == 6 or (get.code == 0 and get.file.read_bytes() == path.read_bytes())
    assert (get.code == 0) == get.published()


def test_json_events_tell_the_whole_story(make_lab):
    lab = make_lab(20, 20)
    path = lab.file("file", 8 * MIB)
    lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file"))
    kinds = [event["event"] for event in get.events]
    assert kinds.count("start") == 1
    assert kinds.count("done") == 1
    assert kinds[-1] == "done"
    assert "source" in kinds
    assert "progress" in kinds
    assert get.event("start")["size"] == path.stat().st_size
    assert get.event("done")["done"] == path.stat().st_size
    assert get.event("done")["path"] == str(get.file)
    amounts = [event["done"] for event in get.events if event["event"] == "progress"]
    assert amounts == sorted(amounts)


def test_json_says_why_it_failed(make_lab):
    lab = make_lab(50)
    get = lab.download(lab.hosts[0], lab.origin.url("no-such-file"), code=4)
    error = get.events[-1]
    assert error["event"] == "error"
    assert error["code"] == "refused"
    assert "404" in error["message"]


def test_json_and_a_pipe_do_not_go_together(make_lab):
    lab = make_lab(100)
    lab.file("file", 1000)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), output="-", code=2)
    assert "--json" in get.error_line and "-o -" in get.error_line
    assert get.stdout == ""


def test_quiet_says_nothing(make_lab):
    lab = make_lab(100)
    lab.file("file", MIB)
    get = lab.download(lab.hosts[0], lab.origin.url("file"), "-q", events=False)
    assert get.stdout == ""
    assert get.stderr == ""


def test_the_last_line_is_a_sentence_with_size_and_shares(make_lab):
    lab = make_lab(20, 20)
    lab.file("file", 6 * MIB)
    _, peers = lab.swarm()
    get = lab.download(lab.hosts[0], lab.origin.url("file"), events=False)
    last = (get.stdout + get.stderr).strip().splitlines()[-1]
    assert "6" in last and "MiB" in last
    assert peers[1].address in last or lab.hosts[1].address in last
