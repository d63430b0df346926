/* SPDX-License-Identifier: MIT */
/* The planner: who fetches which bytes of one object. A pure state machine: it knows no socket,
 * file, thread or clock; the same calls with the same times give the same plan.
 *
 *     plan_add_source ──▶ plan_next ──lease──▶ (caller fetches) ──plan_progress──▶ plan_done
 *                             ▲                     │ plan_fail(kind)                 │
 *                             └──── what is left goes back and is lent again ◀────────┘
 *
 * - Pull: a source that has a free slot asks; nothing is assigned in advance. One that got nothing
 *   asks again when a lease ended, at plan_next_wake, and after each plan_tick (a lease that turns
 *   slow or silent is split or hedged only when someone asks).
 * - A lease is [begin, end). Its end may be cut while it runs (plan_lease_rest), never grown. A
 *   lease whose rest is wanted no longer is *cancelled*: plan_take_cancelled names it once and the
 *   caller stops its transfer; the lease is gone then.
 * - Bytes are reported as they come (plan_progress); what is done is never lent again. Bytes past a
 *   cut, or that another source had delivered before, are counted as waste.
 * - Invariants: leases of different sources overlap only where one is the hedge of the other; every
 *   byte of [0, size) is either done, in a lease, or free; `done` only grows.
 *
 * - How many leases a source has at once, up to its cap, and which sources share a link and add
 *   nothing (they are parked) is found out by trials, in plan_tick (see plan_trial.c).
 *
 * The size may be unknown at first (the probe is on its way): then only one lease at a time exists,
 * each behind the one before, and plan_set_size opens the rest. Times are ns, rates bytes/s.
 *
 * Owners (plan_set_owners): where many want the same object, each byte shall cross the internet
 * once. All of them compute the same owners of its pieces, and ask for a piece only who owns it;
 * see docs/internals/ownership.md. With none set, and no caches, a plan knows nothing of all that.
 */
#ifndef DDM_PLAN_PLAN_H
#define DDM_PLAN_PLAN_H

#include "plan/rangeset.h"

#include <stdbool.h>
#include <stdint.h>

struct plan;

typedef uint32_t plan_source; /* index from 0, never reused within a plan */
typedef uint32_t plan_lease;  /* number from 1, never reused within a plan */

struct plan_config {
    uint64_t size;         /* PLAN_SIZE_UNKNOWN before the probe was answered */
    uint64_t window;       /* lend only within [frontier, frontier + window); 0: everywhere */
    unsigned max_failures; /* in a row without a byte, before a source is given up; 0: 16 */
    uint64_t seed;         /* of the jitter of pauses; 0: none */
    /* Of the lease that finds out the size; 0: 1 MiB (64 KiB with a window). Every client of an
     * object fetches these bytes on its own: where owners will be set, PLAN_PROBE_SHARED. */
    uint64_t probe;
};

#define PLAN_PROBE_SHARED ((uint64_t)4 * 1024)

#define PLAN_SIZE_UNKNOWN UINT64_MAX

/* How a lease ended before its end, and what that means for its source. */
enum plan_failure {
    PLAN_GONE,    /* unreachable, reset, closed early: pause, growing with each one in a row */
    PLAN_BUSY,    /* 429, 503: no more leases at once than go on; if none does, a pause */
    PLAN_REFUSED, /* 403 and the like: this source gets no more of this object */
    PLAN_WRONG,   /* wrong content, another version: excluded for this object */
    PLAN_STALLED, /* no byte for too long (the planner's own finding, see plan_tick): pause */
};

enum plan_source_state {
    PLAN_SOURCE_READY,
    PLAN_SOURCE_PAUSED,   /* until a time */
    PLAN_SOURCE_PARKED,   /* brings nothing that others would not: they share a link */
    PLAN_SOURCE_EXCLUDED, /* for good */
    PLAN_SOURCE_REMOVED,  /* by plan_remove_source */
};

/* Returns 0, or -1 without memory. */
int plan_new(struct plan **ret, const struct plan_config *config);
struct plan *plan_free(struct plan *plan); /* NULL allowed; returns NULL */

