# SPDX-License-Identifier: MIT
"""A Metalink (RFC 5854) of one file, with hashes of its pieces."""

import hashlib

DOCUMENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="{name}">
    <size>{size}</size>
    <hash type="sha-256">{whole}</hash>
    <pieces length="{length}" type="sha-256">
{pieces}
    </pieces>
{urls}
  </file>
</metalink>
"""


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def write_metalink(path, name, content, urls, length):
    """Of those bytes, to be had at these URLs; the pieces have that length."""
    pieces = (content[at : at + length] for at in range(0, len(content), length))
    path.write_text(
        DOCUMENT.format(
            name=name,
            size=len(content),
            whole=_sha256(content),
            length=length,
            pieces="\n".join(f"      <hash>{_sha256(piece)}</hash>" for piece in pieces),
            urls="\n".join(f"    <url>{url}</url>" for url in urls),
        ),
        encoding="utf-8",
    )
    return path
