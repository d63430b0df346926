# SPDX-License-Identifier: MIT
"""The swarm's key on a machine: `ddm swarm token` alone shows it, and it is used only where nobody
else can have read or changed it."""

import base64
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from ddmlab import ddm
from ddmlab.home import bytes_of, mode
from ddmlab.waiting import DEADLINE, PATIENCE, wait_until

F_SETPIPE_SZ = 1031


# --- who sees the key -----------------------------------------------------------------------------


def secrets_of(machine):
    """The key, and its token, as any output could have them."""
    token = machine.token()
    secret = bytes_of(token)[1:33]
    return [token[5:], token[10:30], secret.hex(), base64.b64encode(secret).decode()[:40]]


@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["show", "--help"]])
def test_show_never_shows_the_key(founder, arguments):
    done = founder.swarm(*arguments)
    for secret in secrets_of(founder):
        assert secret not in done.stdout + done.stderr
    node_key = (founder.folder / "node.key").read_text() if "help" not in arguments[-1] else ""
    for line in node_key.splitlines():
        assert line not in done.stdout


def test_show_says_what_others_need(founder):
    shown, text = founder.shown(), founder.swarm("show").stdout
    assert re.fullmatch("[0-9a-f]{32}", shown["node_id"])
    assert re.fullmatch("[0-9a-f]{64}", shown["fingerprint"])
    assert time.time() < shown["certificate"]["expires"] < time.time() + 40 * 86400
    for path in (shown["certificate"]["file"], shown["key_file"], shown["ca_file"]):
        assert path in text and mode(Path(path)) == 0o600
    assert founder.shown() == shown, "node id and certificate stay"
    (curl,) = [line for line in text.splitlines() if line.startswith("  curl ")]
    assert "lab1:7070" in curl


def test_the_token_is_not_in_the_process_list(machine, founder):
    """The program is held up when it says that it has joined: its output is a pipe that is full."""
    lab2, token = machine("lab2"), founder.token()
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * fcntl.fcntl(writer, F_SETPIPE_SZ, 4096))
    joining = subprocess.Popen(
        [ddm.binary(), "swarm", "join", token], env=lab2.environment(), stdout=writer
    )
    os.close(writer)
    try:
        wait_until(lambda: lab2.file.exists(), "the token to be kept")
        assert joining.poll() is None
        command = Path(f"/proc/{joining.pid}/cmdline").read_bytes().decode()
        assert "join" in command and "***" in command
        assert not any(token[i : i + 8] in command for i in range(len(token) - 8))
    finally:
        while os.read(reader, 65536):
            pass
        os.close(reader)
    assert joining.wait(DEADLINE) == 0


@pytest.mark.parametrize("words", [["TOKEN"], ["show", "TOKEN"], ["init", "TOKEN"]])
def test_no_message_quotes_a_token(founder, machine, words):
    token = founder.token()
    line = machine("x").refused(2, *(token if word == "TOKEN" else word for word in words))
    assert token[5:15] not in line


def test_a_picture_comes_on_a_terminal_only(founder):
    assert founder.swarm("token").stderr == ""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 120, 0, 0))
    env = founder.environment({"TERM": "xterm"})
    showing = subprocess.Popen(
        [ddm.binary(), "swarm", "token"], stdin=terminal, stdout=terminal, stderr=terminal, env=env
    )
    os.close(terminal)
    output = b""
    try:
        while block := os.read(main, 65536):
            output += block
    except OSError:  # the other end was closed
        pass
    os.close(main)
    assert showing.wait(DEADLINE) == 0
    assert founder.token() in output.decode()
    assert "ddm swarm join" in output.decode()


# --- the file, tampered with ----------------------------------------------------------------------


COMMANDS = [["token"], ["show"], ["init", "--rotate"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o606])
def test_a_key_that_others_can_read_or_change_is_not_used(founder, bits, arguments):
    founder.file.chmod(bits)
    founder.refused(9, *arguments, says=["others", f"chmod 600 {founder.file}"])
    founder.file.chmod(0o600)
    founder.swarm(*arguments)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_folder_that_others_can_write_to_is_not_used(founder, arguments):
    founder.folder.chmod(0o777)
    founder.refused(9, *arguments, says=["others", f"chmod 700 {founder.folder}"])


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_link_in_the_place_of_the_key_is_not_followed(founder, machine, arguments):
    other = machine("attacker")
    other.swarm("init", "--tracker", "evil")
    founder.file.unlink()
    founder.file.symlink_to(other.file)
    founder.refused(9, *arguments, says=["symbolic link"])


def test_joining_replaces_a_link_and_leaves_what_it_leads_to(founder, machine):
    lab2 = machine("lab2")
    precious = lab2.home / "precious"
    precious.write_text("precious")
    precious.chmod(0o600)
    lab2.folder.mkdir(parents=True, mode=0o700)
    lab2.file.symlink_to(precious)
    lab2.refused(9, "join", founder.token(), says=["symbolic link"])
    lab2.swarm("join", "--force", founder.token())
    assert precious.read_text() == "precious"
    assert lab2.token() == founder.token()


@pytest.mark.parametrize("kind", ["fifo", "folder", "empty", "cut", "garbage", "large", "replaced"])
def test_a_key_file_that_is_no_token_is_refused(founder, kind):
    token = founder.token()
    founder.file.unlink()
    if kind == "fifo":
        os.mkfifo(founder.file, 0o600)
    elif kind == "folder":
        founder.file.mkdir(0o700)
    else:
        content = {
            "empty": b"", "cut": token[:-2].encode(), "garbage": os.urandom(200),
            "large": b"A" * 10_000_000, "replaced": b"ddm2_" + token[5:].encode(),
        }[kind]  # fmt: skip
        founder.file.write_bytes(content)
        founder.file.chmod(0o600)
    founder.refused(9, "token", says=[str(founder.file)])
    founder.refused(9, "show", says=[str(founder.file)])
    founder.refused(9, "init", says=["already"])


def as_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


@pytest.fixture
def reachable(founder, tmp_path):
    """A founder whose files are where another user can get to."""
    for folder in (*tmp_path.parents, tmp_path, founder.home, *list(founder.folder.parents)[:2]):
        if not mode(folder) & 0o001:
            folder.chmod(mode(folder) | 0o011)
    return founder


def token_as_nobody(machine):
    done = subprocess.run(
        [ddm.binary(), "swarm", "token"], env=machine.environment(), capture_output=True,
        text=True, preexec_fn=as_nobody, timeout=30 * PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 9 and done.stdout == ""
    assert str(machine.folder) in done.stderr
    return done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_does_not_get_at_the_key(reachable):
    assert "denied" in token_as_nobody(reachable)
    reachable.folder.chmod(0o755)
    assert f"{reachable.file}: Permission denied" in token_as_nobody(reachable)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_a_folder_of_another_user_is_not_used(reachable):
    """Who owns it could put another key there."""
    os.chown(reachable.file, 65534, 65534)
    os.chown(reachable.folder, 12345, 12345)
    reachable.folder.chmod(0o755)
    assert "belongs to another user" in token_as_nobody(reachable)
