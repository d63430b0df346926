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
};

static double seconds(int64_t time)
{
    return (double)time / (double)SEC;
}

int64_t lease_silence(const struct plan *plan, const struct lease *lease, int64_t now)
{
    return now - MAX(lease->heard_at, plan->awake_since);
}

int64_t usual_quiet(const struct plan *plan, int64_t now)
{
    unsigned count[QUIET_STEPS + 1] = { 0 }, all = 0, half = 0, step = 0;
    sources_foreach (s, plan) {
        int64_t took = s->ttfb;
        for (uint32_t at = s->first; at != 0; at = plan->leases[at - 1].next)
            took = MAX(took, lease_silence(plan, &plan->leases[at - 1], now));
        if (!source_can_work(s, now) || took == 0)
            continue;
        for (step = 0; step < QUIET_STEPS && took > SHARED_QUIET / 2 << step;)
            step++;
        count[step]++;
        all++;
    }
    for (step = 0; step < QUIET_STEPS && 2 * (half + count[step]) < all; step++)
        half += count[step];
    return all < QUIET_KNOWN ? SHARED_QUIET : SHARED_QUIET << step;
}

bool lease_is_hopeless(const struct plan *plan, const struct lease *lease, int64_t now)
{
    double took = seconds(now - lease->lent_at), left = (double)(lease->end - lease->pos);
    double rate = (double)(lease->pos - lease->begin) / MAX(took, 0.001);
    return took >= MAX(HOPELESS_AFTER, seconds(plan->quiet)) && left > rate * HOPELESS_TIME;
}

static double expected_rate(const struct plan *plan, const struct lease *lease, int64_t now,
                            const struct outlook *outlook)
{
    if (rate_known(&lease->rate, now))
        return MAX(rate_get(&lease->rate, now), 1.0);
    double rate = source_lease_rate(&plan->sources[lease->source], now);
    return rate > 0 ? rate : outlook->mean;
}

/* How long a lease may be silent before that is late: not what its source has done before. */
static int64_t quiet_time(const struct plan *plan, const struct lease *lease, int64_t now,
                          const struct outlook *outlook)
{
    const struct source *source = &plan->sources[lease->source];
    if (!lease->started)
        return source->ttfb ? source->ttfb : outlook->ttfb;
    bool young = source_rate(source, now) <= 0;
    int64_t gaps = young ? QUIET_MAX : MIN(2 * source->longest_gap, QUIET_MAX);
    return MAX(QUIET, gaps);
}

static bool is_late(const struct plan *plan, const struct lease *lease, int64_t now,
                    const struct outlook *outlook)
{
    return lease_silence(plan, lease, now) > quiet_time(plan, lease, now, outlook);
}

/* Seconds until bytes (go on to) come. */
static double expected_wait(const struct plan *plan, const struct lease *lease, int64_t now,
                            const struct outlook *outlook)
{
    int64_t silence = lease_silence(plan, lease, now);
    if (is_late(plan, lease, now, outlook))
        return seconds(silence);
    return lease->started ? 0 : seconds(quiet_time(plan, lease, now, outlook) - silence);
}

/* Where to cut the victim; its end where a cut does not pay. */
static uint64_t cut_point(const struct lease *victim, uint64_t missing, double finish, double rate,
                          double price, const struct thief *thief)
{
    if (finish <= 2 * thief->ttfb + price + SPLIT_GAIN)
        return victim->end;
    double x = (finish - thief->ttfb) * rate * thief->rate / (rate + thief->rate);
    double brief = MIN(rate, thief->rate) * SPLIT_TIME;
    uint64_t least = brief < SPLIT_MIN ? MAX((uint64_t)brief, SPLIT_LEAST) : SPLIT_MIN;
    uint64_t lowest = MAX(victim->pos + least, missing);
    uint64_t cut = lowest;
    if (lowest < victim->end && x < (double)(victim->end - lowest))
        cut = victim->end - (uint64_t)x;
    cut = (cut + SPLIT_ALIGN - 1) / SPLIT_ALIGN * SPLIT_ALIGN;
    return cut + least <= victim->end ? cut : victim->end;
}

