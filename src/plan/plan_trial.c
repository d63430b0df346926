/* SPDX-License-Identifier: MIT */
/* Trials: does it get faster? Whether a source brings more over more connections, and whether a
 * source adds anything to the sum, nobody can know without trying. One trial at a time:
 *
 *     NONE, rates are measured ──▶ change ──▶ RAMP, until it took effect ──▶ JUDGE ──▶ NONE
 *
 *     kind      change                              stays, if
 *     MORE      4 times the connections             the source grew, and the sum with it
 *     FEWER     a quarter of them less              nothing was lost
 *     WITHOUT   suspects are parked                 the sum did not fall
 *     WITH      a parked one may take part again    the sum grew
 *
 * The first trial is of one source alone, on purpose: where several share a link, it then takes
 * from the others what it gains, while the sum stays. Who lost becomes a suspect, and WITHOUT
 * decides. A source that grew is tried on at once with more, so that a limit of a connection
 * at the origin is found in two seconds.
 *
 * A trial needs time to pay, so there is none near the end; what fails meanwhile ends it without a
 * verdict. */
#include "plan/plan_internal.h"

static double rate_between(uint64_t before, uint64_t after, int64_t time)
{
    return (double)(after - before) * (double)SEC / (double)MAX(time, MSEC);
}

static void set_phase(struct plan *plan, enum trial_phase phase, int64_t now)
{
    plan->trial.phase = phase;
    plan->trial.since = now;
    plan->trial.mark = plan->brought;
    sources_foreach(s, plan) s->trial.mark = s->rate.total;
}

static double total_since_mark(const struct plan *plan, int64_t now)
{
    return rate_between(plan->trial.mark, plan->brought, now - plan->trial.since);
}

static double source_since_mark(const struct plan *plan, const struct source *s, int64_t now)
{
    return rate_between(s->trial.mark, s->rate.total, now - plan->trial.since);
}

/* -- Parked ------------------------------------------------------------------------------------ */

static void park(struct plan *plan, struct source *source, int64_t now)
{
    source->parked = true;
    source->trial.again = now + PARK_FIRST;
    source->trial.rest = PARK_FIRST;
    lease_cut_all(plan, source, now);
}

static void unpark_all(struct plan *plan)
{
    sources_foreach(s, plan) s->parked = s->trial.suspect = false;
}

/* What was kept brings less than when the others were parked, or nothing any more. */
static bool parking_is_outdated(const struct plan *plan, const struct outlook *outlook)
{
    bool any = false;
    sources_foreach(s, plan) any |= s->parked;
    return any && outlook->total < PARK_LOSS * plan->trial.parked_at;
}

/* -- Who is tried, and how --------------------------------------------------------------------- */

/* It has all the connections that it may have, and all of them bring bytes. */
static bool is_busy(const struct source *s, int64_t now)
{
    return source_can_work(s, now) && s->failures == 0 && s->running >= source_slots(s) &&
           source_rate(s, now) > 0;
}

static unsigned most_slots(const struct source *s)
{
    return MIN(s->slots, s->allowed);
}

static bool may_grow(const struct source *s, int64_t now)
{
    return is_busy(s, now) && s->slots_now < most_slots(s) && now >= s->trial.again;
}

static bool may_shrink(const struct source *s, int64_t now)
{
    return is_busy(s, now) && s->slots_now > SLOTS_FIRST && now >= s->trial.again &&
           s->trial.shrink;
}

/* Of several that share a link: one of this machine's own, or else the fastest. */
static struct source *best_suspect(const struct plan *plan, int64_t now)
{
    struct source *best = NULL;
    sources_foreach(s, plan)
    {
        if (!s->trial.suspect || !source_can_work(s, now))
            continue;
        bool faster = best && source_rate(s, now) > source_rate(best, now);
        if (!best || (s->own && !best->own) || (s->own == best->own && faster))
            best = s;
    }
    return best;
}

static unsigned choose_without(struct plan *plan, int64_t now)
{
    const struct source *keep = best_suspect(plan, now);
    unsigned count = 0;
    sources_foreach(s, plan)
    {
        bool chosen = s->trial.suspect && s != keep && source_can_work(s, now);
        s->trial.takes_part = chosen && (count == 0 || !plan->trial.one_by_one);
        if (s->trial.takes_part)
            s->shares_own = keep->own;
        count += s->trial.takes_part;
    }
    if (count == 0)
        sources_foreach(s, plan) s->trial.suspect = false;
    return count;
}

/* The first that `fits`; with `all` those behind it, too. */
static unsigned choose(struct plan *plan, bool (*fits)(const struct source *, int64_t), bool all,
                       int64_t now)
{
    struct source *first = NULL;
    unsigned count = 0;
    sources_foreach(s, plan)
    {
        s->trial.takes_part = all && fits(s, now);
        count += s->trial.takes_part;
        bool sooner = first && (s->own > first->own ||
                                (s->own == first->own && s->trial.again < first->trial.again));
        if (!all && fits(s, now) && (!first || sooner))
            first = s;
    }
    if (first)
        first->trial.takes_part = true;
    return all ? count : first != NULL;
}

