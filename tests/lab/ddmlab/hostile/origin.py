# SPDX-License-Identifier: MIT
"""The server, its resources and what a behaviour has in its hands.

Each request goes to the behaviour that its path names, as a Turn: the request, the resource, and
ways to answer it, honest ones and others."""

import email.utils
import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..server import Server, span
from .contents import Content

UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
CHUNK = 16 * 1024
# A date long ago; each version is a day younger than the one before it.
EPOCH = 1_600_000_000
DAY = 86400
BESIDE = re.compile(r"(?i)(sums?|checksums?(\.txt)?|\.(sha\d*|md5|asc|sig|meta4|metalink))$")


def parse_size(text):
    """ "4m" is 4 MiB, "4m+1" a byte more."""
    text, _, more = text.partition("+")
    unit = UNITS.get(text[-1:], 0)
    return (int(text[:-1]) * unit if unit else int(text)) + int(more or 0)


def date(version):
    return email.utils.formatdate(EPOCH + version * DAY, usegmt=True)


def etag(version):
    return f'"v{version}"'


@dataclass
class Request:
    """One line of the log. `sent` counts bytes of the body."""

    number: int  # of this resource, from 0
    method: str
    path: str
    query: str
    client: str
    connection: int
    range: tuple | None
    headers: dict
    began: float
    status: int = 0
    sent: int = 0
    ended: float | None = None


@dataclass
class Resource:
    """What is known of a path. `notes` are for its behaviour."""

    size: int
    log: list = field(default_factory=list)
    notes: dict = field(default_factory=dict)
    active: int = 0
    peak: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def content(self, version=0, size=None):
        return Content(self.size if size is None else size, version)

    def count(self, status=None, method=None):
        return sum(
            1
            for request in self.log
            if status in (None, request.status) and method in (None, request.method)
        )

    def sent(self):
        return sum(request.sent for request in self.log)

    def clients(self):
        return {request.client for request in self.log}


