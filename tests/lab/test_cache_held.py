# SPDX-License-Identifier: MIT
"""What a peer says that it holds: GET /v1/objects/{key}, and in the head of its replies."""

import hashlib
import json

import pytest
from ddmlab import content, wait_until
from ddmlab.cached import SIZE, Cached
from ddmlab.content import MIB


def key_of(url, size, etag):
    """As src/swarm/object_key.h has it, of a strong ETag."""
    return hashlib.sha256(f"ddm object 1\n{url}\n{size}\netag\n{etag}\n".encode()).hexdigest()


class Holder(Cached):
    def held(self, key=None, url=None):
        key = key or key_of(url or self.url, SIZE, content.nginx_etag(self.path))
        return self.lab.hosts[1].request("GET", self.peer.address, f"/v1/objects/{key}")

    def ranges(self):
        return self.held().json()["ranges"]

    def in_short(self, begin, end, ask=True):
        """DDM-Held of the reply to a fetch."""
        body = {"url": self.url, "begin": begin, "end": end, **self.fields()}
        headers = {"DDM-Held": "1"} if ask else {}
        reply = self.lab.hosts[1].request(
            "POST", self.peer.address, "/v1/fetch", body, headers, timeout=60
        )
        assert reply.body == self.path.read_bytes()[begin:end]
        return reply.headers["DDM-Held"]


@pytest.fixture
def holder(make_lab):
    return Holder(make_lab(200, 200))


def test_ranges_that_are_held_can_be_asked_for(holder):
    assert holder.held().status == 404
    holder.expect(0, MIB)
    holder.expect(2 * MIB, 5 * MIB)
    assert holder.held().json() == {
        "size": SIZE,
        "etag": content.nginx_etag(holder.path),
        "last_modified": content.last_modified(holder.path),
        "ranges": [[0, MIB], [2 * MIB, 5 * MIB]],
    }
    holder.restart()  # it is only on disk now, and not read yet
    assert holder.ranges() == [[0, MIB], [2 * MIB, 5 * MIB]]


def test_what_signs_is_not_in_the_key(holder):
    holder.peer.fetch(holder.url + "?token=1&a=2", 0, MIB, **holder.fields())
    assert holder.held(url=holder.url + "?a=2").json()["ranges"] == [[0, MIB]]


def test_a_reply_tells_it_in_short_if_asked(holder):
    holder.expect(0, MIB)
    holder.expect(2 * MIB, 5 * MIB)
    assert holder.in_short(0, 1000) == f"{2 * MIB}-{5 * MIB},0-{MIB}"
    assert holder.in_short(0, 1000, ask=False) is None


def test_in_short_means_a_few_of_the_longest(holder):
    for i in range(40):
        holder.expect(i * 200_000, i * 200_000 + 1000 + i)
    wait_until(lambda: len(holder.ranges()) == 40, "all to be on disk")
    text = holder.in_short(39 * 200_000, 39 * 200_000 + 10)
    ranges = [tuple(map(int, part.split("-"))) for part in text.split(",")]
    assert len(ranges) >= 10
    assert len(text) < 300
    assert ranges == [(i * 200_000, i * 200_000 + 1000 + i) for i in range(39, 39 - len(ranges), -1)]


def test_what_is_only_in_memory_is_told_too(make_lab):
    holder = Holder(make_lab(200, 200), "--cache-size", "0")
    holder.expect(MIB, 2 * MIB)
    assert holder.ranges() == [[MIB, 2 * MIB]]
    assert holder.in_short(MIB, MIB + 10) == f"{MIB}-{2 * MIB}"


def test_nobody_hears_of_what_came_with_a_login(holder):
    holder.expect(0, MIB, headers={"Authorization": "Basic c2VjcmV0"})
    assert holder.held().status == 404


@pytest.mark.parametrize("key", ["0" * 64, "x", "..%2f..", "%00", "A" * 64, "0" * 2000])
def test_a_key_that_is_none_is_404(holder, key):
    holder.expect(0, MIB)
    reply = holder.held(key)
    assert reply.status in (400, 404, 414)
    assert json.loads(reply.body)["error"]
    assert holder.peer.healthy()
