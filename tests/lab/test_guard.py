# SPDX-License-Identifier: MIT
"""What web pages of others, proxies in between and those who try things send. Tracker and peer
refuse it unread, answer in JSON where there is somebody to answer, and serve the others on."""

import json
import socket

import pytest
from ddmlab import raw
from ddmlab.waiting import wait_until


@pytest.fixture(scope="module")
def lab(lab_works):
    """One lab with both daemons for all of these tests."""
    from ddmlab import Lab, ddm

    if ddm.binary() is None:
        pytest.skip("ddm is not built: meson setup build && ninja -C build, or set DDM_BIN")
    with Lab(100, 100) as made:
        made.file("file", 10_000)
        made.daemons = {"tracker": made.tracker(made.hosts[0]), "peer": made.peer(made.hosts[0])}
        yield made
    assert not made.complaints, made.complaints


@pytest.fixture(params=["tracker", "peer"])
def daemon(request, lab):
    started = lab.daemons[request.param]
    started.kind = request.param
    started.route = ("PUT", "/v1/peers/x") if request.param == "tracker" else ("POST", "/v1/fetch")
    yield started
    assert started.healthy()


def send(daemon, data):
    return raw.exchange(daemon.host.lab.hosts[1], daemon.address, data)


def get(daemon, *headers, path="/v1/status", method="GET", host="ddm"):
    return send(daemon, raw.request(method, path, b"", *headers, host_header=host))


def post(daemon, *headers, body=b"{}"):
    return send(daemon, raw.request(*daemon.route, body, *headers))


def is_refused(reply, status, code=None):
    assert reply is not None, "the connection was closed without a reply"
    assert reply.status == status, reply
    said = json.loads(reply.body)
    assert said["message"] and (code is None or said["error"] == code), said
    assert "access-control-allow-origin" not in reply.headers


def replies(daemon, data):
    """All that comes back until the connection ends or stays silent for a while."""
    got = b""
    with daemon.host.lab.hosts[1].connect(daemon.host.address, daemon.port, 2) as connection:
        try:
            connection.sendall(data)
            while block := connection.recv(65536):
                got += block
        except OSError:
            pass
    return got


# ---- DNS rebinding ----


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7071", "ddm.evil.example", "10.200.0.1.nip.io", "0x7f.1"]
)
def test_a_host_that_an_attacker_can_name_is_421(daemon, host):
    reply = get(daemon, host=host)
    is_refused(reply, 421, "misdirected")
    assert "Host: ddm" in json.loads(reply.body)["message"]


@pytest.mark.parametrize("host", ["10.200.0.1", "10.200.0.1:7071", "[::1]:1", "localhost", "ddm"])
def test_a_host_that_nobody_can_name_is_served(daemon, host):
    assert get(daemon, host=host).status == 200


def test_a_request_without_a_host_is_400(daemon):
    assert send(daemon, b"GET /healthz HTTP/1.1\r\n\r\n").status == 400
    assert send(daemon, b"GET /healthz HTTP/1.0\r\n\r\n").status == 200


def test_two_hosts_are_400(daemon):
    is_refused(get(daemon, "Host: evil.example"), 400)


# ---- CSRF ----


def test_a_form_of_a_web_page_is_415(daemon):
    kind = "Content-Type: application/x-www-form-urlencoded"
    is_refused(post(daemon, kind, body=b"url=http://10.0.0.1/&begin=0&end=10"), 415, "not_json")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "text/json"])
def test_json_that_is_not_called_so_is_415(daemon, kind):
    is_refused(post(daemon, f"Content-Type: {kind}"), 415, "not_json")


def test_a_page_of_another_site_is_403(daemon):
    is_refused(post(daemon, "Origin: https://evil.example"), 403, "cross_origin")
    is_refused(get(daemon, "Origin: https://evil.example"), 403, "cross_origin")


def test_a_page_without_an_origin_of_its_own_is_403(daemon):
    is_refused(post(daemon, "Origin: null"), 403, "cross_origin")


def test_a_page_on_another_port_of_this_machine_is_403(daemon):
    reply = get(daemon, "Origin: http://10.200.0.1:8080", host="10.200.0.1:7070")
    is_refused(reply, 403, "cross_origin")


