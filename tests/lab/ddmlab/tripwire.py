# SPDX-License-Identifier: MIT
"""What nobody may reach: a port that only counts who connects. It answers like an HTTP server, so
that whoever gets there could make use of it."""

import contextlib
import socket
import threading

REPLY = (
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-5/6\r\nContent-Length: 6\r\n"
    b'ETag: "inside"\r\n\r\nINSIDE'
)


class Tripwire:
    """Listens on all addresses of a host, IPv4 and IPv6. `touched` are the addresses that somebody
    connected to."""

    def __init__(self, host, port=0):
        self.touched = []
        with host.namespace.entered():
            self._listener = socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.touched.append(connection.getsockname()[0])
            with connection, contextlib.suppress(OSError):
                connection.sendall(REPLY)
                connection.settimeout(1)
                connection.recv(4096)
