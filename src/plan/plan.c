/* SPDX-License-Identifier: MIT */
/* The contract of plan.h: leases are lent, make progress, and end. How it is divided into files,
 * and what always holds, stands in plan_internal.h. */
#include "plan/plan_internal.h"

#define FIRST_SOURCES 8

int plan_new(struct plan **ret, const struct plan_config *config)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return -1;
    plan->size = config->size;
    plan->window = config->window;
    plan->max_failures = config->max_failures ? config->max_failures : MAX_FAILURES;
    plan->seed = config->seed;
    plan->probe = config->probe ? config->probe : config->window ? STREAM_FIRST : LEASE_FIRST;
    plan->awake_since = plan->outlook_at = INT64_MIN;
    plan->quiet = SHARED_QUIET;
    bool known = plan->size != PLAN_SIZE_UNKNOWN;
    if (leases_reserve(plan) < 0 || (known && rangeset_add(&plan->free, 0, plan->size, NULL) < 0)) {
        plan_free(plan);
        return -1;
    }
    *ret = plan;
    return 0;
}

struct plan *plan_free(struct plan *plan)
{
    if (plan) {
        rangeset_release(&plan->done);
        rangeset_release(&plan->free);
        leases_release(plan);
        owners_release(plan);
        rangeset_release(&plan->held);
        sources_foreach (s, plan)
            rangeset_release(&s->holds);
        free(plan->sources);
        free(plan);
    }
    return NULL;
}

int plan_add_source(struct plan *plan, const struct plan_source_config *config, plan_source *ret)
{
    if (plan->source_count == plan->source_capacity) {
        size_t capacity = plan->source_capacity ? plan->source_capacity * 2 : FIRST_SOURCES;
        struct source *sources = reallocarray(plan->sources, capacity, sizeof(*sources));
        if (!sources)
            return -1;
        plan->sources = sources;
        plan->source_capacity = capacity;
    }
    unsigned given = MAX(config->slots, 1U);
    plan->sources[plan->source_count] = (struct source){
        .slots = given,
        .allowed = given,
        .slots_now = config->node && !config->cache ? SLOTS_SHARED : MIN(given, SLOTS_FIRST),
        .own = config->own,
        .cache = config->cache,
        .spare = config->spare && !config->cache,
        .node_key = owners_key(config->node),
        .node = PLAN_NODE_NONE,
        .failed_at = INT64_MIN,
    };
    struct source *s = &plan->sources[plan->source_count];
    if (!s->spare)
        s->node = owners_find(plan, s->node_key);
    plan->cache_count += s->cache;
    plan->spare_count += s->spare;
    plan->held_stale |= plan->spare_count > 0;
    *ret = (plan_source)plan->source_count++;
    return 0;
}

void plan_remove_source(struct plan *plan, plan_source source)
{
    plan->sources[source].removed = true;
    holds_outdated(plan);
}

/* -- Leases end -------------------------------------------------------------------------------- */

void give_back(struct plan *plan, uint64_t begin, uint64_t end)
{
    struct range gap; /* a hedge that failed may have left something in the middle */
    for (; rangeset_next_gap(&plan->done, begin, end, &gap); begin = gap.end)
        rangeset_add(&plan->free, gap.begin, gap.end, NULL); /* reserved */
}

/* What is on its way is not free. It takes no memory: see leases_reserve. */
static void keep_lent(struct plan *plan)
{
    leases_foreach (l, plan)
        rangeset_remove(&plan->free, l->pos, l->end, NULL);
}

/* Drops a lease; what nobody else brings of it is free again. Its twin has the same end, but may
 * be past something that was taken back. */
static void end_lease(struct plan *plan, struct lease *lease)
{
    struct lease *twin = lease_find(plan, lease->twin);
    plan->hedged -= lease->hedged;
    if (twin)
        twin->twin = twin->hedged = 0;
    if (plan->size != PLAN_SIZE_UNKNOWN)
        give_back(plan, lease->pos, twin ? twin->pos : lease->end);
    source_dropped(&plan->sources[lease->source], lease);
    lease_drop(plan, lease);
}

static void cancel_lease(struct plan *plan, struct lease *lease)
{
    lease_queue_cancelled(plan, lease->id);
    end_lease(plan, lease);
}

