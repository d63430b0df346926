# SPDX-License-Identifier: MIT
"""A swarm lets nobody in: strangers, and certificates that its key should not have signed. Each
attempt stands in the table of docs/security.md."""

import shutil
import subprocess

import pytest
from ddmlab import raw
from ddmlab.content import assert_same
from ddmlab.guarded import DAEMONS
from ddmlab.guests import knock, send_raw
from ddmlab.swarm import TOOLS, client_context, self_signed

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)

HOUR = 3600
DAY = 24 * HOUR


# --- what works ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_the_swarm_is_let_in(world, which):
    """So that what follows fails for its own reason: made with the same tools."""
    outcome = knock(world.stranger, world.daemon(which).address, world.insider().client())
    assert outcome.status == 200, outcome


def test_a_member_downloads_through_the_swarm(world):
    get = world.lab.download(world.member, world.url)
    assert_same(get.file, world.path)
    assert get.shares()[world.peer.address] > 0


def test_curl_works_with_the_files_of_a_node(world):
    files = world.swarm.files(world.home)
    for daemon in world.tracker, world.peer:
        curl = world.home.curl(
            f"https://ddm:{daemon.port}/metrics", "--cacert", files.ca, "--cert", files.certificate,
            "--key", files.key, "--connect-to", f"::{daemon.address}", output="-",
        )  # fmt: skip
        assert curl.wait() == 0, curl.stderr
        assert "ddm_" in curl.stdout


# --- strangers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", DAEMONS)
def test_no_certificate(untouched, which):
    assert "certificate required" in untouched.refuses(which, client_context()).why


@pytest.mark.parametrize("which", DAEMONS)
def test_curl_without_a_certificate(untouched, which):
    address = untouched.daemon(which).address
    curl = untouched.stranger.curl(f"https://{address}/v1/status", "--insecure", output="-")
    assert curl.wait() in (35, 52, 55, 56), curl.stderr
    assert "{" not in curl.stdout


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_signed_by_itself(untouched, which):
    outcome = untouched.refuses(which, self_signed(untouched.folder).client(False))
    assert "unknown ca" in outcome.why


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_another_swarm(untouched, which):
    outcome = untouched.refuses(which, untouched.other.issue("f" * 32).client(False))
    assert "unknown ca" in outcome.why


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_by_a_ca_of_the_same_name(untouched, which):
    """All of it as in the swarm's own CA, but the key."""
    ca, _ = untouched.swarm.ca
    _, key = untouched.other.ca
    twin = untouched.folder / "twin.crt"
    subject = subprocess.run(
        ["openssl", "x509", "-in", ca, "-noout", "-subject", "-nameopt", "multiline"],
        capture_output=True, text=True, check=True,
    ).stdout.rpartition("= ")[2].strip()  # fmt: skip
    template = untouched.folder / "twin.template"
    template.write_text(f'cn = "{subject}"\nca\ncert_signing_key\nexpiration_days = -1\n')
    subprocess.run(
        ["certtool", "--generate-self-signed", "--load-privkey", key, "--template", template,
         "--outfile", twin], capture_output=True, check=True,
    )  # fmt: skip
    forger = untouched.insider()
    forger.certificate, forger.key = twin, key
    untouched.refuses(which, untouched.swarm.issue("f" * 32, by=forger).client(False))


@pytest.mark.parametrize("which", DAEMONS)
def test_plain_http(untouched, which):
    address = untouched.daemon(which).address
    for data in raw.request("GET", "/healthz"), untouched.fetch():
        assert not send_raw(untouched.stranger, address, data).startswith(b"HTTP/")


def test_a_client_of_another_swarm_gets_nothing(untouched):
    untouched.stranger.state = untouched.other.new_member()
    try:
        get = untouched.lab.download(
            untouched.stranger, untouched.url, "--peer", untouched.peer.address, "--retries", 2,
            code=3,
        )  # fmt: skip
    finally:
        untouched.stranger.state = None
    assert not get.published() and not get.part.exists()
    assert "certificate of this swarm" in get.error_line


def test_a_client_without_the_key_gets_nothing(untouched):
    get = untouched.lab.download(
        untouched.stranger, untouched.url, "--peer", untouched.peer.address, "--retries", 2, code=3
    )
    assert not get.published() and not get.part.exists()
    assert "a swarm with a key?" in get.error_line


