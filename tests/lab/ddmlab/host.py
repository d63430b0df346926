# SPDX-License-Identifier: MIT
"""A host: a namespace with its uplink and its LAN port, in which processes run."""

import http.client
import json
import re

from .process import Process
from .waiting import wait_until


class Host:
    """Made by Lab. `uplink` and `lan` are Links; `address` is the one on the LAN,
    `uplink_address` the one that the origin sees. `uplink2` and `uplink2_address` are those of a
    host with two uplinks. `state` is the state folder of a member of `swarm`; None: no key."""

    def __init__(self, lab, name, namespace, address, uplink_address=None, uplink=None, lan=None,
                 uplink2_address=None, uplink2=None):  # fmt: skip
        self.lab = lab
        self.name = name
        self.namespace = namespace
        self.address = address
        self.uplink_address = uplink_address
        self.uplink = uplink
        self.uplink2_address = uplink2_address
        self.uplink2 = uplink2
        self.lan = lan
        self.state = None
        self.swarm = None

    def __repr__(self):
        return f"<host {self.name}>"

    def run(self, *command, name=None, **options):
        """Starts a command here; see Process for the options."""
        return self.lab.adopt(self, command, name, **options)

    def start(self, command, directory, name, **options):
        return Process(command, self.namespace, directory, name, **options)

    def connect(self, address, port, timeout=10):
        """A TCP connection from here; port may be a string "HOST:PORT"'s second half."""
        return self.namespace.connect(address, int(port), timeout)

    def wait_for_port(self, port, address="127.0.0.1", process=None):
        """Until something listens. A process that ends instead is an error at once."""

        def open_now():
            if process is not None and not process.running():
                raise AssertionError(f"{process.name} ended:\n{process.tail()}")
            self.connect(address, port, timeout=2).close()
            return True

        wait_until(open_now, f"port {port} on {self.name}")

    def request(self, method, address, path, body=None, headers=None, timeout=10):
        """One HTTP request from here to "HOST:PORT", over TLS from a member; returns Reply."""
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        connection.sock = self.connect(host, port, timeout)
        if self.swarm:
            connection.sock = self.swarm.context(self).wrap_socket(
                connection.sock, server_hostname="ddm"
            )
        try:
            headers = dict(headers or {})
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            if body:
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def curl(self, url, *options, output="/dev/null", limit=60):
        """curl, from here, started. `curl_rate` of the ended process is its mean rate."""
        report = "%{speed_download} %{http_code} %{size_download} %{exitcode}"
        return self.run(
            "curl", "--silent", "--show-error", "--max-time", limit, "--output", output,
            "--write-out", report, *options, url, name="curl",
        )  # fmt: skip


class Reply:
    """A whole HTTP reply."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self):
        return f"<reply {self.status} {self.body[:200]!r}>"

    def json(self):
        return json.loads(self.body)


def curl_rate(process):
    """The mean rate of an ended curl, in Mbit/s."""
    return float(re.match(r"[\d.]+", process.stdout)[0]) * 8 / 1e6


def curl_status(process):
    return int(process.stdout.split()[1])
