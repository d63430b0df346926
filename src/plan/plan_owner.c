/* SPDX-License-Identifier: MIT */
/* Whose turn a piece is: own before steal.
 *
 *     piece ──owner.c──▶ node ──▶ its uplinks take its pieces, in order of offset
 *                                 none left: one of those that are *late*, the end of it first
 *
 * A piece is late when its owner would bring it after the time at which all of them together could
 * be done. All clients go by the same rates: what owners say of themselves, or else what is seen,
 * for they wait for the same fetches. So the same pieces are late for all. Of these a thief takes
 * the one that goes best with it by a hash, which does not depend on when it asks: so all clients
 * send it for the same one, and no two thieves for one. From the end, for the owner itself comes
 * from the front.
 *
 * A survey (who is late) is made at most each SURVEY_KEEP, and only when somebody has nothing of
 * its own left. */
#include "plan/owner.h"
#include "plan/plan_internal.h"

#include <string.h>

uint64_t owners_key(const char *node)
{
    return node ? owner_hash("", node) | 1 : 0;
}

static void release(struct ownership *o)
{
    free(o->nodes);
    free(o->owner);
    free(o->pieces);
    free(o->shares);
    *o = (struct ownership){ 0 };
}

void owners_release(struct plan *plan)
{
    release(&plan->owners);
}

/* -- Who owns what ----------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

size_t owners_find(const struct plan *plan, uint64_t key)
{
    size_t low = 0, high = plan->owners.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->owners.nodes[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < plan->owners.count && plan->owners.nodes[low].key == key;
    return found ? low : PLAN_NODE_NONE;
}

static int make_nodes(struct ownership *o, const char *object, const struct plan_owner *owners,
                      size_t count)
{
    o->nodes = calloc(count, sizeof(*o->nodes));
    if (!o->nodes)
        return -1;
    for (size_t i = 0; i < count; i++)
        o->nodes[i] = (struct node){ .key = owners_key(owners[i].id),
                                     .hash = owner_hash(object, owners[i].id),
                                     .rate = owners[i].rate,
                                     .given = i };
    qsort(o->nodes, count, sizeof(*o->nodes), by_key);
    for (size_t i = 0; i < count; i++) /* each once */
        if (i == 0 || o->nodes[i].key != o->nodes[o->count - 1].key)
            o->nodes[o->count++] = o->nodes[i];
    return 0;
}

/* The pieces of each node in a row. */
static void sort_pieces(struct ownership *o)
{
    for (uint64_t i = 0; i < o->grid.count; i++)
        o->nodes[o->owner[i]].count++;
    uint32_t first = 0;
    for (size_t i = 0; i < o->count; i++) {
        struct node *n = &o->nodes[i];
        n->first = n->cursor = first;
        first += n->count;
        n->count = 0;
    }
    for (uint64_t i = 0; i < o->grid.count; i++) {
        struct node *n = &o->nodes[o->owner[i]];
        o->pieces[n->first + n->count++] = (uint32_t)i;
    }
}

static int assign(struct ownership *o, uint64_t size)
{
    if (o->count == 0 || size == 0 || size == PLAN_SIZE_UNKNOWN)
        return 0;
    _cleanup_free_ struct owner *owners = calloc(o->count, sizeof(*owners));
    o->grid = owner_grid(size);
    o->owner = calloc(o->grid.count, sizeof(*o->owner));
    o->pieces = calloc(o->grid.count, sizeof(*o->pieces));
    o->shares = calloc(o->grid.count, sizeof(*o->shares));
    if (!owners || !o->owner || !o->pieces || !o->shares)
        return -1;
    for (size_t i = 0; i < o->count; i++)
        owners[i] = (struct owner){ o->nodes[i].hash, o->nodes[i].rate };
    if (owner_assign(o->owner, o->grid.count, owners, o->count) < 0)
        return -1;
    sort_pieces(o);
    for (uint64_t i = 0; i < o->grid.count; i++)
        o->shares[i] = (struct share){ grid_range(&o->grid, i).end, SHARE_ORPHAN };
    o->surveyed_at = INT64_MIN;
    return 0;
}

