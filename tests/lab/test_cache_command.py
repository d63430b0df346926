# SPDX-License-Identifier: MIT
"""`ddm cache`: a peer's cache looked at from outside, while the peer runs."""

import pytest
from ddmlab.cached import BLOCK, SIZE, Cached
from ddmlab.content import MIB


@pytest.fixture
def cached(make_lab):
    cached = Cached(make_lab(200, 200))
    cached.expect()
    cached.wait_until_recorded()
    return cached


def test_ls_tells_what_is_there(cached):
    other = cached.lab.file("other", 2 * MIB)
    cached.expect(0, MIB, other)
    cached.wait_until_recorded(SIZE + MIB)
    first, second = cached.objects()
    assert (first["url"], first["size"], first["held"]) == (cached.url, SIZE, SIZE)
    assert (second["url"], second["size"], second["held"]) == (
        cached.lab.origin.url("other"), 2 * MIB, MIB,
    )  # fmt: skip
    assert first["disk"] >= SIZE
    assert not first["pinned"]
    listed = cached.command("ls", cached.url)
    assert listed.code == 0
    (line,) = listed.stdout.splitlines()
    assert line.split()[0] == first["key"][:12]
    assert cached.url in line


def test_the_url_that_is_shown_has_no_signature(cached):
    cached.command("rm", cached.url)
    cached.peer.fetch(cached.url + "?token=secret&a=1", 0, MIB, **cached.fields())
    cached.wait_until_recorded(MIB)
    (entry,) = cached.objects()
    assert entry["url"] == cached.url + "?a=1"
    for path in cached.files():
        assert b"secret" not in path.read_bytes()


def test_what_was_removed_is_fetched_again(cached):
    sent = cached.sent()
    assert cached.command("rm", cached.url).code == 0
    assert cached.files() == []
    cached.expect()
    assert cached.sent() - sent >= SIZE - 4 * MIB  # what was in memory still
    assert cached.command("rm", cached.url + "x").code == 1


def test_an_object_can_be_named_by_its_key(cached):
    (entry,) = cached.objects()
    other = "0000" if entry["key"][0] != "0" else "ffff"
    assert cached.command("rm", other).code == 1
    assert cached.command("rm", entry["key"][:3]).code == 1
    assert len(cached.objects()) == 1
    assert cached.command("rm", entry["key"][:8]).code == 0
    assert cached.objects() == []


@pytest.mark.parametrize("pinned", [True, False])
def test_a_pin_keeps_it(make_lab, pinned):
    lab = make_lab(200, 200)
    cached = Cached(lab, "--cache-size", "9M")
    cached.expect()
    cached.wait_until_recorded()
    assert cached.command("pin", cached.url).code == 0
    assert cached.objects()[0]["pinned"]
    if not pinned:
        assert cached.command("unpin", cached.url).code == 0
        assert not cached.objects()[0]["pinned"]
    other = lab.file("other", 4 * MIB)
    cached.expect(0, 4 * MIB, other)
    assert cached.status()["evicted"] == (0 if pinned else 1)
    sent = cached.sent()
    cached.expect(0, 3 * MIB)
    assert (cached.sent() == sent) == pinned


def test_verify_finds_what_is_wrong(cached):
    done = cached.command("verify")
    assert (done.code, done.stdout) == (0, "")
    cached.flip(5 * MIB + 777)
    cached.flip(1)
    done = cached.command("verify")
    assert done.code == 1
    key = cached.objects()[0]["key"][:12]
    assert done.stdout.splitlines() == [
        f"{key}  wrong: bytes 0 to {BLOCK}",
        f"{key}  wrong: bytes {5 * MIB} to {5 * MIB + BLOCK}",
    ]
    cached.file(".ddm").write_bytes(b"DDMjrnl\n and no more")
    done = cached.command("verify")
    assert done.code == 1
    assert "its journal cannot be read" in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["what"], ["rm"], ["pin"], ["unpin"], ["ls", "--cache-size", "1"]]
)
def test_what_cannot_be_meant_is_exit_2(cli, arguments):
    done = cli("cache", *arguments, "--cache-dir", "/")
    assert done.returncode == 2
    assert done.stderr.startswith("ddm: ")


def test_where_no_peer_has_kept_anything_there_is_nothing(cli, tmp_path):
    done = cli("cache", "ls", env={"XDG_CACHE_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert cli("cache", "rm", "a" * 64, env={"XDG_CACHE_HOME": str(tmp_path)}).returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_exit_7(cli, tmp_path):
    done = cli("cache", "ls", "--cache-dir", tmp_path / "none")
    assert done.returncode == 7
    assert not (tmp_path / "none").exists()
