# SPDX-License-Identifier: MIT
"""One function for each behaviour; `_` in its name is `-` in the path. Arguments stand in the path
behind commas; numbers of requests count from 0."""

import email.utils
import gzip
import time
from urllib.parse import parse_qs

from ..server import span
from .contents import Flipped
from .origin import CHUNK

BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__.strip("_").replace("_", "-")] = function
    return function


@behaviour
def honest(turn):
    turn.honest()


# --- ranges ---------------------------------------------------------------------------------------


@behaviour
def ignores_ranges(turn):
    turn.whole("Accept-Ranges: bytes")


@behaviour
def first_206_then_200(turn):
    turn.honest() if turn.number == 0 else turn.whole("Accept-Ranges: bytes")


@behaviour
def other_start(turn):
    """Ranges behind the start begin so many bytes off, as the reply truly says."""
    begin, end = turn.asked
    off = int(turn.argument(0, -1000))
    if begin == 0 or not 0 <= begin + off < end + off <= turn.size:
        turn.honest()
    else:
        turn.part(begin + off, end + off)


@behaviour
def no_content_range(turn):
    """206 with the file's first bytes, whatever was asked for."""
    begin, end = turn.asked
    if turn.request.range is None:
        turn.honest()
        return
    turn.head("206 Partial Content", f"Content-Length: {end - begin}", *turn.validators())
    turn.body(0, end - begin)


@behaviour
def star_total(turn):
    begin, end = turn.asked
    if turn.request.range is None:
        turn.honest()
        return
    lines = [f"Content-Range: bytes {begin}-{end - 1}/*", f"Content-Length: {end - begin}"]
    turn.head("206 Partial Content", *lines, *turn.validators())
    turn.body(begin, end)


@behaviour
def multipart(turn):
    """multipart/byteranges as the reply to a single range. `twice`: the range stands in the head,
    too, and nothing says how long the body is."""
    if turn.request.range is None:
        turn.honest()
        return
    begin, end = turn.asked
    part = span(begin, end, turn.size)
    before = f"--x\r\nContent-Type: application/octet-stream\r\n{part}\r\n\r\n".encode()
    after = b"\r\n--x--\r\n"
    if "twice" in turn.arguments:
        lines = [part, "Connection: close"]
        turn.hang_up()
    else:
        lines = [f"Content-Length: {len(before) + end - begin + len(after)}"]
    lines.append("Content-Type: multipart/byteranges; boundary=x")
    turn.head("206 Partial Content", *lines, *turn.validators())
    turn.send(before)
    turn.body(begin, end)
    turn.send(after)


@behaviour
def gives_less(turn):
    """64 KiB of each range, and says so."""
    begin, end = turn.asked
    if turn.request.range is None:
        turn.honest()
    else:
        turn.part(begin, min(end, begin + 65536))


@behaviour
def no_ranges_416(turn):
    """416 for any range."""
    if turn.request.range is None:
        turn.whole()
    else:
        turn.refuse("416 Range Not Satisfiable")


@behaviour
def empty_is_416(turn):
    """How some servers answer a range of an empty file."""
    if turn.request.range is None:
        turn.whole()
    else:
        turn.refuse("416 Range Not Satisfiable", f"Content-Range: bytes */{turn.size}")


# --- methods, lengths, protocols, codings ---------------------------------------------------------


@behaviour
def head_405(turn):
    if turn.request.method == "HEAD":
        turn.refuse("405 Method Not Allowed", "Allow: GET")
    else:
        turn.honest()


@behaviour
def no_length(turn):
    """chunked, or ended by the connection."""
    if turn.argument(0, "chunked") == "chunked":
        turn.head("200 OK", "Transfer-Encoding: chunked", *turn.validators())
        turn.chunked(turn.resource.content(), 0, turn.size)
    else:
        turn.head("200 OK", "Connection: close", *turn.validators())
        turn.body(0, turn.size)
        turn.hang_up()


@behaviour
def length_and_chunked(turn):
    """A wrong Content-Length beside Transfer-Encoding, in this order or the other; 200 or 206."""
    length, order, status = (turn.argument(i, "") for i in range(3))
    lines = [f"Content-Length: {length}", "Transfer-Encoding: chunked"]
    lines = lines[::-1] if order == "after" else lines
    begin, end = turn.asked
    if status == "206" and turn.request.range:
        turn.head("206 Partial Content", span(begin, end, turn.size), *lines, *turn.validators())
    else:
        begin, end = 0, turn.size
        turn.head("200 OK", *lines, *turn.validators())
    turn.chunked(turn.resource.content(), begin, end)
    turn.hang_up()


