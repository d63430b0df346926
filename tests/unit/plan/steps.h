/* SPDX-License-Identifier: MIT */
/* Single steps of a plan, for the tests of the planner's files. */
#ifndef DDM_TESTS_UNIT_PLAN_STEPS_H
#define DDM_TESTS_UNIT_PLAN_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "plan/plan_internal.h"

/* A lease as plan_next gave it. */
struct lent {
    plan_lease id; /* 0: it gave none */
    struct range range;
};

static inline struct plan *plan_of(uint64_t size, uint64_t window)
{
    struct plan *plan;
    struct plan_config config = { .size = size, .window = window };
    assert_int_equal(plan_new(&plan, &config), 0);
    return plan;
}

/* It gets all its slots at once: how they are tried out is the matter of test_plan_trial.c. */
static inline plan_source add_source(struct plan *plan, unsigned slots)
{
    plan_source source;
    assert_int_equal(plan_add_source(plan, &(struct plan_source_config){ .slots = slots }, &source),
                     0);
    plan->sources[source].slots_now = MAX(slots, 1U);
    return source;
}

static inline struct lent next(struct plan *plan, plan_source source, int64_t now)
{
    struct lent lent = { 0 };
    if (plan_next(plan, source, now, &lent.id, &lent.range))
        assert_true(lent.id > 0 && lent.range.begin < lent.range.end);
    else
        assert_int_equal(lent.id, 0);
    return lent;
}

static inline void assert_none(struct plan *plan, plan_source source, int64_t now)
{
    assert_int_equal(next(plan, source, now).id, 0);
}

/* The next lease, which must be this one. */
static inline plan_lease assert_next(struct plan *plan, plan_source source, int64_t now,
                                     uint64_t begin, uint64_t end)
{
    struct lent lent = next(plan, source, now);
    assert_int_not_equal(lent.id, 0);
    assert_int_equal(lent.range.begin, begin);
    assert_int_equal(lent.range.end, end);
    return lent.id;
}

/* This range, whatever it would have got: how that is chosen is the matter of plan_lend.c. */
static inline plan_lease give(struct plan *plan, plan_source source, uint64_t begin, uint64_t end,
                              int64_t now)
{
    assert_int_equal(leases_reserve(plan), 0);
    assert_true(rangeset_contains(&plan->free, begin, end));
    rangeset_remove(&plan->free, begin, end, NULL);
    return lease_new(plan, source, (struct range){ begin, end }, now)->id;
}

/* Bytes that must all be wanted. */
static inline void bring(struct plan *plan, plan_lease lease, uint64_t bytes, int64_t now)
{
    assert_int_equal(plan_progress(plan, lease, bytes, now), bytes);
}

/* Evenly so many bytes/s, in steps of 10 ms. */
static inline void stream(struct plan *plan, plan_lease lease, uint64_t rate, int64_t duration,
                          int64_t *now)
{
    plan_started(plan, lease, *now);
    for (int64_t end = *now + duration; *now < end;) {
        *now += 10 * MSEC;
        bring(plan, lease, rate / 100, *now);
    }
}

static inline void finish(struct plan *plan, plan_lease lease, int64_t now)
{
    bring(plan, lease, range_length(plan_lease_rest(plan, lease)), now);
    assert_true(plan_lease_complete(plan, lease));
    plan_done(plan, lease, now);
}

/* One slot: brings the source's first leases, `ttfb` after each was lent, until its rate is known;
 * the next one. */
static inline struct lent lease_at_rate(struct plan *plan, plan_source source, uint64_t rate,
                                        int64_t ttfb, int64_t *now)
{
    for (;;) {
        struct lent lent = next(plan, source, *now);
        if (*now > 3 * SEC)
            return lent;
        uint64_t rest = range_length(lent.range), step = rate / 100;
        *now += ttfb;
        plan_started(plan, lent.id, *now);
        for (; rest > 0; rest -= MIN(rest, step)) {
            *now += 10 * MSEC * (int64_t)MIN(rest, step) / (int64_t)step;
            bring(plan, lent.id, MIN(rest, step), *now);
        }
        plan_done(plan, lent.id, *now);
    }
}

static inline plan_lease cancelled(struct plan *plan)
{
    plan_lease lease;
    return plan_take_cancelled(plan, &lease) ? lease : 0;
}

static inline struct plan_source_info info(const struct plan *plan, plan_source source, int64_t now)
{
    struct plan_source_info info;
    plan_source_get(plan, source, now, &info);
    return info;
}

#endif
