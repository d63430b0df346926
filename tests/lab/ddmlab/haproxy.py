# SPDX-License-Identifier: MIT
"""haproxy, with a config of its own: in front of the origin with a delay before each first byte or
a rate for each connection, or as a proxy to compare with.

One process in the foreground: nothing is left when it is killed."""

import socket
from pathlib import Path

# The number of connections is given: without it haproxy prepares for all that the system allows.
FRAME = """\
global
    nbthread 1
    maxconn 2000
    {extra}
defaults
    mode http
    timeout connect 10s
    timeout client 120s
    timeout server 120s
    timeout http-keep-alive 120s
    option http-keep-alive
    http-reuse always
    {options}
frontend front
    bind {listen}
    {rules}
    default_backend origin
backend origin
    server origin {upstream}
"""

# Each request waits, also those on a connection that is kept.
DELAY = """\
core.register_action("delay", {{ "http-req" }}, function(txn) core.msleep({milliseconds}) end)
"""

SO_MAX_PACING_RATE = 47


class Haproxy:
    """haproxy on a host, up; see the functions below."""

    def __init__(self, host, root, upstream, port, extra="", options="", rules="", listener=None):
        self.host = host
        self.port = port
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        config = self.root / f"haproxy-{port}.cfg"
        inherited = [listener.fileno()] if listener else []
        listen = f"fd@{listener.fileno()}" if listener else f":{port}"
        config.write_text(
            FRAME.format(
                extra=extra, options=options, rules=rules, listen=listen, upstream=upstream
            )
        )
        self.process = host.run(
            "haproxy", "-db", "-q", "-f", config, name="haproxy", pass_fds=inherited
        )
        host.wait_for_port(port, process=self.process)

    def url(self, name):
        return f"http://{self.host.address}:{self.port}/{name}"


def delayed(host, root, upstream, milliseconds, port=8300):
    """Passes all requests on to upstream, each of them so much later."""
    Path(root).mkdir(parents=True, exist_ok=True)
    script = Path(root) / "delay.lua"
    script.write_text(DELAY.format(milliseconds=milliseconds))
    return Haproxy(
        host, root, upstream, port, extra=f"lua-load {script}", rules="http-request lua.delay"
    )


def paced(host, root, upstream, rate, port=8302):
    """Each TCP connection gets so many bytes a second, whatever is asked on it: the kernel paces
    the sockets, which inherit that from the one that listens."""
    with host.namespace.listen(port) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
        return Haproxy(host, root, upstream, port, listener=listener)


def splicing(host, root, upstream, port=8301):
    """A proxy that moves the bytes inside the kernel, with pipes as large as they may be."""
    return Haproxy(
        host, root, upstream, port, extra="tune.pipesize 1048576", options="option splice-response"
    )
