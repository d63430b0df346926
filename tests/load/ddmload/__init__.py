# SPDX-License-Identifier: MIT
"""Load on the daemons, from hosts of the lab (see tests/lab/ddmlab).

    swarm.py    who is a member: state folders, and TLS for clients that are not ddm
    client.py   a program of its own: many connections to one peer, idle or busy
    crowd.py    thousands of them at once: memory, and what is left for one more
    soak.py     mixed work for long: what grows?
    proc.py     what a process holds, from /proc
"""


class Results:
    """Lines that ./check counts."""

    good = True

    def add(self, good, words):
        self.good &= bool(good)
        print("ok  " if good else "FAIL", words, flush=True)

    def say(self, words):
        print("    ", words, flush=True)
