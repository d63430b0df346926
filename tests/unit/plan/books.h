/* SPDX-License-Identifier: MIT */
/* What always holds in a plan: every byte is in exactly one of done, free, the rest of a lease
 * (twins count once: what one of both has to bring). For unit tests and the fuzzer; it looks into
 * the planner's state. */
#ifndef DDM_TESTS_UNIT_PLAN_BOOKS_H
#define DDM_TESTS_UNIT_PLAN_BOOKS_H

#include "plan/plan_internal.h"

static inline const char *books_pair_fault(const struct lease *a, const struct lease *b)
{
    if (a->pos >= b->end || b->pos >= a->end || a->pos == a->end || b->pos == b->end)
        return NULL;
    if (a->twin != b->id || b->twin != a->id)
        return "leases overlap that are not twins";
    return a->source == b->source ? "twins of one source" : NULL;
}

static inline const char *books_lease_fault(const struct plan *plan, const struct lease *a)
{
    if (!(a->begin <= a->pos && a->pos <= a->end))
        return "a lease's position is not within it";
    if (rangeset_count_within(&plan->free, a->pos, a->end) > 0)
        return "what is lent is free";
    leases_foreach (b, plan) {
        const char *fault = a < b ? books_pair_fault(a, b) : NULL;
        if (fault)
            return fault;
    }
    return NULL;
}

/* Twins know each other and end at the same place. */
static inline const char *books_twin_fault(const struct plan *plan, const struct lease *a)
{
    const struct lease *twin = lease_find(plan, a->twin);
    if (!twin)
        return a->twin || a->hedged ? "a twin is gone" : NULL;
    if (twin->twin != a->id || twin->end != a->end || twin->hedged != a->hedged)
        return "twins do not agree";
    return NULL;
}

/* What a lease and its twin have yet to bring; it is counted with the older one. */
static inline uint64_t books_rest(const struct plan *plan, const struct lease *a)
{
    const struct lease *twin = lease_find(plan, a->twin);
    if (twin && twin->id < a->id)
        return 0;
    uint64_t pos = twin ? MIN(a->pos, twin->pos) : a->pos;
    return a->end - pos - rangeset_count_within(&plan->done, pos, a->end);
}

static inline const char *books_sources_fault(const struct plan *plan)
{
    sources_foreach (s, plan) {
        if (s->leases > s->slots)
            return "a source has more leases than it may ever have";
        if (s->running > s->leases)
            return "more leases run than there are";
        if (s->slots_now < 1 || s->slots_now > s->slots || s->allowed < 1 || s->allowed > s->slots)
            return "slots out of bounds";
    }
    return NULL;
}

/* NULL, or what is wrong. `delivered` are all bytes that were reported as progress. */
static inline const char *books_fault(const struct plan *plan, uint64_t delivered)
{
    uint64_t rests = 0, hedged = 0, running = 0;
    leases_foreach (a, plan) {
        const char *fault = books_lease_fault(plan, a);
        if (!fault)
            fault = books_twin_fault(plan, a);
        if (fault)
            return fault;
        running++;
        rests += books_rest(plan, a);
        hedged += a->twin < a->id ? a->hedged : 0;
    }
    if (running != plan->lease_count)
        return "the number of leases is wrong";
    for (size_t i = 0; i < plan->free.count; i++)
        if (rangeset_count_within(&plan->done, plan->free.ranges[i].begin,
                                  plan->free.ranges[i].end) > 0)
            return "what is done is free";
    if (plan->free.capacity <= plan->done.count)
        return "no room for what may come back";
    if (delivered != plan_done_bytes(plan) + plan_wasted_bytes(plan))
        return "delivered is not done and wasted";
    if (plan->size == PLAN_SIZE_UNKNOWN && running > 1)
        return "several leases of an unknown size";
    if (plan->size == PLAN_SIZE_UNKNOWN && rangeset_total(&plan->free) > 0)
        return "something of an unknown size is free";
    if (plan->size != PLAN_SIZE_UNKNOWN &&
        rangeset_total(&plan->free) + plan_done_bytes(plan) + rests != plan->size)
        return "bytes are lost, or there twice";
    if (hedged != plan->hedged || hedged > MAX(plan->size / HEDGE_WASTE, HEDGE_BUDGET))
        return "more or less hedged than it says, or than the budget";
    return books_sources_fault(plan);
}

#endif
