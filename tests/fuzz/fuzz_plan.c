/* SPDX-License-Identifier: MIT */
/* The planner under any sequence of events, in any order, at any times: its books balance after
 * each, no byte is lent twice but to a twin, and what is done stays done. */
#include "../unit/plan/books.h"

#include <stdio.h>

#define MAX_LEASES  64 /* remembered, those that are gone among them */
#define MAX_SOURCES 12
#define MAX_EVENTS  2000

static const char *const nodes[] = { "a", "b", "c", "d", "e" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    const uint8_t *data;
    size_t left;
    struct plan *plan;
    int64_t now;
    uint64_t delivered, done;
    plan_lease leases[MAX_LEASES];
    unsigned lease_count;
    bool wraps;
    bool unsized; /* the size was not known after the last event */
};

static uint64_t take(struct run *run, unsigned bytes)
{
    uint64_t value = 0;
    for (; bytes > 0 && run->left > 0; bytes--, run->left--)
        value = value << 8 | *run->data++;
    return value;
}

static plan_lease some_lease(struct run *run)
{
    unsigned count = run->wraps ? MAX_LEASES : run->lease_count;
    return count ? run->leases[take(run, 1) % count] : 0;
}

static plan_source some_source(struct run *run)
{
    return (plan_source)(take(run, 1) % plan_source_count(run->plan));
}

static void next(struct run *run)
{
    plan_lease lease;
    struct range range;
    plan_source source = some_source(run);
    if (!plan_next(run->plan, source, run->now, &lease, &range))
        return;
    if (run->plan->sources[source].cache &&
        !rangeset_contains(&run->plan->sources[source].holds, range.begin, range.end))
        __builtin_trap();
    if (range.begin >= range.end ||
        (run->plan->size != PLAN_SIZE_UNKNOWN && range.end > run->plan->size))
        __builtin_trap();
    run->leases[run->lease_count] = lease;
    run->wraps |= run->lease_count + 1 == MAX_LEASES;
    run->lease_count = (run->lease_count + 1) % MAX_LEASES;
}

static void progress(struct run *run)
{
    plan_lease lease = some_lease(run);
    uint64_t length = take(run, 3), rest = range_length(plan_lease_rest(run->plan, lease));
    int64_t taken = plan_progress(run->plan, lease, length, run->now);
    if (taken != (int64_t)MIN(length, rest))
        __builtin_trap();
    run->delivered += length;
}

static void add_source(struct run *run)
{
    uint64_t how = take(run, 1);
    struct plan_source_config config = { .slots = how % 20,
                                         .own = how & 64,
                                         .cache = how >> 5 == 5,
                                         .spare = how >> 5 == 6,
                                         .node =
                                             how & 128 ? nodes[how % ARRAY_SIZE(nodes)] : NULL };
    plan_source source;
    if (plan_source_count(run->plan) < MAX_SOURCES)
        plan_add_source(run->plan, &config, &source);
}

static void fail(struct run *run)
{
    plan_lease lease = some_lease(run);
    enum plan_failure how = (enum plan_failure)(take(run, 1) % (PLAN_STALLED + 1));
    plan_fail(run->plan, lease, how, (int64_t)take(run, 1) * 100 * MSEC, run->now);
}

/* Anywhere, or behind where some lease is: where leases are twins, that is the other one's. */
static void take_back(struct run *run, bool behind)
{
    uint64_t begin = run->plan->frontier + take(run, behind ? 0 : 3), length = take(run, 2);
    uint64_t pos = behind ? plan_lease_rest(run->plan, some_lease(run)).begin : 0;
    if (behind)
        begin = MAX(begin, pos - MIN(pos, length));
    if (plan_take_back(run->plan, begin, begin + length) < 0)
        __builtin_trap();
}

