/* SPDX-License-Identifier: MIT */
/* Caches: sources that give only what they hold, and cost the internet nothing.
 *
 *     free ∩ what a cache holds      its leases, first come first served: whoever has a slot asks
 *     free − what any cache holds    for the uplinks
 *
 * `held` is the union of what the caches hold that can be asked: one that has failed, until it
 * brings a byte again, does not keep anybody from fetching what it holds. Here, too, is found out
 * which spares rest. */
#include "plan/plan_internal.h"

bool source_is_uplink(const struct source *source)
{
    return !source->cache;
}

int plan_hold(struct plan *plan, plan_source source, uint64_t begin, uint64_t end)
{
    struct source *s = &plan->sources[source];
    if (!s->cache || begin >= end)
        return 0;
    if (rangeset_add(&s->holds, begin, end, NULL) < 0)
        return -1;
    plan->held_stale = true;
    return 0;
}

void plan_hold_nothing(struct plan *plan, plan_source source)
{
    rangeset_release(&plan->sources[source].holds);
    plan->held_stale = true;
}

void plan_set_spare(struct plan *plan, plan_source source, const char *node)
{
    struct source *s = &plan->sources[source];
    if (s->cache)
        return;
    plan->spare_count += !s->spare;
    s->spare = true;
    s->node = PLAN_NODE_NONE;
    s->node_key = owners_key(node);
    plan->held_stale = true;
}

void holds_outdated(struct plan *plan)
{
    plan->held_stale |= plan->cache_count > 0 || plan->spare_count > 0;
}

/* What a cache holds that is busy for long, or would take for ever, is not waited for. */
static bool answers(const struct source *s)
{
    return source_is_waited_for(s) && !s->hopeless;
}

static bool has_other_uplink(const struct plan *plan, const struct source *spare)
{
    sources_foreach (s, plan)
        if (source_is_uplink(s) && !s->spare && s->node_key == spare->node_key && answers(s))
            return true;
    return false;
}

/* Whole blocks: who asks for what another is just being given would get it in crumbs. */
static void round_to_blocks(struct plan *plan)
{
    uint64_t block = owners_block(plan), end = 0;
    struct range gap;
    for (uint64_t at = 0; rangeset_next_gap(&plan->held, at, plan->size, &gap); at = end) {
        uint64_t begin = gap.begin / block * block;
        end = gap.end >= plan->size ? plan->size : (gap.end + block - 1) / block * block;
        rangeset_remove(&plan->held, begin, end, NULL); /* no more ranges than before */
    }
}

/* Without memory something that is held is not in the union: an uplink brings it. */
void holds_renew(struct plan *plan)
{
    if (!plan->held_stale)
        return;
    plan->held_stale = false;
    rangeset_release(&plan->held);
    unsigned uplinks = 0;
    bool sized = plan->size != PLAN_SIZE_UNKNOWN; /* the probe is for spares, too */
    sources_foreach (s, plan) {
        uplinks += source_usable(s) && !s->cache;
        s->resting = s->spare && sized && has_other_uplink(plan, s);
        for (size_t i = 0; answers(s) && i < s->holds.count; i++)
            if (rangeset_add(&plan->held, s->holds.ranges[i].begin, s->holds.ranges[i].end, NULL))
                break;
    }
    if (plan_is_owned(plan) && uplinks > 0)
        round_to_blocks(plan);
}

bool holds_next_unheld(const struct plan *plan, uint64_t begin, uint64_t end, struct range *ret)
{
    struct range run;
    for (; rangeset_next_run(&plan->free, begin, end, &run); begin = run.end)
        if (rangeset_next_gap(&plan->held, run.begin, run.end, ret))
            return true;
    return false;
}

bool holds_next(const struct plan *plan, const struct source *cache, uint64_t limit,
                struct range *ret)
{
    struct range held, run;
    bool back = cache->failures > 0; /* perhaps: it is not in the union until then */
    for (uint64_t at = 0; rangeset_next_run(&cache->holds, at, limit, &held); at = held.end) {
        for (at = held.begin; !back && rangeset_next_run(&plan->held, at, held.end, &run);
             at = run.end)
            if (rangeset_next_run(&plan->free, run.begin, run.end, ret))
                return true;
        if (back && rangeset_next_run(&plan->free, held.begin, held.end, ret))
            return true;
    }
    return false;
}

bool holds_any(const struct plan *plan, const struct source *cache)
{
    struct range run;
    for (size_t i = 0; i < cache->holds.count; i++)
        if (rangeset_next_run(&plan->free, cache->holds.ranges[i].begin, cache->holds.ranges[i].end,
                              &run))
            return true;
    return false;
}

uint64_t holds_left(const struct plan *plan)
{
    uint64_t left = plan->size - plan_done_bytes(plan);
    for (size_t i = 0; i < plan->held.count; i++)
        left -= rangeset_count_within(&plan->free, plan->held.ranges[i].begin,
                                      plan->held.ranges[i].end);
    return left;
}
