/* SPDX-License-Identifier: MIT */
/* Who gets how much: max-min fair shares by progressive filling. In each round the tightest
 * resource gives all of its flows an even share, and flows that cannot use theirs (slow start, a
 * limit per connection) leave the rest to others.
 *
 * A change on one link touches the flows of its pool only; with a LAN or an origin that limits,
 * there is one pool. */
#include "net_internal.h"

#include <assert.h>

#define NEARLY 1.000001

/* -- Pools ------------------------------------------------------------------------------------- */

void share_new(struct net *net)
{
    const struct world *w = net->world;
    bool one = w->lan.count > 0 || w->total.count > 0;
    net->pool_count = one ? 1 : w->link_count + w->group_count;
    net->pools = calloc(net->pool_count, sizeof(*net->pools));
    net->dirty = calloc(net->pool_count, sizeof(*net->dirty));
    if (!net->pools || !net->dirty)
        abort();
    for (size_t i = 0; i < w->link_count; i++)
        net->links[i].pool = one ? 0 : world_address(w, i);
}

void share_dirty(struct net *net, size_t pool)
{
    if (!net->pools[pool].dirty)
        net->dirty[net->dirty_count++] = pool;
    net->pools[pool].dirty = true;
}

void share_enter(struct net *net, struct flow *flow)
{
    struct pool *pool = &net->pools[net->links[flow->link].pool];
    if (pool->count == pool->capacity) {
        pool->capacity = MAX(2 * pool->capacity, (size_t)8);
        pool->flows = reallocarray(pool->flows, pool->capacity, sizeof(*pool->flows));
        if (!pool->flows)
            abort();
    }
    flow->place = pool->count;
    pool->flows[pool->count++] = flow;
    share_dirty(net, net->links[flow->link].pool);
}

void share_leave(struct net *net, struct flow *flow)
{
    struct pool *pool = &net->pools[net->links[flow->link].pool];
    struct flow *last = pool->flows[--pool->count];
    pool->flows[flow->place] = last;
    last->place = flow->place;
    share_dirty(net, net->links[flow->link].pool);
}

/* -- Filling ----------------------------------------------------------------------------------- */

struct path {
    struct resource *over[4];
    unsigned count;
};

static struct path path_of(struct net *net, const struct flow *flow)
{
    const struct world *w = net->world;
    const struct uplink *l = &w->links[flow->link];
    struct path path = { .over = { &net->resources[flow->link] }, .count = 1 };
    if (l->group >= 0)
        path.over[path.count++] = &net->resources[w->link_count + (size_t)l->group];
    if (w->lan.count > 0 && !l->own)
        path.over[path.count++] = &net->resources[net->resource_count - 2];
    if (w->total.count > 0)
        path.over[path.count++] = &net->resources[net->resource_count - 1];
    return path;
}

/* What the flow could use at most. */
static double cap_of(const struct net *net, const struct flow *flow)
{
    double cap = net->world->per_connection > 0 ? net->world->per_connection : HUGE_VAL;
    if (flow->congestion.window > 0) {
        double slow = flow->congestion.window * (double)SEC / (double)flow_uplink(net, flow)->rtt;
        cap = MIN(cap, slow);
    }
    return cap;
}

static void give(struct net *net, struct flow *flow, double rate)
{
    struct path path = path_of(net, flow);
    for (unsigned i = 0; i < path.count; i++) {
        path.over[i]->left = MAX(path.over[i]->left - rate, 0.0);
        path.over[i]->waiting--;
    }
    flow->frozen = true;
    if (flow->rate == rate)
        return;
    flow_settle(net, flow);
    flow->rate = rate;
    flow_rearm(net, flow);
}

static void begin_filling(struct net *net, struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct path path = path_of(net, pool->flows[i]);
        for (unsigned k = 0; k < path.count; k++) {
            path.over[k]->left = path.over[k]->rate;
            path.over[k]->waiting = 0;
        }
    }
    for (size_t i = 0; i < pool->count; i++) {
        struct path path = path_of(net, pool->flows[i]);
        for (unsigned k = 0; k < path.count; k++)
            path.over[k]->waiting++;
        pool->flows[i]->frozen = false;
    }
}

/* The share of the tightest resource, which is marked; those as tight as it, too. */
static double tightest_share(struct net *net, struct pool *pool)
{
    double least = HUGE_VAL;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < pool->count; i++) {
            if (pool->flows[i]->frozen)
                continue;
            struct path path = path_of(net, pool->flows[i]);
            for (unsigned k = 0; k < path.count; k++) {
                struct resource *r = path.over[k];
                double share = r->left / r->waiting;
                least = MIN(least, share);
                r->tight = share <= least * NEARLY; /* for good in the second pass */
            }
        }
    }
    return least;
}

static bool is_tight(struct net *net, const struct flow *flow)
{
    struct path path = path_of(net, flow);
    for (unsigned i = 0; i < path.count; i++)
        if (path.over[i]->tight)
            return true;
    return false;
}

static size_t give_caps(struct net *net, struct pool *pool, double share)
{
    size_t given = 0;
    for (size_t i = 0; i < pool->count; i++) {
        double cap = cap_of(net, pool->flows[i]);
        if (pool->flows[i]->frozen || cap > share)
            continue;
        give(net, pool->flows[i], cap);
        given++;
    }
    return given;
}

/* Those at the tight resources get their share. */
static size_t give_share(struct net *net, struct pool *pool, double share)
{
    size_t given = 0;
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->flows[i]->frozen || !is_tight(net, pool->flows[i]))
            continue;
        give(net, pool->flows[i], share);
        given++;
    }
    return given;
}

static void fill(struct net *net, struct pool *pool)
{
    begin_filling(net, pool);
    for (size_t left = pool->count; left > 0;) {
        double share = tightest_share(net, pool);
        size_t given = give_caps(net, pool, share);
        if (given == 0)
            given = give_share(net, pool, share);
        assert(given > 0);
        left -= given;
    }
}

void share_update(struct net *net)
{
    while (net->dirty_count > 0) {
        struct pool *pool = &net->pools[net->dirty[--net->dirty_count]];
        pool->dirty = false;
        fill(net, pool);
    }
}
