# SPDX-License-Identifier: MIT
"""Disks that can be full: a tmpfs, and an ext4 in an image, where space can be reserved. Their
names begin as Lab's small disks do, so that a run after one that was killed unmounts them."""

import contextlib
import os
import shutil
import subprocess

from .script import MIB

SIZE = 192 * MIB


class Disk:
    """A mounted file system; `folder` is a new, empty directory on it."""

    def __init__(self, mount_point, number):
        self.folder = mount_point / f"download-{number}"
        self.folder.mkdir()
        self._ballast = mount_point / "ballast"

    def fill(self):
        """Until nothing more fits."""
        with open(self._ballast, "wb") as file:
            size, step = 0, SIZE
            while step >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step
                except OSError:
                    step //= 2

    def free(self):
        self._ballast.unlink(missing_ok=True)

    def remove(self):
        self.free()
        shutil.rmtree(self.folder, ignore_errors=True)


def mount_tmpfs(path, size=SIZE):
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path]
    subprocess.run(command, check=True)


def mount_ext4(path):
    """False where this machine has no loop devices."""
    path.mkdir()
    image = path.with_suffix(".image")
    with open(image, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    command = ["mount", "-o", "loop", image, path]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(path):
    with contextlib.suppress(OSError):
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)
