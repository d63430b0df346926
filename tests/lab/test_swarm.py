# SPDX-License-Identifier: MIT
"""A swarm lets nobody in: strangers with every kind of certificate, members under another's name,
somebody on the wire. Each attempt stands in the table of docs/security.md."""

import json
import os
import shutil
import ssl
import subprocess

import pytest
from conftest import for_a_module
from ddmlab import Lab, raw, wait_until
from ddmlab.content import MIB, assert_same
from ddmlab.guests import knock, send_raw
from ddmlab.lab import ORIGIN_ADDRESS, PUBLIC_ORIGIN_ADDRESS
from ddmlab.server import Server
from ddmlab.swarm import TOOLS, Swarm, client_context, node_id, self_signed
from ddmlab.tap import Tap

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)

DAEMONS = ["tracker", "peer"]
NAME = "the-name-of-a-secret"
HOUR = 3600
DAY = 24 * HOUR


class World:
    """h1 has the tracker and h2 the peer of a swarm; h3 is a member and h4 a stranger, neither with
    a way to the origin of its own."""

    def __init__(self):
        self.lab = Lab(None, None, None, None)
        try:
            self.home, self.helper, self.member, self.stranger = self.lab.hosts
            self.swarm = Swarm(self.lab).join(self.home, self.helper, self.member)
            self.other = Swarm(self.lab)
            for island in self.member, self.stranger:
                island.namespace.ip(
                    f"route add unreachable {ORIGIN_ADDRESS}/32",
                    f"route add unreachable {PUBLIC_ORIGIN_ADDRESS}/32",
                )
            self.tracker = self.lab.tracker(self.home)
            self.peer = self.lab.peer(self.helper)
            self.path = self.lab.file(NAME, 4 * MIB)
            self.url = self.lab.origin.url(NAME)
            self.folder = self.lab.folder("certificates")
        except BaseException:
            self.lab.close()
            raise

    def close(self):
        self.lab.close()

    def daemon(self, which):
        return {"tracker": self.tracker, "peer": self.peer}[which]

    def insider(self, *extra, **options):
        """A certificate of this swarm for a node of a test."""
        return self.swarm.issue(os.urandom(16).hex(), *extra, **options)

    def served(self):
        """How many requests tracker and peer have answered so far, or tried to."""
        status = self.tracker.request("GET", "/metrics").body.decode()
        counts = [line for line in status.splitlines() if "announces" not in line]
        metrics = self.peer.request("GET", "/metrics").body.decode()
        counts += [line for line in metrics.splitlines() if "requests_total" in line]
        return [line for line in counts if "uptime" not in line]

    def fetch(self, url=None):
        """A request for a range, as bytes."""
        body = json.dumps({"url": url or self.url, "begin": 0, "end": 1000}).encode()
        return raw.request("POST", "/v1/fetch", body, "Connection: close")


@pytest.fixture(scope="module")
def world(lab_works):
    yield from for_a_module(World)


@pytest.fixture
def untouched(world):
    """Whatever is tried: the origin hears of nobody, and members are served as before."""
    world.lab.origin.settle()
    before = len(world.lab.origin.log())
    yield world
    world.lab.origin.settle()
    assert len(world.lab.origin.log()) == before, "the origin was asked"
    for daemon in world.tracker, world.peer:
        assert daemon.healthy()


def refused(world, which, context, aloud=True):
    """Nothing comes back that is no TLS, whatever is asked for."""
    daemon = world.daemon(which)
    for data in None, world.fetch():
        outcome = knock(world.stranger, daemon.address, context, data)
        assert outcome.data == b"", outcome
        assert outcome.why or not aloud, "the daemon closed without a word of TLS"
    return outcome


# --- what works ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_the_swarm_is_let_in(world, which):
    """So that what follows fails for its own reason: made with the same tools."""
    outcome = knock(world.stranger, world.daemon(which).address, world.insider().client())
    assert outcome.status == 200, outcome


def test_a_member_downloads_through_the_swarm(world):
    get = world.lab.download(world.member, world.url)
    assert_same(get.file, world.path)
    assert get.shares()[world.peer.address] == 4 * MIB


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
    assert "certificate required" in refused(untouched, which, client_context()).why


