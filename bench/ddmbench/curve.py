# SPDX-License-Identifier: MIT
"""Rates and connections over time, out of the progress events of `ddm get --json`."""

WINDOW = 1.0  # s, over which a rate is taken


def points(get):
    """[seconds, bytes, connections], oldest first."""
    kinds = ("start", "progress", "done")
    events = [event for event in get.events if event["event"] in kinds]
    return [
        [event["elapsed"], event["done"], sum(source["leases"] for source in event["sources"])]
        for event in events
    ]


def rates(points):
    """[seconds, bytes per second over the last WINDOW or since the start, connections]."""
    found, first = [], 0
    for index, (when, done, connections) in enumerate(points):
        while first + 1 < index and points[first + 1][0] <= when - WINDOW:
            first += 1
        before = points[first]
        if when > before[0]:
            found.append([when, (done - before[1]) / (when - before[0]), connections])
    return found


def reached(points, wanted):
    """(when the first second began in which the rate was what is wanted, mean rate from then to the
    end in bytes/s); (None, None) if there was none."""
    end = points[-1]
    for first, (began, before, _) in enumerate(points):
        after = next((p for p in points[first:] if p[0] >= began + WINDOW), None)
        if after is None:
            break
        if (after[1] - before) / (after[0] - began) >= wanted:
            return began, (end[1] - before) / (end[0] - began)
    return None, None
