# SPDX-License-Identifier: MIT
"""Machines as `ddm swarm` knows them: a home folder each, on the real machine."""

import base64
import json
import re
import stat
import subprocess

from . import ddm
from .process import SANITIZER_REPORT, clean_environment
from .waiting import PATIENCE

TOKEN = re.compile(r"ddm1_[A-Za-z0-9_-]{40,}")


def mode(path):
    """The permission bits of a file, not of what it leads to."""
    return stat.S_IMODE(path.lstat().st_mode)


def bytes_of(token):
    text = token.removeprefix("ddm1_")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Machine:
    """A folder that is somebody's home."""

    def __init__(self, home):
        self.home = home
        self.home.mkdir()
        self.folder = home / ".local/state/ddm"
        self.file = self.folder / "swarm.token"

    def environment(self, env=None):
        kept = {"HOME": str(self.home), "XDG_STATE_HOME": "", "STATE_DIRECTORY": ""}
        return clean_environment({**kept, **(env or {})})

    def swarm(self, *arguments, text="", code=0, env=None, cwd=None):
        done = subprocess.run(
            [ddm.binary(), "swarm", *map(str, arguments)], input=text, capture_output=True,
            text=True, errors="replace", timeout=30 * PATIENCE, check=False,
            env=self.environment(env), cwd=cwd,
        )  # fmt: skip
        assert not SANITIZER_REPORT.search(done.stderr), done.stderr
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        if code:
            assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done
        return done

    def refused(self, code, *arguments, says=(), **how):
        """The one line of a command that fails."""
        line = self.swarm(*arguments, code=code, **how).stderr
        for words in says:
            assert words in line, f"{words!r} is missing in {line!r}"
        assert not TOKEN.search(line), line
        return line

    def token(self, **how):
        return self.swarm("token", **how).stdout.strip()

    def shown(self, **how):
        return json.loads(self.swarm("show", "--json", **how).stdout)
