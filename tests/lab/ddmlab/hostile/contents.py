# SPDX-License-Identifier: MIT
"""Bytes that are a function of version and offset, and comparisons with them.

A block of 1 MiB comes again and again; every 64 KiB of it begin with their offset, so that no
stretch of that length stands in two places or in two versions."""

import functools
import hashlib
import os
import random
from pathlib import Path

MIB = 1 << 20
STAMP_EVERY = 64 * 1024


@functools.lru_cache(maxsize=16)
def _block(version):
    return random.Random(version).randbytes(MIB)


class Content:
    """Version `version` of a file of `size` bytes."""

    def __init__(self, size, version=0):
        self.size = size
        self.version = version

    def read(self, begin, end):
        """The bytes [begin, end), which must lie within the file."""
        assert 0 <= begin <= end <= self.size
        first = begin // STAMP_EVERY * STAMP_EVERY
        data = bytearray()
        while first + len(data) < end:
            at = (first + len(data)) % MIB
            data += _block(self.version)[at : at + end - first - len(data)]
        for at in range(0, len(data), STAMP_EVERY):
            stamp = (first + at).to_bytes(8, "big")
            data[at : at + 8] = stamp[: len(data) - at]
        return bytes(memoryview(data)[begin - first :])

    def blocks(self, begin=0, end=None, length=MIB):
        """The same in parts."""
        end = self.size if end is None else end
        for at in range(begin, end, length):
            yield self.read(at, min(at + length, end))

    def all(self):
        return self.read(0, self.size)

    def digest(self, algorithm="sha256"):
        """A digest of the whole; `.hexdigest()`, `.digest()`."""
        digest = hashlib.new(algorithm)
        for block in self.blocks():
            digest.update(block)
        return digest


class Flipped(Content):
    """The same with one wrong bit in every 64 KiB."""

    def read(self, begin, end):
        data = bytearray(super().read(begin, end))
        first = (begin - STAMP_EVERY // 2 + STAMP_EVERY - 1) // STAMP_EVERY
        for at in range(first * STAMP_EVERY + STAMP_EVERY // 2, end, STAMP_EVERY):
            data[at - begin] ^= 1
        return bytes(data)


def difference(path, content):
    """Where the file first differs from the content, in words; None where they are the same."""
    size = os.path.getsize(path)
    if size != content.size:
        return f"it has {size} bytes, not {content.size}"
    with open(path, "rb") as file:
        for number, block in enumerate(content.blocks()):
            got = file.read(len(block))
            if got != block:
                at = next(i for i, pair in enumerate(zip(got, block)) if pair[0] != pair[1])
                return f"it differs at byte {number * MIB + at}"
    return None


def assert_content(path, *versions):
    """The file is one of these contents, whole. Returns which."""
    path = Path(path)
    assert path.exists(), f"{path} is not there; its folder has {sorted(os.listdir(path.parent))}"
    found = [difference(path, content) for content in versions]
    assert None in found, f"{path.name} is none of {len(versions)} versions: {'; '.join(found)}"
    return versions[found.index(None)]


def assert_pipe(path, *versions, whole):
    """What went into a pipe is one of these contents: whole, or its beginning. Returns which."""
    got = Path(path).read_bytes()
    if not got and not whole:
        return None
    for content in versions:
        if whole and len(got) != content.size or len(got) > content.size:
            continue
        if content.read(0, len(got)) == got:
            return content
    kind = "all" if whole else "the beginning"
    raise AssertionError(f"{len(got)} bytes in the pipe are not {kind} of any version")
