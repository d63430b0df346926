# SPDX-License-Identifier: MIT
"""A swarm's key in the hands of a test: hosts that join, and certificates of every kind.

What ddm makes of the key is made here once more, from its contract (src/swarm/token.h and
src/io/tls_ca.h) and with other tools, so that a test can issue what ddm never would."""

import base64
import hashlib
import hmac
import ssl
import subprocess
import time
from pathlib import Path

from .process import clean_environment
from .waiting import PATIENCE

TOOLS = ["certtool", "openssl"]
INFO = b"ddm swarm ca ed25519 v1"
ED25519_SEED = bytes.fromhex("302e020100300506032b657004220420")  # PKCS #8, RFC 8410
DAY = 24 * 3600


def read_token(text):
    """[(secret, ends)], newest first; see src/swarm/token.h."""
    text = text.strip().removeprefix("ddm1_")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    keys = [data[1 + 40 * i :][:40] for i in range(data[0])]
    return [(key[:32], int.from_bytes(key[32:], "little")) for key in keys]


def seed_of(secret):
    """HKDF-SHA256 (RFC 5869) without salt, of one block."""
    prk = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(prk, INFO + b"\x01", hashlib.sha256).digest()


def run(*command, data=None):
    done = subprocess.run([str(c) for c in command], input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def pem(kind, data):
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n"


class Credentials:
    """A certificate (with what stands between it and the CA) and its key, as files."""

    def __init__(self, certificate, key, ca=None):
        self.certificate, self.key, self.ca = Path(certificate), Path(key), ca

    def client(self, ca=None, version=ssl.TLSVersion.TLSv1_3):
        """A context that shows it. `ca` None: of its own swarm; False: believes everybody."""
        return client_context(self, self.ca if ca is None else ca, version)

    def server(self):
        """A context of a rogue server: asks for a certificate and takes any or none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def client_context(credentials=None, ca=False, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if version:
        context.minimum_version = context.maximum_version = version
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials:
        context.load_cert_chain(credentials.certificate, credentials.key)
    return context


class Swarm:
    """Made by `ddm swarm init`. join(host, …): these have the key, and lab.tracker(), peer() and
    get() use it. `trackers` are those that the token names; nobody is at the one of the default."""

    def __init__(self, lab, trackers=("127.0.0.1:9",)):
        self.lab = lab
        self.folder = lab.folder("swarm")
        self.home = self.new_state("home")
        self._number = 0
        self._ca = {}
        self.command("init", self.home, "--tracker", ",".join(trackers))
        self.ca_of(self.secret)

    # --- the key ---------------------------------------------------------------------------------

    def command(self, name, state, *arguments):
        """`ddm swarm NAME`, to its end; what it printed."""
        line = [self.lab.binary, "swarm", name, "--state-dir", state, *arguments]
        done = subprocess.run(
            [str(part) for part in line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=clean_environment(), timeout=60 * PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"swarm {name}: {done.stderr}"
        return done.stdout

    def token(self):
        return self.command("token", self.home).strip()

    @property
    def secret(self):
        """The newest key."""
        return read_token(self.token())[0][0]

    def rotate(self, lasts):
        """Another key; the one before counts for so long yet ("90s"). Nobody has heard of it."""
        self.command("init", self.home, "--rotate", "--rotate-for", lasts)
        self.ca_of(self.secret)

    def join(self, *hosts):
        """Each pastes the token. Again after rotate()."""
        token = self.token()
        for host in hosts:
            if host.state is None:
                host.state = self.new_state(host.name)
            host.swarm = self
            self.command("join", host.state, token)
            self.command("show", host.state)  # makes what it shows
        return self

    def new_state(self, name="state"):
        return self.lab.folder(f"state-{name}") / "ddm"

    def new_member(self):
        """A state folder that has joined."""
        state = self.new_state()
        self.command("join", state, self.token())
        self.command("show", state)
        return state

    # --- certificates ----------------------------------------------------------------------------

    @property
    def ca(self):
        """(certificate, key) of the newest key's CA."""
        return self.ca_of(self.secret)

    def ca_of(self, secret):
        if secret not in self._ca:
            self._ca[secret] = self._make_ca(secret)
        return self._ca[secret]

    def _path(self, kind):
        self._number += 1
        return self.folder / f"{self._number}.{kind}"

    def _make_ca(self, secret):
        """ddm's certificate, and the key to it, which ddm writes nowhere."""
        key, certificate = self._path("key"), self._path("crt")
        key.write_text(pem("PRIVATE KEY", ED25519_SEED + seed_of(secret)))
        self.command("show", self.home)
        certificate.write_text((self.home / "ca.crt").read_text())  # the newest one is the first
        derived = run("openssl", "pkey", "-in", key, "-pubout")
        shown = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey")
        assert derived == shown, "ddm derives another CA than its contract says"
        return certificate, key

    def _template(self, lines):
        path = self._path("template")
        path.write_text("\n".join(lines) + "\n")
        return path

    def issue(self, name, *extra, begins=-DAY, ends=DAY, names=None, purposes=True, by=None,
              secret=None):  # fmt: skip
        """A certificate such as ddm makes, if no more is said. begins, ends: s from now. extra:
        lines of certtool's template. by: Credentials of who signs instead of the CA."""
        key, certificate = self._path("key"), self._path("crt")
        names = [name, "ddm"] if names is None else names
        run("certtool", "--generate-privkey", "--key-type", "ed25519", "--outfile", key)
        lines = [f'cn = "{name}"'] if name else ['organization = "nobody"']
        lines += [f'dns_name = "{n}"' for n in names] + ["signing_key", *extra]
        lines += [f'activation_date = "{stamp(begins)}"', f'expiration_date = "{stamp(ends)}"']
        if purposes:
            lines += ["tls_www_client", "tls_www_server"]
        ca, ca_key = (by.certificate, by.key) if by else self.ca_of(secret or self.secret)
        run("certtool", "--generate-certificate", "--load-privkey", key, "--load-ca-certificate",
            ca, "--load-ca-privkey", ca_key, "--template", self._template(lines), "--outfile",
            certificate)  # fmt: skip
        if by:  # the whole chain is shown
            certificate.write_text(certificate.read_text() + by.certificate.read_text())
        return Credentials(certificate, key, self.ca[0])

    def files(self, host):
        """What ddm itself made on that host."""
        state = host.state
        return Credentials(state / "node.crt", state / "node.key", state / "ca.crt")

    def context(self, host):
        return self.files(host).client()


def node_id(host):
    return (host.state / "node.id").read_text().strip()


def self_signed(folder, name="ddm"):
    """Of nobody's swarm."""
    certificate, key = Path(folder) / f"self-{name}.crt", Path(folder) / f"self-{name}.key"
    run("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj",
        f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:ddm", "-keyout", key, "-out",
        certificate)  # fmt: skip
    return Credentials(certificate, key)


def stamp(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + seconds))