static bool is_due_parked(const struct source *s, int64_t now)
{
    return s->parked && source_usable(s) && now >= s->trial.again;
}

static bool grew_last_time(const struct source *s, int64_t now)
{
    return s->trial.grew && may_grow(s, now);
}

static bool is_untried(const struct source *s, int64_t now)
{
    return s->trial.tries == 0 && may_grow(s, now);
}

/* Those that took part, and what they do next; false where there is nothing to try. */
static bool choose_trial(struct plan *plan, int64_t now)
{
    struct trial *trial = &plan->trial;
    trial->kind = TRIAL_WITHOUT;
    if (choose_without(plan, now) > 0)
        return true;
    trial->one_by_one = false;
    trial->kind = TRIAL_MORE;
    if (choose(plan, grew_last_time, true, now) > 0)
        return true;
    if (choose(plan, is_untried, trial->count > 0, now) > 0)
        return true;
    trial->kind = TRIAL_WITH;
    if (choose(plan, is_due_parked, false, now) > 0)
        return true;
    trial->kind = TRIAL_FEWER;
    if (choose(plan, may_shrink, false, now) > 0)
        return true;
    trial->kind = TRIAL_MORE;
    return choose(plan, may_grow, false, now) > 0;
}

static bool has_time(const struct plan *plan, const struct outlook *outlook)
{
    double left = (double)(plan->size - plan_done_bytes(plan)) / MAX(outlook->total, 1.0);
    double least = TRIAL_TIME_LEFT + 8 * (double)outlook->ttfb / (double)SEC;
    return rangeset_total(&plan->free) > 0 && left > least;
}

/* -- Beginning --------------------------------------------------------------------------------- */

static void change(struct plan *plan, int64_t now)
{
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        s->trial.before = s->slots_now;
        if (plan->trial.kind == TRIAL_MORE)
            s->slots_now = MIN(MORE_TIMES * s->slots_now, most_slots(s));
        else if (plan->trial.kind == TRIAL_FEWER)
            s->slots_now -= MAX(s->slots_now / 4, 1U);
        else if (plan->trial.kind == TRIAL_WITHOUT)
            park(plan, s, now);
        else
            s->parked = false;
    }
    set_phase(plan, TRIAL_RAMP, now);
}

static bool took_effect(const struct plan *plan, const struct source *s)
{
    switch (plan->trial.kind) {
    case TRIAL_MORE:
        return s->running >= s->slots_now;
    case TRIAL_FEWER:
        return s->running <= s->slots_now;
    case TRIAL_WITHOUT:
        return s->leases == 0;
    case TRIAL_WITH:
        break;
    }
    return s->running > 0;
}

/* -- The end ----------------------------------------------------------------------------------- */

static void put_off(struct source *s, int64_t now)
{
    s->trial.rest = MIN(MAX(2 * s->trial.rest, TRIAL_REST), TRIAL_REST_MAX);
    s->trial.again = now + s->trial.rest;
    s->trial.grew = false;
}

static void take_back(struct plan *plan, struct source *s)
{
    if (plan->trial.kind == TRIAL_WITHOUT)
        s->parked = false;
    else if (plan->trial.kind == TRIAL_WITH)
        s->parked = true;
    else
        s->slots_now = s->trial.before;
}

/* Takes no part any more, without a verdict. */
static void leave(struct plan *plan, struct source *s, int64_t now)
{
    take_back(plan, s);
    put_off(s, now);
    s->trial.takes_part = s->trial.suspect = false;
}

static void end_trial(struct plan *plan, int64_t now)
{
    sources_foreach(s, plan) s->trial.takes_part = false;
    plan->trial.count++;
    set_phase(plan, TRIAL_NONE, now);
}

/* Those who had what a trial gave to others. */
static void suspect_losers(struct plan *plan, int64_t now)
{
    unsigned losers = 0;
    sources_foreach(s, plan)
    {
        bool lost = source_since_mark(plan, s, now) < SUSPECT_LOST * s->trial.base;
        s->trial.suspect = !s->parked && (s->trial.takes_part || (lost && source_can_work(s, now)));
        losers += s->trial.suspect && !s->trial.takes_part;
    }
    if (losers == 0)
        sources_foreach(s, plan) s->trial.suspect = false;
}

static void judge_more(struct plan *plan, double total, int64_t now)
{
    double gained = 0, lost = 0;
    sources_foreach(s, plan)
    {
        double difference = source_since_mark(plan, s, now) - s->trial.base;
        if (s->trial.takes_part)
            gained += difference;
        else
            lost -= difference;
    }
    bool taken = gained > 0 && lost > SHARED_LOSS * gained && total < plan->trial.base * SHARED_SUM;
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        double gain = source_since_mark(plan, s, now) / MAX(s->trial.base, 1.0);
        s->trial.tries++;
        if (!taken && gain >= MORE_GAIN) {
            s->trial.grew = true;
            s->trial.rest = 0;
            s->trial.again = now;
            s->trial.shrink = gain < MORE_SURE;
        } else {
            s->slots_now = s->trial.before;
            put_off(s, now);
        }
    }
    if (taken && gained > SUSPECT_GAIN * plan->trial.base)
        suspect_losers(plan, now);
}

