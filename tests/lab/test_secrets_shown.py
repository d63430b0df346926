# SPDX-License-Identifier: MIT
"""Signed URLs, logins, cookies and proxies' passwords: who gets them, and where they are shown. The
word HUSH stands in each of them and must be nowhere else."""

import base64
import contextlib
import http.server
import os
import pty
import threading
from pathlib import Path

import pytest
from ddmlab import ddm, server
from ddmlab.process import clean_environment
from ddmlab.waiting import wait_until

HUSH = "hush-4711"
DATA = bytes(range(256)) * 400
SIGNED = f"file?X-Signature={HUSH}&Expires=9#{HUSH}"


@pytest.fixture
def lab(make_lab):
    return make_lab(100, 100)


def test_a_signature_is_in_no_log_of_a_download(lab):
    tracker = lab.tracker(lab.hosts[0], "-v")
    peers = [lab.peer(host, "-v") for host in lab.hosts]
    origin = lab.serve(server.ranged(DATA))
    get = lab.download(lab.hosts[0], origin.url(SIGNED), "-v", output="x", events=False)
    assert get.file.read_bytes() == DATA
    assert any(HUSH in path for _, path in origin.requests), "the origin needs it"
    for process in (get.process, tracker.process, *(peer.process for peer in peers)):
        assert HUSH not in process.stderr, process.stderr


ERRORS = {
    "a refusal": lambda lab: lab.serve(lambda e: e.reply("403 Forbidden", b"")).url(SIGNED),
    "a missing file": lambda lab: lab.serve(lambda e: e.reply("404 Not Found", b"")).url(SIGNED),
    "a server that breaks off": lambda lab: lab.serve(lambda e: e.hang_up()).url(SIGNED),
    "nobody there": lambda lab: f"http://{lab.origin_host.address}:1024/{SIGNED}",
    "no such name": lambda lab: f"http://nobody.test/{SIGNED}",
    "a redirect to nothing": lambda lab: lab.serve(
        lambda e: e.reply("302 Found", b"", f"Location: gopher://h/{SIGNED}")
    ).url("x"),
    "a redirect without end": lambda lab: lab.serve(
        lambda e: e.reply("302 Found", b"", f"Location: /{SIGNED}")
    ).url("x"),
    "a redirect to nobody": lambda lab: lab.serve(
        lambda e: e.reply("302 Found", b"", f"Location: http://h.test/{SIGNED}")
    ).url("x"),
    "no scheme": lambda lab: f"nothing://h/{SIGNED}",
    "a wrong port": lambda lab: f"http://h:99999/{SIGNED}",
    "a space": lambda lab: f"http://h/a b?{HUSH}",
    "a folder over FTP": lambda lab: f"ftp://h/?{HUSH}/",
}


@pytest.mark.parametrize("how", ERRORS)
def test_a_signature_is_in_no_error(lab, how):
    url = ERRORS[how](lab)
    get = lab.get(lab.hosts[0], url, "-v", "--retries", 1, output="x", events=False).wait()
    assert get.code != 0
    assert HUSH not in get.stderr, get.stderr


@pytest.mark.parametrize("how", ERRORS)
def test_a_signature_is_in_no_error_of_a_peer(lab, how):
    peer = lab.peer(lab.hosts[0], "-v")
    reply = peer.fetch(ERRORS[how](lab).partition("#")[0], 0, 1000)
    assert reply.status >= 400
    assert HUSH.encode() not in reply.body
    assert HUSH not in peer.process.stderr


def test_a_signature_is_in_no_message_about_mirrors(lab):
    """One has another file, one refuses: both are named."""
    origin = lab.serve(server.ranged(DATA))
    another = DATA[1:] + b"x"
    other = lab.serve(server.ranged(another, etag='"other"'))
    refusing = lab.serve(lambda e: e.reply("403 Forbidden", b""))
    get = lab.download(
        lab.hosts[0], origin.url(SIGNED), other.url(SIGNED), refusing.url(SIGNED), "-v",
        output="x", events=False,
    )  # fmt: skip
    assert get.file.read_bytes() in (DATA, another)
    assert HUSH not in get.stderr, get.stderr


