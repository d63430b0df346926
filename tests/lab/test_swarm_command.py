# SPDX-License-Identifier: MIT
"""`ddm swarm init|token|join|show` as people use it: what goes wrong is noticed and said."""

import base64
import hashlib
import os
import subprocess
import time

import pytest
from ddmlab import ddm
from ddmlab.home import TOKEN, bytes_of, mode
from ddmlab.waiting import DEADLINE, PATIENCE, wait_until


def sealed(data):
    """A token of these bytes, with a right checksum."""
    data += hashlib.sha256(data).digest()[:4]
    return "ddm1_" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- the first machine ----------------------------------------------------------------------------


def test_init_makes_a_key_that_only_its_user_can_read(machine):
    lab1 = machine("lab1")
    old = os.umask(0)
    try:
        said = lab1.swarm("init").stdout
    finally:
        os.umask(old)
    assert mode(lab1.file) == 0o600
    assert mode(lab1.folder) == 0o700
    assert not TOKEN.search(said)
    for step in ("ddm tracker", "ddm swarm token", "ddm swarm join", "ddm peer"):
        assert step in said


def test_init_never_replaces_a_key(founder):
    before = founder.file.read_bytes()
    founder.refused(9, "init", says=["already", str(founder.folder), "--rotate"])
    assert founder.file.read_bytes() == before
    assert os.listdir(founder.folder) == ["swarm.token"]


