# SPDX-License-Identifier: MIT
"""Files of random bytes, their digests, and their validators as nginx makes them."""

import email.utils
import hashlib
import os
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30


def make_file(path, size):
    """A file of that many random bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        left = size
        while left > 0:
            left -= file.write(os.urandom(min(left, 4 * MIB)))
    return path


def make_big_file(path, size, block=64 * MIB):
    """A file of many GiB, quickly: one random block again and again, each stamped with its offset
    every MiB so that no two MiB are the same."""
    path = Path(path)
    random = bytearray(os.urandom(block))
    with open(path, "wb") as file:
        offset = 0
        while offset < size:
            count = min(block, size - offset)
            for at in range(0, count, MIB):
                random[at : at + 8] = (offset + at).to_bytes(8, "big")
            file.write(memoryview(random)[:count])
            offset += count
    return path


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def same_bytes(first, second):
    """Byte by byte; sizes first."""
    if os.path.getsize(first) != os.path.getsize(second):
        return False
    with open(first, "rb") as one, open(second, "rb") as other:
        while True:
            block = one.read(MIB)
            if block != other.read(MIB):
                return False
            if not block:
                return True


def assert_same(got, expected):
    """Says where the first difference is."""
    got, expected = Path(got), Path(expected)
    assert got.exists(), f"{got} is not there; its folder has {sorted(os.listdir(got.parent))}"
    sizes = got.stat().st_size, expected.stat().st_size
    assert sizes[0] == sizes[1], f"{got.name} has {sizes[0]} bytes, not {sizes[1]}"
    if not same_bytes(got, expected):
        raise AssertionError(f"{got.name} differs at byte {first_difference(got, expected)}")


def first_difference(first, second):
    with open(first, "rb") as one, open(second, "rb") as other:
        offset = 0
        while True:
            a, b = one.read(MIB), other.read(MIB)
            if a != b:
                return offset + next(
                    (i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]),
                    min(len(a), len(b)),
                )
            if not a:
                return None
            offset += len(a)


def nginx_etag(path):
    stat = os.stat(path)
    return f'"{int(stat.st_mtime):x}-{stat.st_size:x}"'


def last_modified(path):
    return email.utils.formatdate(int(os.stat(path).st_mtime), usegmt=True)
