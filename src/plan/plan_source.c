/* SPDX-License-Identifier: MIT */
/* What is known of a source.
 *
 *     ready ◀──pause over── paused          each failure without a byte doubles the pause; the try
 *       │ ▲                   ▲             after it is one small lease, until a byte comes
 *       │ └── byte ends a row │
 *       └──── gone, stalled, busy ──▶ too many in a row: excluded      refused, wrong: excluded
 *
 * Leases that were lent before the last failure belong to the same incident: a host that dies with
 * ten leases has failed once. */
#include "plan/plan_internal.h"

bool source_usable(const struct source *source)
{
    return !source->excluded && !source->removed;
}

bool source_is_paused(const struct source *source, int64_t now)
{
    return source->paused_until != 0 && now < source->paused_until;
}

unsigned source_slots(const struct source *source)
{
    return source->failures > 0 ? 1 : MIN(source->slots_now, source->allowed);
}

bool source_can_work(const struct source *source, int64_t now)
{
    return source_usable(source) && !source_is_paused(source, now) && !source->parked &&
           !source->resting;
}

bool source_is_waited_for(const struct source *source)
{
    return source_usable(source) && source->failures == 0 && source->busy < BUSY_WAITED;
}

void source_end_pause(struct source *source, int64_t now)
{
    if (!source_is_paused(source, now))
        source->paused_until = 0;
}

double source_rate(const struct source *source, int64_t now)
{
    int64_t at = source->running > 0 ? now : source->heard_at;
    return rate_known(&source->link, at) ? rate_get(&source->link, at) : 0;
}

double source_lease_rate(const struct source *source, int64_t now)
{
    /* While more connections are tried, each is taken to bring as much as those before. */
    bool tried = source->trial.takes_part && source->slots_now > source->trial.before;
    return source_rate(source, now) / (tried ? source->trial.before : source_slots(source));
}

struct outlook sources_outlook(const struct plan *plan, int64_t now)
{
    double rates = 0, total = 0;
    unsigned known = 0, timed = 0, unknown_slots = 0;
    int64_t ttfbs = 0;
    for (const struct source *s = plan->sources; s < plan->sources + plan->source_count; s++) {
        if (!source_can_work(s, now) || s->cache)
            continue;
        double rate = source_rate(s, now);

        if (rate > 0) {
            known++;
            rates += source_lease_rate(s, now);
            total += rate;
        } else {
            unknown_slots += source_slots(s);
        }
        if (s->ttfb > 0) {
            timed++;
            ttfbs += s->ttfb;
        }
    }
    double mean = known > 0 ? rates / known : GUESS_RATE;
    return (struct outlook){

        .total = total + unknown_slots * mean,
        .mean = mean,
        .ttfb = timed > 0 ? ttfbs / timed : GUESS_TTFB,
        .timed = timed,
    };
}

void source_started(struct source *source, const struct lease *lease, int64_t now)
{
    int64_t ttfb = MAX(now - lease->lent_at, (int64_t)1);
    source->ttfb = source->ttfb ? (3 * source->ttfb + ttfb) / 4 : ttfb;
    source->started = true;
    source->longest_gap -= source->longest_gap / 4;
    rate_start(&source->rate, now);
    rate_start(&source->link, now);
    if (source->running++ == 0 && source->heard_at > 0)
        rate_skip(&source->link, now - source->heard_at);
    source->heard_at = now;
}

void source_brought(struct source *source, uint64_t bytes, uint64_t added, int64_t gap, int64_t now)
{
    rate_add(&source->rate, bytes, now);
    rate_add(&source->link, bytes, now);
    source->heard_at = now;
    source->bytes += added;
    source->longest_gap = MAX(source->longest_gap, gap);
    source->failures = source->busy = 0;
    source->stalled = false;
    if (source->allowed < source->slots && now - source->slots_since >= source->slots_rest) {
        source->allowed++;
        source->slots_since = now;
    }
}

void source_widen(struct source *source)
{
    if (source->cache || source->trial.tries > 0)
        return;
    unsigned far = (unsigned)MIN(source->ttfb / SLOTS_PER_TTFB, (int64_t)SLOTS_FAR);
    unsigned least = MAX(SLOTS_FIRST, far);
    source->slots_now = MIN(MAX(source->slots_now, least), source->slots);
}

void source_dropped(struct source *source, const struct lease *lease)
{
    if (lease->started)
        source->running--;
}

/* Between three quarters of it and all, so that those who failed together come back one by one. */
static int64_t jittered(int64_t pause, const struct failed *failed)
{
    uint64_t random = failed->seed * ((uint64_t)failed->now | 1) * 0x9e3779b97f4a7c15 >> 56;
    return pause - pause / 4 * (int64_t)random / 256;
}

/* first, twice that, four times … */
static int64_t growing_pause(int64_t first, unsigned row, int64_t most, const struct failed *failed)
{
    int64_t pause = first;
    while (--row > 0 && pause < most)
        pause *= 2;
    return jittered(MIN(pause, most), failed);
}

/* While other leases of it go on, so many are evidently fine: no more than those from now on, but
 * what follows them need not wait. */
static int64_t pause_after_busy(struct source *source, const struct failed *failed, bool counts,
                                unsigned max_failures)
{
    source->allowed = MIN(source->allowed, MAX(source->leases, 1U));
    source->slots_since = failed->now;
    if (counts || source->slots_rest == 0)
        source->slots_rest = MIN(MAX(2 * source->slots_rest, SLOT_GROW_AFTER), SLOT_GROW_MAX);
    if (source->leases > 0)
        return 0;
    if (counts && ++source->busy >= BUSY_PATIENCE * max_failures)
        source->excluded = true;
    return failed->retry_after > 0
               ? failed->retry_after
               : growing_pause(PAUSE_BUSY, MAX(source->busy, 1U), PAUSE_BUSY_MAX, failed);
}

static int64_t pause_after_gone(struct source *source, const struct failed *failed, bool counts,
                                unsigned max_failures)
{
    if (!counts)
        return failed->retry_after;
    if (failed->failure == PLAN_GONE && failed->brought >= PROGRESS_MIN) {
        source->failures = 0;
        return MAX(failed->retry_after, PAUSE_SHORT);
    }
    if (++source->failures >= max_failures)
        source->excluded = true;
    return MAX(failed->retry_after,
               growing_pause(PAUSE_FIRST, source->failures, PAUSE_MAX, failed));
}

void source_failed(struct source *source, const struct failed *failed, unsigned max_failures)
{
    bool counts = failed->lent_at >= source->failed_at;
    int64_t pause = 0;
    source->stalled = failed->failure == PLAN_STALLED;
    switch (failed->failure) {
    case PLAN_REFUSED:
    case PLAN_WRONG:
        source->excluded = true;
        break;
    case PLAN_BUSY:
        pause = pause_after_busy(source, failed, counts, max_failures);
        break;
    case PLAN_GONE:
    case PLAN_STALLED:
        pause = pause_after_gone(source, failed, counts, max_failures);
        break;
    }
    if (counts)
        source->failed_at = failed->now;
    if (pause > BUSY_BRIEF)
        source->busy = MAX(source->busy, BUSY_WAITED);
    if (pause > 0)
        source->paused_until = MAX(source->paused_until, failed->now + pause);
}
