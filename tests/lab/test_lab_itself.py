# SPDX-License-Identifier: MIT
"""The lab keeps its promises: rates add up, cuts cut, limits limit, nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ddmlab import content, netns, raw, server, wait_until
from ddmlab.host import curl_rate, curl_status
from ddmlab.memory import Sampler

MIB = content.MIB


def test_one_curl_gets_the_rate_of_its_uplink(make_network):
    net = make_network(40)
    net.file("file", 6 * MIB)
    curl = net.hosts[0].curl(net.origin.url("file"))
    curl.wait()
    assert 0.85 < curl_rate(curl) / 40 < 1.0


def test_two_hosts_get_twice_that_together(make_network):
    net = make_network(30, 60)
    net.file("file", 6 * MIB)
    curls = [host.curl(net.origin.url("file")) for host in net.hosts]
    for curl in curls:
        curl.wait()
    assert 0.8 < curl_rate(curls[0]) / 30 < 1.0
    assert 0.8 < curl_rate(curls[1]) / 60 < 1.0


def test_many_connections_do_not_get_more_than_the_uplink(make_network):
    net = make_network(20)
    net.file("file", 4 * MIB)
    host = net.hosts[0]
    quarters = [f"{n * MIB}-{(n + 1) * MIB - 1}" for n in range(4)]
    curls = [host.curl(net.origin.url("file"), "--range", quarter) for quarter in quarters]
    for curl in curls:
        assert curl.wait() == 0
    assert 4 * MIB * 8 / 1e6 / max(curl.seconds for curl in curls) < 20
    assert host.uplink.received() > 4 * MIB


def test_the_uplink_is_shaped_in_both_directions(make_network):
    net = make_network(20)
    host = net.hosts[0]
    taken = []

    def take(exchange):
        taken.append(len(exchange.body))
        exchange.reply("200 OK")

    sink = net.serve(take)
    upload = content.make_file(net.directory / "upload", 3 * MIB)
    curl = host.curl(sink.url("x"), "--data-binary", f"@{upload}", "-H", "Expect:")
    curl.wait()
    assert taken == [3 * MIB]
    assert host.uplink.sent() > 3 * MIB
    assert 3 * MIB * 8 / 1e6 / curl.seconds < 20


def test_a_rate_can_change_while_it_is_used(make_network):
    net = make_network(4)
    net.file("file", 8 * MIB)
    host = net.hosts[0]
    curl = host.curl(net.origin.url("file"))
    wait_until(lambda: host.uplink.received() > MIB // 2, "the download to have begun")
    host.uplink.set_rate(100)
    assert curl.wait(deadline=8) == 0  # at 4 Mbit/s it would take 16 s


def test_a_cut_uplink_carries_nothing_and_a_restored_one_goes_on(make_network):
    net = make_network(20)
    net.file("file", 4 * MIB)
    host = net.hosts[0]
    got = net.directory / "got"
    curl = host.curl(net.origin.url("file"), output=got)
    wait_until(lambda: got.exists() and got.stat().st_size > MIB, "a quarter of the file")
    host.uplink.cut()
    refused = host.curl(net.origin.url("file"), limit=0.5)
    refused.wait()
    assert refused.code in (7, 28)
    assert curl.running()
    host.uplink.restore()
    assert curl.wait() == 0
    assert content.same_bytes(got, net.origin.files / "file")


def test_a_connection_to_a_limited_origin_gets_its_limit_each(make_network):
    net = make_network(100)
    net.file("file", 3 * MIB)
    url = net.origin.url("file", "limited/1024k")
    curls = [net.hosts[0].curl(url) for _ in range(2)]
    for curl in curls:
        assert curl.wait(deadline=5) == 0  # one after the other would take longer
        assert curl.seconds > 1.8  # nginx gives the first second's share at once


def test_an_origin_without_ranges_answers_200_to_a_range(make_network):
    net = make_network(100)
    net.file("file", 1000)
    for kind, status, size in (("", 206, 10), ("no-ranges", 200, 1000)):
        curl = net.hosts[0].curl(net.origin.url("file", kind), "--range", "0-9")
        curl.wait()
        assert curl_status(curl) == status
        assert int(curl.stdout.split()[2]) == size


def test_an_origin_with_one_connection_per_address_refuses_the_second(make_network):
    net = make_network(20, 20)
    net.file("file", 4 * MIB)
    url = net.origin.url("file", "one-connection")
    first = net.hosts[0].curl(url)
    wait_until(lambda: net.origin.active() == 1, "the first request")
    second = net.hosts[0].curl(url)
    other_host = net.hosts[1].curl(url, "--range", "0-99")
    second.wait()
    other_host.wait()
    assert curl_status(second) == 503
    assert curl_status(other_host) == 206
    assert first.wait() == 0


def test_the_log_has_every_request_with_its_range_and_bytes(make_network):
    net = make_network(100)
    net.file("file", 5000)
    net.hosts[0].curl(net.origin.url("file")).wait()
    assert [(r["status"], r["sent"], r["range"]) for r in net.origin.log()] == [(200, 5000, "")]
    net.origin.forget()
    twice = [net.origin.url("file"), net.origin.url("file")]
    sinks = ["-o", "/dev/null", "-o", "/dev/null"]
    net.hosts[0].run("curl", "-s", "-r", "10-19", *sinks, *twice).wait()
    log = net.origin.log()
    assert [(r["status"], r["sent"], r["nth"]) for r in log] == [(206, 10, 1), (206, 10, 2)]
    assert log[0]["connection"] == log[1]["connection"]
    assert net.origin.bytes_sent() == 20


def test_the_lan_carries_more_than_the_uplinks(make_network):
    net = make_network(10, 10)
    data = os.urandom(16 * MIB)
    sink = net.serve(server.ranged(data), host=net.hosts[1])
    before = net.hosts[0].uplink.received()
    curl = net.hosts[0].curl(sink.url("x"))
    assert curl.wait() == 0
    assert 50 < curl_rate(curl) < 1000
    assert net.hosts[0].uplink.received() - before < 10_000


def test_a_python_server_has_ranges_and_validators(make_network):
    net = make_network(100)
    data = os.urandom(100_000)
    origin = net.serve(server.ranged(data, "X-Test: yes"))
    got = net.directory / "got"
    curl = net.hosts[0].curl(origin.url("x"), "--range", "1000-1999", output=got)
    assert curl.wait() == 0
    assert got.read_bytes() == data[1000:2000]
    assert origin.requests == [("GET", "/x")]
    chunked = net.serve(server.without_length(data))
    assert net.hosts[0].curl(chunked.url("x"), output=got).wait() == 0
    assert got.read_bytes() == data


def test_raw_requests_reach_a_server(make_network):
    net = make_network(100)
    origin = net.serve(server.ranged(b"0123456789"))
    data = raw.request("GET", "/x", b"", "Range: bytes=2-4")
    reply = raw.exchange(net.hosts[0], origin.address, data)
    assert (reply.status, reply.body) == (206, b"234")


def test_the_proxy_passes_bytes_on(make_network):
    net = make_network(200, 200)
    path = net.file("file", MIB)
    net.proxy(net.hosts[1])
    got = net.directory / "got"
    url = f"http://{net.hosts[1].address}:8080/file"
    assert net.hosts[0].curl(url, output=got).wait() == 0
    assert content.same_bytes(got, path)


def test_aria2_is_held_by_the_uplink_too(make_network):
    net = make_network(40)
    net.file("file", 6 * MIB)
    aria2 = net.hosts[0].run(
        "aria2c", "-q", "--no-conf", "-x16", "-s16", "-k1M", "-d", net.directory, "-o", "got",
        net.origin.url("file"),
    )  # fmt: skip
    assert aria2.wait() == 0
    assert content.same_bytes(net.directory / "got", net.origin.files / "file")
    assert 6 * MIB * 8 / 1e6 / aria2.seconds < 40


def test_a_stopped_process_stands_still_and_goes_on(make_network):
    net = make_network(20)
    net.file("file", 3 * MIB)
    got = net.directory / "got"
    curl = net.hosts[0].curl(net.origin.url("file"), output=got)
    wait_until(lambda: got.exists() and got.stat().st_size > 0, "the first bytes")
    curl.freeze()
    size = got.stat().st_size
    net.hosts[0].curl(net.origin.url("file"), "--range", "0-999999").wait()
    assert got.stat().st_size == size
    curl.thaw()
    assert curl.wait() == 0


def test_memory_counts_memfds_once(make_network):
    net = make_network(10)
    program = (
        "import os, mmap, sys\n"
        "fd = os.memfd_create('x'); os.write(fd, b'x' * (32 << 20))\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    process = net.hosts[0].run(sys.executable, "-c", program, stdin=subprocess.PIPE)
    process.says("ready")
    memory = process.memory()
    assert memory.memfd == 32 << 20
    assert memory.resident < 32 << 20 <= memory.held
    sampler = Sampler(process.pid)
    wait_until(lambda: len(sampler.history) > 2, "some samples")
    process.popen.stdin.close()
    assert process.wait() == 0
    assert sampler.stop().highest.memfd == 32 << 20
    assert process.cpu_seconds > 0


def test_a_sanitizers_report_is_found(make_network):
    net = make_network(10)
    report = "x.c:1:2: runtime error: index 7 out of bounds"
    process = net.hosts[0].run("sh", "-c", f"echo '{report}' >&2")
    process.wait()
    assert process.complaints() == [report]
    process = net.hosts[0].run("sh", "-c", "exit 99")
    process.wait()
    assert process.complaints()
    net.processes.clear()  # they must not fail this test
    assert not net.hosts[0].run("true").complaints()


def test_nothing_is_left_after_close(make_network):
    net = make_network(10, 10)
    net.file("file", 1000)
    sleeper = net.hosts[0].run("sleep", "1000")
    frozen = net.hosts[0].run("sleep", "1000")
    frozen.freeze()
    net.small_disk(1 << 20)
    nginx = net.origin.process
    net.close()
    assert net.complaints == []
    for process in (sleeper, frozen, nginx):
        assert not os.path.exists(f"/proc/{process.pid}")
    assert not [name for name in os.listdir(netns.MOUNTS) if name.startswith(net.name + "-")]
    assert not os.path.exists(net.directory)
    assert not net.name + "-" in Path("/proc/mounts").read_text()


def test_what_a_killed_run_left_is_removed_by_the_next(make_network):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from ddmlab import Lab\n"
        "lab = Lab(10); process = lab.hosts[0].run('sleep', '1000')\n"
        "print(lab.name, process.pid, lab.directory, flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, os.path.dirname(__file__)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    name, pid, directory = child.stdout.readline().split()
    child.send_signal(signal.SIGKILL)
    child.wait()
    make_network(10)
    wait_until(lambda: process_is_gone(pid), "its process to end")
    assert not [entry for entry in os.listdir(netns.MOUNTS) if entry.startswith(name + "-")]
    assert not os.path.exists(directory)


def process_is_gone(pid):
    """Or a zombie, where nobody reaps orphans."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def test_entering_a_namespace_concerns_one_thread_only(make_network):
    net = make_network(10)
    own = os.readlink("/proc/thread-self/ns/net")
    seen = []
    entered = threading.Event()

    def look():
        entered.wait()
        seen.append(os.readlink("/proc/thread-self/ns/net"))

    other = threading.Thread(target=look)
    other.start()
    with net.hosts[0].namespace.entered():
        inside = os.readlink("/proc/thread-self/ns/net")
        entered.set()
        other.join()
    assert inside != own
    assert seen == [own]
    assert os.readlink("/proc/thread-self/ns/net") == own


@pytest.mark.parametrize("name", ["no-such-host.invalid"])
def test_names_do_not_resolve_and_say_so_at_once(make_network, name):
    net = make_network(10)
    curl = net.hosts[0].curl(f"http://{name}/")
    assert curl.wait(deadline=8) == 6