static void match_sources(struct plan *plan)
{
    sources_foreach (s, plan)
        s->node = s->spare ? PLAN_NODE_NONE : owners_find(plan, s->node_key);
}

static bool is_same(const struct ownership *a, const struct ownership *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++) {
        const struct node *x = &a->nodes[i], *y = &b->nodes[i];
        same = x->hash == y->hash && (x->rate == 0) == (y->rate == 0) &&
               owner_step(x->rate) == owner_step(y->rate);
    }
    return same;
}

int plan_set_owners(struct plan *plan, const char *object, const struct plan_owner *owners,
                    size_t count)
{
    struct ownership o = { 0 };
    if (count > 0 && make_nodes(&o, object, owners, count) < 0)
        return -1;
    bool same = is_same(&o, &plan->owners);
    if (!same && assign(&o, plan->size) < 0) {
        release(&o);
        return -1;
    }
    if (same) {
        for (size_t i = 0; i < o.count; i++)
            plan->owners.nodes[i].given = o.nodes[i].given;
        release(&o);
        return 0;
    }
    release(&plan->owners);
    plan->owners = o;
    match_sources(plan);
    if (count > 0)
        park_end(plan); /* see choose_trial() */
    return 0;
}

void owners_sized(struct plan *plan)
{
    if (assign(&plan->owners, plan->size) < 0)
        release(&plan->owners);
    match_sources(plan);
}

size_t plan_owner_of(const struct plan *plan, uint64_t offset)
{
    const struct ownership *o = &plan->owners;
    if (!plan_is_owned(plan) || offset >= plan->size)
        return PLAN_NODE_NONE;
    return o->nodes[o->owner[grid_index(&o->grid, offset)]].given;
}

void plan_tell_rate(struct plan *plan, plan_source source, uint64_t rate)
{
    plan->sources[source].told = rate;
}

void plan_set_alone(struct plan *plan, bool alone)
{
    plan->alone = alone;
    plan->owners.surveyed_at = INT64_MIN;
}

void plan_set_joined(struct plan *plan, bool joined)
{
    if (joined == plan->joined)
        return;
    plan->joined = joined;
    sources_foreach (s, plan)
        if (!joined && s->ttfb > 0)
            source_widen(s);
        else if (joined && s->node != PLAN_NODE_NONE && !s->cache && s->trial.tries == 0)
            s->slots_now = SLOTS_SHARED;
}

uint64_t owners_block(const struct plan *plan)
{
    uint64_t part = MAX(plan->owners.grid.piece / STEAL_PART, (uint64_t)STEAL_LEAST);
    return plan->alone ? LEASE_ALIGN : part;
}

void owners_brought(struct plan *plan, const struct source *source, uint64_t at, uint64_t bytes)
{
    struct ownership *o = &plan->owners;
    if (plan_is_owned(plan) && source->node != PLAN_NODE_NONE && !source->cache &&
        o->owner[grid_index(&o->grid, at)] != source->node)
        o->nodes[source->node].inherited += (double)bytes;
}

void owners_rewind(struct plan *plan)
{
    struct ownership *o = &plan->owners;
    for (size_t i = 0; i < o->count; i++)
        o->nodes[i].cursor = o->nodes[i].first;
    o->surveyed_at = INT64_MIN;
}

/* -- The survey -------------------------------------------------------------------------------- */

/* The mean of all its time, as long as what it is now is like it: that is the same for all who wait
 * for the same fetches, whenever they look. */
static double steady_rate(const struct source *s, int64_t now)
{
    double rate = source_rate(s, now);
    int64_t at = s->running > 0 ? now : s->heard_at, time = at - s->link.started;
    if (rate <= 0 || time < SEC)
        return rate;
    double mean = (double)s->link.total * (double)SEC / (double)time;
    return rate > mean * STEADY || mean > rate * STEADY ? rate : mean;
}

/* Bytes/s of all uplinks that a node has, and what these have to bring already. What it says itself
 * counts for what is not seen yet, and among many, who all hear the same; else what is seen. */