/* Once, after creation with an unknown size. Leases past the size are cut to it (cancelled where
 * nothing is left of them). */
void plan_set_size(struct plan *plan, uint64_t size);

/* Once, after the size is known and before anything else was done: these bytes are there from
 * before. No source gave them. Leases that overlap them are cancelled. -1 without memory. */
int plan_restore(struct plan *plan, const struct rangeset *there);

/* What is done of [begin, end) turned out wrong: it is to be lent again, and counts as waste. What
 * a lease has yet to bring comes with that lease. Not below the frontier: that was given away. -1
 * without memory: some of it may be taken back then. */
int plan_take_back(struct plan *plan, uint64_t begin, uint64_t end);

struct plan_source_config {
    unsigned slots; /* leases at the same time at most (0 counts as 1): the polite cap */
    bool own;       /* an uplink of this machine: of several that share a link it is the one kept */
    /* The id of the machine that it is an uplink of, as plan_set_owners has it: that of the peer,
     * of all of its uplinks, and of this machine's own peer. NULL: of none, it owns nothing and
     * takes what others would be late with. Not kept. */
    const char *node;
    bool cache; /* not an uplink, but what that machine has: see plan_hold */
    /* Once the size is known it works only while no uplink of its node does that is not a spare
     * itself: this machine's own uplink as soon as a peer on this machine fetches through it. See
     * plan_set_spare. */
    bool spare;
};

/* Adds a source. -1 without memory. */
int plan_add_source(struct plan *plan, const struct plan_source_config *config, plan_source *ret);

/* From now on it is a spare of that node; leases that it has go on. */
void plan_set_spare(struct plan *plan, plan_source source, const char *node);

/* -- Owners and caches: a file that many want crosses the internet once ------------------------ */

struct plan_owner {
    const char *id; /* of the node; not kept */
    uint64_t rate;  /* of its uplink, as it announced it, bytes/s; 0: not known */
};

/* Who owns the pieces of the object, whose key is a text that all clients of it have in common
 * (what they ask the tracker with). All clients should give the same list, in any order: it decides
 * with no one to ask. With these an uplink takes the pieces of its node first, in order of offset,
 * and then such that their owners would bring later than all will be done. Again whenever the list
 * changes; the same list again, or rates that wavered a little, cost nothing. A count of 0: nobody
 * owns anything, as without this call. Before the size is known or after. -1 without memory: as
 * before. */
int plan_set_owners(struct plan *plan, const char *object, const struct plan_owner *owners,
                    size_t count);

/* Whether others download the object at the same time (so it is taken to be at first), as peers say
 * that have other readers of it. Who is alone need not wait for owners that are a little late, and
 * may use uplinks that own nothing and keep nothing. Of no effect without owners. */
void plan_set_alone(struct plan *plan, bool alone);

/* Whether a peer says that it has other readers of the object (at first none does): then one
 * request at a time is enough for each owner, for all ask for the same. Of no effect without
 * owners. */
void plan_set_joined(struct plan *plan, bool joined);

/* What the machine of an uplink says of its rate now, bytes/s; 0: nothing (any more). It counts as
 * long as this plan has not seen for itself, so that who comes late goes by what the others have
 * seen. */
void plan_tell_rate(struct plan *plan, plan_source source, uint64_t rate);

/* A cache has [begin, end), as it says itself: no uplink is asked for that as long as the cache
 * answers. -1 without memory. Not for other sources. */
int plan_hold(struct plan *plan, plan_source cache, uint64_t begin, uint64_t end);

/* What it said before is outdated: it holds nothing until it says so. Its leases go on. */
void plan_hold_nothing(struct plan *plan, plan_source cache);

/* The index of a node in the list as it was given; PLAN_NODE_NONE where nobody owns the byte (no
 * owners, size unknown). For displays and tests. */
#define PLAN_NODE_NONE SIZE_MAX
size_t plan_owner_of(const struct plan *plan, uint64_t offset);

/* No more leases for it; those it has go on unless they are failed by the caller. */
void plan_remove_source(struct plan *plan, plan_source source);

/* It gave something wrong, as was found out later: excluded, its leases are cancelled. */
void plan_exclude_source(struct plan *plan, plan_source source);

