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
 * The first trial is of all sources together. If that brings nothing, the second is of one alone,
 * on purpose: where several share a link, it takes from the others what it gains, while the sum
 * stays. Who lost becomes a suspect, and WITHOUT decides. A source that grew is tried on at once
 * with more, so that a limit of a connection at the origin is found in a few seconds.
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

    sources_foreach (s, plan)
        s->trial.mark = s->rate.total;
}

double trial_rate(const struct plan *plan, const struct source *s, int64_t now)
{
    return rate_between(s->trial.mark, s->rate.total, now - plan->trial.since);
}

double trial_total(const struct plan *plan, int64_t now)
{
    double total = 0;
    sources_foreach (s, plan)
        total += s->cache ? 0 : trial_rate(plan, s, now);
    return total;
}

static bool had_begun(const struct plan *plan)
{
    sources_foreach (s, plan)
        if (s->trial.mark > 0)
            return true;
    return false;
}

static uint64_t bytes_since(const struct plan *plan)
{
    uint64_t bytes = 0;
    sources_foreach (s, plan)
        bytes += s->rate.total - s->trial.mark;
    return bytes;
}

/* -- Who is tried, and how --------------------------------------------------------------------- */

/* It has all the connections that it may have, and all of them bring bytes; it did so already when
 * the measuring began. */
static bool is_busy(const struct source *s, int64_t now)
{
    return source_can_work(s, now) && !s->cache && s->failures == 0 &&
           s->running >= source_slots(s) && source_rate(s, now) > 0 && s->trial.mark > 0;
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
           s->trial.shrink && s->trial.vain >= FEWER_AFTER;
}

/* The first that `fits`; with `all` those behind it, too. */
static unsigned choose(struct plan *plan, bool (*fits)(const struct source *, int64_t), bool all,
                       int64_t now)
{
    struct source *first = NULL;
    unsigned count = 0;
    sources_foreach (s, plan) {
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

static bool is_promising(const struct source *s, int64_t now)
{
    return (s->trial.grew || s->trial.tries == 0) && may_grow(s, now);
}

/* Whoever has had a trial together with others, and none of its own. */
static bool is_unknown_alone(const struct source *s, int64_t now)
{
    return s->trial.tries == 1 && is_busy(s, now) && s->slots_now < most_slots(s) &&
           s->running <= s->slots_now + 1;
}

/* Those that took part, and what they do next; false where there is nothing to try. */
static bool choose_trial(struct plan *plan, int64_t now)
{
    struct trial *trial = &plan->trial;
    trial->kind = TRIAL_WITHOUT;
    if (park_choose(plan, now) > 0)
        return true;
    trial->one_by_one = false;
    trial->kind = TRIAL_MORE;
    if (choose(plan, is_promising, true, now) > 0)
        return true;
    /* Who owns pieces is not left out, for its pieces would be fetched elsewhere for this client.
     */
    if (!plan_is_owned(plan) && trial->solo_count == 0 && plan->source_count > 1 &&
        choose(plan, is_unknown_alone, false, now) > 0)
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
    double left = (double)holds_left(plan) / MAX(outlook->total, 1.0);
    double least = TRIAL_TIME_LEFT + 8 * (double)outlook->ttfb / (double)SEC;
    if (plan_goes_by_pieces(plan))
        least += TRIAL_TIME_OWNED;
    return left > least;
}

/* -- Beginning --------------------------------------------------------------------------------- */

static void change(struct plan *plan, int64_t now)
{
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        s->trial.before = s->slots_now;
        s->trial.effect = false;

        if (plan->trial.kind == TRIAL_MORE)
            s->slots_now = MIN(MORE_TIMES * s->slots_now, most_slots(s));
        else if (plan->trial.kind == TRIAL_FEWER)
            s->slots_now -= MAX(s->slots_now / 4, 1U);
        else if (plan->trial.kind == TRIAL_WITHOUT)
            park_source(plan, s, now);
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
    sources_foreach (s, plan)
        s->trial.takes_part = false;
    set_phase(plan, TRIAL_NONE, now);
    plan->trial.ended = now;
}

/* What those who took part gained came from outside, not from the others. */
static bool sum_grew(const struct plan *plan, double total, int64_t now)
{
    double gained = 0;
    sources_foreach (s, plan)
        if (s->trial.takes_part)
            gained += MAX(trial_rate(plan, s, now) - s->trial.base, 0.0);
    return total - plan->trial.base >= SUM_GREW * gained;
}

static void judge_more(struct plan *plan, double total, int64_t now)
{
    struct source *only = NULL;
    unsigned count = 0;
    sources_foreach (s, plan) {
        count += s->trial.takes_part;
        only = s->trial.takes_part ? s : only;
    }
    plan->trial.solo_count += count == 1;
    bool shared = count == 1 && !plan_is_owned(plan) && park_suspect(plan, only, total, now);
    bool grew = !shared && sum_grew(plan, total, now);
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        double gain = trial_rate(plan, s, now) / MAX(s->trial.base, 1.0);
        s->trial.tries++;
        if (grew && gain >= MORE_GAIN) {
            s->trial.grew = true;
            s->trial.vain = 0;
            s->trial.rest = 0;
            s->trial.again = now;
            s->trial.shrink = gain < MORE_SURE;
            continue;
        }
        s->trial.vain++;
        s->slots_now = s->trial.before;
        if (s->ttfb < TTFB_FAR) /* where a connection is soon replaced */
            leases_cut(plan, s, s->slots_now, now);
        put_off(s, now);
    }
}

static void judge_fewer(struct plan *plan, int64_t now)
{
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        bool kept = trial_rate(plan, s, now) >= FEWER_KEPT * s->trial.base;
        if (!kept)
            s->slots_now = s->trial.before;
        s->trial.shrink = kept;
        put_off(s, now);
    }
}

