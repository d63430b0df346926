/* SPDX-License-Identifier: MIT */
/* Between two breakpoints of any schedule the capacity is constant, so that its integral is a sum.
 *
 * What the links, groups, LAN and origin let through together is a maximum flow. Its only crossing
 * is a group that holds the own uplink and peers: the own goes first there, for it leaves the LAN
 * to others. A consumer makes a third kind of breakpoint: the window is full, or empty. */
#include "bound.h"

#include "base/util.h"

#include <string.h>

#define GROUPS_MOST  64
#define FIRST_WINDOW (10 * 1448.0) /* bytes in the first round trip */
#define FLOOR_STEP   (10 * MSEC)
#define FLOOR_MOST   (4 * 3600 * SEC)

static double limit_at(const struct schedule *limit, int64_t time)
{
    return limit->count > 0 ? schedule_at(limit, time) : HUGE_VAL;
}

/* What the origin gives one address. */
static double address_limit(const struct world *world, unsigned connections)
{
    double limit = world->per_address > 0 ? world->per_address : HUGE_VAL;
    if (world->per_connection > 0)
        limit = MIN(limit, world->per_connection * connections);
    return limit;
}

/* From the request on a fresh connection to its first byte. */
static int64_t first_byte(const struct world *world, const struct uplink *link)
{
    return (int64_t)((world->round_trips + 1) * (double)link->rtt) + link->ttfb;
}

/* What the connections of a link can bring as young as they are. */
static double slow_start(const struct world *world, const struct uplink *link, int64_t time,
                         int64_t probed, unsigned connections)
{
    int64_t wait = first_byte(world, link), known = MAX(link->joins, probed);
    bool first = link->joins + wait == probed; /* it is the one that was asked first */
    int64_t age = time - (first ? probed : known + wait);
    if (age < 0)
        return 0;
    double trips = MIN((double)age / (double)link->rtt, 60.0);
    return connections * FIRST_WINDOW * exp2(trips) * (double)SEC / (double)link->rtt;
}

static double link_capacity(const struct world *world, const struct uplink *link, int64_t time,
                            int64_t probed)
{
    if (link->honesty != HONEST || !uplink_is_up(link, time))
        return 0;
    unsigned most = world->connections;
    if (world->max_connections > 0)
        most = MIN(most, world->max_connections);
    double limit = address_limit(world, most), rate = schedule_at(&link->rate, time);
    rate = MIN(limit, rate);
    return probed == NEVER ? rate : MIN(rate, slow_start(world, link, time, probed, most));
}

/* Where an address has fewer connections than there are links behind it, the fastest count. */
static bool has_connection(const struct world *world, const struct uplink *link, int64_t time,
                           int64_t probed, double rate)
{
    unsigned faster = 0;
    if (world->max_connections == 0 || link->group < 0)
        return true;
    for (const struct uplink *l = world->links; l < world->links + world->link_count; l++) {
        double other = l->group == link->group ? link_capacity(world, l, time, probed) : 0;
        faster += other > rate || (other == rate && l < link);
    }
    return faster < world->max_connections;
}

/* `probed`: when the probe was answered; NEVER: there is no latency at all. */
static double capacity(const struct world *world, int64_t time, int64_t probed)
{
    double own = 0, peers = 0, left[GROUPS_MOST];
    for (size_t i = 0; i < world->group_count; i++) {
        double limit = world->max_connections > 0 ? address_limit(world, world->max_connections)
                       : world->per_address > 0   ? world->per_address
                                                  : HUGE_VAL;
        double rate = limit_at(&world->groups[i], time);
        left[i] = MIN(limit, rate);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (const struct uplink *l = world->links; l < world->links + world->link_count; l++) {
            if (l->own != (pass == 0))
                continue;
            double rate = link_capacity(world, l, time, probed);
            if (!has_connection(world, l, time, probed, rate))
                continue;
            if (l->group >= 0) {
                rate = MIN(rate, left[l->group]);
                left[l->group] -= rate;
            }
            *(l->own ? &own : &peers) += rate;
        }
    }
    double lan = limit_at(&world->lan, time), total = limit_at(&world->total, time);
    double through = own + MIN(peers, lan);
    return MIN(through, total);
}

double bound_capacity(const struct world *world, int64_t time)
{
    return capacity(world, time, NEVER);
}

static void sooner(int64_t *next, int64_t time, int64_t candidate)
{
    if (candidate > time && candidate < *next)
        *next = candidate;
}

