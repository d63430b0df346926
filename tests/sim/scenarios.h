/* SPDX-License-Identifier: MIT */
/* Worlds with a name, as a table: each stands for something that happens to people. */
#ifndef DDM_TESTS_SIM_SCENARIOS_H
#define DDM_TESTS_SIM_SCENARIOS_H

#include "world.h"

/* A kind of link. Rates are Mbit/s, latencies ms, times s; 0 is the usual. */
struct link_spec {
    const char *name;
    unsigned count; /* of them; 0: 1 */
    double mbit, rtt, ttfb;
    double mbit_to, rtt_to; /* over the `count` of them, in even steps up to here */
    struct {
        double at, mbit;
    } steps[6]; /* changes of the rate, up to the first at 0 */
    enum { STEADY, WALK, WAVE, OUTAGES } weather;
    double swing, period, length; /* of the weather, see schedule.h */
    unsigned group;               /* from 1: behind which shared bottleneck */
    double joins, leaves, dies, back;
    bool lies, refuses, dead;
    double breaks;
};

struct scenario {
    const char *name, *about;
    double seconds; /* at the bound: the size follows */
    double bytes;   /* or this, where it matters */
    unsigned connections;
    double per_connection, per_address, total, lan; /* Mbit/s */
    unsigned max_connections;
    double retry_after;
    double window, consumer; /* MiB, Mbit/s */
    double round_trips;
    double groups[4];          /* Mbit/s, up to the first 0 */
    struct link_spec links[6]; /* up to the first without a name; the first is the own uplink */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

const struct scenario *scenario_find(const char *name); /* NULL: there is none */
void scenario_build(const struct scenario *scenario, unsigned connections, struct world *ret);

#endif
