/* SPDX-License-Identifier: MIT */
/* A rate over time, piecewise constant and known in advance: so that what a link could have carried
 * can be integrated exactly. Rates are bytes/s, times ns. */
#ifndef DDM_TESTS_SIM_SCHEDULE_H
#define DDM_TESTS_SIM_SCHEDULE_H

#include "prng.h"

#include <stddef.h>

struct step {
    int64_t at;
    double rate; /* from `at` on */
};

/* Embedded; all zero says nothing: no limit, or no link, as the owner has it. */
struct schedule {
    struct step *steps; /* in order of time, the first at 0 */
    size_t count, capacity;
};

#define NEVER INT64_MAX

void schedule_release(struct schedule *schedule);

/* From `at` on, until the next step. Steps are added in order; a later one for the same time
 * replaces the one before. */
void schedule_add(struct schedule *schedule, int64_t at, double rate);

/* The rate at a time, 0 before all steps; when it changes next, NEVER if it does not. */
double schedule_at(const struct schedule *schedule, int64_t time);
int64_t schedule_next(const struct schedule *schedule, int64_t time);

/* What links look like, up to `until`; they stay at their mean afterwards.
 * walk: each `period` a factor of up to 1 + swing up or down, within mean / 4 and mean * 2.
 * wave: half of each period at mean * (1 + swing), half at mean * (1 - swing), from any phase.
 * outages: nothing for about `length`, about each `period`. */
struct weather {
    double mean, swing;
    int64_t period, length, until;
};

void schedule_walk(struct schedule *schedule, const struct weather *weather, struct prng *prng);
void schedule_wave(struct schedule *schedule, const struct weather *weather, struct prng *prng);
void schedule_outages(struct schedule *schedule, const struct weather *weather, struct prng *prng);

#endif