static void fail_lease(struct plan *plan, struct lease *lease, enum plan_failure failure,
                       int64_t retry_after, int64_t now)
{
    struct source *source = &plan->sources[lease->source];
    struct failed failed = {
        .failure = failure,
        .brought = lease->pos - lease->begin,
        .lent_at = lease->lent_at,
        .retry_after = MIN(retry_after, PAUSE_ASKED_MAX),
        .now = now,
        .seed = plan->seed,
    };
    end_lease(plan, lease);
    source_failed(source, &failed, plan->max_failures);
    holds_outdated(plan);
    plan->owners.surveyed_at = INT64_MIN;
    if (failure == PLAN_WRONG)
        plan_exclude_source(plan, (plan_source)(source - plan->sources));
}

void plan_done(struct plan *plan, plan_lease id, int64_t now)
{
    struct lease *lease = lease_find(plan, id);
    if (lease)
        end_lease(plan, lease);
}

void plan_fail(struct plan *plan, plan_lease id, enum plan_failure failure, int64_t retry_after,
               int64_t now)
{
    struct lease *lease = lease_find(plan, id);
    if (lease)
        fail_lease(plan, lease, failure, retry_after, now);
}

void plan_set_size(struct plan *plan, uint64_t size)
{
    if (plan->size != PLAN_SIZE_UNKNOWN || size == PLAN_SIZE_UNKNOWN)
        return;
    uint64_t removed;
    rangeset_remove(&plan->done, size, UINT64_MAX, &removed); /* the last ranges: it cannot fail */
    plan->wasted += removed;
    plan->size = size;
    leases_foreach (l, plan) {
        l->end = MIN(l->end, size);
        if (l->pos >= l->end)
            cancel_lease(plan, l);
    }
    give_back(plan, 0, size); /* room for it since plan_new */
    keep_lent(plan);
    owners_sized(plan);
    holds_outdated(plan);
}

int plan_restore(struct plan *plan, const struct rangeset *there)
{
    for (size_t i = 0; i < there->count; i++) {
        struct range r = there->ranges[i];
        leases_foreach (l, plan)
            if (l->pos < r.end && r.begin < l->end)
                cancel_lease(plan, l);
        if (leases_reserve(plan) < 0 || rangeset_add(&plan->done, r.begin, r.end, NULL) < 0 ||
            rangeset_remove(&plan->free, r.begin, r.end, NULL) < 0)
            return -1;
    }
    return 0;
}

int plan_take_back(struct plan *plan, uint64_t begin, uint64_t end)
{
    struct range run;
    while (rangeset_next_run(&plan->done, begin, end, &run)) {
        if (leases_reserve(plan) < 0 || rangeset_remove(&plan->done, run.begin, run.end, NULL) < 0)
            return -1;
        plan->wasted += range_length(run);
        if (plan->size != PLAN_SIZE_UNKNOWN) {
            give_back(plan, run.begin, run.end);
            keep_lent(plan);
        }
    }
    owners_rewind(plan);
    return 0;
}

void plan_exclude_source(struct plan *plan, plan_source source)
{
    struct source *s = &plan->sources[source];
    s->excluded = true;
    holds_outdated(plan);
    while (s->first != 0)
        cancel_lease(plan, &plan->leases[s->first - 1]);
}

void plan_held(struct plan *plan, int64_t now)
{
    plan->awake_since = MAX(plan->awake_since, now);
}

/* How long a lease may be silent. Before its first byte a source that has shown nothing yet is
 * given what the others of this origin take, and longer with each failure. */
static int64_t patience(const struct plan *plan, const struct lease *l,
                        const struct outlook *outlook)
{
    const struct source *s = &plan->sources[l->source];
    if (l->started)
        return MIN(MAX(STALL_TIMES * s->longest_gap, STALL_MIN), STALL_MAX);
    int64_t least = STALL_FIRST << MIN(s->failures, 4U);
    int64_t ttfb = outlook->timed ? MAX(s->ttfb, outlook->ttfb) : s->ttfb;
    return MIN(MAX(STALL_TIMES * ttfb, least), STALL_FIRST_MAX);
}

