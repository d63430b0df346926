# SPDX-License-Identifier: MIT
"""Logins, and where they go: nginx wants one, a Python server looks for what it must not get."""

import pytest
from ddmlab.content import MIB, assert_same
from ddmlab.nginx import Nginx

DATA = b"x" * 1000

LOCKED = """\
    server {{
        listen 8081 default_server;
        root {files};
        auth_basic "lab";
        auth_basic_user_file {users};
    }}"""


@pytest.fixture
def locked(make_lab):
    """(lab, path, url): a file that wants the login somebody:s3cret; url(login) has it in it."""
    lab = make_lab(100, 100)
    path = lab.file("file", 3 * MIB)
    users = lab.folder("users") / "users"
    users.write_text("somebody:{PLAIN}s3cret\n")
    body = LOCKED.format(files=lab.origin.files, users=users)
    server = Nginx(lab.origin_host, lab.folder("locked"), body, 8081)
    address = f"{lab.origin.address}:{server.port}"
    return lab, path, lambda login="": f"http://{login}{address}/file"


def test_a_login_in_the_url_opens_the_file(locked):
    lab, path, url = locked
    get = lab.download(lab.hosts[0], url("somebody:s3cret@"))
    assert_same(get.file, path)
    assert "s3cret" not in get.stdout + get.stderr


@pytest.mark.parametrize("login", ["", "somebody:wrong@", "nobody@"])
def test_without_the_right_one_it_is_refused(locked, login):
    lab, _, url = locked
    get = lab.download(lab.hosts[0], url(login), code=4, events=False)
    assert "401" in get.error_line
    assert "wrong" not in get.stderr
    assert get.left_behind() == []


def redirecting(lab):
    """(start, end, sent): a server that redirects to another one, and what headers each was sent:
    sent[0] and sent[1], a list of dictionaries with names in lower case."""
    sent = [], []

    def keep(number, exchange):
        sent[number].append({name.lower(): value for name, value in exchange.headers.items()})

    def arrive(exchange):
        keep(1, exchange)
        exchange.reply("200 OK", DATA)

    def redirect(exchange):
        keep(0, exchange)
        exchange.reply("302 Found", b"", f"Location: {end.url('e')}")

    end = lab.serve(arrive)
    return lab.serve(redirect), end, sent


def test_a_login_in_the_url_does_not_follow_a_redirect_to_another_host(make_lab):
    lab = make_lab(100)
    start, _, sent = redirecting(lab)
    get = lab.download(lab.hosts[0], start.url("file").replace("://", "://somebody:s3cret@"))
    assert get.file.read_bytes() == DATA
    assert all("authorization" in headers for headers in sent[0])
    assert sent[0] and sent[1]
    assert not any("authorization" in headers for headers in sent[1])


def test_user_opens_the_file(locked):
    lab, path, url = locked
    get = lab.download(lab.hosts[0], url(), "-u", "somebody:s3cret")
    assert_same(get.file, path)


def test_netrc_opens_the_file(locked):
    lab, path, url = locked
    home = lab.folder("home")
    (home / ".netrc").write_text(f"machine {lab.origin.address} login somebody password s3cret\n")
    get = lab.download(lab.hosts[0], url(), "--netrc", env={"HOME": str(home)})
    assert_same(get.file, path)


def test_secret_headers_do_not_follow_a_redirect_to_another_host(make_lab):
    lab = make_lab(100)
    start, _, sent = redirecting(lab)
    options = ["-H", "X-Api-Key: s3cret", "-H", "Accept: text/x"]
    lab.download(lab.hosts[0], start.url("file"), *options)
    assert all(headers["x-api-key"] == "s3cret" for headers in sent[0])
    assert sent[0] and sent[1]
    for headers in sent[1]:
        assert "x-api-key" not in headers and headers["accept"] == "text/x"
