# SPDX-License-Identifier: MIT
"""Certificates of servers, and hosts that trust them."""

import os
import subprocess
from pathlib import Path

from . import netns


def make_certificate(folder, address):
    """(certificate, key) for that address, signed by itself."""
    certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=origin",
         "-addext", f"subjectAltName=IP:{address}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def trust(host, certificate):
    """From now on processes started on the host trust that certificate and no other."""
    text = Path(certificate).read_text()
    folder = f"{netns.ETC}/{host.namespace.name}"
    # Where distributions have them.
    for name in "ssl/certs/ca-certificates.crt", "ssl/cert.pem", "pki/tls/certs/ca-bundle.crt":
        if os.path.exists(f"/etc/{name.split('/')[0]}"):
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            Path(f"{folder}/{name}").write_text(text)
