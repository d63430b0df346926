/* SPDX-License-Identifier: MIT */
/* The tail: nothing is free, a source has a slot to spare.
 *
 *     victim, rate r1    pos ─────────────────────┬──────────────▶ end      would need f = R / r1
 *     thief, rate r2     in d its first byte      └──── x ───────▶ end      needs d + x / r2
 *
 * Both finish together where f - x / r1 = d + x / r2, that is x = (f - d) · r1·r2 / (r1 + r2). The
 * victim is the lease that would finish last. A lease that is silent is expected to stay so for as
 * long again: it looks slower and slower.
 *
 * When a rest is too small to be cut, and its lease slow or silent, it is hedged: fetched a second
 * time; the first to have all of it wins. What is hedged in all is bounded. */
#include "plan/plan_internal.h"

struct thief {
    plan_source source;
    double rate, ttfb; /* bytes/s of the lease it would get; s */
    double most;       /* bytes that it may take */
};

static double seconds(int64_t time)
{
    return (double)time / (double)SEC;
}

int64_t lease_silence(const struct plan *plan, const struct lease *lease, int64_t now)
{
    return now - MAX(lease->heard_at, plan->awake_since);
}

static double expected_rate(const struct plan *plan, const struct lease *lease, int64_t now,
                            const struct outlook *outlook)
{
    if (rate_known(&lease->rate, now))
        return MAX(rate_get(&lease->rate, now), 1.0);
    double rate = source_lease_rate(&plan->sources[lease->source], now);
    return rate > 0 ? rate : outlook->mean;
}

/* Seconds until bytes (go on to) come, and whether that is late. */
static double expected_wait(const struct plan *plan, const struct lease *lease, int64_t now,
                            const struct outlook *outlook, bool *ret_late)
{
    int64_t silence = lease_silence(plan, lease, now);
    int64_t ttfb = plan->sources[lease->source].ttfb;
    if (ttfb == 0)
        ttfb = outlook->ttfb;
    *ret_late = silence > (lease->started ? QUIET : ttfb);
    if (*ret_late)
        return seconds(silence);
    return lease->started ? 0 : seconds(ttfb - silence);
}

/* Where to cut the victim; its end where a cut does not pay. */
static uint64_t cut_point(const struct lease *victim, uint64_t missing, double finish, double rate,
                          const struct thief *thief)
{
    if (finish <= 2 * thief->ttfb + SPLIT_GAIN)
        return victim->end;
    double x = (finish - thief->ttfb) * rate * thief->rate / (rate + thief->rate);
    x = MIN(x, thief->most);
    uint64_t lowest = MAX(victim->pos + SPLIT_MIN, missing);
    uint64_t cut = lowest;
    if (lowest < victim->end && x < (double)(victim->end - lowest))
        cut = victim->end - (uint64_t)x;
    cut = (cut + SPLIT_ALIGN - 1) / SPLIT_ALIGN * SPLIT_ALIGN;
    return cut + SPLIT_MIN <= victim->end ? cut : victim->end;
}

static bool hedge_pays(const struct plan *plan, struct range rest, double finish,
                       const struct thief *thief)
{
    uint64_t budget = MAX(plan->size / HEDGE_WASTE, HEDGE_BUDGET);
    if (rest.begin >= rest.end || plan->hedged + range_length(rest) > budget)
        return false;
    double needed = thief->ttfb + (double)range_length(rest) / thief->rate;
    return finish >= HEDGE_SOONER * needed && finish - needed > SPLIT_GAIN;
}

/* What the thief can do about one lease, if anything; *ret_finish is when that would end. */
static bool consider(const struct plan *plan, struct lease *victim, const struct thief *thief,
                     int64_t now, const struct outlook *outlook, struct tail *ret,
                     double *ret_finish)
{
    if (victim->twin || victim->pos == victim->end)
        return false;
    bool own = victim->source == thief->source, late;
    double rate = expected_rate(plan, victim, now, outlook);
    double finish = expected_wait(plan, victim, now, outlook, &late) +
                    (double)(victim->end - victim->pos) / rate;
    if (own && finish < SPLIT_OWN)
        return false;

    *ret_finish = finish;
    uint64_t missing = rangeset_run_end(&plan->done, victim->pos);
    uint64_t cut = cut_point(victim, missing, finish, rate, thief);
    if (cut < victim->end) {
        *ret = (struct tail){ victim, { cut, victim->end }, .hedge = false };
        return true;
    }
    *ret = (struct tail){ victim, { missing, victim->end }, .hedge = true };
    return !own && (late || rate < HEDGE_SLOW * outlook->mean) &&
           hedge_pays(plan, ret->range, finish, thief);
}

bool split_choose(const struct plan *plan, plan_source source, int64_t now,
                  const struct outlook *outlook, struct tail *ret)
{
    if (plan->size == PLAN_SIZE_UNKNOWN)
        return false;
    const struct source *s = &plan->sources[source];
    double rate = source_lease_rate(s, now);
    struct thief thief = {
        .source = source,
        .rate = rate > 0 ? rate : outlook->mean,
        .ttfb = seconds(s->ttfb ? s->ttfb : outlook->ttfb),
        .most = (double)(s->failures > 0 ? LEASE_MIN : UINT64_MAX),
    };

    /* A split of its own helps only where connections are limited: others come first. */
    double latest = 0, latest_own = 0;
    struct tail own = { 0 };
    *ret = (struct tail){ 0 };
    leases_foreach(l, plan)
    {
        struct tail tail;
        double finish;
        if (!consider(plan, l, &thief, now, outlook, &tail, &finish))
            continue;
        if (l->source == source && finish > latest_own) {
            latest_own = finish;
            own = tail;
        } else if (l->source != source && finish > latest) {
            latest = finish;
            *ret = tail;
        }
    }
    if (!ret->victim)
        *ret = own;
    return ret->victim != NULL;
}

void lease_cut_all(struct plan *plan, struct source *source, int64_t now)
{
    double soon = source_lease_rate(source, now) * seconds(CUT_SOON);
    for (uint32_t at = source->first; at != 0; at = plan->leases[at - 1].next) {
        struct lease *l = &plan->leases[at - 1];
        uint64_t end = (l->pos + (uint64_t)soon) / SPLIT_ALIGN * SPLIT_ALIGN + SPLIT_ALIGN;
        if (l->twin || end >= l->end || leases_reserve(plan) < 0)
            continue;
        end = MAX(end, rangeset_run_end(&plan->done, l->pos));
        if (end < l->end)
            rangeset_add(&plan->free, end, l->end, NULL);
        l->end = MIN(l->end, end);
    }
}
