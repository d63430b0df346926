# SPDX-License-Identifier: MIT
"""What bench/run measures, and how it becomes docs/benchmarks.md.

A bench is a module with

    TITLE              one line
    ROUNDS             how often it measures
    MINUTES            how long that takes, about
    SHORT              its sizes in `bench/run short`, as a part of the full ones (None: not there)
    SHORT_ROUNDS       and its rounds there, if not 1
    SHORT_CASE         and which of its cases, if not all
    NEEDS              programs besides those of the lab
    run(setting)       measures; gives what it saw as plain data, which is saved as JSON
    goals(data)        what must hold, each a goal() of goals.py
    short_goals(data)  those of the short form, if they are others
    texts(data)        {"name": text} for {{bench.name}} in bench/template.md: tables and figures
    plots(data)        {"name": (caption, gnuplot script)} for docs/benchmarks/NAME.svg

The benches:

    uplinks.py      four equal uplinks, four unequal ones, eight from 1 to 20
    scaling.py      1 to 8 uplinks
    varying.py      an uplink that falls, rises, comes up, or joins half way
    shared.py       peers that share the client's own uplink
    crowd.py        eight clients of one file
    classroom.py    thirty, next to nginx as a caching proxy and aria2 with a torrent
    interfaces.py   one host with two uplinks
    latency.py      an origin that takes 300 ms to its first byte
    limited.py      an origin that limits each connection
    small.py        1 KiB and 1 MiB
    streaming.py    to a pipe against to a file
    loopback.py     2 GiB where nothing is slow: time, CPU and memory of every tool
    relay.py        2 GiB through a peer, nginx and haproxy
    faults.py       something breaks half way
    memory.py       a large file, a slow reader

What they share:

    setting.py      what to measure, and how much of it
    links.py        what one curl gets of each uplink: the bound
    tools.py        the other tools, and what a process cost
    curve.py        rates and connections over time, out of ddm's events
    stats.py        medians and spreads
    goals.py        what must hold
    results.py      saved results, the machine they are from
    report.py       docs/benchmarks.md out of them
    plots.py        gnuplot scripts
    short.py        the short form, for ./check bench
"""