def test_of_many_inits_at_once_one_makes_the_key(machine):
    lab1 = machine("lab1")
    many = [
        subprocess.Popen(
            [ddm.binary(), "swarm", "init"], env=lab1.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(8)
    ]  # fmt: skip
    codes = sorted(process.wait(DEADLINE) for process in many)
    for process in many:
        process.stdout.close()
    assert codes == [0] + 7 * [9]
    assert os.listdir(lab1.folder) == ["swarm.token"]
    assert TOKEN.fullmatch(lab1.token())


def test_two_swarms_have_two_keys(machine):
    lab1, lab2 = machine("lab1"), machine("lab2")
    lab1.swarm("init", "--tracker", "t")
    lab2.swarm("init", "--tracker", "t")
    assert lab1.token() != lab2.token()
    assert lab1.shown()["fingerprint"] != lab2.shown()["fingerprint"]


def test_the_token_names_the_trackers(machine):
    lab1, lab2 = machine("lab1"), machine("lab2")
    lab1.swarm("init", "--tracker", "lab1,10.0.0.2:7000", "-t", "[fe80::1%eth0]:1")
    trackers = ["lab1:7070", "10.0.0.2:7000", "[fe80::1%eth0]:1"]
    assert lab1.shown()["trackers"] == trackers
    lab2.swarm("join", text=lab1.token())
    assert lab2.shown()["trackers"] == trackers


def test_too_many_or_odd_trackers(machine):
    lab1 = machine("lab1")
    lab1.refused(2, "init", "--tracker", ",".join(f"h{i}" for i in range(9)), says=["--tracker"])
    lab1.refused(2, "init", "--tracker", "h" * 255, says=["--tracker"])
    lab1.refused(2, "init", "--tracker", "a b", says=["--tracker"])
    lab1.refused(2, "init", "--rotate-for", "1d", says=["--rotate"])
    assert not lab1.folder.exists()


def test_without_trackers_the_token_names_addresses_of_this_machine(machine, make_network):
    lab = make_network(10)
    lab1, lab2 = machine("lab1"), machine("lab2")
    lab1.swarm("init")
    host = lab.hosts[0]
    command = host.namespace.command([str(ddm.binary()), "swarm", "token"])
    done = subprocess.run(
        command, env=lab1.environment(), capture_output=True, text=True, check=True,
        timeout=30 * PATIENCE,
    )  # fmt: skip
    lab2.swarm("join", text=done.stdout)
    assert f"{host.address}:7070" in lab2.shown()["trackers"]
    assert not any(at.startswith(("127.", "169.254.")) for at in lab2.shown()["trackers"])
    assert lab1.shown()["trackers"] == []


# --- joining --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stdin", "dash", "argument", "broken lines"])
def test_one_line_makes_a_member(machine, founder, how):
    lab2, token = machine("lab2"), founder.token()
    if how == "argument":
        lab2.swarm("join", token)
    elif how == "dash":
        lab2.swarm("join", "-", text=token + "\n")
    elif how == "broken lines":
        lab2.swarm("join", text=f"\r\n  {token[:30]}\r\n{token[30:60]}\n  {token[60:]}\n\n")
    else:
        lab2.swarm("join", text=token + "\n")
    assert lab2.token() == token
    assert mode(lab2.file) == 0o600 and mode(lab2.folder) == 0o700
    one, two = founder.shown(), lab2.shown()
    assert one["fingerprint"] == two["fingerprint"]
    assert one["node_id"] != two["node_id"]


def test_joining_again_changes_nothing(founder, member):
    before = (member.file.stat().st_ino, member.token(), member.shown()["node_id"])
    said = member.swarm("join", text=founder.token()).stdout
    assert "already" in said
    assert (member.file.stat().st_ino, member.token(), member.shown()["node_id"]) == before


@pytest.mark.parametrize("left", [0, 1, 4, 5, 6, 30, 60, -10, -1])
def test_a_cut_token_is_noticed(machine, founder, left):
    lab2, token = machine("lab2"), founder.token()
    lab2.refused(2, "join", text=token[:left], says=["cut off" if left else "no token"])
    assert not lab2.folder.exists()


@pytest.mark.parametrize("at", [5, 6, 20, 48, 60, -2, -1])
def test_a_mistyped_token_is_noticed(machine, founder, at):
    lab2, token = machine("lab2"), list(founder.token())
    token[at] = "A" if token[at] != "A" else "B"
    lab2.refused(2, "join", "".join(token), says=["token"])
    assert not lab2.folder.exists()


def test_other_things_are_no_tokens(machine, founder):
    lab2 = machine("lab2")
    lab2.refused(2, "join", "hello", says=["not a token"])
    lab2.refused(2, "join", founder.token().replace("ddm1_", "ddm2_"), says=["newer version"])
    lab2.refused(2, "join", text="ddm1_\0" + "A" * 100, says=["not a token"])
    lab2.refused(2, "join", text="A" * 100_000, says=["not a token"])
    lab2.refused(2, "join", text="A" * 2_000_000, says=["larger"])
    lab2.refused(2, "join", founder.token(), founder.token(), says=["one token"])
    assert not lab2.folder.exists()


def test_a_forged_token_with_a_right_checksum_is_refused(machine, founder):
    """Its tracker would be part of URLs and log lines."""
    lab2, data = machine("lab2"), bytes_of(founder.token())
    body = data[: 1 + 40]
    for bad in (b"h/x@y:1", b"h\r\nX: y:1", b"h:0", b"h", b":7070", b"h:99999", b"-h:1", b"h:07"):
        forged = sealed(body + b"\1" + bytes([len(bad)]) + bad)
        lab2.refused(2, "join", text=forged, says=["tracker"])
    lab2.refused(2, "join", text=sealed(body + b"\x09" + 9 * b"\3h:1"), says=["mistyped"])
    lab2.refused(2, "join", text=sealed(b"\0" + b"\0"), says=["mistyped"])
    lab2.refused(2, "join", text=sealed(data[:-4] + b"surplus"), says=["mistyped"])
    lab2.refused(2, "join", text=sealed(b"\2" + 2 * body[1:] + b"\0"), says=["end"])
    assert not lab2.folder.exists()
    lab2.swarm("join", text=sealed(body + b"\1\x06h:7070"))
    assert lab2.shown()["trackers"] == ["h:7070"]


def test_the_token_of_another_swarm_is_refused(machine, member):
    other = machine("other")
    other.swarm("init", "--tracker", "elsewhere")
    before = member.token()
    member.refused(9, "join", other.token(), says=["another swarm", "--force"])
    assert member.token() == before
    member.swarm("join", "--force", text=other.token())
    assert member.token() == other.token()
    assert member.shown()["fingerprint"] == other.shown()["fingerprint"]


# --- another key ----------------------------------------------------------------------------------


def test_a_rotation_reaches_members_with_the_new_token(founder, member):
    before = founder.shown()
    said = founder.swarm("init", "--rotate").stdout
    assert "until" in said and not TOKEN.search(said)
    after = founder.shown()
    assert after["fingerprint"] != before["fingerprint"]
    assert after["old_key"]["fingerprint"] == before["fingerprint"]
    assert 6.9 < (after["old_key"]["ends"] - time.time()) / 86400 < 7.1
    assert after["trackers"] == before["trackers"] and after["node_id"] == before["node_id"]
    assert mode(founder.file) == 0o600

    old = member.token()
    assert "new key" in member.swarm("join", text=founder.token()).stdout
    assert member.token() == founder.token()
    # An old token that somebody pastes once more does not bring the old key back.
    assert "newer" in member.swarm("join", text=old).stdout
    assert member.token() == founder.token()


def test_a_second_rotation_waits_for_the_first(founder):
    founder.swarm("init", "--rotate", "--rotate-for", "1d")
    before = founder.token()
    founder.refused(9, "init", "--rotate", says=["already", "UTC"])
    assert founder.token() == before


def test_an_old_key_can_end_at_once(founder, member):
    founder.swarm("init", "--rotate")
    second = founder.shown()
    said = founder.swarm("init", "--rotate", "--rotate-for", "0s").stdout
    assert "not count any more" in said
    third = founder.shown()
    assert third["old_key"]["fingerprint"] == second["fingerprint"]
    assert third["old_key"]["ends"] <= time.time()
    # Who missed two keys cannot tell it from another swarm.
    member.refused(9, "join", founder.token(), says=["twice"])
    member.swarm("join", "--force", founder.token())
    assert member.shown()["fingerprint"] == third["fingerprint"]


def test_a_rotation_may_bring_other_trackers(founder, member):
    founder.swarm("init", "--rotate", "--tracker", "lab9")
    member.swarm("join", text=founder.token())
    assert member.shown()["trackers"] == ["lab9:7070"]


def test_a_rotation_needs_a_key(machine):
    machine("lab1").refused(9, "init", "--rotate", says=["no swarm key", "ddm swarm init"])


# --- where it is kept -----------------------------------------------------------------------------


def test_the_folder_can_be_chosen(machine, tmp_path):
    lab1 = machine("lab1")
    for number, how in enumerate(
        [
            (["--state-dir", str(tmp_path / "0")], {}),
            ([], {"DDM_STATE_DIR": str(tmp_path / "1")}),
            ([], {"STATE_DIRECTORY": f"{tmp_path}/2:/elsewhere"}),
        ]
    ):
        lab1.swarm("init", "--tracker", "t", *how[0], env=how[1])
        assert mode(tmp_path / str(number) / "swarm.token") == 0o600
        assert TOKEN.fullmatch(lab1.token(env={"DDM_STATE_DIR": str(tmp_path / str(number))}))
    lab1.swarm("init", env={"XDG_STATE_HOME": str(tmp_path / "3")})
    assert mode(tmp_path / "3/ddm/swarm.token") == 0o600
    assert not lab1.folder.exists()


def test_a_relative_folder_is_shown_as_it_is_anywhere(machine):
    lab1 = machine("lab1")
    lab1.swarm("init", "--state-dir", "a b", cwd=lab1.home)
    text = lab1.swarm("show", "--state-dir", "a b", cwd=lab1.home).stdout
    assert f"'{lab1.home}/a b/ca.crt'" in text


@pytest.mark.parametrize("home", ["", "relative"])
@pytest.mark.parametrize("arguments", [["init"], ["token"], ["show"]], ids=" ".join)
def test_without_a_home(machine, arguments, home):
    machine("lab1").refused(2, *arguments, says=["HOME", "--state-dir"], env={"HOME": home})


def test_a_folder_that_cannot_be_made(machine, founder, tmp_path):
    (tmp_path / "file").write_text("")
    lab1 = machine("lab1")
    lab1.refused(7, "init", "--state-dir", tmp_path / "file/x", says=[str(tmp_path / "file/x")])
    lab1.refused(7, "join", founder.token(), "--state-dir", "/proc/x", says=["/proc/x"])


# --- the words ------------------------------------------------------------------------------------


def test_wrong_words(machine):
    lab1 = machine("lab1")
    lab1.refused(2, "shwo", says=["'swarm shwo'", "'swarm show'"])
    lab1.refused(2, "frobnicate", says=["frobnicate", "ddm help swarm"])
    lab1.refused(2, "show", "--rotate", says=["--rotate", "ddm swarm show"])
    lab1.refused(2, "init", "--jsno", says=["--jsno"])
    assert lab1.swarm("--help").stdout == lab1.swarm("help").stdout
    for word in ("init", "token", "join", "show"):
        assert f"Usage: ddm swarm {word}" in lab1.swarm(word, "--help").stdout


@pytest.mark.parametrize("role", ["tracker", "peer"])
def test_a_daemon_without_a_key_says_how_to_get_one(machine, role):
    lab1 = machine("lab1")
    log = lab1.home / "log"
    with open(log, "wb") as out:
        daemon = subprocess.Popen(
            [ddm.binary(), role, "--listen", "127.0.0.1:0"], env=lab1.environment(), stderr=out
        )
    try:
        wait_until(lambda: "ddm swarm join" in log.read_text(), "the three lines")
    finally:
        daemon.terminate()
        daemon.wait(DEADLINE)
    for words in ("ddm swarm init", "ddm swarm token"):
        assert words in log.read_text()
