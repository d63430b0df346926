/* SPDX-License-Identifier: MIT */
/* Which free range a source gets next, and how much of it.
 *
 * A lease is what the source brings in LEASE_TIME. The ends of leases of one source
 * keep their distance, so that it is not without work whenever it waits for first bytes. Toward the
 * end of the object a lease is guided: no more than its share of what is still missing, less what
 * its source has to bring anyway, so that all come out together; the rest of the way to "together"
 * is the matter of plan_split.c. With a window everyone should get something of it:
 * leases are short, and at most a quarter of their share of it; and as it moves on in small steps,
 * a source waits for a whole lease to fit rather than take the crumbs. */
#include "plan/plan_internal.h"

static double seconds(int64_t time)
{
    return (double)time / (double)SEC;
}

static uint64_t align_down(uint64_t value)
{
    return value / LEASE_ALIGN * LEASE_ALIGN;
}

static uint64_t clamp_size(double want, uint64_t min, uint64_t max)
{
    if (want >= (double)max)
        return max;
    return want <= (double)min ? min : align_down((uint64_t)want);
}

static double lease_rate(const struct source *source, const struct lease *lease, int64_t now)
{
    return rate_known(&lease->rate, now) ? rate_get(&lease->rate, now)
                                         : source_lease_rate(source, now);
}

bool lend_ahead(const struct plan *plan, const struct source *source, int64_t now)
{
    if (source->failures > 0 || source->leases >= source->allowed ||
        plan->size == PLAN_SIZE_UNKNOWN)
        return false;
    unsigned staying = 0;
    double soon = seconds(source->ttfb + LEND_AHEAD);
    for (uint32_t at = source->first; at != 0; at = plan->leases[at - 1].next) {
        const struct lease *l = &plan->leases[at - 1];
        double rate = lease_rate(source, l, now);
        staying += !l->started || rate == 0 || (double)(l->end - l->pos) > soon * rate;
    }
    return staying < source_slots(source);
}

struct running {
    uint64_t all, longest; /* bytes that the leases of a source have to bring yet */
};

static struct running running_of(const struct plan *plan, const struct source *source)
{
    struct running sum = { 0 };
    for (uint32_t at = source->first; at != 0; at = plan->leases[at - 1].next) {
        uint64_t rest = plan->leases[at - 1].end - plan->leases[at - 1].pos;
        sum.all += rest;
        sum.longest = MAX(sum.longest, rest);
    }
    return sum;
}

/* 0.75 to 1.25, well spread: leases that were lent together do not end together. */
static double jitter(const struct plan *plan)
{
    const double golden = 0.6180339887;
    double turns = golden * (plan->last_id % 1000);
    return 0.75 + (turns - (double)(uint64_t)turns) / 2;
}

/* The bytes of LEASE_TIME, but the ends of a source's leases keep their distance. Where the first
 * byte takes long, a rate that is not known yet grows for long. */
static double spaced_size(const struct plan *plan, const struct source *source, double lease_rate,
                          uint64_t longest, const struct outlook *outlook)
{
    bool stream = plan->window > 0;
    unsigned slots = source_slots(source);
    if (lease_rate == 0) {
        int64_t ttfb = source->ttfb || !outlook->timed ? source->ttfb : outlook->ttfb;
        double first = (double)LEASE_FIRST * (1 + (double)ttfb / (double)LEASE_GROWS);
        uint64_t proved = MIN(MAX(source->rate.total, STREAM_FIRST), LEASE_FIRST);
        return stream ? (double)proved : first * (source->leases + 1) / slots;
    }
    double ttfb = seconds(source->ttfb);
    if (stream)
        return lease_rate * MAX(STREAM_TIME, STREAM_TTFBS * ttfb);
    double whole = lease_rate * MAX(LEASE_TIME, LEASE_TTFBS * ttfb);
    double spaced = (double)longest + whole / slots;
    return MIN(whole, spaced);
}

/* What the source can bring until all have brought everything that uplinks have to bring. */
static double guided_size(const struct plan *plan, const struct source *source, double lease_rate,
                          uint64_t running, const struct outlook *outlook)
{
    double left = (double)holds_left(plan) / outlook->total;
    double share = lease_rate * left;
    double room = lease_rate * source_slots(source) * left - (double)running;
    return MIN(share, room);
}

