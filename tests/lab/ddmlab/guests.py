# SPDX-License-Identifier: MIT
"""Those who knock at a daemon with a TLS client of Python, and what they get to hear."""

import contextlib
import socket
import ssl

from . import raw


class Outcome:
    """`data` is what the daemon said over TLS, all of it; `why` what ended it, "" for an orderly
    end."""

    def __init__(self, data=b"", why="", session=None, reused=False):
        self.data, self.why = data, why
        self.session, self.reused = session, reused

    def __repr__(self):
        return f"<{self.data[:80]!r} {self.why}>"

    @property
    def status(self):
        return int(self.data.split()[1]) if self.data.startswith(b"HTTP/") else None

    @property
    def body(self):
        return self.data.partition(b"\r\n\r\n")[2]


def knock(host, address, context, data=None, name="ddm", session=None, timeout=10):
    """Connects from the host, sends a request, and reads until the other side has said its reply or
    gone. `context` None: plain TCP."""
    data = data or raw.request("GET", "/v1/status", b"", "Connection: close")
    where, _, port = address.rpartition(":")
    outcome = Outcome()
    with host.connect(where, port, timeout) as plain:
        try:
            with wrapped(plain, context, name, session) as connection:
                outcome.reused = bool(getattr(connection, "session_reused", False))
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    connection.sendall(data)  # over already: why is still to be read
                while block := connection.recv(65536):
                    outcome.data += block
                outcome.session = getattr(connection, "session", None)
        except (ssl.SSLError, ConnectionError) as error:
            outcome.why = str(error)
        except (TimeoutError, socket.timeout):
            outcome.why = "nothing came for a while"
    return outcome


def wrapped(plain, context, name, session=None):
    if context is None:
        return plain
    return context.wrap_socket(
        plain, server_hostname=name, session=session, suppress_ragged_eofs=False
    )


def send_raw(host, address, data, timeout=10):
    """Sends bytes over TCP and returns all that comes back."""
    where, _, port = address.rpartition(":")
    got = b""
    with host.connect(where, port, timeout) as connection:
        try:
            connection.sendall(data)
            while block := connection.recv(65536):
                got += block
        except (ConnectionError, TimeoutError, socket.timeout):
            pass
    return got
