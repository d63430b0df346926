# SPDX-License-Identifier: MIT
"""A process of the lab, known by its pid alone. Its output goes to files; a sanitizer's report in
them is found at the end, whatever the process was killed with."""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from . import memory
from .waiting import DEADLINE, PATIENCE, TooLate, wait_until

SANITIZER_EXIT = 99
SANITIZER_REPORT = re.compile(
    r"(ERROR: (Address|Leak|Thread|Memory)Sanitizer.*"
    r"|.*: runtime error: .*"
    r"|.*Assertion .* failed.*)"
)
# What the lab's processes must not inherit: a proxy of the machine, or someone's settings of ddm.
NOT_INHERITED = re.compile(r"(?i).*_proxy$|^DDM_(?!BIN|LAB).*")


def clean_environment(extra=None):
    env = {key: value for key, value in os.environ.items() if not NOT_INHERITED.match(key)}
    env["LC_ALL"] = "C.UTF-8"
    env["ASAN_OPTIONS"] = (
        f"exitcode={SANITIZER_EXIT}:detect_leaks=1:detect_stack_use_after_return=1"
    )
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=0"
    env["LSAN_OPTIONS"] = f"exitcode={SANITIZER_EXIT}"
    env.update(extra or {})
    return env


class Process:
    """Runs a command in a namespace. stdout and stderr are paths of files, or subprocess.PIPE for
    `stdout` or `stdin`, which are then file objects of `popen`."""

    def __init__(self, command, namespace, directory, name, **options):
        self.command = [str(part) for part in command]
        self.name = name
        self.stdout_path = Path(directory) / f"{name}.out"
        self.stderr_path = Path(directory) / f"{name}.err"
        self.usage = None  # resource usage, once it has ended
        self.started = time.monotonic()
        self.ended = None
        stdout = options.pop("stdout", None)
        with contextlib.ExitStack() as files:
            if stdout is None:
                stdout = files.enter_context(open(self.stdout_path, "wb"))
            self.popen = subprocess.Popen(
                namespace.command(self.command),
                stdin=options.pop("stdin", subprocess.DEVNULL),
                stdout=stdout,
                stderr=files.enter_context(open(self.stderr_path, "wb")),
                env=clean_environment(options.pop("env", None)),
                **options,
            )
        self.pid = self.popen.pid
        self._pidfd = os.pidfd_open(self.pid)

    def __repr__(self):
        state = "running" if self.code is None else f"exit {self.code}"
        return f"<{self.name} {self.pid} {state}>"

    @property
    def code(self):
        """The exit code, negative for a signal; None while it runs."""
        return self.popen.returncode

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    @property
    def seconds(self):
        """How long it ran, or runs."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def cpu_seconds(self):
        """User and system time together; once it has ended."""
        return self.usage.ru_utime + self.usage.ru_stime

    @property
    def cpu_so_far(self):
        """The same, also of one that runs yet, to a hundredth of a second."""
        if not self.running():
            return self.cpu_seconds
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, deadline=DEADLINE):
        """Waits for its end; returns the exit code."""
        if self.code is not None:
            return self.code
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(deadline * PATIENCE * 1000):
            late = f"{self.name} ({self.pid}) did not end within {deadline * PATIENCE:g} s"
            raise TooLate(f"{late}:\n{self.tail()}")
        self._reap(0)
        return self.code

    def running(self):
        if self.code is None:
            self._reap(os.WNOHANG)
        return self.code is None

    def _reap(self, flags):
        pid, status, usage = os.wait4(self.pid, flags)
        if pid == 0:
            return
        self.ended = time.monotonic()
        self.usage = usage
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        os.close(self._pidfd)

    def signal(self, number):
        """To this process only, and only while it is ours to reap: its pid cannot be another's."""
        if self.running():
            os.kill(self.pid, number)

    def freeze(self):
        """SIGSTOP: it keeps its connections and says nothing more. Returns when it stands still."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._state() in "Tt", f"{self.name} to stand still")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """kill -9; returns when it is gone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def interrupt(self):
        self.signal(signal.SIGINT)

    def ask_to_stop(self):
        """SIGTERM, also to one that stands still. SIGCONT only to such a one: it would undo the
        SIGSTOP by which a leak check at the end holds its own process."""
        if self.running():
            frozen = self._state() in "Tt"
            self.signal(signal.SIGTERM)
            if frozen:
                self.signal(signal.SIGCONT)

    def end(self, deadline=20):
        """Waits for its end, and kills it when that takes too long. True if it ended by itself."""
        try:
            self.wait(deadline)
            return True
        except TooLate:
            self.kill()
            return False

    def stop(self):
        """Asks it to end, and sees to it. Returns the exit code."""
        self.ask_to_stop()
        self.end()
        return self.code

    def _state(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def memory(self):
        return memory.measure(self.pid)

    def says(self, text, deadline=DEADLINE):
        """Waits until the text stands in its output."""

        def said():
            if text in self.stderr or (self.stdout_path.exists() and text in self.stdout):
                return True
            assert self.running(), f"{self.name} ended without saying {text!r}:\n{self.tail()}"
            return False

        wait_until(said, f"{self.name} to say {text!r}", deadline)

    def complaints(self):
        """What a sanitizer or an assertion said about it; empty is good."""
        found = [m[0] for m in SANITIZER_REPORT.finditer(self.stderr)]
        if self.code == SANITIZER_EXIT and not found:
            found.append(f"exit code {SANITIZER_EXIT}: a sanitizer found something")
        return found

    def crashed(self):
        """It ended by a signal that nobody sent."""
        return self.code is not None and -self.code in (
            signal.SIGSEGV,
            signal.SIGABRT,
            signal.SIGBUS,
            signal.SIGILL,
            signal.SIGFPE,
        )

    def tail(self, lines=15):
        """For the report of a failure."""
        parts = [f"$ {' '.join(self.command)}   [{self!r}]"]
        for path in (self.stdout_path, self.stderr_path):
            if path.exists():
                text = path.read_bytes()[-16384:].decode(errors="replace").splitlines()
                parts += [f"  {path.suffix[1:]}: {line[:400]}" for line in text[-lines:]]
        return "\n".join(parts)


def end_any(processes, deadline):
    """Waits so many seconds at most for the end of any of these. All that have ended have their
    times then: wait() for one after the other would count the waiting in."""
    poll, running = select.poll(), {}
    for process in processes:
        if process.code is None:
            running[process._pidfd] = process
            poll.register(process._pidfd, select.POLLIN)
    for ended, _ in poll.poll(deadline * 1000):
        running[ended]._reap(0)
