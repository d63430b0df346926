# SPDX-License-Identifier: MIT
"""What a disk holds after the power went, out of the log that power.c keeps.

A file's bytes are sure up to its last sync that came to its end, names up to that of the folder.
What was written later is there, or not, or in parts of 512 bytes; each name that was made, moved or
removed later is as it is now, or as it was: any of these, whatever the others are."""

import os
import struct

SECTOR = 512
RECORD = struct.Struct("<IIQQ")
CREATE, WRITE, TRUNCATE, RENAME, LINK, UNLINK, SYNC_BEGIN, SYNC_END = range(1, 9)
FOLDER = 0


def read_log(path):
    """(kind, inode, offset, payload) of all records that are whole."""
    data = path.read_bytes() if path.exists() else b""
    at = 0
    while at + RECORD.size <= len(data):
        kind, length, inode, offset = RECORD.unpack_from(data, at)
        at += RECORD.size
        if at + length > len(data):
            return
        yield kind, inode, offset, data[at : at + length]
        at += length


def patch(content, offset, data):
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset : offset + len(data)] = data


class Unsynced:
    """Changes in their order; `apply(change)` makes one sure."""

    def __init__(self):
        self.changes, self.begun = [], []

    def sync_begins(self):
        self.begun.append(len(self.changes))

    def sync_ends(self, apply):
        count = self.begun.pop(0)
        for change in self.changes[:count]:
            apply(change)
        del self.changes[:count]
        self.begun = [max(n - count, 0) for n in self.begun]


class File:
    def __init__(self, content=b""):
        self.content = bytearray(content)
        self.unsynced = Unsynced()

    def change(self, change):
        kind, offset, data = change
        if kind == WRITE:
            patch(self.content, offset, data)
        elif len(self.content) > offset:
            del self.content[offset:]
        else:
            self.content.extend(bytes(offset - len(self.content)))

    def lose_power(self, rng):
        for kind, offset, data in self.unsynced.changes:
            fate = rng.random()
            if fate < 0.4:
                self.change((kind, offset, data))
            elif fate < 0.7 and kind == WRITE:
                at = offset
                while at < offset + len(data):
                    end = min((at // SECTOR + 1) * SECTOR, offset + len(data))
                    if rng.random() < 0.5:
                        patch(self.content, at, data[at - offset : end - offset])
                    at = end


class Disk:
    """A folder: as the process sees it, and as it is on the disk."""

    def __init__(self, folder):
        self.names, self.seen, self.inodes = {}, {}, {}
        self.unsynced = Unsynced()
        for entry in os.scandir(folder):
            file = File(open(entry.path, "rb").read())
            self.inodes[entry.inode()] = self.names[entry.name] = self.seen[entry.name] = file

    def play(self, log):
        for kind, inode, offset, payload in read_log(log):
            if kind in (CREATE, RENAME, LINK, UNLINK):
                self.rename(kind, inode, [n.decode() for n in payload.split(b"\0")])
            elif kind in (WRITE, TRUNCATE):
                self.inodes[inode].unsynced.changes.append((kind, offset, payload))
            else:
                file = None if inode == FOLDER else self.inodes[inode]
                unsynced = file.unsynced if file else self.unsynced
                if kind == SYNC_BEGIN:
                    unsynced.sync_begins()
                else:
                    unsynced.sync_ends(file.change if file else self.names_change)

    def rename(self, kind, inode, names):
        if kind == CREATE:
            self.inodes[inode] = File()
            change = {names[0]: self.inodes[inode]}
        elif kind == UNLINK:
            change = {names[0]: None}
        else:
            change = {names[1]: self.seen[names[0]]}
            if kind == RENAME:
                change[names[0]] = None
        self.seen.update(change)
        self.unsynced.changes.append(change)

    def names_change(self, change):
        self.names.update(change)

    def lose_power(self, rng):
        for file in self.inodes.values():
            file.lose_power(rng)
        for change in self.unsynced.changes:
            if rng.random() < 0.5:
                self.names_change(change)

    def write(self, folder):
        """The folder becomes what the disk holds."""
        for entry in list(os.scandir(folder)):
            os.unlink(entry.path)
        for name, file in self.names.items():
            if file is not None:
                with open(os.path.join(folder, name), "wb") as out:
                    out.write(file.content)
