# SPDX-License-Identifier: MIT
"""HTTP by hand: what no client library would send."""

from .host import Reply


def exchange(host, address, data, timeout=10):
    """Sends these bytes from the host to "HOST:PORT" and returns the Reply; None where the other
    side closed without one. The connection is closed afterwards."""
    name, _, port = address.rpartition(":")
    with host.connect(name, port, timeout) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it answered before it had read all, and closed
        return read_reply(connection)


def request(method, path, body=b"", *headers, host_header="ddm", length=None):
    """The bytes of a request. `length` overrides the Content-Length."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host_header}", *headers]
    if body and not any(line.lower().startswith("content-type:") for line in headers):
        lines.append("Content-Type: application/json")
    if body or length is not None or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_reply(connection):
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            block = connection.recv(65536)
            if not block:
                return None
            data += block
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            key, _, value = line.partition(":")
            headers[key.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(body) < length:
            block = connection.recv(65536)
            if not block:
                break
            body += block
    except ConnectionResetError:
        return None
    return Reply(int(lines[0].split()[1]), headers, body)