static bool hedge_pays(const struct plan *plan, struct range rest, double finish, bool silent,
                       const struct thief *thief)
{
    uint64_t share = plan->size / HEDGE_WASTE, budget = silent ? MAX(share, HEDGE_BUDGET) : share;
    if (rest.begin >= rest.end || plan->twice + plan->hedged + range_length(rest) > budget)
        return false;
    double needed = thief->ttfb + (double)range_length(rest) / thief->rate;
    return finish >= HEDGE_SOONER * needed && finish - needed > SPLIT_GAIN;
}

/* What a tail costs the internet: a cache gives only what it holds, and keeps what it gives from
 * the uplinks as long as it is not silent. Others wait for the same bytes of an owner: nothing of
 * that is taken over, but from the silent and the hopeless. What an uplink brings for this
 * download alone is. */
static bool may_take(const struct plan *plan, const struct thief *thief, int64_t now,
                     const struct tail *tail)
{
    const struct source *victim = &plan->sources[tail->victim->source];
    const struct source *source = &plan->sources[thief->source];
    if (source->cache)
        return rangeset_contains(&source->holds, tail->range.begin, tail->range.end);
    bool kept = !source_keeps_nothing(victim);
    bool waits = victim->cache || (kept && plan_has_company(plan));
    return !waits || lease_silence(plan, tail->victim, now) > plan->quiet ||
           lease_is_hopeless(plan, tail->victim, now);
}

bool split_in_vain(const struct plan *plan)
{
    if (!plan_has_company(plan) || plan->any_silent)
        return false;
    for (size_t i = 0; i < plan->source_count; i++)
        if (plan->sources[i].leases > 0 && source_keeps_nothing(&plan->sources[i]))
            return false;
    return true;
}

/* What the thief can do about one lease, if anything; *ret_finish is when that would end. */
static bool consider_any(const struct plan *plan, struct lease *victim, const struct thief *thief,
                         int64_t now, const struct outlook *outlook, struct tail *ret,
                         double *ret_finish)
{
    const struct lease *twin = lease_find(plan, victim->twin);
    bool own = victim->source == thief->source, late = is_late(plan, victim, now, outlook);
    if (victim->pos == victim->end ||
        (twin && (!late || !is_late(plan, twin, now, outlook) || twin->source == thief->source)))
        return false;
    double rate = expected_rate(plan, victim, now, outlook);
    double finish =
        expected_wait(plan, victim, now, outlook) + (double)(victim->end - victim->pos) / rate;
    if (own && finish < SPLIT_OWN)
        return false;

    *ret_finish = finish;
    uint64_t missing = rangeset_run_end(&plan->done, victim->pos);
    if (missing >= victim->end)
        return false;
    if (!twin && !victim->started && plan->sources[victim->source].failures > 0) {
        *ret = (struct tail){ victim, { missing, victim->end }, .late = late };
        *ret_finish = late ? finish + seconds(STALL_MIN) : finish;
        return true; /* it is on trial: what it got goes to whoever has proved itself */
    }

    double price = seconds(plan->sources[victim->source].ttfb); /* its connection is closed */
    uint64_t cut = cut_point(victim, missing, finish, rate, price, thief);
    if (!twin && cut < victim->end) {
        *ret = (struct tail){ victim, { cut, victim->end }, .late = late };
        return true;
    }
    *ret = (struct tail){ victim, { missing, victim->end }, .hedge = true, .late = late };
    return !own && (late || rate < HEDGE_SLOW * outlook->mean) &&
           hedge_pays(plan, ret->range, finish, late, thief);
}

static bool consider(const struct plan *plan, struct lease *victim, const struct thief *thief,
                     int64_t now, const struct outlook *outlook, struct tail *ret,
                     double *ret_finish)
{
    return consider_any(plan, victim, thief, now, outlook, ret, ret_finish) &&
           may_take(plan, thief, now, ret);
}

