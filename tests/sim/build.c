/* SPDX-License-Identifier: MIT */
/* From a row of the table to a world. */
#include "base/util.h"
#include "bound.h"
#include "scenarios.h"

#include <stdio.h>
#include <string.h>

#define USUAL_RTT         20 /* ms */
#define USUAL_CONNECTIONS 8
#define WEATHER_TIMES     3 /* how many times `seconds` the weather goes on */

static double bytes_per_s(double mbit)
{
    return mbit * 1e6 / 8;
}

static int64_t time_of(double s)
{
    return (int64_t)(s * (double)SEC);
}

static void build_rate(const struct link_spec *spec, double mbit, double seconds, struct prng *prng,
                       struct schedule *ret)
{
    struct weather weather = { .mean = bytes_per_s(mbit),
                               .swing = spec->swing,
                               .period = time_of(spec->period),
                               .length = time_of(spec->length),
                               .until = time_of(seconds * WEATHER_TIMES) };
    if (spec->weather == WALK)
        schedule_walk(ret, &weather, prng);
    else if (spec->weather == WAVE)
        schedule_wave(ret, &weather, prng);
    else if (spec->weather == OUTAGES)
        schedule_outages(ret, &weather, prng);
    else
        schedule_add(ret, 0, bytes_per_s(mbit));
    for (size_t i = 0; i < ARRAY_SIZE(spec->steps) && spec->steps[i].at > 0; i++)
        schedule_add(ret, time_of(spec->steps[i].at), bytes_per_s(spec->steps[i].mbit));
}

static double spread(double from, double to, unsigned i, unsigned count)
{
    return to > 0 && count > 1 ? from + (to - from) * i / (count - 1) : from;
}

static void build_link(const struct scenario *scenario, const struct link_spec *spec, unsigned i,
                       struct world *world)
{
    unsigned count = MAX(spec->count, 1U);
    struct uplink *l = world_add_link(world);
    struct prng prng = { 1000 * world->seed + world->link_count };
    double rtt = spec->rtt > 0 ? spec->rtt : USUAL_RTT;
    snprintf(l->name, sizeof(l->name), count > 1 ? "%.11s%u" : "%.11s", spec->name, i + 1);
    build_rate(spec, spread(spec->mbit, spec->mbit_to, i, count), scenario->seconds, &prng,
               &l->rate);
    l->rtt = time_of(spread(rtt, spec->rtt_to, i, count) / 1000);
    l->ttfb = time_of(spec->ttfb / 1000);
    l->group = (int)spec->group - 1;
    l->own = world->link_count == 1;
    l->honesty = spec->lies ? LYING : spec->refuses ? REFUSING : HONEST;
    l->joins = time_of(spec->joins);
    l->leaves = spec->leaves > 0 ? time_of(spec->leaves) : NEVER;
    l->dies = spec->dead ? 0 : spec->dies > 0 ? time_of(spec->dies) : NEVER;
    l->back = spec->back > 0 ? time_of(spec->back) : NEVER;
    l->breaks = spec->breaks;
}

void scenario_build(const struct scenario *scenario, unsigned connections, struct world *ret)
{
    *ret = (struct world){
        .per_connection = bytes_per_s(scenario->per_connection),
        .per_address = bytes_per_s(scenario->per_address),
        .max_connections = scenario->max_connections,
        .retry_after = time_of(scenario->retry_after),
        .connections = connections             ? connections
                       : scenario->connections ? scenario->connections
                                               : USUAL_CONNECTIONS,
        .round_trips = scenario->round_trips > 0 ? scenario->round_trips : 1,
        .window = (uint64_t)(scenario->window * (double)MIB),
        .consumer = bytes_per_s(scenario->consumer),
        .seed = (uint64_t)(scenario - scenarios) + 1,
    };
    snprintf(ret->name, sizeof(ret->name), "%s", scenario->name);
    snprintf(ret->about, sizeof(ret->about), "%s", scenario->about);
    if (scenario->lan > 0)
        schedule_add(&ret->lan, 0, bytes_per_s(scenario->lan));
    if (scenario->total > 0)
        schedule_add(&ret->total, 0, bytes_per_s(scenario->total));
    for (size_t i = 0; i < ARRAY_SIZE(scenario->groups) && scenario->groups[i] > 0; i++) {
        int group = world_add_group(ret);
        schedule_add(&ret->groups[group], 0, bytes_per_s(scenario->groups[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(scenario->links) && scenario->links[i].name; i++)
        for (unsigned k = 0; k < MAX(scenario->links[i].count, 1U); k++)
            build_link(scenario, &scenario->links[i], k, ret);
    ret->size = scenario->bytes > 0 ? (uint64_t)scenario->bytes
                                    : bound_size(ret, time_of(scenario->seconds));
}

const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < scenario_count; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}