static void find_speeds(struct plan *plan, int64_t now, const struct outlook *outlook)
{
    struct ownership *o = &plan->owners;
    for (struct node *n = o->nodes; n < o->nodes + o->count; n++) {
        n->seen = n->speed = n->left = n->spare = 0;
        n->said = (double)n->rate;
    }
    sources_foreach (s, plan)
        if (s->node != PLAN_NODE_NONE && s->told > 0)
            o->nodes[s->node].said = (double)s->told;
    sources_foreach (s, plan) {
        if (s->node == PLAN_NODE_NONE || s->cache)
            continue;
        struct node *n = &o->nodes[s->node];
        for (uint32_t at = s->first; at != 0; at = plan->leases[at - 1].next)
            n->left += (double)(plan->leases[at - 1].end - plan->leases[at - 1].pos);
        if (!source_is_waited_for(s) || s->parked || s->resting)
            continue;
        double rate = steady_rate(s, now), guess = outlook->mean * source_slots(s);
        n->seen += rate;
        n->speed += rate > 0 ? rate : guess;
    }
    for (struct node *n = o->nodes; n < o->nodes + o->count; n++)
        if (n->speed > 0 && n->said > 0 && (n->seen == 0 || plan_has_company(plan)))
            n->speed = n->seen > 0 ? MIN(n->said, n->seen * SAID_TRUST) : n->said;
}

/* What of a piece is free, and has to come over an uplink. */
static uint64_t unheld(const struct plan *plan, struct range piece)
{
    uint64_t count = 0;
    struct range run;
    if (plan->held.count == 0)
        return rangeset_count_within(&plan->free, piece.begin, piece.end);
    for (uint64_t at = piece.begin; holds_next_unheld(plan, at, piece.end, &run); at = run.end)
        count += range_length(run);
    return count;
}

/* Behind the first `kept` bytes of a piece that are free, or a little later; but not of none. */
static uint64_t split_point(const struct plan *plan, struct range piece, uint64_t kept)
{
    uint64_t block = owners_block(plan);
    struct range run;
    if (kept == 0)
        return piece.begin;
    for (uint64_t at = piece.begin; holds_next_unheld(plan, at, piece.end, &run); at = run.end) {
        if (kept < range_length(run)) {
            uint64_t split = (run.begin + kept + block - 1) / block * block;
            return MIN(split, piece.end);
        }
        kept -= range_length(run);
    }
    return piece.end;
}

/* A node keeps what it can bring until `end` (s from now), or a little later; what is over has no
 * heir yet. */
static void keep(struct plan *plan, struct node *n, double end, double late)
{
    struct ownership *o = &plan->owners;
    double most = n->speed * (end + late);
    for (uint32_t i = n->cursor; i < n->first + n->count; i++) {
        struct range piece = grid_range(&o->grid, o->pieces[i]);
        uint64_t left = unheld(plan, piece);
        double room = MAX(most - n->left, 0.0), kept = MIN((double)left, room);
        struct share *share = &o->shares[o->pieces[i]];
        *share = (struct share){ piece.end, SHARE_ORPHAN };
        if (left > (uint64_t)kept)
            share->split = split_point(plan, piece, (uint64_t)kept);
        n->left += kept;
    }
    n->spare = MAX(n->speed * end - n->left, 0.0);
}

/* To the node that goes best with a piece among those that will have time, and are not too slow to
 * bring it until `last` (s from now); where there is none, to whoever has most time. */
static void bequeath(struct plan *plan, uint32_t number, double last)
{
    struct ownership *o = &plan->owners;
    struct share *share = &o->shares[number];
    struct range piece = grid_range(&o->grid, number);
    double bytes = (double)unheld(plan, (struct range){ share->split, piece.end }), least = 0;
    struct node *heir = NULL, *idlest = NULL;
    for (struct node *n = o->nodes; n < o->nodes + o->count; n++) {
        if (n->spare > 0 && (!idlest || n->spare > idlest->spare))
            idlest = n;
        if (n->spare <= 0 || bytes > n->speed * last)
            continue;
        double cost = (double)owner_cost(owner_liking(n->hash, number)) / (n->spare + n->inherited);
        if (!heir || cost < least) {
            heir = n;
            least = cost;
        }
    }
    heir = heir ? heir : idlest;
    if (!heir)
        return;
    share->heir = (uint32_t)(heir - o->nodes);
    heir->spare -= bytes;
}