static void note_base(struct plan *plan, int64_t now)
{
    plan->trial.base = trial_total(plan, now);
    sources_foreach (s, plan)
        s->trial.base = trial_rate(plan, s, now);
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
    double total = trial_total(plan, now);
    bool stays = plan->trial.kind == TRIAL_MORE;
    switch (plan->trial.kind) {
    case TRIAL_MORE:
        judge_more(plan, total, now);
        break;
    case TRIAL_FEWER:
        judge_fewer(plan, now);
        break;
    case TRIAL_WITHOUT:
        park_judge_without(plan, total, now);
        break;
    case TRIAL_WITH:
        park_judge_with(plan, total, now);
        break;
    }
    sources_foreach (s, plan)
        stays &= !s->trial.takes_part || s->trial.grew;
    if (stays) { /* as it was measured it goes on, and so can the next trial */
        begin(plan, now);
    } else {
        end_trial(plan, now);
    }
}

/* -- From tick to tick ------------------------------------------------------------------------- */

static bool is_spoilt(const struct plan *plan, const struct source *s, int64_t now)
{
    int64_t patience =
        plan->trial.kind == TRIAL_WITHOUT ? PARK_PATIENCE : TRIAL_PATIENCE + 4 * s->ttfb;
    bool late = !s->trial.effect && now - plan->trial.since > patience;
    return late || s->failures > 0 || !source_usable(s) || source_is_paused(s, now + PAUSE_SHORT);
}

static bool measured(const struct plan *plan, int64_t now)
{
    int64_t time = now - plan->trial.since;
    int64_t least = plan->trial.phase == TRIAL_NONE ? TRIAL_BASE : TRIAL_MEASURE;
    return time >= TRIAL_MEASURE_MAX || (time >= least && bytes_since(plan) >= TRIAL_BYTES);
}

static void go_on(struct plan *plan, bool worth_it, int64_t now)
{
    bool any = false, effect = true;
    int64_t settle = plan->trial.kind == TRIAL_WITHOUT ? PARK_SETTLE : TRIAL_SETTLE;
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        if (plan->trial.kind == TRIAL_MORE) /* the origin may have said "busy" */
            s->slots_now = MIN(s->slots_now, MAX(s->allowed, s->trial.before));
        if (!worth_it || is_spoilt(plan, s, now)) {
            leave(plan, s, now);
            continue;
        }
        any = true;
        s->trial.effect |= took_effect(plan, s);
        effect &= s->trial.effect;
        settle = MAX(settle, 3 * s->ttfb);
    }
    if (!any)
        end_trial(plan, now);
    else if (plan->trial.phase == TRIAL_RAMP && effect && now - plan->trial.since >= settle)
        set_phase(plan, TRIAL_JUDGE, now);
    else if (plan->trial.phase == TRIAL_JUDGE && (measured(plan, now) || park_is_plain(plan, now)))
        judge(plan, now);
}

void trial_tick(struct plan *plan, const struct outlook *outlook, int64_t now)
{
    bool worth_it = has_time(plan, outlook) && !plan_consumer_is_behind(plan);
    if (plan->trial.phase != TRIAL_NONE) {
        go_on(plan, worth_it, now);
        return;
    }
    if (park_is_outdated(plan, outlook))
        park_end(plan);
    bool settled = now - plan->trial.ended >= TRIAL_SETTLE;
    if (!worth_it || !settled || !had_begun(plan))
        set_phase(plan, TRIAL_NONE, now); /* what is measured begins anew */
    else if (measured(plan, now))
        begin(plan, now);
}