def test_its_own_page_is_served(daemon):
    assert get(daemon, "Origin: http://10.200.0.1:7070", host="10.200.0.1:7070").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_image_in_a_page_of_another_site_is_403(daemon, site):
    is_refused(get(daemon, f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors"), 403)


def test_a_preflight_is_not_answered(daemon):
    asks = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
    is_refused(get(daemon, *asks, path=daemon.route[1], method="OPTIONS"), 405)
    is_refused(get(daemon, "Origin: https://evil.example", *asks, method="OPTIONS"), 403)


# ---- no proxy ----


def test_a_proxy_request_is_400(daemon):
    for path in ("http://10.99.0.1/file", "https://10.99.0.1/", "ftp://10.99.0.1/"):
        is_refused(get(daemon, path=path), 400, "no_proxy")


def test_connect_is_400(daemon):
    is_refused(get(daemon, path="10.99.0.1:80", method="CONNECT"), 400, "no_proxy")


def test_trace_repeats_nothing(daemon):
    reply = get(daemon, "Cookie: secret", path="/", method="TRACE")
    is_refused(reply, 405)
    assert b"secret" not in reply.body


# ---- smuggling ----

SECOND = b"GET /v1/status HTTP/1.1\r\nHost: ddm\r\n\r\n"


def head(daemon, *lines):
    method, path = daemon.route
    first = f"{method} {path} HTTP/1.1\r\nHost: ddm\r\nContent-Type: application/json\r\n"
    return (first + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode("latin-1")


SMUGGLERS = {
    "length and chunks": (["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "chunks and length": (["Transfer-Encoding: chunked", "Content-Length: 4"], b"0\r\n\r\n"),
    "two lengths": (["Content-Length: 0", "Content-Length: %d" % len(SECOND)], b""),
    "two equal lengths": (["Content-Length: 2", "Content-Length: 2"], b"{}"),
    "a list of lengths": (["Content-Length: 2, 2"], b"{}"),
    "a length with a sign": (["Content-Length: +2"], b"{}"),
    "a length in hex": (["Content-Length: 0x2"], b"{}"),
    "a blank before the colon": (["Content-Length : %d" % len(SECOND)], b""),
    "chunks in disguise": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "chunks twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"),
    "chunks": (["Transfer-Encoding: chunked"], b"0\r\n\r\n"),
}


@pytest.mark.parametrize("name", SMUGGLERS)
def test_a_smuggled_request_is_not_answered(daemon, name):
    lines, body = SMUGGLERS[name]
    got = replies(daemon, head(daemon, *lines) + body + SECOND)
    assert b"HTTP/1.1 200" not in got and b'"role"' not in got, got


# ---- paths ----


@pytest.mark.parametrize("path", ["//v1/status", "/v1//status", "/v1/../v1/status", "/v1/./status",
                                  "/v1/peers/..", "/v1/status/", "/..", "/V1/STATUS"])  # fmt: skip
def test_a_path_by_another_way_is_404(daemon, path):
    is_refused(get(daemon, path=path), 404)


@pytest.mark.parametrize("path", ["/v1/%2e%2e/status", "/v1%2fstatus", "/healthz%00", "/healthz%",
                                  "/%68ealthz", "/v1\\status", "/v1/status\xff"])  # fmt: skip
def test_a_path_with_escapes_is_400(daemon, path):
    is_refused(get(daemon, path=path), 400, "bad_path")


def test_a_long_target_is_414(daemon):
    is_refused(get(daemon, path="/" + "a" * 2000), 414)
    is_refused(get(daemon, path="/v1/status?" + "a" * 2000), 414)


# ---- sizes ----


def test_many_headers_are_431(daemon):
    is_refused(get(daemon, *(f"X-{n}: y" for n in range(100))), 431)


def test_a_head_of_ten_megabytes_ends_the_connection(daemon):
    before = daemon.process.memory().held
    got = replies(daemon, b"GET / HTTP/1.1\r\nHost: ddm\r\nX: " + b"a" * 10_000_000)
    assert b"HTTP/1.1 2" not in got
    assert daemon.process.memory().held < before + 8_000_000


def test_a_folded_header_is_no_second_one(daemon):
    reply = send(daemon, b"GET /v1/status HTTP/1.1\r\nHost: ddm\r\n evil.example\r\n\r\n")
    assert reply is None or reply.status >= 400


def test_garbage_behind_a_request_harms_nobody(daemon):
    got = replies(daemon, SECOND + bytes(range(256)) * 100)
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"HTTP/1.1 200") == 1


def test_half_requests_that_end_are_forgotten(daemon):
    client = daemon.host.lab.hosts[1]
    for part in (b"G", b"GET /", SECOND[:-2], head(daemon, "Content-Length: 9") + b"{"):
        for _ in range(20):
            with client.connect(daemon.host.address, daemon.port) as connection:
                connection.sendall(part)

    def forgotten():
        status = daemon.status()
        return (status.get("limits") or status)["connections"] <= 2

    wait_until(forgotten, "half requests to be forgotten", 40)


def test_the_other_side_may_stop_sending(daemon):
    with daemon.host.lab.hosts[1].connect(daemon.host.address, daemon.port) as connection:
        connection.sendall(SECOND)
        connection.shutdown(socket.SHUT_WR)
        reply = raw.read_reply(connection)
        assert reply is None or reply.status == 200
