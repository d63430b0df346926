# SPDX-License-Identifier: MIT
"""The chaos campaign: downloads on the lab's hosts to which random faults happen, and which are
then resumed until they are done. Every round comes out of its seed.

    script.py     a round on paper: what is downloaded, over what, which faults when (pure)
    stage.py      the lab that serves round after round: origins, daemons, disks
    disks.py      disks that can be full
    metalink.py   a Metalink of a file, with hashes of its pieces
    faults.py     what each fault does, and how it ends
    round.py      plays a script: faults in their time, clients again until they are done
    client.py     one download: its tries, how each of them ended
    between.py    what happens between two downloads, one after the other
    caches.py     files of peers' caches: bits that flip, and whether a wrong one ever gets out
    judge.py      which exit codes fit, how many bytes may have been fetched twice
    campaign.py   many rounds, several at a time; lines, summary

What a round promises is in judge.py and at the end of round.py."""
