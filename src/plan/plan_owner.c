/* SPDX-License-Identifier: MIT */
/* Whose turn a piece is: own before steal.
 *
 *     piece ──owner.c──▶ node ──▶ its uplinks take its pieces, in order of offset
 *                                 none left: one of those that are *late*, the end of it first
 *
 * A piece is late when its owner, at the rate that it is seen to have, would bring it after the time
 * at which all of them together could be done. All clients see the same rates, for they wait for the
 * same fetches; so the same pieces are late for all. Of these a thief takes the one that goes best
 * with it by a hash, which does not depend on when it asks: so all clients send it for the same one,
 * and no two thieves for one. From the end, for the owner itself comes from the front.
 *
 * A survey (who is late) is made at most each SURVEY_KEEP, and only when somebody has nothing of its
 * own left. */
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
    free(o->late);
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
    o->late = calloc(o->grid.count, sizeof(*o->late));
    if (!owners || !o->owner || !o->pieces || !o->late)
        return -1;
    for (size_t i = 0; i < o->count; i++)
        owners[i] = (struct owner){ o->nodes[i].hash, o->nodes[i].rate };
    if (owner_assign(o->owner, o->grid.count, owners, o->count) < 0)
        return -1;
    sort_pieces(o);
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

uint64_t owners_block(const struct plan *plan)
{
    return MAX(plan->owners.grid.piece / STEAL_PART, (uint64_t)STEAL_LEAST);
}

/* -- Own --------------------------------------------------------------------------------------- */

bool owners_own(struct plan *plan, const struct source *source, uint64_t limit, struct range *ret)
{
    struct ownership *o = &plan->owners;
    if (source->node == PLAN_NODE_NONE)
        return false;
    struct node *n = &o->nodes[source->node];
    for (uint32_t i = n->cursor; i < n->first + n->count; i++) {
        struct range piece = grid_range(&o->grid, o->pieces[i]);
        if (piece.begin >= limit)
            return false;
        if (holds_next_unheld(plan, piece.begin, MIN(piece.end, limit), ret))
            return true;
        bool done = rangeset_contains(&plan->done, piece.begin, piece.end);
        n->cursor += i == n->cursor && done;
    }
    return false;
}

/* -- Steal ------------------------------------------------------------------------------------- */

/* Bytes/s of what uplinks a node has here, as they are seen, or else as it announced. */
static void find_speeds(struct plan *plan, int64_t now, const struct outlook *outlook)
{
    struct ownership *o = &plan->owners;
    for (size_t i = 0; i < o->count; i++)
        o->nodes[i].speed = 0;
    sources_foreach (s, plan) {
        if (s->node == PLAN_NODE_NONE || s->cache || s->failures > 0 || !source_can_work(s, now))
            continue;
        struct node *n = &o->nodes[s->node];
        double rate = source_rate(s, now), guess = outlook->mean * source_slots(s);
        n->speed += rate > 0 ? rate : n->rate > 0 ? (double)n->rate : guess;
    }
}

/* What is not done of a piece, and has to come over an uplink. */
static uint64_t piece_left(const struct plan *plan, struct range piece)
{
    uint64_t left =
        range_length(piece) - rangeset_count_within(&plan->done, piece.begin, piece.end);
    struct range run;
    if (left == 0 || plan->held.count == 0)
        return left;
    for (uint64_t at = piece.begin; rangeset_next_run(&plan->held, at, piece.end, &run);
         at = run.end)
        left -= rangeset_count_within(&plan->free, run.begin, run.end);
    return left;
}

/* When all could be done, from now, s. */
static double common_end(const struct plan *plan, const struct outlook *outlook)
{
    return (double)holds_left(plan) / MAX(outlook->total, 1.0);
}

static void survey(struct plan *plan, int64_t now, const struct outlook *outlook)
{
    struct ownership *o = &plan->owners;
    if (o->surveyed_at != INT64_MIN && now - o->surveyed_at < SURVEY_KEEP)
        return;
    o->surveyed_at = now;
    find_speeds(plan, now, outlook);
    double end = common_end(plan, outlook), least = MAX(end * LATE_SHARE, LATE_LEAST);
    for (const struct node *n = o->nodes; n < o->nodes + o->count; n++) {
        double before = 0;
        for (uint32_t i = n->cursor; i < n->first + n->count; i++) {
            before += (double)piece_left(plan, grid_range(&o->grid, o->pieces[i]));
            o->late[o->pieces[i]] = n->speed <= 0 || before / n->speed > end + least;
        }
    }
}

/* The last that is free of a range, and that no cache holds. */
static bool last_unheld(const struct plan *plan, uint64_t begin, uint64_t end, struct range *ret)
{
    struct range run;
    bool found = false;
    for (; holds_next_unheld(plan, begin, end, &run); begin = run.end) {
        *ret = run;
        found = true;
    }
    return found;
}

/* The number of a piece that is late and has something free, or UINT64_MAX. A source of no node
 * takes the last one. Where a reader waits for a window, all that is in it is late: few may own a
 * part of it. */
static uint64_t choose_late(const struct plan *plan, const struct source *source, uint64_t limit)
{
    const struct ownership *o = &plan->owners;
    uint64_t best = UINT64_MAX, most = 0, hash = 0;
    bool any = source->node == PLAN_NODE_NONE;
    if (!any)
        hash = o->nodes[source->node].hash;
    for (uint64_t i = 0; i < o->grid.count; i++) {
        struct range piece = grid_range(&o->grid, i), run;
        uint64_t liking = any ? i + 1 : owner_liking(hash, i) | 1;
        if (piece.begin >= limit)
            break;
        if ((o->late[i] || plan->window > 0) && liking > most &&
            holds_next_unheld(plan, piece.begin, MIN(piece.end, limit), &run)) {
            best = i;
            most = liking;
        }
    }
    return best;
}

bool owners_late(struct plan *plan, const struct source *source, uint64_t limit, uint64_t size,
                 int64_t now, const struct outlook *outlook, struct range *ret)
{
    const struct ownership *o = &plan->owners;
    survey(plan, now, outlook);
    uint64_t chosen = choose_late(plan, source, limit), block = owners_block(plan);
    struct range run;
    if (chosen == UINT64_MAX)
        return false;
    struct range piece = grid_range(&o->grid, chosen);
    if (!last_unheld(plan, piece.begin, MIN(piece.end, limit), &run))
        return false;
    uint64_t begin = (run.end - MIN(size, run.end)) / block * block; /* `piece` is a multiple */
    *ret = (struct range){ MAX(begin, run.begin), run.end };
    return true;
}