@pytest.mark.parametrize("key", ["no key", "another key"])
def test_a_peer_without_the_key_cannot_announce(untouched, key):
    before = untouched.tracker.peers()
    if key == "another key":
        untouched.stranger.state = untouched.other.new_member()
    try:
        peer = untouched.lab.start_peer(untouched.stranger)
    finally:
        untouched.stranger.state = None
    peer.process.says("warning" if key == "another key" else "a swarm with a key?")
    after = untouched.tracker.peers()
    peer.process.stop()
    assert {p["id"] for p in after} == {p["id"] for p in before}


# --- certificates that the key did sign ----------------------------------------------------------


@pytest.mark.parametrize("which", DAEMONS)
def test_an_expired_certificate(untouched, which):
    outcome = untouched.refuses(which, untouched.insider(begins=-2 * DAY, ends=-60).client())
    assert "expired" in outcome.why


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_tomorrow(untouched, which):
    untouched.refuses(which, untouched.insider(begins=HOUR, ends=2 * DAY).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_issued_by_a_node(untouched, which):
    """A thief of one machine has its certificate and key, not the CA's."""
    thief = untouched.swarm.files(untouched.helper)
    untouched.refuses(which, untouched.swarm.issue("f" * 32, by=thief).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_by_a_ca_below_the_swarms(untouched, which):
    below = untouched.insider("ca", "cert_signing_key")
    untouched.refuses(which, untouched.swarm.issue("f" * 32, by=below).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_for_servers_only(untouched, which):
    untouched.refuses(which, untouched.insider("tls_www_server", purposes=False).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_without_a_name(untouched, which):
    context = untouched.swarm.issue(None, names=["ddm"]).client()
    for data in None, untouched.fetch():
        outcome = knock(untouched.stranger, untouched.daemon(which).address, context, data)
        assert outcome.status == 403, outcome


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_with_a_name_that_is_too_long(untouched, which):
    context = untouched.swarm.issue("f" * 5000).client()
    for data in None, untouched.fetch():
        outcome = knock(untouched.stranger, untouched.daemon(which).address, context, data)
        assert outcome.status == 403, outcome


@pytest.mark.parametrize("which", DAEMONS)
def test_a_member_with_the_cas_own_certificate(untouched, which):
    """Who has the key can do that, too; it is still no node."""
    certificate, key = untouched.swarm.ca
    credentials = untouched.insider()
    credentials.certificate, credentials.key = certificate, key
    untouched.refuses(which, credentials.client(), aloud=False)


# --- files of a member ---------------------------------------------------------------------------


@pytest.mark.parametrize("name, mode", [("swarm.token", 0o640), ("node.key", 0o644), (".", 0o770)])
def test_secrets_that_others_may_read_or_change_are_not_used(world, name, mode):
    state = world.swarm.new_member()
    (state / name).chmod(mode)
    for arguments in ["peer"], ["tracker"], ["get", "--tracker", "127.0.0.1:9", world.url]:
        ddm = world.lab.run_ddm(world.member, *arguments, "--state-dir", state)
        assert ddm.wait() == 9, ddm.tail()
        assert "chmod" in ddm.stderr


def test_two_peers_of_one_node_on_one_machine(world):
    second = world.lab.start_peer(world.helper, port=7099).process
    assert second.wait() == 2, second.tail()
    assert "--state-dir" in second.stderr
    assert world.peer.healthy()


def test_nothing_of_the_key_is_said_in_logs_or_to_whoever_asks(world):
    secrets = [world.swarm.token()[5:45], world.swarm.secret.hex()]
    said = [p.stderr + p.stdout for p in world.lab.processes]
    for daemon in world.tracker, world.peer:
        said.append(daemon.request("GET", "/v1/status").body.decode())
        said.append(daemon.request("GET", "/metrics").body.decode())
        said.append(open(f"/proc/{daemon.pid}/cmdline").read())
        said.append(open(f"/proc/{daemon.pid}/environ").read())
    for secret in secrets:
        assert not any(secret in text for text in said)


def test_insecure_beside_a_key_is_plain_http_and_says_so(world):
    plain = world.lab.start_peer(world.member, "--insecure", port=7098, tracker=None).process
    plain.says("listening")
    assert "warning" in plain.stderr and "--insecure" in plain.stderr
    reply = send_raw(world.stranger, f"{world.member.address}:7098", raw.request("GET", "/healthz"))
    assert reply.startswith(b"HTTP/1.1 200")
    plain.stop()


def test_a_member_among_plain_daemons_is_told_why_nothing_comes(world):
    peer = world.lab.start_peer(world.stranger, port=7097, tracker=None).wait_until_up()
    get = world.lab.get(
        world.member, world.url, "--peer", peer.address, "--retries", 2, tracker=None
    ).expect(3)
    peer.process.stop()
    assert f"{peer.address}: no TLS between members of this swarm" in get.error_line
