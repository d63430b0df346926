# SPDX-License-Identifier: MIT
"""The lab: real processes on hosts of their own, on one machine, without touching its network.

A host is a network namespace. It has an uplink of its own (a veth pair to the origin's namespace,
shaped by tbf in both directions) and a port at a 1 Gbit/s switch (a bridge in a third namespace).

                      ┌──────────── origin: nginx, Python servers ────────────┐
                      │ to-h1          to-h2          to-h3          to-h4     │
                      └───┬──────────────┬──────────────┬──────────────┬──────┘
         tbf, both ways   │ uplink       │ uplink       │ uplink       │ uplink
                       ┌──┴─┐         ┌──┴─┐         ┌──┴─┐         ┌──┴─┐
                       │ h1 │         │ h2 │         │ h3 │         │ h4 │
                       └──┬─┘         └──┬─┘         └──┬─┘         └──┬─┘
         1 Gbit/s         │ lan          │ lan          │ lan          │ lan
                      ┌───┴──────────────┴──────────────┴──────────────┴──────┐
                      │ port-h1        port-h2   switch (bridge)      port-h4 │
                      └───────────────────────────────────────────────────────┘

A host may have a second one, "uplink2", with an address and a default route of its own.

One file is one idea:

    waiting.py    wait for a condition, never for a time
    netns.py      network namespaces: make, enter, remove, also those that a killed run left
    link.py       a veth pair with a rate: change it, cut it, count what went through
    process.py    a process by its pid: start, signal, wait, memory, sanitizer reports
    memory.py     resident, shared and memfd memory of a process, sampled
    content.py    files of random bytes and their digests
    host.py       a host: its namespace, uplink, LAN port; runs processes, opens sockets
    router.py     a router: one uplink that several hosts share
    nginx.py      nginx with a config of its own: the origin, the proxy to compare with, the log
    ftp.py        vsftpd, and an FTP server in Python that does not do as it should
    haproxy.py    haproxy: an origin that is slow in its ways, a proxy to compare with
    proxy.py      tinyproxy and microsocks, for what goes through a proxy
    dns.py        a name server whose answers change
    tripwire.py   what nobody may reach: a port that counts who connects
    apache.py     Apache httpd; lighttpd.py lighttpd; pyhttp.py Python's http.server
    realservers.py  these and nginx side by side
    server.py     small HTTP servers in Python, for what nginx does not do
    hostile/      an origin that misbehaves by path, and three ways to it
    evil.py       peers that do not keep to the contract
    proxy.py      proxies that people use: tinyproxy, microsocks
    raw.py        HTTP by hand over a socket
    ddm.py        the command lines of ddm, and what they print
    sftp.py       sshd for SFTP
    tls.py        certificates of servers, and hosts that trust them
    swarm.py      a swarm's key: hosts that join, certificates good and bad
    crowd.py      many clients of one file at once, and what it cost
    torrent.py    the same file as a torrent: seeder, tracker, aria2
    guarded.py    a swarm with a key, a stranger beside it, servers that are none of it
    guests.py     who knocks at a daemon by hand over TLS, and what he hears
    tap.py        a wire with somebody on it, who keeps, cuts or changes what goes by
    capture.py    tshark on the switch: what everybody on the LAN can see
    lab.py        all of it together; everything is gone after close()
"""

from .lab import Lab, missing
from .waiting import wait_until

__all__ = ["Lab", "missing", "wait_until"]