@pytest.mark.parametrize("which", DAEMONS)
def test_curl_without_a_certificate(untouched, which):
    address = untouched.daemon(which).address
    curl = untouched.stranger.curl(f"https://{address}/v1/status", "--insecure", output="-")
    assert curl.wait() in (35, 52, 55, 56), curl.stderr
    assert "{" not in curl.stdout


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_signed_by_itself(untouched, which):
    outcome = refused(untouched, which, self_signed(untouched.folder).client(False))
    assert "unknown ca" in outcome.why


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_another_swarm(untouched, which):
    outcome = refused(untouched, which, untouched.other.issue("f" * 32).client(False))
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
    refused(untouched, which, untouched.swarm.issue("f" * 32, by=forger).client(False))


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
    outcome = refused(untouched, which, untouched.insider(begins=-2 * DAY, ends=-60).client())
    assert "expired" in outcome.why


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_of_tomorrow(untouched, which):
    refused(untouched, which, untouched.insider(begins=HOUR, ends=2 * DAY).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_issued_by_a_node(untouched, which):
    """A thief of one machine has its certificate and key, not the CA's."""
    thief = untouched.swarm.files(untouched.helper)
    refused(untouched, which, untouched.swarm.issue("f" * 32, by=thief).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_by_a_ca_below_the_swarms(untouched, which):
    below = untouched.insider("ca", "cert_signing_key")
    refused(untouched, which, untouched.swarm.issue("f" * 32, by=below).client())


@pytest.mark.parametrize("which", DAEMONS)
def test_a_certificate_for_servers_only(untouched, which):
    refused(untouched, which, untouched.insider("tls_www_server", purposes=False).client())


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
    refused(untouched, which, credentials.client(), aloud=False)


# --- TLS itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_1", "TLSv1"])
@pytest.mark.parametrize("which", DAEMONS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_older_tls_is_refused(untouched, which, version):
    context = untouched.insider().client(version=ssl.TLSVersion[version])
    context.set_ciphers("ALL:@SECLEVEL=0")
    refused(untouched, which, context)


def s_client(world, which, *options, data=b"", host=None):
    """openssl s_client as a member; what it says, and what the daemon said."""
    files = world.insider()
    command = ["openssl", "s_client", "-connect", world.daemon(which).address, "-servername",
               "ddm", "-CAfile", files.ca, "-cert", files.certificate, "-key", files.key,
               *options]  # fmt: skip
    done = subprocess.run(
        (host or world.member).namespace.command([str(part) for part in command]),
        input=data, capture_output=True, timeout=60,
    )  # fmt: skip
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@pytest.mark.parametrize("which", DAEMONS)
def test_weak_ciphers_are_refused(untouched, which):
    shown, _ = s_client(untouched, which, "-ciphersuites", "TLS_AES_128_CCM_8_SHA256")
    assert "Cipher is (NONE)" in shown
    shown, _ = s_client(untouched, which, "-ciphersuites", "TLS_AES_256_GCM_SHA384")
    assert "Cipher is TLS_AES_256_GCM_SHA384" in shown


@pytest.mark.parametrize("which", DAEMONS)
def test_aes_gcm_comes_first_whatever_the_client_prefers(world, which):
    order = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
    shown, _ = s_client(world, which, "-ciphersuites", order)
    assert "Cipher is TLS_AES_128_GCM_SHA256" in shown


@pytest.mark.parametrize("which", DAEMONS)
def test_early_data_is_refused(untouched, which):
    """It could be replayed (RFC 8446, 8)."""
    session = untouched.folder / f"session-{which}"
    request = raw.request("GET", "/v1/status", b"", "Connection: close")
    shown, _ = s_client(untouched, which, "-sess_out", session, "-ign_eof", data=request)
    assert "200 OK" in shown
    early = untouched.folder / "early"
    early.write_bytes(untouched.fetch())
    shown, said = s_client(untouched, which, "-sess_in", session, "-early_data", early)
    assert "Early data was accepted" not in shown + said
    assert "206" not in shown


@pytest.mark.parametrize("which", DAEMONS)
def test_a_recorded_connection_is_worth_nothing(untouched, which):
    """All that a member sent, sent once more, whole and in parts."""
    world = untouched
    tap = Tap(world.home, world.daemon(which).address)
    try:
        context = world.insider().client()
        outcome = knock(world.member, tap.address, context)
        assert outcome.status == 200
        (up,), (down,) = tap.up, tap.down
    finally:
        tap.close()
    answers = [send_raw(world.stranger, world.daemon(which).address, bytes(up))]
    answers.append(send_raw(world.stranger, world.daemon(which).address, bytes(up[:-10])))
    for answer in answers:
        assert b"HTTP/1.1" not in answer
        assert len(answer) < len(down), "the replayed request was answered"


@pytest.mark.parametrize("which", DAEMONS)
def test_a_ticket_without_the_key_to_it_opens_nothing(untouched, which):
    """A resumed session shows no certificate, so the ticket must be of a session that did; another
    swarm's does not do."""
    world = untouched
    host, address = world.member, world.daemon(which).address
    context = world.insider().client()
    first = knock(host, address, context)
    assert first.status == 200 and first.session
    again = knock(host, address, context, session=first.session)
    assert again.status == 200 and again.reused
    stranger = world.other.issue("f" * 32).client(False)
    session = knock(host, address, stranger).session
    if session is not None:
        assert knock(host, address, stranger, session=session).data == b""


def test_garbage_in_the_place_of_a_handshake(untouched):
    world = untouched
    for data in os.urandom(5000), b"\x16\x03\x01\xff\xff" + bytes(70000), b"\x80\x2e\x01\x00\x02":
        for which in DAEMONS:
            answer = send_raw(world.stranger, world.daemon(which).address, data)
            assert len(answer) < 100 and b"HTTP" not in answer


# --- rogue servers -------------------------------------------------------------------------------


class Rogue:
    """Listens on the stranger's host and keeps what it could read, and what was on the wire."""

    def __init__(self, world, context, tracker=False):
        self.bodies, self.wire = [], []
        wrap = None
        if context:
            wrap = lambda s: context.wrap_socket(  # noqa: E731
                s, server_side=True, do_handshake_on_connect=False
            )
        self.server = Server(world.stranger, world.stranger.address, self._respond, wrap=wrap)
        self.tap = Tap(world.stranger, self.server.address)
        self.address = self.tap.address

    def _respond(self, exchange):
        self.bodies.append((exchange.command, exchange.path, exchange.body))
        exchange.reply("200 OK", b'{"peers": []}', "Content-Type: application/json")

    def close(self):
        self.tap.close()
        self.server.close()

    @property
    def heard(self):
        return b"".join(bytes(up) for up in self.tap.up)


ROGUES = ["plain HTTP", "signed by itself", "of another swarm", "expired", "of tomorrow",
          "issued by a node", "for another name"]  # fmt: skip


def rogue_context(world, kind):
    if kind == "plain HTTP":
        return None
    credentials = {
        "signed by itself": lambda: self_signed(world.folder, "rogue"),
        "of another swarm": lambda: world.other.issue("f" * 32),
        "expired": lambda: world.insider(begins=-2 * DAY, ends=-60),
        "of tomorrow": lambda: world.insider(begins=HOUR, ends=DAY),
        "issued by a node": lambda: world.swarm.issue(
            "f" * 32, by=world.swarm.files(world.helper)
        ),
        "for another name": lambda: world.swarm.issue("f" * 32, names=["f" * 32]),
    }[kind]()
    return credentials.server()


@pytest.mark.parametrize("kind", ROGUES)
@pytest.mark.parametrize("role", ["--peer", "--tracker"])
def test_a_member_tells_a_rogue_nothing(untouched, role, kind):
    world = untouched
    rogue = Rogue(world, rogue_context(world, kind))
    try:
        get = world.lab.get(
            world.member, world.url, role, rogue.address, "--retries", 2, tracker=None
        ).expect(3)
    finally:
        rogue.close()
    assert rogue.tap.up, "nobody came by"
    assert rogue.bodies == []
    for secret in NAME, ORIGIN_ADDRESS:
        assert secret.encode() not in rogue.heard
    assert not get.published()
    said = [*get.notices(), get.error_line]
    assert any(rogue.address in text for text in said), said


def test_a_rogue_with_a_good_certificate_would_have_heard_it(world):
    """The control of the one above: the trap works."""
    rogue = Rogue(world, world.insider().server())
    try:
        world.lab.get(
            world.member, world.url, "--peer", rogue.address, "--retries", 2, tracker=None
        ).wait()
    finally:
        rogue.close()
    assert any(NAME.encode() in body for _, _, body in rogue.bodies)


@pytest.mark.parametrize("kind", ["plain HTTP", "signed by itself", "of another swarm"])
def test_a_peer_announces_itself_to_no_rogue(untouched, kind):
    world = untouched
    rogue = Rogue(world, rogue_context(world, kind))
    peer = world.lab.start_peer(world.member, "--tracker", rogue.address, tracker=None)
    try:
        wait_until(lambda: rogue.tap.up, "the peer to come by")
        peer.process.says(rogue.address)
        assert rogue.bodies == []
        assert node_id(world.member).encode() not in rogue.heard
    finally:
        peer.process.stop()
        rogue.close()


# --- another node's name -------------------------------------------------------------------------


def announce(port=7071):
    return json.dumps({"port": port, "host_id": "x", "version": "1"}).encode()


def test_a_member_cannot_announce_as_another(untouched):
    world = untouched
    victim = node_id(world.helper)
    before = world.tracker.peers()
    thief = world.insider().client()
    data = raw.request("PUT", f"/v1/peers/{victim}", announce(), "Connection: close")
    outcome = knock(world.member, world.tracker.address, thief, data)
    assert outcome.status == 403 and b"not_you" in outcome.data
    assert [p["address"] for p in world.tracker.peers()] == [p["address"] for p in before]


def test_a_member_cannot_take_another_away(untouched):
    world = untouched
    victim = node_id(world.helper)
    data = raw.request("DELETE", f"/v1/peers/{victim}", b"", "Connection: close")
    outcome = knock(world.member, world.tracker.address, world.insider().client(), data)
    assert outcome.status == 403 and b"not_you" in outcome.data
    assert victim in [p["id"] for p in world.tracker.peers()]


def test_a_name_in_another_field_of_the_certificate_does_not_count(untouched):
    """The victim's id among the alternative names only, or as a second common name."""
    world = untouched
    victim = node_id(world.helper)
    data = raw.request("DELETE", f"/v1/peers/{victim}", b"", "Connection: close")
    for thief in (
        world.swarm.issue("f" * 32, names=[victim, "ddm"]),
        world.swarm.issue("f" * 32, f'dn_oid = "2.5.4.3 {victim}"'),
    ):
        outcome = knock(world.member, world.tracker.address, thief.client(), data)
        assert outcome.status in (403, None), outcome
        assert victim in [p["id"] for p in world.tracker.peers()]


def test_another_name_in_the_path_spelt_oddly(untouched):
    world = untouched
    victim = node_id(world.helper)
    thief = world.insider().client()
    paths = [victim.upper(), victim + "%00", "%" + f"{ord(victim[0]):02x}" + victim[1:],
             victim + "/", "./" + victim, victim + "?x", "x/../" + victim]  # fmt: skip
    for path in paths:
        data = raw.request("DELETE", f"/v1/peers/{path}", b"", "Connection: close")
        outcome = knock(world.member, world.tracker.address, thief, data)
        assert outcome.status in (400, 403, 404, 405), (path, outcome)
    assert victim in [p["id"] for p in world.tracker.peers()]


def test_a_peer_at_another_peers_address_is_not_used(untouched):
    """The tracker is told that a node is where another one answers: its name is not believed there,
    so that nothing is said or blamed under it."""
    world = untouched
    liar = world.insider()
    name = subprocess.run(
        ["openssl", "x509", "-in", liar.certificate, "-noout", "-subject"],
        capture_output=True, text=True, check=True,
    ).stdout.strip().rpartition("= ")[2]  # fmt: skip
    body = json.dumps({"port": world.peer.port, "host_id": "x", "version": "1",
                       "address": world.helper.address})  # fmt: skip
    data = raw.request("PUT", f"/v1/peers/{name}", body.encode(), "Connection: close")
    context = liar.client()
    try:
        assert knock(world.member, world.tracker.address, context, data).status == 200
        served = world.served()
        get = world.lab.get(world.member, world.url, "--retries", 2).wait()
        if name in [p["id"] for p in world.tracker.peers()]:
            assert world.served()[-1] == served[-1], "asked under another's name"
            assert get.code == 3
    finally:
        data = raw.request("DELETE", f"/v1/peers/{name}", b"", "Connection: close")
        knock(world.member, world.tracker.address, context, data)
        world.lab.wait_for_peer(world.tracker, world.peer)


def test_reports_of_one_member_under_many_names_count_once(untouched):
    world = untouched
    victim = node_id(world.helper)
    context = world.insider().client()
    for number in range(5):
        body = json.dumps({"reporter": f"machine{number}", "reason": "wrong_bytes"}).encode()
        data = raw.request("POST", f"/v1/peers/{victim}/reports", body, "Connection: close")
        assert knock(world.member, world.tracker.address, context, data).status == 204
    (peer,) = [p for p in world.tracker.peers() if p["id"] == victim]
    assert peer.get("reports", 0) <= 1


# --- on the wire ---------------------------------------------------------------------------------


def test_a_cut_reply_is_not_taken_for_a_whole_one(world):
    """The wire is cut in the middle of the file, without TLS's own end."""
    tap = Tap(world.home, world.peer.address, cut_after=MIB)
    try:
        get = world.lab.get(
            world.member, world.url, "--peer", tap.address, "--retries", 2, tracker=None
        ).expect(3)
    finally:
        tap.close()
    assert tap.cuts > 0
    assert not get.published()
    assert 0 < get.done_bytes() < 4 * MIB


def test_a_flipped_bit_on_the_wire_never_reaches_the_file(world):
    tap = Tap(world.home, world.peer.address, flip_at=MIB)
    try:
        get = world.lab.get(
            world.member, world.url, "--peer", tap.address, tracker=None
        ).expect(0)  # fmt: skip
    finally:
        tap.close()
    assert len(tap.up) > 1, "the connection went on with it"
    assert_same(get.file, world.path)


def test_a_wire_that_keeps_everything_still_brings_the_file(world):
    """The control of those two."""
    tap = Tap(world.home, world.peer.address)
    try:
        get = world.lab.get(
            world.member, world.url, "--peer", tap.address, tracker=None
        ).expect(0)  # fmt: skip
    finally:
        tap.close()
    assert_same(get.file, world.path)
    assert NAME.encode() not in b"".join(bytes(up) for up in tap.up)


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