USAGE = [
    ["-i", "list", f"http://u:{HUSH}@h/?{HUSH}"],
    [f"http://h/a.meta4?{HUSH}", f"http://u:{HUSH}@h/?{HUSH}"],
    ["--mirror", f"nothing://u:{HUSH}@h/?{HUSH}", "http://127.0.0.1:9/x"],
    ["--proxy", f"nothing://u:{HUSH}@h", "http://127.0.0.1:9/x"],
    ["-H", f"Authorization {HUSH}", "http://127.0.0.1:9/x"],
    ["-H", f"X: a\n{HUSH}", "http://127.0.0.1:9/x"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=lambda words: words[0])
def test_a_secret_is_in_no_usage_error(cli, arguments):
    done = cli("get", *arguments)
    assert done.returncode != 0
    assert HUSH not in done.stderr + done.stdout


@pytest.mark.parametrize("daemon", ["peer", "tracker"])
def test_a_url_given_to_a_daemon_is_not_shown(cli, daemon):
    done = cli(daemon, f"http://u:{HUSH}@h/?{HUSH}")
    assert done.returncode == 2
    assert HUSH not in done.stderr


def silent(lab):
    """A server that answers nobody, so that what asks it stays to be looked at."""
    return lab.serve(lambda exchange: exchange.stay_silent())


GIVEN = {
    "a signed URL": lambda at: [f"http://{at}/{SIGNED}"],
    "a login in the URL": lambda at: [f"http://u:{HUSH}@{at}/x"],
    "a name that is the secret": lambda at: [f"http://{HUSH}@{at}/x"],
    "a mirror": lambda at: ["--mirror", f"http://u:{HUSH}@{at}/x?{HUSH}", f"http://{at}/x"],
    "a mirror, in one word": lambda at: [f"--mirror=http://{at}/x?{HUSH}", f"http://{at}/x"],
    "a second URL": lambda at: [f"http://{at}/x", f"http://{at}/x?{HUSH}"],
    "user": lambda at: ["-u", f"me:{HUSH}", f"http://{at}/x"],
    "user, in one word": lambda at: [f"-ume:{HUSH}", f"http://{at}/x"],
    "a header": lambda at: ["-H", f"X-Key: {HUSH}", f"http://{at}/x"],
    "a referer": lambda at: ["--referer", f"http://h/?{HUSH}", f"http://{at}/x"],
    "a proxy": lambda at: ["--proxy", f"http://u:{HUSH}@{at}", f"http://{at}/x"],
}


@pytest.mark.parametrize("how", GIVEN)
def test_a_secret_is_in_no_process_list(lab, how):
    at = silent(lab).address
    process = lab.run_ddm(
        lab.hosts[0], "get", "--no-peers", "-o", lab.folder("download") / "x", *GIVEN[how](at)
    )
    shown = Path(f"/proc/{process.pid}/cmdline")

    def blanked():
        words = shown.read_bytes()
        return b"/ddm\0" in words and b"*" in words

    wait_until(blanked, "the arguments to be read")
    assert HUSH.encode() not in shown.read_bytes()
    process.interrupt()
    process.wait()
    assert HUSH not in process.stderr


def test_a_proxys_password_of_a_peer_is_in_no_process_list_and_no_log(lab):
    at = silent(lab).address
    peer = lab.peer(lab.hosts[0], "-v", "--proxy", f"http://u:{HUSH}@{at}")
    assert HUSH.encode() not in Path(f"/proc/{peer.pid}/cmdline").read_bytes()
    for path in ("/v1/status", "/metrics"):
        assert HUSH.encode() not in peer.request("GET", path).body
    assert HUSH not in peer.process.stderr


def test_headers_in_a_file_are_sent_and_shown_nowhere(lab):
    got = []

    def respond(exchange):
        got.append(exchange.headers["X-Key"])
        server.ranged(DATA)(exchange)

    path = lab.folder("secrets") / "headers"
    path.write_text(f"X-Key: {HUSH}\n")
    url = lab.serve(respond).url("x")
    get = lab.download(lab.hosts[0], url, "-v", "--header", f"@{path}", events=False)
    assert set(got) == {HUSH}
    assert HUSH not in get.stderr + get.stdout


@pytest.fixture
def asking(tmp_path):
    """(a server on this machine's loopback that writes down the logins it gets, its port)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.logins.append(self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, *arguments):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.logins = []
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_a_password_is_asked_for_on_the_terminal_and_not_echoed(asking, tmp_path):
    """-u without one."""
    if ddm.binary() is None:
        pytest.skip("ddm is not built")
    url = f"http://127.0.0.1:{asking.server_port}/x"
    words = ["ddm", "get", "--no-peers", "-q", "-o", str(tmp_path / "x"), "-u", "me", url]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ddm.binary(), words, clean_environment({"HOME": str(tmp_path)}))
    said = b""
    while b"me" not in said or b"assword" not in said:
        said += os.read(terminal, 1024)
    assert asking.logins == [], "it went without a password"
    os.write(terminal, HUSH.encode() + b"\n")
    with contextlib.suppress(OSError):  # the terminal is gone when the process is
        while block := os.read(terminal, 1024):
            said += block
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, said
    assert HUSH.encode() not in said
    assert (tmp_path / "x").read_bytes() == DATA
    assert set(asking.logins) == {"Basic " + base64.b64encode(f"me:{HUSH}".encode()).decode()}


def test_a_peer_hears_of_no_login_unless_it_is_shared_on_purpose(lab):
    """Of each kind: the origin gets it, no peer is told."""
    heard = []

    def respond(exchange):
        heard.append(str(exchange.headers) + exchange.body.decode("latin-1"))
        exchange.reply("503 Busy", b"{}")

    peer = lab.serve(respond, lab.hosts[1])
    origin = lab.serve(server.ranged(DATA * 40))
    home = lab.folder("home")
    (home / ".netrc").write_text(f"machine {origin.address.split(':')[0]} login u password {HUSH}\n")
    (home / "cookies").write_text(
        f"{origin.address.split(':')[0]}\tFALSE\t/\tFALSE\t0\tsession\t{HUSH}\n"
    )
    ways = [
        ["-u", f"me:{HUSH}"],
        ["--netrc"],
        ["--cookies", home / "cookies"],
        ["-H", f"Authorization: Bearer {HUSH}"],
        ["-H", f"X-Key: {HUSH}"],
        ["-H", f"Cookie: a={HUSH}"],
    ]
    for way in ways:
        get = lab.download(
            lab.hosts[0], origin.url("x"), *way, "--peer", peer.address, "-v",
            env={"HOME": str(home)},
        )  # fmt: skip
        assert get.file.read_bytes() == DATA * 40
        assert HUSH not in get.stderr + get.stdout
    assert not any(HUSH in text or "dTpodXNo" in text for text in heard), heard


def test_what_an_on_complete_command_is_given_is_in_no_process_list(lab):
    """The URL goes by the environment, which is the owner's alone to read."""
    seen = lab.folder("seen") / "cmdline"
    origin = lab.serve(server.ranged(DATA))
    command = f"tr '\\\\0' ' ' < /proc/$$/cmdline > {seen}"
    get = lab.download(
        lab.hosts[0], origin.url(SIGNED), "--on-complete", command, output="x", events=False
    )
    assert get.code == 0
    with contextlib.suppress(FileNotFoundError):
        assert HUSH not in seen.read_text()
