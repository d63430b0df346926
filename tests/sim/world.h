/* SPDX-License-Identifier: MIT */
/* A world: what there is to download over, before anybody does. Links, what they share, what the
 * origin allows, and when all of that changes.
 *
 *     origin ── total ──┬── link (the own uplink) ───────────────┐
 *                       ├── link ──┐                             │
 *                       ├── link ──┴── group ──┬──── LAN ────────┴── client
 *                       └── link ──────────────┘
 *
 * A world is data: bound.c integrates it, net.c moves bytes through it. Times are ns from the
 * start, rates bytes/s. */
#ifndef DDM_TESTS_SIM_WORLD_H
#define DDM_TESTS_SIM_WORLD_H

#include "schedule.h"

#include <stdint.h>

enum honesty { HONEST, LYING, REFUSING };

/* What the planner knows as a source: one uplink to the origin. The first one is the client's own.
 */
struct uplink {
    char name[24];
    struct schedule rate;
    int64_t rtt, ttfb;     /* ttfb: on top of the round trip, from request to first byte */
    int group;             /* index of the shared bottleneck behind which it stands; -1: none */
    bool own;              /* of this machine: it does not cross the LAN */
    enum honesty honesty;  /* its capacity counts only if HONEST */
    int64_t joins, leaves; /* known to the client from, until; NEVER */
    int64_t dies, back;    /* resets and refuses connections in between; NEVER */
    double breaks;         /* a running connection is reset, so many times per second */
};

struct world {
    char name[32], about[96];
    uint64_t size;
    struct uplink *links;
    size_t link_count;
    struct schedule *groups;
    size_t group_count;
    struct schedule lan, total; /* no steps: no limit */
    double per_connection;      /* 0: no limit */
    double per_address;         /* the same */
    unsigned max_connections;   /* transfers at once per address, more get BUSY; 0: any number */
    int64_t retry_after;        /* that comes with it; 0: none */
    unsigned connections;       /* the client's own polite cap, per source */
    double round_trips;         /* until a fresh connection can take a request */
    uint64_t window;            /* of a stream; 0: to a file */
    double consumer;            /* that reads it; 0: as fast as it comes */
    uint64_t seed;              /* of what happens by chance underway */
};

/* Adds a link with everything at rest: honest, always there, no group, no rate yet. */
struct uplink *world_add_link(struct world *world);
int world_add_group(struct world *world); /* returns its index; no rate yet */
void world_release(struct world *world);

/* Whether a link answers at all at a time; NEVER mind its rate. */
bool uplink_is_up(const struct uplink *link, int64_t time);

/* An address of the origin's view: links of one group come from behind one. */
static inline size_t world_address(const struct world *world, size_t link)
{
    int group = world->links[link].group;
    return group < 0 ? link : world->link_count + (size_t)group;
}

#endif
