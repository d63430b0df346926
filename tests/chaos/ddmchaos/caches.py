# SPDX-License-Identifier: MIT
"""The files of peers' caches: bits that flip in them, and whether a wrong one ever gets out."""

import contextlib
import hashlib
import http.client
import os
import random

from .judge import Wrong
from .script import MIB

STEP = 4 * MIB  # of one request of the audit
NOTICED = "are not what was kept"  # as src/peer/cache_load.c says it


def object_key(url, size, etag, last_modified):
    """As src/swarm/object_key.h has it."""
    validator = f"etag\n{etag}" if etag else f"date\n{last_modified}"
    return hashlib.sha256(f"ddm object 1\n{url}\n{size}\n{validator}\n".encode()).hexdigest()


def _stretches(file):
    """[(begin, end)] that are there of a sparse file."""
    size, at, found = os.fstat(file).st_size, 0, []
    with contextlib.suppress(OSError):  # behind the last one
        while at < size:
            begin = os.lseek(file, at, os.SEEK_DATA)
            at = os.lseek(file, begin, os.SEEK_HOLE)
            found.append((begin, at))
    return found


def flip(folder, ending, seed):
    """A bit in one of its files, somewhere; says where, or None if there is nothing."""
    rng = random.Random(seed)
    paths = sorted(path for path in folder.glob(f"*{ending}"))
    if not paths:
        return None
    path = rng.choice(paths)
    with contextlib.suppress(FileNotFoundError):  # it has just been evicted
        file = os.open(path, os.O_RDWR)
        try:
            stretches = _stretches(file)
            if not stretches:
                return None
            at = rng.randrange(*rng.choices(stretches, [e - b for b, e in stretches])[0])
            byte = os.pread(file, 1, at)
            os.pwrite(file, bytes([byte[0] ^ 1 << rng.randrange(8)]), at)
            return f"{path.name[:12]}…{ending} at {at}"
        finally:
            os.close(file)
    return None


def held(peer, key):
    """Ranges that it has, by its own word."""
    reply = peer.request("GET", f"/v1/objects/{key}")
    return reply.json()["ranges"] if reply.status == 200 else []


def _get(peer, body):
    """Status and bytes, as many as come."""
    try:
        reply = peer.request("POST", "/v1/fetch", body, timeout=30)
        return reply.status, reply.body
    except http.client.IncompleteRead as error:
        return 206, error.partial


def audit(peer, version, is_newest):
    """Reads all that a peer has of a version and compares it. An older one cannot be fetched again
    where it is not right any more: what comes of it must be right."""
    for first, end in held(peer, version.key):
        for begin in range(first, end, STEP):
            until = min(begin + STEP, end)
            body = {"url": version.url, "begin": begin, "end": until, "size": len(version.data)}
            body |= {"etag": version.etag} if version.etag else {}
            status, data = _get(peer, body | {"last_modified": version.last_modified})
            if status == 206 and data != version.data[begin : begin + len(data)]:
                raise Wrong(f"wrong bytes leave the peer on {peer.host.name}: {begin} to {until}")
            if is_newest and (status != 206 or len(data) != until - begin):
                raise Wrong(
                    f"the peer on {peer.host.name} says that it has {first} to {end}, and gives"
                    f" {len(data)} bytes from {begin} on: {status} {data[:200] if status != 206 else ''}"
                )
