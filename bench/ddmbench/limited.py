# SPDX-License-Identifier: MIT
"""An origin that gives each connection 500 kB/s: how many connections ddm finds out it may use.

Once nginx with limit_rate, which lets each request have what a second brings at once, and once a
server whose connections the kernel paces: there only connections count."""

from ddmlab import haproxy

from . import curve, links, plots as p
from . import goals as g
from . import tools
from .setting import say
from .stats import in_turn, size, spread, table

TITLE = "an origin that limits each connection"
ROUNDS = 5
MINUTES = 5.5
SHORT = 0.3
NEEDS = ["aria2c", "axel", "wget2", "haproxy"]

FILES = {"file": 120, "slow": 5}  # MiB; the second for those with one connection
EACH = 500 * 1024  # nginx counts in KiB
MOST = 16
OTHERS_ROUNDS = 2  # in which the other tools take part
UPLINK = 500  # Mbit/s, far more than all of them
SHARE, WITHIN = 0.95, 3.0  # of 16 times the limit, and after how many seconds
SHORT_CASE = "paced"
ORIGINS = {"nginx": "nginx, limit_rate", "paced": "each TCP connection paced"}


def run(setting):
    found = {
        "size": setting.bytes(FILES["file"]),
        "ddm": {origin: [] for origin in ORIGINS if setting.wants(origin)},
        "others": {origin: {} for origin in ORIGINS if setting.wants(origin)},
    }
    with setting.lab(UPLINK) as lab:
        paths = {name: lab.file(name, setting.bytes(mib)) for name, mib in FILES.items()}
        upstream = f"127.0.0.1:{lab.origin.port}"
        paced = haproxy.paced(lab.origin_host, lab.directory / "haproxy", upstream, EACH)
        urls = {"nginx": lambda name: lab.origin.url(name, "limited/500k"), "paced": paced.url}
        for number in range(setting.rounds):
            for origin in found["ddm"]:
                compare = setting.others and number < OTHERS_ROUNDS
                others = found["others"][origin] if compare else None
                found["ddm"][origin].append(one_round(lab, urls[origin], paths, others, number))
                last = found["ddm"][origin][-1]
                say(f"{origin}: {last['mean'] / EACH:.1f} × one, tuned at {last['tuned']} s")
    for rounds in found["ddm"].values():
        for round_ in rounds[:-1]:
            del round_["curve"]
    return found


def one_round(lab, url, paths, others, number):
    """What ddm did; the rates of the other tools go to others, if that is given."""
    host, found = lab.hosts[0], None
    for tool in in_turn(["ddm", *(tools.TOOLS if others is not None else [])], number):
        if tool == "ddm":
            found = with_ddm(lab, host, paths["file"], url)
            continue
        # Those with one connection take their time: once, and a part of it.
        single = tool in tools.ONE_CONNECTION
        if not single or number == 0:
            path = paths["slow" if single else "file"]
            cost = tools.fetch(host, tool, url(path.name), path)
            others.setdefault(tool, []).append(path.stat().st_size / cost["seconds"])
    return found


def with_ddm(lab, host, path, url):
    get = links.download(lab, host, path, "--no-peers", tracker=None, url=url)
    points = curve.points(get)
    tuned, after = curve.reached(points, SHARE * MOST * EACH)
    later = [count for when, _, count in points if tuned and tuned <= when < points[-1][0]]
    return {
        "tuned": tuned,
        "after": after,
        "connections": sum(later) / len(later) if later else None,
        "mean": path.stat().st_size / get.process.seconds,
        "curve": [[when, rate / EACH, count] for when, rate, count in curve.rates(points)],
    }


def middle(rounds, key):
    """The median; None (never) if it was never in most rounds."""
    known = sorted((round_[key] is None, round_[key] or 0) for round_ in rounds)
    never, value = known[len(known) // 2]
    return None if never else value


def goals(data):
    found = []
    for origin, rounds in data["ddm"].items():
        what = f"500 kB/s for each connection ({ORIGINS[origin]})"
        after = middle(rounds, "after")
        found += [
            g.at_least(
                f"{what}: once tuned", after and after / (MOST * EACH), SHARE, " × 16 × 500 kB/s"
            ),
            g.at_most(f"{what}: tuned after", middle(rounds, "tuned"), WITHIN, " s"),
        ]
    return found


def short_goals(data):
    """The short form ends before much can be found out: more than one connection is used at all."""
    return [
        g.at_least(
            f"500 kB/s for each connection ({ORIGINS[origin]}): from start to end",
            rounds[-1]["mean"] / EACH,
            8,
            " × one connection",
            gross=2,
        )
        for origin, rounds in data["ddm"].items()
    ]


def texts(data):
    header = ["tool, × one connection, from start to end", *(ORIGINS[o] for o in data["ddm"])]
    rows = [["16 connections, all the time", *["16.0"] * len(data["ddm"])]]
    ddm = [each(round_["mean"] for round_ in rounds) for rounds in data["ddm"].values()]
    rows.append(["`ddm get`", *(f"**{cell}**" for cell in ddm)])
    for tool in tools.TOOLS:
        rows.append([tool, *(each(others[tool]) for others in data["others"].values())])
    return {
        "size": size(data["size"]),
        "table": table(header, rows),
        **dict.fromkeys(ORIGINS, "not measured"),
        **{origin: how_tuned(rounds) for origin, rounds in data["ddm"].items()},
    }


def each(rates):
    return spread([rate / EACH for rate in rates], 1)


def how_tuned(rounds):
    tuned, after, connections = (middle(rounds, key) for key in ("tuned", "after", "connections"))
    if tuned is None:
        return "there was no second with 95 % of what 16 connections get"
    return (
        f"the first second with 95 % of what 16 connections get began after {tuned:.2f} s; from"
        f" then to the end it was {after / (MOST * EACH):.3f} times that, with {connections:.1f}"
        " connections, in the mean"
    )


def plots(data):
    return {
        f"limited-{origin}": (
            f"Rate and connections over time: {ORIGINS[origin]}",
            p.tuning(rounds[-1]["curve"], MOST),
        )
        for origin, rounds in data["ddm"].items()
    }
