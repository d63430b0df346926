# SPDX-License-Identifier: MIT
"""Reads a journal as src/io/journal.h draws it; written for itself, so that it can disagree."""

import hashlib
import struct

OBJECT, ORIGIN, CHECKSUM, VALID, FORGOTTEN, UNPROVED, EXTENTS = range(1, 8)


class Journal:
    def __init__(self, data):
        self.good = False
        self.size, self.etags, self.valid = None, [], set()
        self.extents = {}  # (begin, end): checksum
        head = data[:28]
        if head[:8] != b"DDMjrnl\n" or not self.is_right(head[12:28], head, data[28:36]):
            return
        at = 36
        sequence = 0
        while at + 16 <= len(data):
            length, kind, number = struct.unpack_from("<IIQ", data, at)
            record, check = data[at : at + 16 + length], data[at + 16 + length : at + 24 + length]
            if number != sequence or not self.is_right(head[12:28], record, check):
                break
            self.take(kind, record[16:])
            sequence += 1
            at += 24 + length
        self.good = sequence > 0

    @staticmethod
    def is_right(key, data, check):
        return len(check) == 8 and hashlib.sha256(key + data).digest()[:8] == check

    def take(self, kind, payload):
        if kind == OBJECT:
            (self.size,) = struct.unpack("<Q", payload)
        elif kind == ORIGIN:
            texts = []
            while payload:
                (n,) = struct.unpack_from("<H", payload)
                texts.append(payload[2 : 2 + n].decode())
                payload = payload[2 + n :]
            self.etags.append(texts[1])
        elif kind == EXTENTS:
            for begin, end, checksum in struct.iter_unpack("<QQ16s", payload):
                self.drop_extents(begin, end)
                self.extents[begin, end] = checksum
        elif kind in (VALID, FORGOTTEN):
            for begin, end in struct.iter_unpack("<QQ", payload):
                if kind == VALID:
                    self.valid.add((begin, end))
                else:
                    self.forget(begin, end)
                    self.drop_extents(begin, end)

    def drop_extents(self, begin, end):
        touched = [(a, b) for a, b in self.extents if a < end and b > begin]
        for extent in touched:
            del self.extents[extent]

    def forget(self, begin, end):
        kept = set()
        for a, b in self.valid:
            if a < begin:
                kept.add((a, min(b, begin)))
            if b > end:
                kept.add((max(a, end), b))
        self.valid = kept
