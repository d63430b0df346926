# SPDX-License-Identifier: MIT
"""Memory is bounded whatever the size of the file and however slow the reader. The bench measures
with files of many GiB; here, that it does not grow with the file."""

import pytest
from ddmlab import ddm
from ddmlab.content import MIB, assert_same, make_big_file
from ddmlab.memory import Sampler


LIMIT = 48 * MIB
CACHE = 20 * MIB  # what waits for the disk, and what comes from it


@pytest.mark.parametrize("cache", ["0", "1G"], ids=["no cache", "cache"])
def test_get_and_peer_stay_small(make_network, cache):
    binary = ddm.release_binary()
    if binary is None:
        pytest.skip("needs a release build: a sanitizer's figures mean nothing")
    lab = make_network(1000, 1000, binary=binary)
    path = make_big_file(lab.origin.files / "file", 192 * MIB)
    lab.tracker(lab.hosts[0])
    _, peer = [lab.peer(host, "--cache-size", cache) for host in lab.hosts]
    get = lab.get(lab.hosts[0], lab.origin.url("file"))
    samplers = {"get": Sampler(get.process.pid), "peer": Sampler(peer.pid)}
    get.expect(0)
    assert_same(get.file, path)
    for name, sampler in samplers.items():
        sampler.stop()
        assert sampler.history
        limit = LIMIT + (CACHE if name == "peer" and cache != "0" else 0)
        assert max(sampler.highest_held, sampler.highest.peak) < limit, name
        assert sampler.highest.memfd <= 32 * MIB, name
    assert get.shares()[peer.address] > 16 * MIB
