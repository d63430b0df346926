# SPDX-License-Identifier: MIT
"""Command lines that are wrong: exit 2, and one line that names what and where."""

import socket

import pytest

URL = "http://127.0.0.1:9/file"

WRONG = [
    # arguments, what the line must name
    (["frobnicate"], ["frobnicate"]),
    (["get"], ["URL"]),
    (["get", "--no-such-option", URL], ["--no-such-option"]),
    (["get", "-Z", URL], ["-Z"]),
    (["get", "--connections", "many", URL], ["connections", "many"]),
    (["get", "--connections", "0", URL], ["connections", "0"]),
    (["get", "--connections", "-1", URL], ["connections", "-1"]),
    (["get", "--connections", "99999999999999999999", URL], ["connections"]),
    (["get", "--connections", "3x", URL], ["connections", "3x"]),
    (["get", "--connections", "", URL], ["connections"]),
    (["get", URL, "--connections"], ["connections"]),
    (["get", "--progress", "fancy", URL], ["progress", "fancy"]),
    (["get", "--tracker", "host:99999", URL], ["tracker", "host:99999"]),
    (["get", "--tracker", "host:x", URL], ["tracker", "host:x"]),
    (["get", "--tracker", "a b:1", URL], ["tracker", "a b"]),
    (["get", "--tracker", "[::1:7070", URL], ["tracker", "[::1"]),
    (["get", "--peer", "host:-1", URL], ["peer", "host:-1"]),
    (["get", "--peer", "host/path:1", URL], ["peer", "host/path"]),
    (["get", "--checksum", "sha-256=xyz", URL], ["checksum"]),
    (["get", "--checksum", "sha-256=" + "0" * 63, URL], ["checksum"]),
    (["get", "--checksum", "crc=00", URL], ["checksum", "crc"]),
    (["get", "--checksum", "sha-256", URL], ["checksum"]),
    (["get", "--checksum", "=00", URL], ["checksum"]),
    (["get", "not-a-url"], ["not-a-url"]),
    (["get", "http://"], ["http://"]),
    (["get", "http://[::1/x"], ["http://[::1"]),
    (["get", "http://host:99999/"], ["host:99999"]),
    (["get", "http://a b/"], ["a b"]),
    (["get", "gopher://127.0.0.1/x"], ["gopher"]),
    (["get", "file:///etc/passwd"], ["file:"]),
    (["get", ""], ["URL"]),
    (["get", "--config", "/no/such/config", URL], ["/no/such/config"]),
    (["get", "--config", "/", URL], ["/"]),
    (["get", "--limit-rate", "fast", URL], ["limit-rate", "fast"]),
    (["get", "--limit-rate", "0", URL], ["limit-rate", "0"]),
    (["get", "--max-time", "never", URL], ["max-time", "never"]),
    (["get", "--connect-timeout", "6m", URL], ["connect-timeout", "6m"]),
    (["get", "--spot-check", "101", URL], ["spot-check", "101"]),
    (["get", "--spot-check", "little", URL], ["spot-check", "little"]),
    (["get", "--jobs", "0", URL], ["jobs", "0"]),
    (["get", "-j", "17", URL], ["-j", "17"]),
    (["get", "--allow-redirect", "10.0.0.0/99", URL], ["allow-redirect", "10.0.0.0/99"]),
    (["get", "--user", "", URL], ["user"]),
    (["get", "--header", "@/no/such/file", URL], ["header", "/no/such/file"]),
    (["get", "--input-file", "/no/such/list"], ["/no/such/list"]),
    (["get", "--input-file", "/dev/null"], ["/dev/null"]),
    (["get", "--input-file", "/dev/null", URL], ["input-file", URL]),
    (["get", "--input-file", "/dev/null", "-o", "x"], ["input-file", "--output"]),
    (["tracker", "--listen", "999.1.1.1.1:x"], ["listen", "999.1.1.1.1:x"]),
    (["tracker", "--ttl", "-1"], ["ttl", "-1"]),
    (["tracker", "--ttl", "soon"], ["ttl", "soon"]),
    (["tracker", "--ttl", "999999999"], ["ttl", "999999999"]),
    (["tracker", "surplus"], ["surplus"]),
    (["peer", "--allow", "10.0.0.0/99"], ["allow", "10.0.0.0/99"]),
    (["peer", "--allow", "127.1"], ["allow", "127.1"]),
    (["peer", "--deny", "a:0"], ["deny", "a:0"]),
    (["peer", "--memory", "1"], ["memory", "1"]),
    (["peer", "--advertise", "a b"], ["advertise", "a b"]),
    (["help", "frobnicate"], ["frobnicate"]),
]


def is_usage_error(done, *names):
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for name in names:
        assert name in lines[0], f"{name!r} is missing in {lines[0]!r}"


@pytest.mark.parametrize("arguments, names", WRONG, ids=lambda value: " ".join(value)[:40])
def test_a_wrong_command_line(cli, arguments, names):
    is_usage_error(cli(*arguments), *names)


