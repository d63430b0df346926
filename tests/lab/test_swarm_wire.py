# SPDX-License-Identifier: MIT
"""Between members of a swarm: what TLS takes, servers that are none of theirs, members under
another's name, somebody on the wire."""

import json
import os
import shutil
import ssl
import subprocess

import pytest
from ddmlab import raw, wait_until
from ddmlab.content import MIB, assert_same
from ddmlab.guarded import DAEMONS, NAME, Rogue
from ddmlab.guests import knock, send_raw
from ddmlab.lab import ORIGIN_ADDRESS
from ddmlab.swarm import TOOLS, node_id, self_signed
from ddmlab.tap import Tap

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)

HOUR = 3600
DAY = 24 * HOUR


# --- TLS itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_1", "TLSv1"])
@pytest.mark.parametrize("which", DAEMONS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_older_tls_is_refused(untouched, which, version):
    context = untouched.insider().client(version=ssl.TLSVersion[version])
    context.set_ciphers("ALL:@SECLEVEL=0")
    untouched.refuses(which, context)


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


def test_a_peer_at_another_peers_address_pushes_nobody_aside(untouched):
    """The tracker is told that a node is where another one answers: who is there stays listed."""
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
        assert node_id(world.helper) in [p["id"] for p in world.tracker.peers()]
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


