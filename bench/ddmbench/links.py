# SPDX-License-Identifier: MIT
"""What one curl gets of each uplink. The bound of a download is its size over the sum of these."""

from ddmlab import content
from ddmlab.content import assert_same
from ddmlab.host import curl_rate

from .stats import median

# Long enough that the start of curl and the depth of the link's bucket do not show.
SECONDS = 5


def one_curl_each(setting, lab, hosts=None):
    """Mbit/s that one curl gets on each host's uplink, all at the same time."""
    seconds = setting.seconds(SECONDS)
    hosts = hosts or lab.hosts
    ensure(lab, "calibration", int(max(h.uplink.mbit for h in hosts) * 1e6 / 8 * seconds))
    curls = []
    for host in hosts:
        last = int(host.uplink.mbit * 1e6 / 8 * seconds) - 1
        curls.append(host.curl(lab.origin.url("calibration"), "--range", f"0-{last}"))
    for curl in curls:
        assert curl.wait() == 0, curl.tail()
    return [curl_rate(curl) for curl in curls]


def ensure(lab, name, size):
    """A file of at least that size at the origin."""
    path = lab.origin.files / name
    if not path.exists() or path.stat().st_size < size:
        content.make_file(path, size)
    return path


def steady(rounds):
    """The median of each link over the rounds: a stall of the machine in one of them slows down a
    curl, and must not make the others look better."""
    return [median(rates) for rates in zip(*rounds)]


def bound(size, rates):
    """Seconds that nobody can beat."""
    return size * 8 / 1e6 / sum(rates)


def fresh(lab, path):
    """The same file under a name that nobody has seen: nothing comes out of a cache."""
    number = sum(1 for _ in lab.origin.files.iterdir())
    link = lab.origin.files / f"{path.name}-{number}"
    link.hardlink_to(path)
    return link.name


def download(lab, host, path, *options, url=None, deadline=600, **named):
    """One `ddm get` of the file, compared afterwards."""
    url = (url or lab.origin.url)(fresh(lab, path))
    get = lab.download(host, url, *options, deadline=deadline, **named)
    assert_same(get.file, path)
    get.file.unlink()
    return get


def mbit(size, seconds):
    return size * 8 / 1e6 / seconds


def names(links):
    return ", ".join(f"{mbit:g}" for mbit in links)