CONFIGS = [
    ("[get]\nconnections = many\n", [":2", "connections", "many"]),
    ("[get]\n\nno-such-key = 1\n", [":3", "no-such-key"]),
    ("[nowhere]\nconnections = 1\n", [":1", "nowhere"]),
    ("[get]\nconnections\n", [":2"]),
    ("[get\nconnections = 1\n", [":1"]),
    ("[tracker]\nttl = soon\n", [":2", "ttl", "soon"]),
    ("connections = 1\nconnections = x\n", [":2", "connections"]),
    ("\x00\x01\x02", [":1"]),
    ("[get]\ndirectory = " + "x" * 100_000 + "\n", [":2"]),
]


@pytest.mark.parametrize("text, names", CONFIGS, ids=lambda value: repr(value)[:40])
def test_a_wrong_config(cli, tmp_path, text, names):
    config = tmp_path / "ddm.conf"
    config.write_text(text)
    is_usage_error(cli("get", "--config", config, URL), str(config), *names)


LISTS = [
    ("http://h/a\nnot-a-url\n", [":2", "not-a-url"]),
    ("\n\nhttp://h/a 'b\n", [":3", "quote"]),
    ("http://h/a \\", [":1", "backslash"]),
    ("http://h/a --connections 0\n", [":1", "connections", "0"]),
    ("http://h/a --json\n", [":1", "--json"]),
    ("http://h/a -o -\n", [":1", "-o -"]),
    ("-f\n", [":1", "URL"]),
    ("http://h/a\x00b\n", [":1", "NUL"]),
    ("# nothing\n", ["no download"]),
]


@pytest.mark.parametrize("text, names", LISTS, ids=lambda value: repr(value)[:40])
def test_a_wrong_list(cli, tmp_path, text, names):
    listed = tmp_path / "list"
    listed.write_text(text)
    is_usage_error(cli("get", "-i", listed), str(listed), *names)


SECRET = "hush-4711"


@pytest.mark.parametrize("key", ["user", "header", "proxy"])
def test_a_secret_is_in_no_message(cli, tmp_path, key):
    config = tmp_path / "ddm.conf"
    config.write_text(f"{key} = {SECRET}\x07\n")
    for done in (
        cli("get", "--config", config, URL),
        cli("get", f"--{key}={SECRET}\n", URL),
        cli("get", URL, env={f"DDM_{key.upper()}": f"{SECRET}\n"}),
    ):
        is_usage_error(done, key if "DDM" not in done.stderr else key.upper())
        assert SECRET not in done.stderr


def test_a_password_needs_a_terminal(cli):
    is_usage_error(cli("get", "--user", "me", URL), "user", "terminal")


def test_an_unreadable_config_is_named(cli, tmp_path):
    config = tmp_path / "loop"
    config.symlink_to(config)
    is_usage_error(cli("get", "--config", config, URL), str(config))


def test_a_wrong_environment_is_named(cli):
    done = cli("get", URL, env={"DDM_CONNECTIONS": "many"})
    is_usage_error(done, "DDM_CONNECTIONS", "many")


def test_the_command_line_beats_the_environment_and_that_beats_the_config(cli, tmp_path):
    config = tmp_path / "ddm.conf"
    config.write_text("[get]\nprogress = bar\n")
    # Each is checked all the same, so a good one on the command line does not hide a bad one.
    done = cli("get", "--config", config, "--progress", "none", URL, env={"DDM_PROGRESS": "fancy"})
    is_usage_error(done, "DDM_PROGRESS", "fancy")
    done = cli("get", "--config", config, "--no-peers", URL, env={"DDM_PROGRESS": "none"})
    assert done.returncode == 3


def test_without_a_key_beyond_loopback_needs_insecure(cli):
    for role, port in (("tracker", 0), ("peer", 0)):
        done = cli(role, "--listen", f"0.0.0.0:{port}")
        assert done.returncode in (2, 9)
        assert "--insecure" in done.stderr


@pytest.mark.parametrize("role", ["tracker", "peer"])
def test_a_port_in_use_is_named(cli, role):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = cli(role, "--listen", address)
    assert done.returncode not in (0, 2)
    assert address in done.stderr
    assert "use" in done.stderr


@pytest.mark.parametrize("role", ["tracker", "peer"])
def test_an_address_of_another_machine_is_named(cli, role):
    done = cli(role, "--insecure", "--listen", "192.0.2.1:7999")
    assert done.returncode not in (0, 2)
    assert "192.0.2.1:7999" in done.stderr


def test_help(cli):
    done = cli("help")
    assert done.returncode == 0
    assert done.stderr == ""
    for command in ("get", "peer", "tracker", "demo"):
        assert command in done.stdout
    assert cli("--help").stdout == done.stdout


def test_help_of_a_command_names_its_options(cli):
    done = cli("help", "get")
    assert done.returncode == 0
    for section in ("Output", "Verification", "Batch"):
        assert f"\n{section}\n" in done.stdout
    for option in ("--output", "--checksum", "--mirror", "--input-file", "--connections", "--no-peers", "--peer", "--tracker"):
        assert option in done.stdout
    assert cli("get", "--help").stdout == done.stdout
    assert "--ttl" in cli("help", "tracker").stdout
    assert "--allow" in cli("help", "peer").stdout


def test_no_command_shows_how_to_start(cli):
    done = cli()
    assert done.returncode in (0, 2)
    assert "get" in done.stdout + done.stderr


def test_version(cli):
    done = cli("--version")
    assert done.returncode == 0
    assert any(character.isdigit() for character in done.stdout)