class Turn:
    """One request in the hands of a behaviour."""

    def __init__(self, origin, exchange, resource, request, arguments):
        self.origin = origin
        self.exchange = exchange
        self.resource = resource
        self.request = request
        self.arguments = arguments

    @property
    def number(self):
        """How many requests for this resource there were before."""
        return self.request.number

    @property
    def size(self):
        return self.resource.size

    @property
    def asked(self):
        """The range that was asked for, half open; the whole without one."""
        return self.request.range or (0, self.size)

    def argument(self, index, fallback):
        return self.arguments[index] if len(self.arguments) > index else fallback

    def header(self, name):
        return self.exchange.headers.get(name)

    def head(self, status, *lines, protocol="HTTP/1.1"):
        self.request.status = int(str(status).split()[0])
        text = "\r\n".join([f"{protocol} {status}", *self.origin.extra, *lines, "", ""])
        self.exchange.send(text.encode("latin-1"))

    def body(self, begin, end, content=None, rate=None):
        """Bytes [begin, end) of a content, at most `rate` bytes a second."""
        if self.request.method == "HEAD":
            return
        content = content or self.resource.content()
        rate = rate or self.origin.rate
        length = max(CHUNK, min(rate // 50, 1 << 18)) if rate else 1 << 18
        for part in content.blocks(begin, end, length):
            self.send(part)
            if rate and self.origin.closing.wait(len(part) / rate):
                return

    def send(self, data):
        self.origin.wait_at_gate(self.resource)
        self.exchange.send(data)
        self.request.sent += len(data)

    def chunked(self, content, begin, end, rate=None):
        """The same as chunks."""
        rate = rate or self.origin.rate
        for part in content.blocks(begin, end, CHUNK * 4):
            self.origin.wait_at_gate(self.resource)
            self.exchange.send(b"%x\r\n%s\r\n" % (len(part), part))
            self.request.sent += len(part)
            if rate and self.origin.closing.wait(len(part) / rate):
                return
        self.exchange.send(b"0\r\n\r\n")

    def refuse(self, status, *lines):
        """A reply without content."""
        body = b"" if self.request.method == "HEAD" else b"no\n"
        self.head(status, "Content-Length: 3", "Content-Type: text/plain", *lines)
        self.exchange.send(body)

    def redirect(self, url, status="302 Found"):
        self.head(status, "Content-Length: 0", f"Location: {url}")

    def validators(self, version=0):
        return [f"ETag: {etag(version)}", f"Last-Modified: {date(version)}"]

    def whole(self, *lines, content=None, validators=None, rate=None):
        """An honest 200."""
        content = content or self.resource.content()
        if validators is None:
            validators = self.validators(content.version)
        self.head("200 OK", f"Content-Length: {content.size}", *validators, *lines)
        self.body(0, content.size, content, rate)

    def honest(self, *lines, content=None, validators=None, rate=None):
        """What a good origin answers: 206, 200 or 416; If-Range is understood."""
        content = content or self.resource.content()
        if validators is None:
            validators = self.validators(content.version)
        asked = self.exchange.range(content.size)
        condition = self.header("If-Range")
        if condition and not any(line.endswith(f" {condition}") for line in validators):
            asked = None
        if asked is None:
            self.whole(
                "Accept-Ranges: bytes", *lines,
                content=content, validators=validators, rate=rate,
            )  # fmt: skip
        elif asked[0] >= asked[1]:
            self.refuse("416 Range Not Satisfiable", f"Content-Range: bytes */{content.size}")
        else:
            self.part(*asked, *lines, content=content, validators=validators, rate=rate)

    def part(self, begin, end, *lines, content=None, validators=None, rate=None, length=None):
        """A 206 for [begin, end), of which `length` bytes are sent."""
        content = content or self.resource.content()
        if validators is None:
            validators = self.validators(content.version)
        self.head(
            "206 Partial Content",
            span(begin, end, content.size),
            f"Content-Length: {end - begin}",
            *validators,
            *lines,
        )
        self.body(begin, end if length is None else begin + length, content, rate)

    def hang_up(self):
        self.exchange.hang_up()

    def stay_silent(self):
        self.exchange.stay_silent()

    def url(self, query=""):
        """This resource's, as the client reached it."""
        query = f"?{query}" if query else ""
        return f"{self.origin.scheme}://{self.header('Host')}{self.request.path}{query}"


class Hostile(Server):
    """See __init__.py. `rate`: bytes a second for each connection, 0 without a limit.
    `extra`: header lines of every reply. `files`: {path: bytes} beside the behaviours; names that
    look like checksums or Metalinks are nowhere else. `wrap`: see server.py; the scheme is https
    then."""

    def __init__(self, host, address, behaviours, rate=0, port=0, wrap=None):
        self.scheme = "https" if wrap else "http"
        self.behaviours = behaviours
        self.rate = rate
        self.extra = []
        self.files = {}
        self.targets = {}  # of redirects, by name
        self._gate = None, threading.Event()
        self._resources = {}
        self._connections = 0
        self._lock = threading.Lock()
        super().__init__(host, address, self._respond, port, wrap)

    def url(self, path):
        return f"{self.scheme}://{self.address}/{path.lstrip('/')}"

    def hold(self, count):
        """Sends so many bytes of a resource, about, and then no more until release()."""
        self._gate = count, threading.Event()

    def release(self):
        self._gate[1].set()

    def wait_at_gate(self, resource):
        count, opened = self._gate
        if count is not None and not opened.is_set() and resource.sent() >= count:
            opened.wait(60)

    def close(self):
        self.release()
        super().close()

    def resource(self, path):
        """By its path, with or without the slash, the server and a query in front and behind."""
        path = "/" + urlsplit(path).path.lstrip("/")
        with self._lock:
            if path not in self._resources:
                self._resources[path] = Resource(parse_size(path.split("/")[2]))
            return self._resources[path]

    def content(self, path, version=0):
        return self.resource(path).content(version)

    def _respond(self, exchange):
        parts = urlsplit(exchange.path)
        name, *arguments = parts.path.split("/")[1].split(",")
        if parts.path in self.files:
            exchange.reply("200 OK", self.files[parts.path])
            return
        if name not in self.behaviours or BESIDE.search(parts.path):
            exchange.reply("404 Not Found", b"no such file\n")
            return
        resource = self.resource(parts.path)
        request = self._enter(exchange, resource, parts)
        try:
            self.behaviours[name](Turn(self, exchange, resource, request, arguments))
        finally:
            with resource.lock:
                resource.active -= 1
                request.ended = time.monotonic()

    def _enter(self, exchange, resource, parts):
        with self._lock:
            if not hasattr(exchange, "number"):
                exchange.number = self._connections
                self._connections += 1
        with resource.lock:
            resource.active += 1
            resource.peak = max(resource.peak, resource.active)
            request = Request(
                number=len(resource.log),
                method=exchange.command,
                path=parts.path,
                query=parts.query,
                client=exchange.client_address[0],
                connection=exchange.number,
                range=exchange.range(resource.size),
                headers={key.lower(): value for key, value in exchange.headers.items()},
                began=time.monotonic(),
            )
            resource.log.append(request)
        return request