/* An uplink of no node counts only for who is alone: what it brings is for nobody else. */
static double common_speed(const struct plan *plan, const struct outlook *outlook)
{
    double total = 0;
    for (size_t i = 0; i < plan->owners.count; i++)
        total += plan->owners.nodes[i].speed;
    return MAX(plan->alone ? outlook->total : total, 1.0);
}

void owners_survey(struct plan *plan, int64_t now, const struct outlook *outlook)
{
    struct ownership *o = &plan->owners;
    if (o->surveyed_at != INT64_MIN && now - o->surveyed_at < SURVEY_KEEP)
        return;
    o->surveyed_at = now;
    find_speeds(plan, now, outlook);
    uint64_t left = holds_left(plan);
    o->work = MAX(o->work, left);
    double total = common_speed(plan, outlook), end = (double)left / total;
    double late = LATE_LEAST;
    if (!plan->alone) {
        double pieces = (double)MIN(o->grid.piece, plan->size) * (double)o->count;
        late += LATE_SHARE * (double)o->work / total + LATE_PIECES * pieces / total;
    }
    for (struct node *n = o->nodes; n < o->nodes + o->count; n++)
        keep(plan, n, end, late);
    for (const struct node *n = o->nodes; n < o->nodes + o->count; n++)
        for (uint32_t i = n->cursor; i < n->first + n->count; i++)
            if (o->shares[o->pieces[i]].split < grid_range(&o->grid, o->pieces[i]).end)
                bequeath(plan, o->pieces[i], end + late);
}

/* -- Own before steal -------------------------------------------------------------------------- */

bool owners_own(struct plan *plan, const struct source *source, uint64_t limit, struct range *ret)
{
    struct ownership *o = &plan->owners;
    if (source->node == PLAN_NODE_NONE)
        return false;
    struct node *n = &o->nodes[source->node];
    for (uint32_t i = n->cursor; i < n->first + n->count; i++) {
        struct range piece = grid_range(&o->grid, o->pieces[i]);
        uint64_t end = MIN(o->shares[o->pieces[i]].split, limit);
        if (piece.begin >= limit)
            return false;
        if (holds_next_unheld(plan, piece.begin, end, ret))
            return true;
        bool done = rangeset_contains(&plan->done, piece.begin, piece.end);
        n->cursor += i == n->cursor && done;
    }
    return false;
}

/* The first of a window that is free, whoever owns it: its reader waits, and few own a part of it.
 */
static bool next_of_window(const struct plan *plan, uint64_t limit, struct range *ret)
{
    const struct grid *grid = &plan->owners.grid;
    if (plan->window == 0 || !holds_next_unheld(plan, 0, limit, ret))
        return false;
    uint64_t end = grid_range(grid, grid_index(grid, ret->begin)).end;
    ret->end = MIN(ret->end, end);
    return true;
}

bool owners_inherited(struct plan *plan, const struct source *source, uint64_t limit,
                      struct range *ret)
{
    const struct ownership *o = &plan->owners;
    bool orphan = false;
    for (uint64_t i = o->grid.count; i-- > 0;) {
        const struct share *share = &o->shares[i];
        struct range piece = grid_range(&o->grid, i), run;
        bool heir = share->heir != SHARE_ORPHAN && share->heir == source->node;
        if ((!heir && (orphan || share->heir != SHARE_ORPHAN)) || share->split >= limit ||
            !holds_next_unheld(plan, share->split, MIN(piece.end, limit), &run))
            continue;
        *ret = run;
        if (heir)
            return true;
        orphan = true;
    }
    return orphan || next_of_window(plan, limit, ret);
}
