/* SPDX-License-Identifier: MIT */
/* Transfers, from request to last byte. A flow has one timer, set to whatever comes first: its
 * first byte, more speed, a delivery, the end of the connection. */
#include "net_internal.h"

#include <stdlib.h>

/* How often bytes are delivered: the more flows, the coarser. */
static int64_t quantum(const struct net *net)
{
    if (net->finer)
        return net->flow_count <= 64 ? 5 * MSEC : net->flow_count <= 256 ? 10 * MSEC : 25 * MSEC;
    return net->flow_count <= 32 ? 25 * MSEC : net->flow_count <= 512 ? 50 * MSEC : 100 * MSEC;
}

struct net *net_new(const struct world *world, const struct net_ops *ops, void *arg)
{
    struct net *net = calloc(1, sizeof(*net));
    if (!net)
        abort();
    *net = (struct net){ .world = world,
                         .ops = ops,
                         .arg = arg,
                         .prng = { world->seed },
                         .resource_count = world->link_count + world->group_count + 2 };
    net->links = calloc(world->link_count, sizeof(*net->links));
    net->resources = calloc(net->resource_count, sizeof(*net->resources));
    net->active = calloc(world->link_count + world->group_count, sizeof(*net->active));
    if (!net->links || !net->resources || !net->active)
        abort();
    share_new(net);
    weather_start(net);
    return net;
}

struct net *net_free(struct net *net)
{
    for (struct flow *flow = net->flows, *older; flow; flow = older) {
        older = flow->older;
        free(flow);
    }
    for (size_t i = 0; i < net->pool_count; i++)
        free(net->pools[i].flows);
    for (size_t i = 0; i < net->world->link_count; i++)
        free(net->links[i].idle);
    heap_release(&net->heap);
    free(net->links);
    free(net->resources);
    free(net->active);
    free(net->pools);
    free(net->dirty);
    free(net);
    return NULL;
}

uint64_t net_lost_bytes(const struct net *net)
{
    return (uint64_t)net->lost;
}

/* -- When something happens to a flow ---------------------------------------------------------- */

static int64_t when_came(const struct flow *flow, uint64_t bytes)
{
    double left = (double)bytes - flow->came;
    if (left <= 0)
        return flow->settled_at;
    return flow->settled_at + (int64_t)(left / flow->rate * (double)SEC) + 1;
}

static int64_t when_delivered(const struct flow *flow)
{
    if (flow->rate <= 0)
        return NEVER;
    int64_t packet = when_came(flow, MIN(flow->told + SEGMENT, flow->length));
    int64_t at = MAX(flow->deliver_at, packet);
    return MIN(at, when_came(flow, flow->notice > flow->told ? flow->notice : flow->length));
}

void flow_rearm(struct net *net, struct flow *flow)
{
    int64_t at = flow->ends_at;
    if (flow->state == FLOW_RUNNING && flow->stuck) {
        at = flow->rate > 0 ? net->now : NEVER;
    } else if (flow->state == FLOW_RUNNING) {
        int64_t sooner = MIN(flow->grow_at, flow->break_at);
        int64_t deliver = when_delivered(flow);
        at = MIN(sooner, deliver);
    } else if (flow->state == FLOW_DRAINING && flow->rate > 0) {
        at = MIN(at, when_came(flow, flow->length));
    }
    heap_set(&net->heap, &flow->timer, at == NEVER ? NEVER : MAX(at, net->now));
}

/* -- Connections ------------------------------------------------------------------------------- */

static bool take_idle(struct net *net, size_t link, struct congestion *ret)
{
    struct link *l = &net->links[link];
    if (l->idle_count == 0)
        return false;
    struct idle *idle = &l->idle[--l->idle_count];
    *ret = idle->congestion;
    if (net->now - idle->since > IDLE_MOST)
        ret->window = WINDOW_SEGMENTS * SEGMENT;
    return true;
}

static void put_idle(struct net *net, const struct flow *flow)
{
    struct link *l = &net->links[flow->link];
    if (l->idle_count == l->idle_capacity) {
        l->idle_capacity = MAX(2 * l->idle_capacity, (size_t)4);
        l->idle = reallocarray(l->idle, l->idle_capacity, sizeof(*l->idle));
        if (!l->idle)
            abort();
    }
    l->idle[l->idle_count++] = (struct idle){ flow->congestion, net->now };
}

static void flow_release(struct net *net, struct flow *flow)
{
    if (flow->state == FLOW_RUNNING || flow->state == FLOW_DRAINING) {
        share_leave(net, flow);
        net->active[world_address(net->world, flow->link)]--;
    }
    heap_unset(&net->heap, &flow->timer);
    net->flow_count--;
    flow->state = FLOW_FREE;
    flow->next = net->free;
    net->free = flow;
}

static struct flow *flow_new(struct net *net)
{
    struct flow *flow = net->free;
    if (flow) {
        net->free = flow->next;
        return flow;
    }
    flow = malloc(sizeof(*flow));
    if (!flow)
        abort();
    flow->older = net->flows;
    net->flows = flow;
    return flow;
}

struct flow *net_request(struct net *net, size_t link, uint64_t begin, uint64_t end, void *user)
{
    const struct uplink *l = &net->world->links[link];
    struct flow *flow = flow_new(net);
    end = MIN(end, net->world->size); /* the server knows */
    *flow = (struct flow){
        .timer.kind = TIMER_FLOW,
        .state = FLOW_WAITING,
        .link = link,
        .congestion.window = WINDOW_SEGMENTS * SEGMENT,
        .length = end - begin,
        .notice = end - begin,
        .older = flow->older,
        .grow_at = NEVER,
        .break_at = NEVER,
        .user = user,
    };
    net->flow_count++;
    bool fresh = !take_idle(net, link, &flow->congestion);
    double trips = fresh && net->links[link].up ? net->world->round_trips + 1 : 1;
    flow->ends_at = net->now + (int64_t)(trips * (double)l->rtt) + l->ttfb;
    flow_rearm(net, flow);
    return flow;
}