@behaviour
def http10(turn):
    """With a length, or without."""
    lines = [] if "no-length" in turn.arguments else [f"Content-Length: {turn.size}"]
    turn.head("200 OK", *lines, f"Last-Modified: {turn.validators()[1][15:]}", protocol="HTTP/1.0")
    turn.body(0, turn.size)
    turn.hang_up()


@behaviour
def _gzip(turn):
    """Encoded though nobody asked for it; `ranges` are of what is encoded; at the rate: `slowly`."""
    data = gzip.compress(turn.resource.content().all(), 1, mtime=0)
    lines = ["Content-Encoding: gzip", 'ETag: "v0-gzip"']
    if "ranges" in turn.arguments and turn.request.range:
        begin, end = turn.exchange.range(len(data))
        if begin >= end:
            turn.refuse("416 Range Not Satisfiable", f"Content-Range: bytes */{len(data)}")
            return
        lines += [span(begin, end, len(data)), f"Content-Length: {end - begin}"]
        turn.head("206 Partial Content", *lines)
        turn.send(data[begin:end])
    else:
        turn.head("200 OK", f"Content-Length: {len(data)}", *lines)
        for at in range(0, len(data), CHUNK):
            turn.send(data[at : at + CHUNK])
            if "slowly" in turn.arguments and turn.origin.rate:
                turn.origin.closing.wait(CHUNK / turn.origin.rate)


@behaviour
def says(turn):
    """Honest, and one more header line, in hex."""
    turn.honest(*(bytes.fromhex(line).decode("latin-1") for line in turn.arguments))


@behaviour
def says_with_200(turn):
    """The same, in whole replies."""
    turn.whole(*(bytes.fromhex(line).decode("latin-1") for line in turn.arguments))


# --- versions -------------------------------------------------------------------------------------


@behaviour
def two_edges(turn):
    """Other content and ETag for every second connection, or client address."""
    if turn.argument(0, "connection") == "connection":
        version = turn.request.connection % 2
    else:
        seen = turn.resource.notes.setdefault("clients", [])
        if turn.request.client not in seen:
            seen.append(turn.request.client)
        version = seen.index(turn.request.client) % 2
    turn.honest(content=turn.resource.content(version))


@behaviour
def changes_after(turn):
    """So many requests; then so many times again (`always`: on and on)."""
    every, times = int(turn.argument(0, 3)), turn.argument(1, 1)
    version = turn.number // every
    version = version if times == "always" else min(version, int(times))
    turn.resource.notes["version"] = max(version, turn.resource.notes.get("version", 0))
    turn.honest(content=turn.resource.content(version))


