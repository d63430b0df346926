# SPDX-License-Identifier: MIT
"""Network namespaces: make, configure, enter and remove them.

A name is `ddmlab-PID-NUMBER-WHAT`: two test workers or two checkouts never meet, and what a killed
run left behind can be told by its dead PID."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess

PREFIX = "ddmlab"
MOUNTS = "/run/netns"
# Files here replace those of the same name in /etc for every process that runs in the namespace.
ETC = "/etc/netns"
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(Exception):
    """ip or tc refused."""


def run_batch(tool, lines, namespace=None, force=False):
    """Gives the lines to `ip -batch` or `tc -batch`, in that namespace."""
    if not lines:
        return
    where = ["-n", namespace] if namespace else []
    command = [tool, *where, *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True)
    if done.returncode != 0 and not force:
        raise NamespaceError(f"{' '.join(command)}: {done.stderr.strip()}\n" + "\n".join(lines))


class Namespace:
    """One network namespace. add() makes it, remove() removes it."""

    def __init__(self, lab_name, what):
        self.what = what
        self.name = f"{lab_name}-{what}"

    @property
    def path(self):
        return f"{MOUNTS}/{self.name}"

    def ip(self, *lines):
        run_batch("ip", lines, self.name)

    def tc(self, *lines):
        run_batch("tc", lines, self.name)

    def sysctl(self, path, value):
        """sysctl("net/ipv4/ip_forward", 1)"""
        with self.entered(), open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
            file.write(str(value))

    def write_etc(self, files):
        """files: {"resolv.conf": text, …} as the processes of this namespace see them in /etc. A
        folder among them hides the one of that name."""
        folder = f"{ETC}/{self.name}"
        for name, text in files.items():
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)

    def command(self, arguments):
        """The command line that runs these arguments inside, as the same process (only exec), and
        dies with the process that started it. Ctrl-C reaches it also where these tests run in the
        background of a shell, which has its children ignore it."""
        inside = ["ip", "netns", "exec", self.name, "env", "--default-signal=INT"]
        return [*inside, "setpriv", "--pdeathsig", "KILL", "--", *arguments]

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside for the block; sockets made there stay there."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            target = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(target)
            finally:
                os.close(target)
            try:
                yield
            finally:
                _setns(own)
        finally:
            os.close(own)

    def connect(self, address, port, timeout=10):
        """A TCP connection from inside."""
        with self.entered():
            return socket.create_connection((address, port), timeout=timeout)

    def listen(self, port=0, address="0.0.0.0"):
        """A listening TCP socket inside."""
        with self.entered():
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
        return listener


def add_all(namespaces):
    run_batch("ip", [f"netns add {n.name}" for n in namespaces])


def remove_all(namespaces):
    """Also those that were never made; says nothing."""
    _remove_names([n.name for n in namespaces])


def remove_stale():
    """Removes what runs that were killed left behind: the PID in the name is of no process."""
    try:
        names = os.listdir(MOUNTS)
    except FileNotFoundError:
        return
    stale = []
    for name in names:
        match = re.fullmatch(rf"{PREFIX}-(\d+)-.*", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            stale.append(name)
    for name in stale:
        _kill_all_in(name)
    _remove_names(stale)


def _kill_all_in(name):
    """What runs in a namespace of a dead run was started by it."""
    shown = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    for pid in shown.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _remove_names(names):
    run_batch("ip", [f"netns del {name}" for name in names], force=True)
    for name in names:
        shutil.rmtree(f"{ETC}/{name}", ignore_errors=True)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")