void plan_tick(struct plan *plan, int64_t now)
{
    struct outlook outlook = sources_outlook(plan, now);
    if (plan->ticked && now - plan->ticked_at > TICK_LATE)
        plan->awake_since = now;
    plan->ticked = true;
    plan->ticked_at = now;
    plan->any_silent = false;
    plan->quiet = usual_quiet(plan, now);
    leases_foreach (l, plan) {
        bool hopeless = lease_is_hopeless(plan, l, now);
        plan->any_silent |= hopeless || lease_silence(plan, l, now) > plan->quiet;
        if (hopeless && plan->sources[l->source].cache && !plan->sources[l->source].hopeless) {
            plan->sources[l->source].hopeless = true;
            holds_outdated(plan);
        }
        if (l->pos < l->end && lease_silence(plan, l, now) > patience(plan, l, &outlook)) {
            lease_queue_cancelled(plan, l->id);
            fail_lease(plan, l, PLAN_STALLED, 0, now);
        }
    }
    for (size_t i = 0; i < plan->source_count; i++)
        source_end_pause(&plan->sources[i], now);
    if (plan->size != PLAN_SIZE_UNKNOWN)
        trial_tick(plan, &outlook, now);
}

/* -- Leases begin and go on -------------------------------------------------------------------- */

bool plan_consumer_is_behind(const struct plan *plan)
{
    return plan->window > 0 &&
           rangeset_run_end(&plan->done, plan->frontier) - plan->frontier >= plan->window / 2;
}

/* Where very many are asked at the same time it is found out once. */
static struct outlook outlook_at(struct plan *plan, int64_t now)
{
    if (!plan_has_company(plan))
        return sources_outlook(plan, now);
    if (plan->outlook_at != now)
        plan->outlook = sources_outlook(plan, now);
    plan->outlook_at = now;
    return plan->outlook;
}

bool plan_next(struct plan *plan, plan_source source, int64_t now, plan_lease *ret_lease,
               struct range *ret_range)
{
    struct source *s = &plan->sources[source];
    source_end_pause(s, now);
    holds_renew(plan);
    bool ahead = s->leases >= source_slots(s);
    if (!source_can_work(s, now) || (ahead && !lend_ahead(plan, s, now)) || plan_complete(plan) ||
        leases_reserve(plan) < 0)
        return false;

    if (rangeset_total(&plan->free) == 0 && split_in_vain(plan))
        return false; /* it will be asked often */

    struct outlook outlook = outlook_at(plan, now);
    struct tail tail = { 0 };
    struct range range;
    if (!plan_consumer_is_behind(plan) && split_urgent(plan, source, now, &outlook, &tail)) {
        range = tail.range;
    } else if (lend_choose(plan, s, now, &outlook, &range)) {
        rangeset_remove(&plan->free, range.begin, range.end, NULL);
    } else if (!ahead && !plan_consumer_is_behind(plan) &&
               split_choose(plan, source, now, &outlook, &tail)) {
        range = tail.range;
    } else {
        return false;
    }

    if (tail.hedge && tail.victim->twin) /* it did not help: silent, too */
        cancel_lease(plan, lease_find(plan, tail.victim->twin));
    struct lease *lease = lease_new(plan, source, range, now);
    if (tail.hedge) {
        lease->twin = tail.victim->id;
        tail.victim->twin = lease->id;
        lease->hedged = tail.victim->hedged = range_length(range);
        plan->hedged += range_length(range);
    } else if (tail.victim) {
        tail.victim->end = range.begin;
        if (rangeset_contains(&plan->done, tail.victim->pos, tail.victim->end)) {
            lease_queue_cancelled(plan, tail.victim->id);
            if (tail.late)
                fail_lease(plan, tail.victim, PLAN_STALLED, 0, now);
            else
                end_lease(plan, tail.victim);
        }
    }
    *ret_lease = lease->id;
    *ret_range = range;
    return true;
}

void plan_started(struct plan *plan, plan_lease id, int64_t now)
{
    struct lease *lease = lease_find(plan, id);
    if (!lease || lease->started)
        return;
    lease->started = true;
    lease->heard_at = now;
    rate_start(&lease->rate, now);
    struct source *source = &plan->sources[lease->source];
    bool first = source->ttfb == 0;
    source_started(source, lease, now);
    if (first && !(plan_is_owned(plan) && plan->joined))
        source_widen(source);
}