@behaviour
def shrinks_after(turn):
    """So many requests, to half of its size."""
    if turn.number < int(turn.argument(0, 3)):
        turn.honest()
    else:
        turn.honest(content=turn.resource.content(1, turn.size // 2))


@behaviour
def switched(turn):
    """The version is what the test says (notes["version"]; notes["size"]); `weak` and `dated`
    choose what tells versions apart."""
    notes = turn.resource.notes
    content = turn.resource.content(notes.get("version", 0), notes.get("size"))
    validators = turn.validators(content.version)
    if "weak" in turn.arguments:
        validators = [f'ETag: W/"v{content.version}"']
    if "dated" in turn.arguments:
        validators = validators[1:]
    if "unmarked" in turn.arguments:
        validators = []
    turn.honest(content=content, validators=validators)


@behaviour
def weak_etag(turn):
    """`alone`: without a date. `differs`: another one for each connection, with the same date."""
    tag = f"c{turn.request.connection}" if "differs" in turn.arguments else "v0"
    lines = [f'ETag: W/"{tag}"']
    if "alone" not in turn.arguments:
        lines.append(turn.validators()[1])
    turn.honest(validators=lines)


@behaviour
def weak_edges(turn):
    """Every second connection has other content and another weak ETag, and no date."""
    version = turn.request.connection % 2
    turn.honest(content=turn.resource.content(version), validators=[f'ETag: W/"v{version}"'])


@behaviour
def if_range_200(turn):
    """200 to a condition that is true."""
    turn.whole("Accept-Ranges: bytes") if turn.header("If-Range") else turn.honest()


# --- limits and errors ----------------------------------------------------------------------------


@behaviour
def busy(turn):
    """STATUS, for so many seconds from the first request on; Retry-After so many seconds; or
    `date`, or `nothing`."""
    status, seconds = turn.argument(0, "429"), float(turn.argument(1, 1))
    form = turn.argument(2, "seconds")
    until = turn.resource.notes.setdefault("until", time.monotonic() + seconds)
    if time.monotonic() >= until:
        turn.honest()
        return
    after = f"Retry-After: {turn.argument(3, 1)}"
    if form == "date":
        after = f"Retry-After: {email.utils.formatdate(time.time() + seconds + 1, usegmt=True)}"
    turn.refuse(f"{status} Busy", *([] if form == "nothing" else [after]))


@behaviour
def at_most(turn):
    """So many at once, STATUS for more; of each address, or of `all` together."""
    limit, status = int(turn.argument(0, 2)), turn.argument(1, "503")
    key = "all" if turn.argument(2, "each") == "all" else turn.request.client
    taken = turn.resource.notes.setdefault("taken", {})
    with turn.resource.lock:
        full = taken.get(key, 0) >= limit
        taken[key] = taken.get(key, 0) + (not full)
    if full:
        turn.refuse(f"{status} Too Many")
        return
    try:
        turn.honest()
    finally:
        with turn.resource.lock:
            taken[key] -= 1


@behaviour
def status(turn):
    turn.refuse(f"{turn.argument(0, '404')} Whatever")


@behaviour
def fails_first(turn):
    """So many requests get STATUS."""
    if turn.number < int(turn.argument(0, 3)):
        turn.refuse(f"{turn.argument(1, '500')} Oops")
    else:
        turn.honest()


@behaviour
def fails_after(turn):
    """So many requests are answered, then all get STATUS."""
    if turn.number < int(turn.argument(0, 2)):
        turn.honest()
    else:
        turn.refuse(f"{turn.argument(1, '404')} Gone")


@behaviour
def flips(turn):
    """One bit in every 64 KiB is wrong, and all that it says is right."""
    turn.honest(content=Flipped(turn.size))


@behaviour
def only_first_client(turn):
    """403 for every address but the first, or `last`: for the first only."""
    with turn.resource.lock:
        first = turn.resource.notes.setdefault("first", turn.request.client)
    turn.honest() if turn.request.client == first else turn.refuse("403 Forbidden")


# --- redirects ------------------------------------------------------------------------------------


@behaviour
def signed(turn):
    """Redirects to a URL that lives so many seconds, STATUS after that; `address`: and for the
    requester's address only."""
    seconds, status = float(turn.argument(0, 0.5)), turn.argument(1, "403")
    query = parse_qs(turn.request.query)
    if not query:
        until = time.monotonic() + seconds
        turn.redirect(turn.url(f"until={until:.3f}&for={turn.request.client}"))
        return
    bound = "address" in turn.arguments and query["for"][0] != turn.request.client
    if bound or time.monotonic() > float(query["until"][0]):
        turn.refuse(f"{status} Expired")
    else:
        turn.honest()


@behaviour
def redirect(turn):
    """To the target of that name."""
    turn.redirect(turn.origin.targets[turn.argument(0, "")])


@behaviour
def redirect_loop(turn):
    turn.redirect(turn.url())


# --- connections ----------------------------------------------------------------------------------


@behaviour
def stalls_one(turn):
    """The request of that number gets half of its range and then nothing, for good."""
    if turn.number != int(turn.argument(0, 2)):
        turn.honest()
        return
    begin, end = turn.asked
    turn.part(begin, end, length=(end - begin) // 2)
    turn.stay_silent()


@behaviour
def slow_last(turn):
    """The connection that is first asked for the last byte is 20 times slower from then on."""
    notes = turn.resource.notes
    if turn.asked[1] == turn.size and turn.number > 0:
        notes.setdefault("slow", turn.request.connection)
    slow = notes.get("slow") == turn.request.connection
    turn.honest(rate=turn.origin.rate // (20 if slow else 1))


@behaviour
def far(turn):
    """The first byte of each reply takes so many seconds."""
    turn.origin.closing.wait(float(turn.argument(0, 0.3)))
    turn.honest()


@behaviour
def closes_half_way(turn):
    begin, end = turn.asked
    half = max((end - begin) // 2, min(65536, end - begin))
    if turn.request.range is None:
        turn.head("200 OK", f"Content-Length: {turn.size}", *turn.validators())
        turn.body(0, half)
    else:
        turn.part(begin, end, length=half)
    turn.hang_up()