/* The first breakpoint past a time. */
static int64_t next_change(const struct world *world, int64_t time)
{
    int64_t next = NEVER;
    for (const struct uplink *l = world->links; l < world->links + world->link_count; l++) {
        sooner(&next, time, schedule_next(&l->rate, time));
        sooner(&next, time, l->joins);
        sooner(&next, time, l->leaves);
        sooner(&next, time, l->dies);
        sooner(&next, time, l->back);
    }
    for (size_t i = 0; i < world->group_count; i++)
        sooner(&next, time, schedule_next(&world->groups[i], time));
    sooner(&next, time, schedule_next(&world->lan, time));
    sooner(&next, time, schedule_next(&world->total, time));
    return next;
}

struct fluid {
    const struct world *world;
    double came, held, end; /* bytes: in all; of them not read yet; of the file */
    double time, until;     /* s */
};

/* A stream is done when its reader has it all. */
static bool fluid_done(const struct fluid *fluid)
{
    return fluid->came >= fluid->end && fluid->held <= 0;
}

/* Goes on with constant rates up to `stop` (s) at most. */
static void flow_on(struct fluid *fluid, double capacity, double stop)
{
    double window = (double)fluid->world->window, reader = fluid->world->consumer;
    bool limited = window > 0 && reader > 0;
    while (fluid->time < stop && !fluid_done(fluid)) {
        capacity = fluid->came < fluid->end ? capacity : 0;
        double in = capacity, out = in, step = stop - fluid->time;
        if (limited) {
            bool full = fluid->held >= window;
            in = full ? MIN(capacity, reader) : capacity;
            out = fluid->held > 0 ? reader : MIN(in, reader);
            if (in > out && !full)
                step = MIN(step, (window - fluid->held) / (in - out));
            else if (in < out)
                step = MIN(step, fluid->held / (out - in));
        }
        if (in > 0)
            step = MIN(step, (fluid->end - fluid->came) / in);
        fluid->came += in * step;
        fluid->held = MIN(fluid->held + (in - out) * step, window);
        if (limited && fluid->held < 1)
            fluid->held = 0;
        if (limited && fluid->held > window - 1)
            fluid->held = window;
        if (fluid->end - fluid->came < 0.5)
            fluid->came = fluid->end;
        fluid->time += MAX(step, 1e-9);
    }
}

static void integrate(struct fluid *fluid)
{
    for (int64_t at = 0; at != NEVER && fluid->time < fluid->until && !fluid_done(fluid);) {
        int64_t next = next_change(fluid->world, at);
        double stop = next == NEVER ? fluid->until : (double)next / (double)SEC;
        double capacity = bound_capacity(fluid->world, at);
        if (capacity > 0 || fluid->held > 0 || next != NEVER)
            flow_on(fluid, capacity, MIN(stop, fluid->until));
        at = next;
    }
}

int64_t bound_time(const struct world *world, uint64_t size)
{
    struct fluid fluid = { .world = world, .end = (double)size, .until = 1e9 };
    integrate(&fluid);
    return !fluid_done(&fluid) ? NEVER : (int64_t)(fluid.time * (double)SEC);
}

uint64_t bound_size(const struct world *world, int64_t time)
{
    struct fluid fluid = { .world = world, .end = HUGE_VAL, .until = (double)time / (double)SEC };
    integrate(&fluid);
    return (uint64_t)(fluid.came - fluid.held);
}

/* The own uplink is asked first, and where it is down the soonest of the others. */
static int64_t probe_answered(const struct world *world)
{
    const struct uplink *own = &world->links[0];
    if (uplink_is_up(own, 0) && own->honesty == HONEST && schedule_at(&own->rate, 0) > 0)
        return first_byte(world, own);
    int64_t soonest = NEVER;
    for (size_t i = 1; i < world->link_count; i++)
        if (world->links[i].honesty == HONEST)
            soonest = MIN(soonest, world->links[i].joins + first_byte(world, &world->links[i]));
    return soonest == NEVER ? 0 : soonest;
}

int64_t bound_floor(const struct world *world, uint64_t size)
{
    int64_t probed = probe_answered(world), time = probed;
    double left = (double)size;
    for (; time < FLOOR_MOST; time += FLOOR_STEP) {
        double step = capacity(world, time, probed) * (double)FLOOR_STEP / (double)SEC;
        if (step >= left) {
            int64_t bound = bound_time(world, size);
            time += (int64_t)(left / step * (double)FLOOR_STEP);
            return MAX(time, bound);
        }
        left -= step;
    }
    return NEVER;
}
