/* SPDX-License-Identifier: MIT */
/* What net.c (transfers), net_share.c (who gets how much) and net_weather.c (how the world changes)
 * have in common. */
#ifndef DDM_TESTS_SIM_NET_INTERNAL_H
#define DDM_TESTS_SIM_NET_INTERNAL_H

#include "base/util.h"
#include "net.h"

#define SEGMENT         1448       /* bytes of a packet */
#define WINDOW_SEGMENTS 10         /* of a fresh connection */
#define BLOCK           (16 * KIB) /* what the client reads at once */
#define IDLE_MOST       SEC        /* then a connection starts slowly again */

enum timer_kind { TIMER_FLOW, TIMER_WEATHER };

enum flow_state {
    FLOW_FREE,
    FLOW_WAITING,  /* for the first byte */
    FLOW_RUNNING,  /* `stuck` as long as not even the head came, for the link is silent */
    FLOW_DRAINING, /* closed by the client; the sender does not know yet */
};

/* How fast a connection may send for its own sake. */
struct congestion {
    double window; /* bytes per round trip; 0: it has its share, nothing limits it */
};

struct flow {
    struct timer timer; /* first, so that the timer is the flow */
    enum flow_state state;
    size_t link, place; /* place: among the flows of its pool */
    struct congestion congestion;
    double rate, came; /* bytes/s now; bytes of the range until settled_at */
    int64_t settled_at;
    uint64_t length, told, notice; /* of the range; delivered; to look up at */
    int64_t grow_at, deliver_at, break_at, ends_at;
    bool stuck, frozen; /* frozen: net_share.c has decided on it */
    void *user;
    struct flow *next;  /* of the free ones */
    struct flow *older; /* of all */
};

/* Flows that can get into each other's way: those of one link or group, or, with a LAN or an origin
 * that limits, all. */
struct pool {
    struct flow **flows;
    size_t count, capacity;
    bool dirty; /* shares are to be found anew */
};

/* A link, a group, the LAN, the origin. */
struct resource {
    double rate, left;
    unsigned waiting; /* flows without a share yet */
    bool tight;
};

struct idle {
    struct congestion congestion;
    int64_t since;
};

struct link {
    struct idle *idle; /* connections, as many as were ever needed at once */
    size_t idle_count, idle_capacity;
    size_t pool;
    bool up;
};

struct net {
    const struct world *world;
    const struct net_ops *ops;
    void *arg;
    int64_t now;
    struct heap heap;
    struct timer weather;
    struct prng prng;
    struct link *links;
    struct resource *resources; /* links, groups, LAN, origin */
    size_t resource_count;
    struct pool *pools;
    size_t pool_count;
    size_t *dirty; /* pools */
    size_t dirty_count;
    unsigned *active; /* transfers per address */
    struct flow *flows, *free;
    size_t flow_count;
    bool finer;
    double lost;
};

/* -- net.c ------------------------------------------------------------------------------------- */

void net_fail_flow(struct net *net, struct flow *flow, enum plan_failure failure,
                   int64_t retry_after);
void flow_rearm(struct net *net, struct flow *flow);

static inline const struct uplink *flow_uplink(const struct net *net, const struct flow *flow)
{
    return &net->world->links[flow->link];
}

/* Brings `came` up to now. */
static inline void flow_settle(const struct net *net, struct flow *flow)
{
    flow->came += flow->rate * (double)(net->now - flow->settled_at) / (double)SEC;
    flow->came = MIN(flow->came, (double)flow->length);
    flow->settled_at = net->now;
}

/* -- net_share.c ------------------------------------------------------------------------------- */

void share_new(struct net *net); /* pools */
void share_enter(struct net *net, struct flow *flow);
void share_leave(struct net *net, struct flow *flow);
void share_dirty(struct net *net, size_t pool);

/* Finds the shares of dirty pools anew. */
void share_update(struct net *net);

/* -- net_weather.c ----------------------------------------------------------------------------- */

void weather_start(struct net *net);
void weather_change(struct net *net);

#endif
