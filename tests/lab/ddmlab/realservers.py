# SPDX-License-Identifier: MIT
"""The servers of the distribution, side by side on the origin's host, with one folder of files."""

import os
import shutil

import pytest

from . import apache
from .hostile import Place
from .lab import ORIGIN_ADDRESS
from .lighttpd import Lighttpd
from .pyhttp import PyHttp

NAMES = ["nginx", "apache", "lighttpd", "pyhttp"]
KINDS = {"apache": apache.Apache, "lighttpd": Lighttpd, "pyhttp": PyHttp}


def is_there(name):
    if name == "apache":
        return apache.program() is not None
    return name == "pyhttp" or shutil.which(name) is not None


class RealServers(Place):
    """Started when first asked for: servers["apache"]. See hostile/ways.py for the downloads."""

    def __init__(self):
        super().__init__()
        os.chmod(self.lab.directory, 0o711)  # Apache reads its files as nobody
        self._servers = {"nginx": self.lab.origin}

    @property
    def files(self):
        return self.lab.origin.files

    def __getitem__(self, name):
        if name not in self._servers:
            if not is_there(name):
                pytest.skip(f"{name} is not installed")
            root = self.lab.directory / name
            self._servers[name] = KINDS[name](
                self.lab.origin_host, ORIGIN_ADDRESS, root, self.files
            )
        return self._servers[name]

    def put(self, name, content, suffix=""):
        """A file of the folder, put in the place of the one before it at once."""
        new = self.files / f"{name}.new"
        new.write_bytes(content if isinstance(content, bytes) else content.all())
        os.replace(new, self.files / f"{name}{suffix}")

    def slow_down(self, mbit):
        """Both uplinks; None: as fast as it goes."""
        for host in (self.client, self.helper):
            host.uplink.set_rate(mbit)