/* A source goes; or something that it gave, or that was there from before, is found to be wrong. */
static void withdraw(struct run *run)
{
    uint64_t what = take(run, 1);
    if (what == 0)
        plan_remove_source(run->plan, some_source(run));
    else if (what == 1)
        plan_exclude_source(run->plan, some_source(run));
    else
        take_back(run, what & 1);
    run->done = MIN(run->done, plan_done_bytes(run->plan));
}

static void set_owners(struct run *run)
{
    struct plan_owner owners[ARRAY_SIZE(nodes)];
    size_t count = take(run, 1) % (ARRAY_SIZE(nodes) + 1);
    for (size_t i = 0; i < count; i++)
        owners[i] = (struct plan_owner){ nodes[i], take(run, 1) << 12 };
    if (plan_set_owners(run->plan, "object", owners, count) < 0)
        __builtin_trap();
}

/* Owners and caches. */
static void share(struct run *run)
{
    uint64_t what = take(run, 1), begin;
    switch (what & 7) {
    case 0:
        set_owners(run);
        break;
    case 1:
        plan_set_alone(run->plan, what & 8);
        break;
    case 2:
        plan_tell_rate(run->plan, some_source(run), take(run, 3));
        break;
    case 3:
        plan_hold_nothing(run->plan, some_source(run));
        break;
    case 4:
        plan_set_spare(run->plan, some_source(run), nodes[(what >> 3) % ARRAY_SIZE(nodes)]);
        break;
    default:
        begin = take(run, 3);
        if (plan_hold(run->plan, some_source(run), begin, begin + take(run, 3)) < 0)
            __builtin_trap();
    }
    plan_owner_of(run->plan, take(run, 3));
}

static void one_event(struct run *run)
{
    plan_lease gone;
    uint64_t what = take(run, 1);
    run->now += (int64_t)(what >> 4) * (what >> 4) * 10 * MSEC;
    switch (what & 15) {
    case 0:
        add_source(run);
        break;
    case 1:
        plan_tick(run->plan, run->now);
        break;
    case 2:
        plan_done(run->plan, some_lease(run), run->now);
        break;
    case 3:
        fail(run);
        break;
    case 4:
        plan_started(run->plan, some_lease(run), run->now);
        break;
    case 5:
        plan_set_size(run->plan, take(run, 4));
        break;
    case 6:
        plan_take_cancelled(run->plan, &gone);
        break;
    case 7:
        plan_set_frontier(run->plan,
                          rangeset_run_end(plan_done_set(run->plan), run->plan->frontier));
        break;
    case 8:
        withdraw(run);
        break;
    case 9:
    case 10:
    case 11:
        progress(run);
        break;
    case 12:
        share(run);
        break;
    default:
        next(run);
    }
}

static void check(struct run *run)
{
    const char *fault = books_fault(run->plan, run->delivered);
    uint64_t done = plan_done_bytes(run->plan);
    bool sized = run->unsized && run->plan->size != PLAN_SIZE_UNKNOWN; /* what is past it goes */
    if (!fault && done < run->done && !sized)
        fault = "what was done is not any more";
    run->done = done;
    run->unsized = run->plan->size == PLAN_SIZE_UNKNOWN;
    if (fault) {
        fprintf(stderr, "%s\n", fault);
        __builtin_trap();
    }
    plan_next_wake(run->plan);
    plan_stuck(run->plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { .data = data, .left = size, .now = SEC };
    uint64_t how = take(&run, 1);
    struct plan_config config = {
        .size = how & 1 ? PLAN_SIZE_UNKNOWN : take(&run, how & 4 ? 2 : 4),
        .window = how & 2 ? take(&run, 3) : 0,
        .max_failures = how >> 4,
    };
    if (plan_new(&run.plan, &config) < 0)
        return 0;
    add_source(&run);
    run.unsized = config.size == PLAN_SIZE_UNKNOWN;
    for (unsigned i = 0; i < MAX_EVENTS && run.left > 0; i++) {
        one_event(&run);
        check(&run);
    }
    plan_free(run.plan);
    return 0;
}
