# SPDX-License-Identifier: MIT
"""Who is a member of the lab's swarm: with TLS each host has a state folder of its own, and has
joined with the token; without, everything is --insecure."""

import subprocess

from ddmlab import ddm


class Swarm:
    def __init__(self, lab, tls):
        self.lab = lab
        self.tls = tls
        self.folders = {}
        self.token = None

    def folder(self, host):
        """The state folder of a host, which is a member then."""
        if host.name in self.folders:
            return self.folders[host.name]
        folder = self.lab.folder("state")
        if self.token is None:
            self._run("swarm", "init", "--tracker", host.address, "--state-dir", folder)
            self.token = self._run("swarm", "token", "--state-dir", folder).split()[-1]
        else:
            self._run("swarm", "join", "--state-dir", folder, "-", text=self.token + "\n")
        self._run("swarm", "show", "--state-dir", folder)  # makes its certificate
        self.folders[host.name] = folder
        return folder

    def _run(self, *arguments, text=""):
        command = [str(self.lab.binary), *map(str, arguments)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def options(self, host):
        """Of any ddm command on that host."""
        return ["--state-dir", self.folder(host)] if self.tls else ["--insecure"]

    def client_options(self, host):
        """Of client.py."""
        return ["--tls", self.folder(host)] if self.tls else []

    def tracker(self, host):
        listen = f"0.0.0.0:{ddm.TRACKER_PORT}"
        process = self.lab.run_ddm(
            host, "tracker", "--listen", listen, *self.options(host), name="tracker"
        )
        return ddm.Tracker(host, process, ddm.TRACKER_PORT).wait_until_up()

    def peer(self, host, *more, tracker=None):
        listen = f"0.0.0.0:{ddm.PEER_PORT}"
        arguments = ["peer", "--listen", listen, "--allow", ddm.LAB_NETWORKS, *more]
        arguments += ["--cache-dir", self.lab.folder("cache")]
        if tracker:
            arguments += ["--tracker", tracker.address]
        process = self.lab.run_ddm(host, *arguments, *self.options(host), name="peer")
        return ddm.Peer(host, process, ddm.PEER_PORT).wait_until_up()
