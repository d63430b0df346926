# SPDX-License-Identifier: MIT
"""One file over four uplinks, against the sum of what one curl gets on each alone."""

from ddmlab import Lab
from ddmlab.content import MIB, assert_same
from ddmlab.host import curl_rate

from .report import median, say, spread, table, verdict

ROUNDS = 3
SETUPS = [((50, 50, 50, 50), 1.05), ((10, 50, 100, 40), 1.08)]
CALIBRATION_SECONDS = 3


def add_arguments(parser):
    parser.add_argument("--size", type=int, default=100, metavar="MIB")
    parser.add_argument("--links", metavar="MBIT,MBIT,…", help="one setup instead of the two")
    parser.add_argument("--only-ddm", action="store_true", help="without curl and aria2")
    parser.add_argument("--connections", type=int, help="as in ddm get --connections")


def run(binary, arguments):
    setups = SETUPS
    if arguments.links:
        setups = [(tuple(float(word) for word in arguments.links.split(",")), 1.05)]
    return all([measure(binary, arguments, links, limit) for links, limit in setups])


def one_curl_each(lab):
    """Mbit/s that one curl gets on each uplink, one after the other."""
    rates = []
    for host in lab.hosts:
        count = int(host.uplink.mbit * 1e6 / 8 * CALIBRATION_SECONDS)
        curl = host.curl(lab.origin.url("calibration"), "--range", f"0-{count - 1}")
        curl.wait()
        rates.append(curl_rate(curl))
    return rates


def calibrate(lab):
    fastest = max(host.uplink.mbit for host in lab.hosts)
    lab.file("calibration", int(fastest * 1e6 / 8 * CALIBRATION_SECONDS))
    return one_curl_each(lab)


def download(lab, path, name, options=()):
    """Seconds of one `ddm get` on the first host. A name of its own: no peer knows the file."""
    (lab.origin.files / name).hardlink_to(path)
    get = lab.download(lab.hosts[0], lab.origin.url(name), *options, deadline=300)
    assert_same(get.file, path)
    get.file.unlink()
    return get.process.seconds


def other_tools(lab, path):
    """{name: seconds} of tools on the first host alone."""
    url, got = lab.origin.url(path.name), lab.directory / "got"
    commands = {
        "curl": ["curl", "-s", "-o", got, url],
        "aria2 -x16": ["aria2c", "-q", "--no-conf", "--file-allocation=none", "-x16", "-s16",
                       "-k1M", "-d", got.parent, "-o", got.name, url],
    }  # fmt: skip
    seconds = {}
    for name, command in commands.items():
        process = lab.hosts[0].run(*command)
        assert process.wait(deadline=600) == 0, process.tail()
        assert_same(got, path)
        got.unlink()
        seconds[name] = process.seconds
    return seconds


def measure(binary, arguments, links, limit):
    size = arguments.size * MIB
    title = ", ".join(f"{mbit:g}" for mbit in links)
    options = ["--connections", arguments.connections] if arguments.connections else []
    times, bounds, others = [], [], {}
    with Lab(*links, binary=binary) as lab:
        path = lab.file("file", size)
        lab.swarm()
        for number in range(arguments.rounds):
            rates = calibrate(lab)
            bounds.append(size * 8 / 1e6 / sum(rates))
            times.append(download(lab, path, f"file-{number}", options))
            say(f"{title}: bound {bounds[-1]:.2f} s, ddm {times[-1]:.2f} s")
            if number == 0 and not arguments.only_ddm:
                others = other_tools(lab, path)
                say(", ".join(f"{name} {seconds:.2f} s" for name, seconds in others.items()))
    ratio = median([time / bound for time, bound in zip(times, bounds)])
    wanted = f"at most {limit}: {verdict(ratio <= limit)}"
    rows = [
        ("bound", spread(bounds), "1.00", ""),
        (f"ddm get, {len(links)} uplinks", spread(times), f"{ratio:.3f}", wanted),
    ]
    for name, seconds in others.items():
        alone = f"{seconds / median(bounds):.2f}"
        rows.append((f"{name}, the client alone", f"{seconds:.2f}", alone, ""))
    table(
        f"{arguments.size} MiB over uplinks of {title} Mbit/s ({arguments.rounds} rounds)",
        ("what", "seconds", "× bound", "wanted"),
        rows,
    )
    return ratio <= limit