int64_t plan_progress(struct plan *plan, plan_lease id, uint64_t length, int64_t now)
{
    struct lease *lease = lease_find(plan, id);
    uint64_t taken = lease ? MIN(length, lease->end - lease->pos) : 0, added = 0;
    if (taken > 0) {
        if (rangeset_add(&plan->done, lease->pos, lease->pos + taken, &added) < 0)
            return -1;
        plan_started(plan, id, now);
        int64_t gap = lease_silence(plan, lease, now);
        struct source *source = &plan->sources[lease->source];
        if (source->failures + source->busy > 0)
            holds_outdated(plan);
        source_brought(source, taken, added, gap, now);
        owners_brought(plan, source, lease->pos, taken);

        plan->twice += taken - added;
        rate_add(&lease->rate, taken, now);
        lease->heard_at = now;
        lease->pos += taken;

        struct lease *twin = lease_find(plan, lease->twin);
        if (twin && rangeset_contains(&plan->done, twin->pos, twin->end))
            cancel_lease(plan, twin);
    }
    plan->wasted += length - added;
    return (int64_t)taken;
}

bool plan_lease_complete(const struct plan *plan, plan_lease id)
{
    struct range rest = plan_lease_rest(plan, id);
    return rest.begin == rest.end;
}

struct range plan_lease_rest(const struct plan *plan, plan_lease id)
{
    const struct lease *lease = lease_find(plan, id);
    return lease ? (struct range){ lease->pos, lease->end } : (struct range){ 0, 0 };
}

/* -- The plan as a whole ----------------------------------------------------------------------- */

void plan_set_frontier(struct plan *plan, uint64_t frontier)
{
    uint64_t within = MIN(frontier, plan->size);
    plan->frontier = MAX(plan->frontier, within);
}

const struct rangeset *plan_done_set(const struct plan *plan)
{
    return &plan->done;
}

uint64_t plan_done_bytes(const struct plan *plan)
{
    return rangeset_total(&plan->done);
}

uint64_t plan_wasted_bytes(const struct plan *plan)
{
    return plan->wasted;
}

bool plan_complete(const struct plan *plan)
{
    return plan->size != PLAN_SIZE_UNKNOWN && rangeset_total(&plan->done) == plan->size;
}

bool plan_stuck(const struct plan *plan)
{
    if (plan->lease_count > 0 || plan_complete(plan))
        return false;
    sources_foreach (s, plan)
        if (source_usable(s) && (!s->cache || holds_any(plan, s)))
            return false;
    return true;
}

int64_t plan_next_wake(const struct plan *plan)
{
    int64_t wake = INT64_MAX;
    for (const struct source *s = plan->sources; s < plan->sources + plan->source_count; s++)
        if (source_usable(s) && s->paused_until != 0)
            wake = MIN(wake, s->paused_until);
    return wake;
}

static enum plan_source_state state_of(const struct source *source, int64_t now)
{
    if (source->removed)
        return PLAN_SOURCE_REMOVED;
    if (source->excluded)
        return PLAN_SOURCE_EXCLUDED;
    if (source->parked)
        return PLAN_SOURCE_PARKED;
    return now < source->paused_until ? PLAN_SOURCE_PAUSED : PLAN_SOURCE_READY;
}

void plan_source_get(const struct plan *plan, plan_source source, int64_t now,
                     struct plan_source_info *ret)
{
    const struct source *s = &plan->sources[source];
    *ret = (struct plan_source_info){
        .state = state_of(s, now),
        .paused_until = s->paused_until,
        .leases = s->leases,
        .slots = MIN(s->slots_now, s->allowed),
        .started = s->started,
        .shares_own = s->shares_own,
        .stalled = s->stalled,
        .bytes = s->bytes,
        .rate = rate_get(&s->rate, now),
        .ttfb = s->ttfb,
        .failures = s->failures,
    };
}

size_t plan_source_count(const struct plan *plan)
{
    return plan->source_count;
}