/* The next lease for a source. Returns true and fills the results, or false
 * where there is nothing for it now: no free slot, paused, everything lent and no split worth it,
 * window full. A split may cut another lease: look at plan_lease_rest of the others (or at the
 * return of plan_progress) and at plan_take_cancelled. */
bool plan_next(struct plan *plan, plan_source source, int64_t now, plan_lease *ret_lease,
               struct range *ret_range);

/* The calls below may be given the number of a lease that is gone (cancelled, ended): they do
 * nothing then, except that bytes for it count as waste. */

/* `length` bytes came for a lease, directly behind those before. Returns how many of them lie
 * within the lease as it is now (the caller writes those, in full or not at all, and drops the
 * rest: past a cut). When the return is smaller than length, or plan_lease_complete is true, the
 * transfer has nothing more to bring. -1 without memory. */
int64_t plan_progress(struct plan *plan, plan_lease lease, uint64_t length, int64_t now);

/* The first byte (or the reply's head) came: the wait for it was the time to first byte. */
void plan_started(struct plan *plan, plan_lease lease, int64_t now);

/* All bytes of the lease (as it was cut) came. True for a lease that is gone. */
bool plan_lease_complete(const struct plan *plan, plan_lease lease);

/* [first byte that has not come, end as it is now). Empty for a lease that is gone. */
struct range plan_lease_rest(const struct plan *plan, plan_lease lease);

/* The transfer ended with all of the lease there: frees the slot. (What ends a row of failures is
 * the first byte.) Should some of it be missing, that goes back. */
void plan_done(struct plan *plan, plan_lease lease, int64_t now);

/* The transfer ended early. The rest of the lease goes back. `retry_after` (ns, 0: none) is what
 * the source itself asked for, at most an hour counts. After PLAN_WRONG the other leases of the
 * source are cancelled; else they go on. */
void plan_fail(struct plan *plan, plan_lease lease, enum plan_failure failure, int64_t retry_after,
               int64_t now);

/* Finds stalled leases (no byte for a while, relative to the source's own past), fails them with
 * PLAN_STALLED and queues them for plan_take_cancelled. Call it several times a second: after more
 * than a second without a call it takes that the caller slept, and forgives the silence until then.
 */
void plan_tick(struct plan *plan, int64_t now);

/* The caller has held all transfers back until now (a limit of the rate): their silence is not
 * theirs. */
void plan_held(struct plan *plan, int64_t now);

/* Takes the next cancelled lease out of the queue: the caller stops its transfer and forgets it. */
bool plan_take_cancelled(struct plan *plan, plan_lease *ret);

/* Where the consumer of an ordered stream is; only with a window. */
void plan_set_frontier(struct plan *plan, uint64_t frontier);

/* What of the object is there. `done` belongs to the plan. */
const struct rangeset *plan_done_set(const struct plan *plan);
uint64_t plan_done_bytes(const struct plan *plan);
uint64_t plan_wasted_bytes(const struct plan *plan);
bool plan_complete(const struct plan *plan); /* false while the size is unknown */

/* Whether no source can bring anything any more: all excluded, removed or given up, no lease. */
bool plan_stuck(const struct plan *plan);

/* The earliest time at which a paused source may be asked again; INT64_MAX if none is. A pause that
 * is over counts until plan_next of that source or plan_tick saw it. */
int64_t plan_next_wake(const struct plan *plan);

/* One source, for displays. */
struct plan_source_info {
    enum plan_source_state state;
    int64_t paused_until;
    unsigned leases, slots; /* slots: as many leases as it is given now */
    bool started;           /* one of its leases has had its first byte */
    bool shares_own;        /* parked: it is an uplink of this machine that it shares */
    bool stalled;           /* the last thing that happened to it was a stall */
    uint64_t bytes;         /* new bytes that it gave */
    double rate;            /* now */
    int64_t ttfb;           /* smoothed time to first byte, 0: not known */
    unsigned failures;      /* in a row */
};
void plan_source_get(const struct plan *plan, plan_source source, int64_t now,
                     struct plan_source_info *ret);
size_t plan_source_count(const struct plan *plan);

#endif