/* Has failed, or is silent itself at the moment. */
static bool is_doubtful(const struct plan *plan, const struct source *source, int64_t now,
                        const struct outlook *outlook)
{
    bool doubtful = source->failures > 0;
    for (uint32_t at = source->first; at != 0 && !doubtful; at = plan->leases[at - 1].next)
        doubtful = is_late(plan, &plan->leases[at - 1], now, outlook);
    return doubtful;
}

static struct thief thief_of(const struct plan *plan, plan_source source, int64_t now,
                             const struct outlook *outlook)
{
    const struct source *s = &plan->sources[source];
    double rate = source_lease_rate(s, now);
    return (struct thief){
        .source = source,
        .rate = rate > 0 ? rate : outlook->mean,
        .ttfb = seconds(s->ttfb ? s->ttfb : outlook->ttfb),
    };
}

bool split_urgent(const struct plan *plan, plan_source source, int64_t now,
                  const struct outlook *outlook, struct tail *ret)
{
    if (plan->window == 0 || plan->size == PLAN_SIZE_UNKNOWN ||
        is_doubtful(plan, &plan->sources[source], now, outlook))
        return false;
    struct thief thief = thief_of(plan, source, now, outlook);
    uint64_t head = rangeset_run_end(&plan->done, plan->frontier);
    *ret = (struct tail){ 0 };
    leases_foreach (l, plan) {
        struct tail tail;
        double finish, ahead = l->pos > plan->frontier ? (double)(l->pos - plan->frontier) : 0;
        double needed = ahead / outlook->total;
        bool waited_for = rangeset_run_end(&plan->done, l->pos) == head;
        if ((!waited_for && !(needed < STREAM_NEAR && is_late(plan, l, now, outlook))) ||
            (ret->victim && l->pos > ret->victim->pos) ||
            !consider(plan, l, &thief, now, outlook, &tail, &finish) ||
            finish <= needed + STREAM_LATE)
            continue;
        *ret = tail;
    }
    return ret->victim != NULL;
}

bool split_choose(const struct plan *plan, plan_source source, int64_t now,
                  const struct outlook *outlook, struct tail *ret)
{
    *ret = (struct tail){ 0 };
    if (plan->size == PLAN_SIZE_UNKNOWN || split_in_vain(plan) ||
        is_doubtful(plan, &plan->sources[source], now, outlook))
        return false;
    struct thief thief = thief_of(plan, source, now, outlook);
    bool tail_end = lend_limit(plan) == plan->size;
    /* Leases that are through before the frontier may come to them hold nobody up. */
    double least = tail_end ? 0 : (double)plan->window / 2 / outlook->total;

    /* A split of its own helps only where connections are limited: others come first. */
    double latest = 0, latest_own = 0;
    struct tail own = { 0 };
    leases_foreach (l, plan) {
        struct tail tail;
        double finish;
        if (!consider(plan, l, &thief, now, outlook, &tail, &finish) || finish < least)
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

void leases_cut(struct plan *plan, struct source *source, unsigned keep, int64_t now)
{
    unsigned count = source->leases > keep ? source->leases - keep : 0;
    double soon = source_lease_rate(source, now) * seconds(CUT_SOON);
    for (uint32_t at = source->first; count > 0; count--, at = plan->leases[at - 1].next) {
        if (leases_reserve(plan) < 0) /* leases may move */
            return;
        struct lease *l = &plan->leases[at - 1];
        uint64_t end = (l->pos + (uint64_t)soon) / SPLIT_ALIGN * SPLIT_ALIGN + SPLIT_ALIGN;
        end = MAX(end, rangeset_run_end(&plan->done, l->pos));
        if (l->twin || end >= l->end)
            continue;
        give_back(plan, end, l->end);
        l->end = end;
    }
}