/* -- Replies ----------------------------------------------------------------------------------- */

/* Delivers what came. Returns whether the flow still runs. */
static bool deliver(struct net *net, struct flow *flow)
{
    uint64_t came = MIN((uint64_t)(flow->came + 1e-3), flow->length), news = came - flow->told;
    flow->told = came;
    flow->deliver_at = net->now + quantum(net);
    if (news > 0)
        net->ops->data(net->arg, flow->user, news);
    if (flow->state != FLOW_RUNNING)
        return false;
    if (flow->told < flow->length)
        return true;
    void *user = flow->user;
    put_idle(net, flow);
    flow_release(net, flow);
    net->ops->done(net->arg, user);
    return false;
}

void net_fail_flow(struct net *net, struct flow *flow, enum plan_failure failure,
                   int64_t retry_after)
{
    if (flow->state == FLOW_RUNNING && !flow->stuck) {
        flow_settle(net, flow);
        if (!deliver(net, flow))
            return;
    }
    void *user = flow->user;
    flow_release(net, flow);
    net->ops->failed(net->arg, user, failure, retry_after);
}

/* The reply is an error, and the connection fine. */
static void reply_error(struct net *net, struct flow *flow, enum plan_failure failure,
                        int64_t retry_after)
{
    put_idle(net, flow);
    net_fail_flow(net, flow, failure, retry_after);
}

static void reply(struct net *net, struct flow *flow)
{
    const struct uplink *l = flow_uplink(net, flow);
    unsigned *active = &net->active[world_address(net->world, flow->link)];
    unsigned most = net->world->max_connections;
    if (!net->links[flow->link].up) {
        net_fail_flow(net, flow, PLAN_GONE, 0);
    } else if (l->honesty != HONEST) {
        reply_error(net, flow, l->honesty == LYING ? PLAN_WRONG : PLAN_REFUSED, 0);
    } else if (most > 0 && *active >= most) {
        reply_error(net, flow, PLAN_BUSY, net->world->retry_after);
    } else {
        (*active)++;
        flow->state = FLOW_RUNNING;
        flow->stuck = true;
        flow->settled_at = net->now;
        flow_rearm(net, flow);
        share_enter(net, flow); /* with a share comes the head */
    }
}

static void begin(struct net *net, struct flow *flow)
{
    const struct uplink *l = flow_uplink(net, flow);
    flow->stuck = false;
    flow->deliver_at = net->now;
    flow->grow_at = flow->congestion.window > 0 ? net->now + l->rtt : NEVER;
    if (l->breaks > 0)
        flow->break_at =
            net->now + (int64_t)(prng_exponential(&net->prng, 1 / l->breaks) * (double)SEC);
    net->ops->head(net->arg, flow->user);
    flow_rearm(net, flow);
}

static void grow(struct net *net, struct flow *flow)
{
    struct congestion *c = &flow->congestion;
    int64_t rtt = flow_uplink(net, flow)->rtt;
    bool limited = flow->rate * (double)rtt > 0.95 * c->window * (double)SEC;
    c->window = limited ? 2 * c->window : 0;
    flow->grow_at = limited ? net->now + rtt : NEVER;
    share_dirty(net, net->links[flow->link].pool);
}

static void run(struct net *net, struct flow *flow)
{
    flow_settle(net, flow);
    if (flow->stuck) {
        begin(net, flow);
        return;
    }
    if (net->now >= flow->break_at) {
        net_fail_flow(net, flow, PLAN_GONE, 0);
        return;
    }
    if (net->now >= flow->grow_at)
        grow(net, flow);
    if (net->now >= when_delivered(flow) && !deliver(net, flow))
        return;
    flow_rearm(net, flow);
}

/* -- The contract ------------------------------------------------------------------------------ */

void net_look_up_at(struct net *net, struct flow *flow, uint64_t bytes)
{
    uint64_t block = (bytes + BLOCK - 1) / BLOCK * BLOCK;
    flow->notice = MIN(block, flow->length);
    if (flow->state == FLOW_RUNNING && !flow->stuck) {
        flow_settle(net, flow);
        flow_rearm(net, flow);
    }
}

void net_close(struct net *net, struct flow *flow)
{
    bool nothing = flow->state == FLOW_WAITING || flow->stuck || flow->told == flow->length;
    if (nothing) {
        flow_release(net, flow);
        return;
    }
    flow_settle(net, flow);
    flow->state = FLOW_DRAINING;
    flow->user = NULL;
    flow->ends_at = net->now + flow_uplink(net, flow)->rtt;
    flow_rearm(net, flow);
}

static void drained(struct net *net, struct flow *flow)
{
    flow_settle(net, flow);
    net->lost += flow->came - (double)flow->told;
    flow_release(net, flow);
}

void net_finer(struct net *net, bool finer)
{
    net->finer = finer;
}

void net_set_now(struct net *net, int64_t now)
{
    net->now = now;
}

int64_t net_next(struct net *net)
{
    share_update(net);
    struct timer *first = heap_first(&net->heap);
    return first ? first->at : NEVER;
}

void net_step(struct net *net)
{
    struct timer *first = heap_first(&net->heap);
    net->now = first->at;
    if (first->kind == TIMER_WEATHER) {
        weather_change(net);
        return;
    }
    struct flow *flow = (struct flow *)first;
    if (flow->state == FLOW_WAITING)
        reply(net, flow);
    else if (flow->state == FLOW_RUNNING)
        run(net, flow);
    else
        drained(net, flow);
}
