/* SPDX-License-Identifier: MIT */
/* Sources that share a link: who is suspected, who is parked, and for how long.
 *
 *     a trial of one source alone took from others what it gained ──▶ suspects
 *     suspects but the best one are left out (WITHOUT): the sum did not fall ──▶ parked
 *                                                       it fell ──▶ one by one, or not suspected
 *     from time to time a parked one may take part (WITH): the sum grew ──▶ nobody is parked
 *     what was kept brings less than it did ──▶ nobody is parked */
#include "plan/plan_internal.h"

void park_source(struct plan *plan, struct source *source, int64_t now)
{
    source->parked = true;
    source->trial.again = now + PARK_FIRST;
    source->trial.rest = PARK_FIRST;
    leases_cut(plan, source, 0, now);
}

void park_end(struct plan *plan)
{
    sources_foreach (s, plan)
        s->parked = s->trial.suspect = false;
}

/* What was kept brings less than when the others were parked, or nothing any more. */
bool park_is_outdated(const struct plan *plan, const struct outlook *outlook)
{
    bool any = false;
    sources_foreach (s, plan)
        any |= s->parked;
    return any && outlook->total < PARK_LOSS * plan->trial.parked_at;
}

/* Of several that share a link: one of this machine's own, or else the fastest. */
static struct source *best_suspect(const struct plan *plan, int64_t now)
{
    struct source *best = NULL;
    sources_foreach (s, plan) {
        if (!s->trial.suspect || !source_can_work(s, now))
            continue;
        bool faster = best && source_rate(s, now) > source_rate(best, now);
        if (!best || (s->own && !best->own) || (s->own == best->own && faster))
            best = s;
    }
    return best;
}

unsigned park_choose(struct plan *plan, int64_t now)
{
    const struct source *keep = best_suspect(plan, now);
    unsigned count = 0;
    sources_foreach (s, plan) {
        bool chosen = keep && s->trial.suspect && s != keep && source_can_work(s, now);
        s->trial.takes_part = chosen && (count == 0 || !plan->trial.one_by_one);
        if (s->trial.takes_part)
            s->shares_own = keep->own;
        count += s->trial.takes_part;
    }
    if (count == 0)
        sources_foreach (s, plan)
            s->trial.suspect = false;
    return count;
}

/* What happens where all connections share one link fairly: one source has more of them. */
struct sharing {
    double gain, loss; /* times the rate before, of that source and of the others */
};

static struct sharing expect_sharing(const struct plan *plan, const struct source *tried)
{
    unsigned after = 0;
    sources_foreach (s, plan)
        after += s->running;
    double before = MAX((double)after - (tried->slots_now - tried->trial.before), 1.0);
    double loss = before / MAX(after, 1U);
    return (struct sharing){ loss * tried->slots_now / tried->trial.before, loss };
}

/* A source gained about what it would on a shared link, while the sum stayed: those who lost as
 * much as they would are suspects. */
bool park_suspect(struct plan *plan, struct source *tried, double total, int64_t now)
{
    struct sharing sharing = expect_sharing(plan, tried);
    double gain = trial_rate(plan, tried, now) / MAX(tried->trial.base, 1.0);
    double change = total / MAX(plan->trial.base, 1.0);
    if (now < plan->trial.suspect_again || gain < 1 + (sharing.gain - 1) * SHARED_LIKE ||
        change > 1 + SHARED_SUM || change < 1 - SHARED_SUM)
        return false;
    double least = MAX((1 - sharing.loss) * SHARED_LIKE, SHARED_LOSS);
    bool any = false;
    sources_foreach (s, plan) {
        double kept = trial_rate(plan, s, now) / MAX(s->trial.base, 1.0);
        s->trial.suspect = s != tried && source_can_work(s, now) && kept < 1 - least;
        any |= s->trial.suspect;
    }
    tried->trial.suspect = any;
    return any;
}

void park_judge_without(struct plan *plan, double total, int64_t now)
{
    double parked = 0;
    unsigned count = 0;
    sources_foreach (s, plan)
        if (s->trial.takes_part) {
            parked += s->trial.base;
            count++;
        }
    bool gain = plan->trial.base - total > PARK_DROP * parked;
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        if (gain)
            s->parked = false;
        s->trial.suspect &= gain && count > 1;
    }
    if (gain) {
        if (!plan->trial.one_by_one)
            plan->trial.suspect_rest =
                MIN(MAX(2 * plan->trial.suspect_rest, SUSPECT_REST), TRIAL_REST_MAX);
        plan->trial.suspect_again = now + plan->trial.suspect_rest;
        plan->trial.one_by_one = true; /* until no suspect is left, see choose_trial() */
    } else {
        plan->trial.parked_at = total;
    }
}

void park_judge_with(struct plan *plan, double total, int64_t now)
{
    sources_foreach (s, plan) {
        if (!s->trial.takes_part)
            continue;
        double rate = trial_rate(plan, s, now);
        if (total - plan->trial.base >= WITH_GAIN * rate && rate > 0) {
            park_end(plan); /* the world is another one now */
            break;
        }
        int64_t rest = MIN(2 * s->trial.rest, TRIAL_REST_MAX);
        park_source(plan, s, now);
        s->trial.rest = rest;
        s->trial.again = now + rest;
    }
}

/* Without the parked ones it is so much slower that there is nothing more to measure. */
bool park_is_plain(const struct plan *plan, int64_t now)
{
    double parked = 0;
    sources_foreach (s, plan)
        if (s->trial.takes_part)
            parked += s->trial.base;
    return plan->trial.kind == TRIAL_WITHOUT && plan->trial.phase == TRIAL_JUDGE &&
           now - plan->trial.since >= PARK_PLAIN_AFTER &&
           plan->trial.base - trial_total(plan, now) > PARK_PLAIN * parked;
}