static uint64_t lease_size(const struct plan *plan, const struct source *source, int64_t now,
                           const struct outlook *outlook)
{
    if (source->failures > 0)
        return LEASE_MIN;

    double known = source_lease_rate(source, now), rate = known > 0 ? known : outlook->mean;
    struct running running = running_of(plan, source);
    double spaced = spaced_size(plan, source, known, running.longest, outlook);
    double guided = guided_size(plan, source, rate, running.all, outlook);
    double want = MIN(spaced, guided);
    if (plan->window > 0) {
        double part = (double)plan->window / 4 * rate / outlook->total;
        return clamp_size(MIN(want, part) * jitter(plan), WINDOW_MIN, LEASE_MAX);
    }
    /* What would be left for a lease of its own is not worth the wait for its first byte. */
    uint64_t least = clamp_size(rate * LEASE_TIME / 2, LEASE_ALIGN, LEASE_MIN);
    uint64_t size = clamp_size(want, least, LEASE_MAX), left = rangeset_total(&plan->free);
    return (double)left < (double)size + known * seconds(source->ttfb) ? left : size;
}

uint64_t lend_limit(const struct plan *plan)
{
    if (plan->window == 0 || plan->size - plan->frontier <= plan->window)
        return plan->size;
    return plan->frontier + plan->window;
}

/* A source that has just failed does not hold up the frontier: the end of the window is for it. */
static bool choose_last(const struct plan *plan, uint64_t limit, struct range *ret)
{
    struct range run;
    bool found = false;
    for (uint64_t at = 0; rangeset_next_run(&plan->free, at, limit, &run); at = run.end) {
        *ret = (struct range){ MAX(run.begin, run.end - MIN(run.end, WINDOW_MIN)), run.end };
        found = true;
    }
    return found;
}

/* The probe; where it does not tell the size, the next one goes on from its end. */
static bool choose_probe(const struct plan *plan, const struct source *source, struct range *ret)
{
    uint64_t begin = rangeset_run_end(&plan->done, 0);
    *ret = (struct range){ begin, MIN(begin + plan->probe, lend_limit(plan)) };
    return plan->lease_count == 0 && !source->cache && ret->begin < ret->end;
}

static bool choose_held(const struct plan *plan, const struct source *cache, int64_t now,
                        struct range *ret)
{
    struct range run;
    if (!holds_next(plan, cache, lend_limit(plan), &run))
        return false;
    double rate = source_lease_rate(cache, now);
    uint64_t most = plan->window > 0 ? MAX(plan->window / 8, WINDOW_MIN) : LEASE_MAX;
    uint64_t size = rate > 0 ? clamp_size(rate * CACHE_TIME, LEASE_MIN, LEASE_MAX) : CACHE_FIRST;
    if (cache->failures > 0)
        size = LEASE_MIN;
    size = MIN(size, most);
    *ret = (struct range){ run.begin, MIN(run.end, run.begin + size) };
    return true;
}

/* Where an uplink goes on: its own, or, by and by, anything. */
static bool next_free(struct plan *plan, const struct source *source, uint64_t limit, int64_t now,
                      const struct outlook *outlook, struct range *ret)
{
    if (plan_goes_by_pieces(plan)) {
        owners_survey(plan, now, outlook);
        return owners_own(plan, source, limit, ret) || owners_inherited(plan, source, limit, ret);
    }
    if (plan->held.count > 0)
        return holds_next_unheld(plan, 0, limit, ret);
    return rangeset_next_run(&plan->free, 0, limit, ret);
}

bool lend_choose(struct plan *plan, const struct source *source, int64_t now,
                 const struct outlook *outlook, struct range *ret)
{
    if (plan->size == PLAN_SIZE_UNKNOWN)
        return choose_probe(plan, source, ret);
    if (source->cache)
        return choose_held(plan, source, now, ret);

    struct range run;
    uint64_t limit = lend_limit(plan);
    if (plan->window > 0 && source->failures > 0)
        return choose_last(plan, limit, ret);
    if (!next_free(plan, source, limit, now, outlook, &run))
        return false;
    uint64_t size = lease_size(plan, source, now, outlook);
    bool window_ends_it = run.end == limit && limit < plan->size;
    if (window_ends_it && range_length(run) < size && plan->lease_count > 0)
        return false;
    if (range_length(run) > size) {
        uint64_t end = align_down(run.begin + size);
        run.end = MIN(run.end, end > run.begin ? end : end + LEASE_ALIGN);
    }
    *ret = run;
    return true;
}
