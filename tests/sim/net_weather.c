/* SPDX-License-Identifier: MIT */
/* How the world changes: rates follow their schedules, links die and come back. One timer stands
 * for the next change of all. */
#include "net_internal.h"

static void sooner(int64_t *next, int64_t now, int64_t candidate)
{
    if (candidate > now && candidate < *next)
        *next = candidate;
}

static void set_rate(struct net *net, size_t resource, double rate, size_t pool)
{
    if (net->resources[resource].rate == rate)
        return;
    net->resources[resource].rate = rate;
    share_dirty(net, pool);
}

/* A host that goes away takes its connections along. */
static void take_down(struct net *net, size_t link)
{
    struct pool *pool = &net->pools[net->links[link].pool];
    net->links[link].idle_count = 0;
    for (size_t i = pool->count; i-- > 0;) {
        struct flow *flow = i < pool->count ? pool->flows[i] : NULL;
        if (flow && flow->link == link && flow->state == FLOW_RUNNING)
            net_fail_flow(net, flow, PLAN_GONE, 0);
    }
}

static void change_link(struct net *net, size_t i, int64_t *next)
{
    const struct uplink *l = &net->world->links[i];
    bool up = uplink_is_up(l, net->now);
    double rate = up ? schedule_at(&l->rate, net->now) : 0;
    if (net->world->per_address > 0 && l->group < 0)
        rate = MIN(rate, net->world->per_address);
    set_rate(net, i, rate, net->links[i].pool);
    if (net->links[i].up && !up)
        take_down(net, i);
    net->links[i].up = up;
    sooner(next, net->now, schedule_next(&l->rate, net->now));
    sooner(next, net->now, l->joins);
    sooner(next, net->now, l->leaves);
    sooner(next, net->now, l->dies);
    sooner(next, net->now, l->back);
}

static size_t pool_of_group(const struct net *net, size_t group)
{
    for (size_t i = 0; i < net->world->link_count; i++)
        if (net->world->links[i].group == (int)group)
            return net->links[i].pool;
    return 0;
}

void weather_change(struct net *net)
{
    const struct world *w = net->world;
    int64_t next = NEVER;
    for (size_t i = 0; i < w->link_count; i++)
        change_link(net, i, &next);
    for (size_t i = 0; i < w->group_count; i++) {
        double rate = schedule_at(&w->groups[i], net->now);
        if (w->per_address > 0)
            rate = MIN(rate, w->per_address);
        set_rate(net, w->link_count + i, rate, pool_of_group(net, i));
        sooner(&next, net->now, schedule_next(&w->groups[i], net->now));
    }
    const struct schedule *both[] = { &w->lan, &w->total };
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        bool limits = both[i]->count > 0;
        set_rate(net, w->link_count + w->group_count + i,
                 limits ? schedule_at(both[i], net->now) : HUGE_VAL, 0);
        sooner(&next, net->now, schedule_next(both[i], net->now));
    }
    heap_set(&net->heap, &net->weather, next);
}

void weather_start(struct net *net)
{
    net->weather.kind = TIMER_WEATHER;
    weather_change(net);
}
