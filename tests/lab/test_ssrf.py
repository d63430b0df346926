# SPDX-License-Identifier: MIT
"""Where a peer does not go for others, however it is asked: by the spelling of the URL, by
redirects, by names whose addresses change, by ports, by what an FTP server says. Behind each door
there is a tripwire that would open."""

import pytest
from conftest import for_a_module
from ddmlab import server
from ddmlab.dns import Dns
from ddmlab.ftp import FakeFtp
from ddmlab.lab import PUBLIC_ORIGIN_ADDRESS as PUBLIC
from ddmlab.lab import Lab
from ddmlab.tripwire import Tripwire

DATA = bytes(range(256)) * 40
OWN_PUBLIC = "20.77.0.1"  # of the peer's own host
OTHER = "10.200.0.2"  # its neighbour on the LAN

# Names; see Dns.
NAMES = {
    "public.test": [[PUBLIC]],
    "inside.test": [["127.0.0.1"]],
    "neighbour.test": [[OTHER]],
    "own.test": [[OWN_PUBLIC]],
    "six.test": [["::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "any.test": [["0.0.0.0"]],
    "metadata.test": [["169.254.169.254"]],
    "alias.test": [["=inside.test", "127.0.0.1"]],
    "both.test": [["127.0.0.1", OTHER, PUBLIC]],
    "*.turns.test": [[PUBLIC], ["127.0.0.1"], [PUBLIC], [OTHER]],
    "*.turns-at-once.test": [["127.0.0.1"], [PUBLIC]],
    "turns.test": [[PUBLIC], ["127.0.0.1"]],
    "evil.test": [[PUBLIC]],
    "www.evil.test": [[PUBLIC]],
    "nas.test": [[OTHER]],
}


class World:
    """h1 is the peer's host; on it and on its neighbour h2 there are tripwires on one port."""

    def __init__(self):
        self.lab = Lab(100, 100)
        self.here, self.other = self.lab.hosts
        for address in (f"{OWN_PUBLIC}/32", "fd00::1/128", "fe80::99/64", "2a01:db9::1/128"):
            self.here.namespace.ip(f"addr add {address} dev lo")
        self.wire = self.lab.keep(Tripwire(self.here))
        self.port = self.wire.port
        self.far_wire = self.lab.keep(Tripwire(self.other, self.port))
        self.dns = self.lab.keep(Dns(self.here, NAMES))
        self.origin = self.lab.serve(server.ranged(DATA))
        self.twin = self.lab.serve(server.ranged(DATA), port=self.port)
        self.mail = self.lab.keep(Tripwire(self.lab.origin_host, 25))
        self.peer = self.lab.peer(self.here, "-v", allow=None)
        self._redirects = []
        self.redirector = self.lab.serve(self._redirect)
        self.redirected = 0

    def public(self, server, path="file"):
        return f"http://{PUBLIC}:{server.port}/{path}"

    def redirecting(self, location):
        """A public URL that leads there."""
        self._redirects.append(location)
        return self.public(self.redirector, f"r/{len(self._redirects) - 1}")

    def _redirect(self, exchange):
        self.redirected += 1
        location = self._redirects[int(exchange.path.rpartition("/")[2])]
        exchange.head("302 Found", "Content-Length: 0", f"Location: {location}")

    def another_peer(self, *options, allow=None, port=7090):
        return self.lab.peer(self.here, *options, allow=allow, port=port)

    def touched(self):
        """By whom since it was last asked."""
        all_of_them = self.wire.touched + self.far_wire.touched + self.mail.touched
        for wire in (self.wire, self.far_wire, self.mail):
            wire.touched.clear()
        return all_of_them

    def close(self):
        self.lab.close()


@pytest.fixture(scope="module")
def the_world(lab_works):
    yield from for_a_module(World)


@pytest.fixture
def world(the_world):
    yield the_world
    assert the_world.touched() == [], "somebody came where nobody may come"
    assert the_world.peer.healthy()


@pytest.fixture
def with_rules(world):
    """with_rules(*options, allow=…): a peer with rules of its owner."""
    peers = []

    def make(*options, **named):
        peers.append(world.another_peer(*options, **named))
        return peers[-1]

    yield make
    for peer in peers:
        peer.process.stop()


def fetch(peer, url):
    return peer.fetch(url, 0, 6)


def is_refused(reply, statuses=(400, 403)):
    assert reply.status in statuses, reply
    told = reply.json()
    assert set(told) >= {"error", "message"}
    assert "\n" not in told["message"]
    assert b"INSIDE" not in reply.body


def is_good(reply):
    assert (reply.status, reply.body) == (206, DATA[:6]), reply


# Where the port of the tripwire belongs, a %d stands.
HOSTS = {
    "loopback": "127.0.0.1:%d",
    "another loopback": "127.9.8.7:%d",
    "localhost": "localhost:%d",
    "LOCALHOST": "LOCALHOST.:%d",
    "two parts": "127.1:%d",
    "hex parts": "0x7f.0x0.0x0.0x1:%d",
    "hex and decimal": "0x7f.1:%d",
    "one hex number": "0x7f000001:%d",
    "one decimal number": "2130706433:%d",
    "one octal number": "017700000001:%d",
    "octal parts": "0177.0.0.1:%d",
    "leading zeros": "127.0.0.01:%d",
    "trailing dot": "127.0.0.1.:%d",
    "too large a number": "4294967297:%d",
    "percent-encoded": "%%31%%32%%37.0.0.1:%d",
    "percent-encoded dots": "127%%2e0%%2e0%%2e1:%d",
    "this network": "0.0.0.0:%d",
    "zero": "0:%d",
    "IPv6 loopback": "[::1]:%d",
    "IPv6 loopback in full": "[0000:0:0:0:0:0:0:0001]:%d",
    "IPv6 unspecified": "[::]:%d",
    "mapped": "[::ffff:127.0.0.1]:%d",
    "mapped in hex": "[::FFFF:7f00:1]:%d",
    "mapped zero": "[::ffff:0.0.0.0]:%d",
    "IPv4-compatible": "[::127.0.0.1]:%d",
    "NAT64": "[64:ff9b::7f00:1]:%d",
    "local NAT64": "[64:ff9b:1::7f00:1]:%d",
    "6to4": "[2002:7f00:1::1]:%d",
    "Teredo": "[2001:0:4136:e378:8000:63bf:80ff:fffe]:%d",
    "unique local": "[fd00::1]:%d",
    "link-local with a scope": "[fe80::99%%25lo]:%d",
    "site-local": "[fec0::1]:%d",
    "IPv6 multicast": "[ff02::1]:%d",
    "own address on the LAN": "10.200.0.1:%d",
    "neighbour on the LAN": f"{OTHER}:%d",
    "own public address": f"{OWN_PUBLIC}:%d",
    "own public IPv6 address": "[2a01:db9::1]:%d",
    "own public address, mapped": f"[::ffff:{OWN_PUBLIC}]:%d",
    "metadata service": "169.254.169.254",
    "metadata service in hex": "0xa9fea9fe",
    "metadata at a public address": "168.63.129.16",
    "metadata in carrier space": "100.100.100.200",
    "metadata over IPv6": "[fd00:ec2::254]",
    "multicast": "224.0.0.1:%d",
    "broadcast": "255.255.255.255:%d",
    "a user before it": "good.example@127.0.0.1:%d",
    "user and port before it": "good.example:80@127.0.0.1:%d",
    "public user before it": f"{PUBLIC}@127.0.0.1:%d",
    "two at signs": f"a@{PUBLIC}@127.0.0.1:%d",
    "backslash before it": f"{PUBLIC}\\@127.0.0.1:%d",
    "encoded slash before it": f"{PUBLIC}%%2f@127.0.0.1:%d",
    "encoded slash in the host": f"127.0.0.1%%2f.{PUBLIC}:%d",
    "encoded NUL in the host": f"127.0.0.1%%00.{PUBLIC}:%d",
    "encoded line end in the host": f"127.0.0.1%%0d%%0a.{PUBLIC}:%d",
    "a space in the host": f"127.0.0.1 .{PUBLIC}:%d",
    "a tab in the host": f"127.0.0.1\t{PUBLIC}:%d",
    "full-width digits": "１２７.0.0.1:%d",
    "ideographic dots": "127。0。0。1:%d",
    "circled digits": "①②⑦.⓪.⓪.①:%d",
    "a name": "inside.test:%d",
    "a name with a dot": "inside.test.:%d",
    "a name in capitals": "INSIDE.TEST:%d",
    "a name of a neighbour": "neighbour.test:%d",
    "a name of the own public address": "own.test:%d",
    "a name with IPv6 loopback": "six.test:%d",
    "a name with a mapped address": "mapped.test:%d",
    "a name with 0.0.0.0": "any.test:%d",
    "a name of the metadata service": "metadata.test",
    "an alias": "alias.test:%d",
}


# These the resolver may not know at all.
NO_NAMES = {"LOCALHOST", "trailing dot", "too large a number", "leading zeros"}


def place(world, how):
    return HOSTS[how] % world.port if "%d" in HOSTS[how] else HOSTS[how]


@pytest.mark.parametrize("how", HOSTS)
def test_a_url_leads_nowhere_inside(world, how):
    statuses = (400, 403, 502) if how in NO_NAMES else (400, 403)
    is_refused(fetch(world.peer, f"http://{place(world, how)}/file"), statuses)


@pytest.mark.parametrize("how", HOSTS)
def test_a_redirect_leads_nowhere_inside(world, how):
    host = place(world, how).encode().decode("latin-1")
    is_refused(fetch(world.peer, world.redirecting(f"http://{host}/file")), (400, 403, 502))


def test_a_public_url_is_fetched(world):
    is_good(fetch(world.peer, world.public(world.origin)))
    is_good(fetch(world.peer, world.redirecting(world.public(world.origin))))
    is_good(fetch(world.peer, f"http://public.test:{world.origin.port}/file"))
    is_good(fetch(world.peer, f"http://x@{PUBLIC}:{world.origin.port}/file"))


@pytest.mark.parametrize("how", ["loopback", "a name", "own public address", "mapped"])
@pytest.mark.parametrize("scheme", ["https", "ftp", "ftps", "sftp"])
def test_other_schemes_lead_nowhere_inside_either(world, scheme, how):
    is_refused(fetch(world.peer, f"{scheme}://{place(world, how)}/file"))


# --- redirects ------------------------------------------------------------------------------------


def test_a_chain_of_redirects_ends_where_it_leads_inside(world):
    inside = world.redirecting(f"http://127.0.0.1:{world.port}/file")
    is_refused(fetch(world.peer, world.redirecting(world.redirecting(inside))))


def test_a_redirect_without_a_scheme_leads_nowhere_inside(world):
    is_refused(fetch(world.peer, world.redirecting(f"//127.0.0.1:{world.port}/file")))


def test_redirects_are_bounded(world):
    world.redirected = 0
    url = world.redirecting("/r/%d" % len(world._redirects))
    is_refused(fetch(world.peer, url))
    assert 2 <= world.redirected <= 11


def test_a_refresh_header_is_no_redirect(world):
    refresh = f"Refresh: 0; url=http://127.0.0.1:{world.port}/"
    lies = world.lab.serve(lambda exchange: exchange.reply("200 OK", b"x", refresh))
    is_refused(fetch(world.peer, world.public(lies)), (502,))


SCHEMES = ["file", "dict", "gopher", "gophers", "telnet", "smb", "smbs", "ldap", "ldaps", "tftp",
           "imap", "imaps", "pop3", "smtp", "rtsp", "rtmp", "mqtt", "scp", "ws", "wss",
           "jar", "php", "netdoc", "about"]  # fmt: skip
WITHOUT_HOST = ["data:text/plain,x", "file:///etc/passwd", "file:/etc/passwd", "javascript:x",
                "mailto:a@b", "/etc/passwd", "//127.0.0.1/x", "http:127.0.0.1/x",
                "view-source:http://127.0.0.1/"]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_other_scheme_is_fetched(world, scheme):
    is_refused(fetch(world.peer, f"{scheme}://{PUBLIC}:{world.origin.port}/file"), (400,))
    is_refused(fetch(world.peer, f"{scheme.upper()}://127.0.0.1:{world.port}/file"), (400,))


@pytest.mark.parametrize("url", WITHOUT_HOST)
def test_no_url_without_a_host_is_fetched(world, url):
    is_refused(fetch(world.peer, url), (400,))


@pytest.mark.parametrize("scheme", [*SCHEMES, "ftp", "ftps", "sftp"])
def test_no_redirect_leads_to_another_scheme(world, scheme):
    is_refused(fetch(world.peer, world.redirecting(f"{scheme}://127.0.0.1:{world.port}/file")))
    is_refused(fetch(world.peer, world.redirecting(f"{scheme}://{PUBLIC}:25/file")))


@pytest.mark.parametrize("url", ["data:text/plain,x", "file:///etc/passwd", "javascript:x"])
def test_no_redirect_leads_to_a_url_without_a_host(world, url):
    is_refused(fetch(world.peer, world.redirecting(url)), (400, 502))


# --- names whose addresses change -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["turns.test", "turns-at-once.test"])
def test_a_name_that_is_bound_anew_leads_nowhere_inside(world, name):
    """Each name is a new one, so that nothing of it is known; the port is the tripwires'. What is
    judged is the socket's address: between a look at the name and the connection there is
    nothing."""
    statuses = set()
    for number in range(8):
        for _ in range(3):
            reply = fetch(world.peer, f"http://n{number}.{name}:{world.port}/file")
            statuses.add(reply.status)
            is_good(reply) if reply.status == 206 else is_refused(reply, (403,))
    assert statuses == ({206} if name == "turns.test" else {403})
    assert sum(asked.endswith("." + name) for asked in world.dns.asked) >= 8


def test_a_kept_connection_does_not_lead_inside_when_its_name_does(world):
    is_good(fetch(world.peer, f"http://turns.test:{world.origin.port}/file"))
    reply = world.peer.fetch(f"http://turns.test:{world.origin.port}/file", 6, 12)
    assert reply.status == 403 or reply.body == DATA[6:12], reply


def test_of_several_addresses_only_public_ones_are_tried(world):
    for path in ("a", "b", "c"):
        is_good(fetch(world.peer, f"http://both.test:{world.port}/{path}"))
    is_refused(fetch(world.peer, f"http://both.test:{world.port}1/file"), (400, 403, 502))


# --- ports ----------------------------------------------------------------------------------------

PORTS = [1, 22, 23, 25, 53, 110, 119, 143, 465, 514, 587, 631, 993, 1023, 2049, 5060, 6000, 6667]


@pytest.mark.parametrize("port", PORTS)
def test_a_port_of_another_service_is_not_connected_to(world, port):
    for url in (f"http://{PUBLIC}:{port}/", f"ftp://{PUBLIC}:{port}/f"):
        is_refused(fetch(world.peer, url), (403,))
    is_refused(fetch(world.peer, world.redirecting(f"http://{PUBLIC}:{port}/")), (403,))


def test_port_0_is_none(world):
    is_refused(fetch(world.peer, f"http://{PUBLIC}:0/"), (400, 403))


def test_the_words_of_ftp_are_not_said_to_a_mail_server(world):
    url = f"ftp://HELO%20me:MAIL%20FROM@{PUBLIC}:25/DATA"
    is_refused(fetch(world.peer, url), (403,))


# --- FTP ------------------------------------------------------------------------------------------


def ftp(world, **ways):
    fake = world.lab.keep(FakeFtp(world.lab.origin_host, PUBLIC, DATA, **ways))
    return fake, fake.url("file")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.200.0.2", OWN_PUBLIC, "169.254.169.254"])
def test_a_pasv_reply_that_names_another_host_is_not_followed(world, host):
    fake, url = ftp(world, bounce=host)
    is_good(fetch(world.peer, url))
    assert "PASV" in fake.commands


@pytest.mark.parametrize("port", [25, 22, 80])
def test_a_pasv_reply_that_names_another_service_is_not_followed(world, port):
    _, url = ftp(world, data_port=port)
    is_refused(fetch(world.peer, url), (403, 502))


def test_a_pasv_reply_that_names_host_and_port_of_a_tripwire_is_not_followed(world):
    wire = world.lab.keep(Tripwire(world.here))
    _, url = ftp(world, bounce="127.0.0.1", data_port=wire.port)
    is_refused(fetch(world.peer, url), (502,))  # on the server itself nothing listens there
    assert wire.touched == []


INJECTED = {
    "path": "%0d%0aDELE%20x",
    "path, LF alone": "%0aDELE%20x",
    "folder": "a%0d%0aDELE%20x/file",
    "NUL": "fi%00le",
}


@pytest.mark.parametrize("how", INJECTED)
def test_no_command_is_put_into_an_ftp_session(world, how):
    fake, url = ftp(world)
    is_refused(fetch(world.peer, url.replace("file", INJECTED[how])), (400, 502))
    assert not any("DELE" in command for command in fake.commands)


@pytest.mark.parametrize("login", ["a%0d%0aDELE%20x:b@", "a:b%0d%0aDELE%20x@", "a%00b:c@"])
def test_no_command_is_put_into_an_ftp_login(world, login):
    fake, url = ftp(world)
    is_refused(fetch(world.peer, url.replace("ftp://", f"ftp://{login}")), (400, 502))
    assert not any("DELE" in command for command in fake.commands)


# --- rules of the owner ---------------------------------------------------------------------------


def test_a_denied_host_is_not_fetched_from(world, with_rules):
    peer = with_rules("--deny", "evil.test,*.evil.test")
    asked = len(world.dns.asked)
    for host in ("evil.test", "EVIL.test.", "www.evil.test", "%65vil.test", "x@evil.test"):
        is_refused(fetch(peer, f"http://{host}:{world.origin.port}/file"), (403,))
    assert len(world.dns.asked) == asked, "a name server heard of it"
    is_good(fetch(peer, f"http://public.test:{world.origin.port}/file"))


def test_a_redirect_to_a_denied_host_is_refused(world, with_rules):
    peer = with_rules("--deny", "evil.test")
    url = f"http://evil.test:{world.origin.port}/file"
    before = world.origin.count("/file")
    is_refused(fetch(peer, world.redirecting(url)), (403,))
    is_refused(fetch(peer, world.redirecting(world.redirecting(url))), (403,))
    assert world.origin.count("/file") == before


def test_a_denied_network_is_denied_by_any_name(world, with_rules):
    peer = with_rules("--deny", "20.99.0.0/16")
    for host in (PUBLIC, "public.test", "0x14.99.0.1", f"[::ffff:{PUBLIC}]"):
        is_refused(fetch(peer, f"http://{host}:{world.origin.port}/file"), (403,))


def test_a_denied_port_is_denied_at_that_host_only(world, with_rules):
    other = world.lab.serve(server.ranged(DATA))
    peer = with_rules("--deny", f"{PUBLIC}:{world.origin.port}")
    is_refused(fetch(peer, world.public(world.origin)), (403,))
    is_good(fetch(peer, world.public(other)))


def test_deny_wins_over_allow(world, with_rules):
    peer = with_rules("--deny", "10.200.0.2,evil.test", allow="10.0.0.0/8,evil.test,0.0.0.0/0")
    for url in (f"http://{OTHER}:{world.port}/", f"http://evil.test:{world.origin.port}/file"):
        is_refused(fetch(peer, url), (403,))
    is_good(fetch(peer, world.public(world.origin)))


def test_a_host_that_is_allowed_may_lead_inside_and_no_other(world, with_rules):
    inside = world.lab.serve(server.ranged(DATA), world.other)
    peer = with_rules(allow=f"nas.test:{inside.port}")
    is_good(fetch(peer, f"http://nas.test:{inside.port}/file"))
    is_good(fetch(peer, world.redirecting(f"http://nas.test:{inside.port}/file")))
    for host in (OTHER, "neighbour.test", "x.nas.test", "nas.test@neighbour.test"):
        is_refused(fetch(peer, f"http://{host}:{inside.port}/file"), (403, 502))
    is_refused(fetch(peer, f"http://nas.test:{world.port}/file"), (403,))
    assert inside.count("/file") == 2


def test_an_allowed_network_opens_no_port_of_another_service(world, with_rules):
    mail = world.lab.keep(Tripwire(world.other, 25))
    peer = with_rules(allow="10.0.0.0/8")
    is_refused(fetch(peer, f"http://{OTHER}:25/"), (403,))
    assert mail.touched == []
    peer = with_rules(allow="10.0.0.0/8:25", port=7091)
    assert fetch(peer, f"http://{OTHER}:25/").body == b"INSIDE"
    assert mail.touched
    is_refused(fetch(peer, f"http://{OTHER}:{world.port}/"), (403,))


def test_rules_stand_in_a_config_too(world, with_rules):
    path = world.lab.folder("config") / "ddm.conf"
    path.write_text("[peer]\ndeny = *.evil.test, evil.test\n")
    peer = with_rules("--config", path)
    is_refused(fetch(peer, f"http://www.evil.test:{world.origin.port}/file"), (403,))
    is_good(fetch(peer, world.public(world.origin)))


def test_a_refusal_tells_no_address(world):
    """Nobody learns from it what names inside lead to."""
    reply = fetch(world.peer, f"http://neighbour.test:{world.port}/")
    is_refused(reply, (403,))
    assert OTHER not in reply.json()["message"]


@pytest.mark.parametrize("option", ["--allow", "--deny"])
@pytest.mark.parametrize(
    "rule",
    ["10.0.0.0/33", "127.1", "0x7f.1", "2130706433", "a:0", "a:99999", "a:9-8", "[::1", "*",
     "a.*.b", "http://a", "a/b", "bücher.de", "10.0.0.0/8:", "::1:80/8:x"],
)  # fmt: skip
def test_a_wrong_rule_is_a_usage_error(cli, option, rule):
    done = cli("peer", "--listen", "127.0.0.1:0", option, rule, deadline=10)
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[0]
    assert option in line and rule in line


def test_a_wrong_rule_in_a_config_names_file_and_key(cli, tmp_path):
    (tmp_path / "ddm.conf").write_text("[peer]\ndeny = 127.1\n")
    done = cli("peer", "--listen", "127.0.0.1:0", "--config", tmp_path / "ddm.conf", deadline=10)
    assert done.returncode == 2
    assert "ddm.conf:2" in done.stderr and "deny" in done.stderr and "127.1" in done.stderr
