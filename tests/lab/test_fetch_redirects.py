# SPDX-License-Identifier: MIT
"""Where a redirect may lead."""

from ddmlab import tls
from ddmlab.content import MIB, assert_same
from ddmlab.nginx import Nginx

SECURE = """\
    server {{
        listen 443 ssl default_server;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {files};
        location = /down {{ return 302 http://{address}/file; }}
        location = /same {{ return 302 https://{address}/file; }}
    }}"""


def secure_origin(lab):
    address = lab.origin.address
    certificate, key = tls.make_certificate(lab.folder("tls"), address)
    body = SECURE.format(
        certificate=certificate, key=key, files=lab.origin.files, address=address
    )
    Nginx(lab.origin_host, lab.folder("secure"), body, 443)
    tls.trust(lab.hosts[0], certificate)
    return f"https://{address}"


def test_from_https_to_http_is_refused_and_said(make_lab):
    lab = make_lab(100)
    lab.file("file", MIB)
    url = secure_origin(lab)
    for written in url, url.replace("https", "HTTPS"):
        get = lab.download(lab.hosts[0], f"{written}/down", code=4, events=False)
        assert "redirect from https to http" in get.error_line
        assert get.left_behind() == []
    assert lab.origin.log() == []


def test_from_https_to_https_is_followed(make_lab):
    lab = make_lab(100)
    path = lab.file("file", MIB)
    get = lab.download(lab.hosts[0], f"{secure_origin(lab)}/same", "-o", "file")
    assert_same(get.file.with_name("file"), path)