static void judge_fewer(struct plan *plan, int64_t now)
{
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        bool kept = source_since_mark(plan, s, now) >= FEWER_KEPT * s->trial.base;
        if (!kept)
            s->slots_now = s->trial.before;
        s->trial.shrink = kept;
        put_off(s, now);
    }
}

static void judge_without(struct plan *plan, double total, int64_t now)
{
    double parked = 0;
    unsigned count = 0;
    sources_foreach(s, plan) if (s->trial.takes_part)
    {
        parked += s->trial.base;
        count++;
    }
    bool gain = plan->trial.base - total > PARK_DROP * parked;
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        if (gain)
            s->parked = false;
        s->trial.suspect &= gain && count > 1;
    }
    if (gain)
        plan->trial.one_by_one = count > 1;
    else
        plan->trial.parked_at = total;
}

static void judge_with(struct plan *plan, double total, int64_t now)
{
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        double rate = source_since_mark(plan, s, now);
        if (total - plan->trial.base >= WITH_GAIN * rate && rate > 0) {
            unpark_all(plan); /* the world is another one now */
            break;
        }
        int64_t rest = MIN(2 * s->trial.rest, TRIAL_REST_MAX);
        park(plan, s, now);
        s->trial.rest = rest;
        s->trial.again = now + rest;
    }
}

static void note_base(struct plan *plan, int64_t now)
{
    plan->trial.base = total_since_mark(plan, now);
    sources_foreach(s, plan) s->trial.base = source_since_mark(plan, s, now);
}

/* What was measured last is the base of the next trial. */
static void begin(struct plan *plan, int64_t now)
{
    note_base(plan, now);
    if (choose_trial(plan, now))
        change(plan, now);
    else
        set_phase(plan, TRIAL_NONE, now);
}

static void judge(struct plan *plan, int64_t now)
{
    double total = total_since_mark(plan, now);
    bool stays = plan->trial.kind == TRIAL_MORE;
    switch (plan->trial.kind) {
    case TRIAL_MORE:
        judge_more(plan, total, now);
        break;
    case TRIAL_FEWER:
        judge_fewer(plan, now);
        break;
    case TRIAL_WITHOUT:
        judge_without(plan, total, now);
        break;
    case TRIAL_WITH:
        judge_with(plan, total, now);
        break;
    }
    sources_foreach(s, plan) stays &= !s->trial.takes_part || s->trial.grew;
    if (stays) { /* as it was measured it goes on, and so can the next trial */
        plan->trial.count++;
        begin(plan, now);
    } else {
        end_trial(plan, now);
    }
}

/* -- From tick to tick ------------------------------------------------------------------------- */

static bool is_spoilt(const struct plan *plan, const struct source *s, int64_t now)
{
    bool late = plan->trial.phase == TRIAL_RAMP && !took_effect(plan, s) &&
                now - plan->trial.since > TRIAL_PATIENCE + 4 * s->ttfb;
    return late || s->failures > 0 || !source_usable(s) || s->slots_now > s->allowed ||
           source_is_paused(s, now);
}

static bool measured(const struct plan *plan, int64_t now)
{
    int64_t time = now - plan->trial.since;
    return time >= TRIAL_MEASURE_MAX ||
           (time >= TRIAL_MEASURE && plan->brought - plan->trial.mark >= TRIAL_BYTES);
}

static void go_on(struct plan *plan, bool worth_it, int64_t now)
{
    bool any = false, effect = true;
    int64_t settle = TRIAL_SETTLE;
    sources_foreach(s, plan)
    {
        if (!s->trial.takes_part)
            continue;
        if (!worth_it || is_spoilt(plan, s, now)) {
            leave(plan, s, now);
            continue;
        }
        any = true;
        effect &= took_effect(plan, s);
        settle = MAX(settle, 3 * s->ttfb);
    }
    if (!any)
        end_trial(plan, now);
    else if (plan->trial.phase == TRIAL_RAMP && effect && now - plan->trial.since >= settle)
        set_phase(plan, TRIAL_JUDGE, now);
    else if (plan->trial.phase == TRIAL_JUDGE && measured(plan, now))
        judge(plan, now);
}

void trial_tick(struct plan *plan, const struct outlook *outlook, int64_t now)
{
    bool worth_it = has_time(plan, outlook) && !plan_consumer_is_behind(plan);
    if (plan->trial.phase != TRIAL_NONE) {
        go_on(plan, worth_it, now);
        return;
    }
    if (parking_is_outdated(plan, outlook))
        unpark_all(plan);
    if (!worth_it)
        set_phase(plan, TRIAL_NONE, now);
    else if (measured(plan, now))
        begin(plan, now);
}
