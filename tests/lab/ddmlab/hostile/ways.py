# SPDX-License-Identifier: MIT
"""Three ways to one origin, in one lab: alone, with a peer beside the own uplink, and through a
peer where the own uplink has no way to the origin."""

import ssl
import subprocess

from ..evil import EvilPeer, TrueFile
from ..lab import ORIGIN_ADDRESS, PUBLIC_ORIGIN_ADDRESS, Lab
from ..waiting import wait_until
from .behaviours import BEHAVIOURS
from .contents import assert_content, assert_pipe
from .origin import Hostile, date, etag

ALONE, WITH_PEER, PEER_ONLY = "alone", "with a peer", "through a peer"
# Where libcurl looks for certificates, in /etc.
TRUSTED = "ssl/certs/ca-certificates.crt"
# Tries over an uplink that has no way to the origin.
FEW = 3
WAYS = [ALONE, WITH_PEER, PEER_ONLY]


# Where a pipe matters as much as a file: (way, output).
EACH = [(ALONE, None), (ALONE, "-"), (WITH_PEER, None), (PEER_ONLY, None)]


def name_of(value):
    """How such a parameter is shown."""
    return {None: "file", "-": "pipe"}.get(value, value)


class Place:
    """h1 has an uplink, h2 the peer, h3 no way to the origin (and knows at once)."""

    def __init__(self):
        self.lab = Lab(None, None, None)
        self._tls = None
        try:
            self.client, self.helper, self.island = self.lab.hosts
            self.island.namespace.ip(
                f"route add unreachable {ORIGIN_ADDRESS}/32",
                f"route add unreachable {PUBLIC_ORIGIN_ADDRESS}/32",
            )
            self.peer = self.lab.peer(self.helper)
        except BaseException:
            self.lab.close()
            raise

    def origin(self, rate=0, **options):
        """A hostile one; the caller closes it."""
        host = self.lab.origin_host
        return Hostile(host, host.address, BEHAVIOURS, rate, **options)

    def evil_peer(self, behaviour, content, host=None):
        """A peer that behaves so with a content, whose validators it knows; see evil.py."""
        file = TrueFile(content.all(), etag(content.version), date(content.version))
        return self.lab.keep(EvilPeer(host or self.helper, behaviour, file))

    def tls_origin(self, **options):
        """One with a certificate that is trusted on all hosts of the lab."""
        if self._tls is None:
            self._tls = self._make_certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._tls)

        def wrap(listener):
            return context.wrap_socket(
                listener, server_side=True, do_handshake_on_connect=False
            )

        return self.origin(wrap=wrap, **options)

    def _make_certificate(self):
        folder = self.lab.folder("tls")
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        names = f"subjectAltName=IP:{ORIGIN_ADDRESS},IP:{PUBLIC_ORIGIN_ADDRESS}"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=lab", "-addext", names,
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        for host in self.lab.hosts:
            host.namespace.write_etc({TRUSTED: certificate.read_text()})
        return certificate, key

    def start(self, way, url, *options, **named):
        """`ddm get` that way, started."""
        host = self.island if way == PEER_ONLY else self.client
        peers = ["--no-peers"] if way == ALONE else ["--peer", self.peer.address]
        if way == PEER_ONLY and "--retries" not in options:
            peers += ["--retries", FEW]
        if named.get("output") == "-":
            named["events"] = False
        return self.lab.get(host, url, *peers, *options, **named)

    def get(self, way, url, *options, deadline=60, **named):
        """`ddm get` that way, to its end, with whatever exit code."""
        get = self.start(way, url, *options, **named).wait(deadline)
        assert not get.process.complaints(), get.process.tail(lines=100)
        return get

    def arrives(self, way, url, *versions, **named):
        """It is downloaded, whole, and is one of these versions. Returns the download."""
        get = self.get(way, url, *named.pop("options", ()), **named)
        assert get.code == 0, f"exit {get.code}\n{get.process.tail()}"
        is_right(get, *versions)
        return get

    def fails(self, way, url, codes, *versions, **named):
        """It ends with one of these codes, and nothing is published."""
        get = self.get(way, url, *named.pop("options", ()), **named)
        codes = codes if isinstance(codes, tuple) else (codes,)
        assert get.code in codes, f"exit {get.code}, not {codes}\n{get.process.tail()}"
        is_harmless(get, *versions)
        return get

    def arrives_or_fails(self, way, url, codes, *versions, **named):
        """One of the two: never wrong bytes with 0."""
        get = self.get(way, url, *named.pop("options", ()), **named)
        if get.code == 0:
            is_right(get, *versions)
        else:
            assert get.code in codes, f"exit {get.code}, not {codes}\n{get.process.tail()}"
            is_harmless(get, *versions)
        return get

    def interrupted(self, way, origin, url, count, *options, kill=False, **named):
        """Started, and ended by Ctrl-C or kill -9 once so many bytes came; the origin holds back a
        third more. What is left behind goes on where it is started again with `directory`."""
        origin.hold(count * 4 // 3)
        get = self.start(way, origin.url(url), *options, **named)
        get.wait_for_bytes(count)
        if kill:
            get.process.kill()
        else:
            get.process.interrupt()
            get.expect(8)
        assert not get.process.complaints(), get.process.tail(lines=100)
        assert not get.published(), "it was done already: this test shows nothing"
        origin.release()
        return get

    def ends(self, get, codes, *versions):
        """A started one ends with one of these codes: right with 0, harmless with others."""
        get.wait()
        assert not get.process.complaints(), get.process.tail(lines=100)
        assert get.code in codes, f"exit {get.code}, not {codes}\n{get.process.tail()}"
        return is_harmless(get, *versions) if get.code else is_right(get, *versions)

    def wait_for_output(self, get, count):
        """Until so many bytes came out of a started pipe."""
        path = get.process.stdout_path
        wait_until(lambda: path.stat().st_size >= count, f"{count} bytes in the pipe")

    def close(self):
        self.lab.close()


def is_right(get, *versions):
    """What came is one of these, whole. Returns which."""
    if get.file is None:
        return assert_pipe(get.process.stdout_path, *versions, whole=True)
    assert get.left_behind() == [get.file.name]
    return assert_content(get.file, *versions)


def is_harmless(get, *versions):
    """Nothing is published; what went into a pipe is the beginning of one version."""
    if get.file is None:
        assert_pipe(get.process.stdout_path, *versions, whole=False)
    else:
        assert not get.published(), f"exit {get.code}, and the file is there"
