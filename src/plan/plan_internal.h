/* SPDX-License-Identifier: MIT */
/* What the files of the planner share; nobody else includes this.
 *
 *     plan.c         the contract: progress and ends of leases, size, window, tick
 *     plan_table.c   the leases in memory: slots, numbers, per source lists, cancellations
 *     plan_lend.c    which free range a source gets next, and how much of it
 *     plan_split.c   the tail: cutting and hedging leases when nothing is free
 *     plan_source.c  what is known of a source: rate, time to first byte, failures, pauses
 *     plan_trial.c   how many connections a source gets, and which sources add nothing
 *
 * Once the size is known, every byte is in `done`, in `free`, or in the rest of a lease. A plan
 * asks for all the memory that its steps may need before it lends (leases_reserve); what gives
 * bytes back can then not fail. */
#ifndef DDM_PLAN_PLAN_INTERNAL_H
#define DDM_PLAN_PLAN_INTERNAL_H

#include "base/util.h"
#include "plan/plan.h"
#include "plan/rate.h"

/* -- Every tunable number of the planner ------------------------------------------------------- */

/* Leases: what a source brings in LEASE_TIME seconds, within these. */
#define LEASE_TIME  2.0
#define LEASE_FIRST (1 * MIB)   /* while its rate is not known; also the probe */
#define LEASE_MIN   (256 * KIB) /* also each new try after failures */
#define LEASE_MAX   (64 * MIB)
#define LEND_AHEAD  (100 * MSEC) /* sooner than needed: plan_next is asked so often */
#define LEASE_ALIGN (64 * KIB)   /* ends are multiples of it */
#define WINDOW_MIN  (64 * KIB)   /* least lease of a plan with a window */

/* What to expect as long as no source is known. */
#define GUESS_RATE (1.0 * MIB) /* bytes/s of a lease */
#define GUESS_TTFB (100 * MSEC)

/* The tail. */
#define SPLIT_MIN    (64 * KIB) /* least that thief and victim each get of a cut */
#define SPLIT_ALIGN  (4 * KIB)  /* cuts are multiples of it */
#define SPLIT_GAIN   0.020      /* s that a cut or hedge must win at least */
#define SPLIT_OWN    1.0        /* s that must be left before a source splits a lease of its own */
#define CUT_SOON     (100 * MSEC) /* in which a source that is parked brings its last bytes */
#define QUIET        (200 * MSEC) /* silence up to here is nothing special */
#define HEDGE_SOONER 2.0          /* how many times sooner the twin must be through */
#define HEDGE_SLOW   0.5          /* of the mean rate: slow enough to be hedged without silence */
#define HEDGE_WASTE  200          /* a 200th of the size may be hedged in all, */
#define HEDGE_BUDGET (1 * MIB)    /* and this much in any case */

/* Stalls: no byte for so many times the longest gap, or the time to first byte, of the source. */
#define STALL_TIMES       4
#define STALL_MIN         (1 * SEC)
#define STALL_MAX         (10 * SEC)
#define STALL_FIRST_MIN   (3 * SEC) /* before the first byte of all */
#define STALL_FIRST_KNOWN (1 * SEC) /* the same once one source has had its first byte */
#define STALL_FIRST_MAX   (15 * SEC)
#define TICK_LATE         (1 * SEC) /* between two ticks: it was the caller who slept */

/* Connections, and sources that share a link. Times in which a trial is measured. */
#define SLOTS_FIRST       2U /* one of them brings bytes while the other waits for its first */
#define TRIAL_MEASURE     (1 * SEC) /* nginx sends in bursts of up to a second */
#define TRIAL_MEASURE_MAX (2 * SEC)
#define TRIAL_BYTES       (64 * KIB)   /* that must have come in it */
#define TRIAL_SETTLE      (500 * MSEC) /* before it, or 3 times the time to first byte */
#define TRIAL_PATIENCE    (3 * SEC)    /* until a change must have taken effect */
#define TRIAL_TIME_LEFT   3.0          /* s that the download must still take */
#define TRIAL_REST        (10 * SEC)   /* after a trial without success, then twice as long, */
#define TRIAL_REST_MAX    (60 * SEC)   /* up to here */
#define MORE_TIMES        4            /* the connections, at each trial */
#define MORE_GAIN         1.10         /* times the rate before */
#define MORE_SURE         1.5          /* a gain like this is not doubted later */
#define FEWER_KEPT        0.97         /* of the rate before: the connection was of no use */
#define SHARED_LOSS       0.5          /* of a gain, which others lost by it: a shared link */
#define SHARED_SUM        1.05         /* times the sum before: it did not grow */
#define SUSPECT_GAIN      0.03         /* of the sum: a smaller gain is noise */
#define SUSPECT_LOST      0.95         /* of its rate before: it lost something */
#define PARK_FIRST        (15 * SEC)   /* before a parked source is tried again */
#define PARK_DROP         0.3  /* of what the parked brought, missing in the sum: they counted */
#define PARK_LOSS         0.75 /* of the sum when they were parked: they are needed again */
#define WITH_GAIN         0.5  /* of what it brings, new in the sum: it counts again */

/* Failures. */
#define PAUSE_SHORT     (50 * MSEC) /* after a failure behind PROGRESS_MIN good bytes */
#define PROGRESS_MIN    (16 * KIB)
#define PAUSE_FIRST     (500 * MSEC) /* then twice as long with each in a row, */
#define PAUSE_MAX       (30 * SEC)   /* up to here */
#define PAUSE_BUSY      (1 * SEC)    /* the same for a busy source that names no time */
#define PAUSE_ASKED_MAX (3600 * SEC) /* what a source asks for is believed up to here */
#define MAX_FAILURES    8
#define BUSY_PATIENCE   3          /* times max_failures, before a busy source is given up */
#define SLOT_GROW_AFTER (10 * SEC) /* that went well: one slot more for a source that was busy */

/* -- State ------------------------------------------------------------------------------------- */

struct lease {
    plan_lease id; /* 0: the slot is free */
    plan_source source;
    uint32_t chain;      /* slot + 1 of the next in its bucket, or of the next free slot; 0: none */
    uint32_t next, prev; /* of the same source, likewise */
    plan_lease twin;     /* the hedge of this lease, or what this one hedges; 0: none */
    uint64_t begin, pos, end; /* [begin, pos) came, [pos, end) is to come */
    int64_t lent_at, heard_at;
    bool started; /* its first byte came */
    struct rate rate;
};

/* What trials know of a source. */
struct source_trial {
    bool takes_part;
    bool suspect; /* shares a link with others, it seems */
    bool grew;    /* in its last trial: on at once */
    bool shrink;  /* fewer might do as well */
    unsigned tries, before;
    uint64_t mark;       /* bytes at the beginning of the phase */
    double base;         /* rate before the trial */
    int64_t again, rest; /* not before; the pause behind the last one */
};

struct source {
    bool own, excluded, removed;
    bool parked, shares_own;
    bool started, stalled;
    unsigned slots, allowed, slots_now; /* as given; since it was busy; as tried out */
    unsigned leases;
    uint32_t first;                 /* slot + 1 of its first lease; 0: none */
    unsigned failures, busy;        /* each in a row */
    int64_t failed_at, slots_since; /* of the last failure that counted; of the last change */
    int64_t paused_until;           /* 0: not paused */
    int64_t ttfb, longest_gap;      /* 0: not known */
    uint64_t bytes;
    unsigned running; /* leases that are started */
    int64_t heard_at;
    struct rate link; /* of all its leases together, over the time in which any was running */
    struct rate rate; /* the same over all time */
    struct source_trial trial;
};

enum trial_phase { TRIAL_NONE, TRIAL_RAMP, TRIAL_JUDGE };
enum trial_kind { TRIAL_MORE, TRIAL_FEWER, TRIAL_WITHOUT, TRIAL_WITH };

struct trial {
    enum trial_phase phase;
    enum trial_kind kind;
    bool one_by_one; /* suspects: together they did count */
    unsigned count;
    int64_t since;    /* of the phase */
    uint64_t mark;    /* bytes at its beginning */
    double base;      /* rate of all before the trial */
    double parked_at; /* the same when the last source was parked */
};

struct plan {
    uint64_t size, window, frontier;
    unsigned max_failures;
    struct rangeset done, free; /* nothing is in `free` before the size is known */
    uint64_t wasted, hedged, brought;
    bool ticked;
    int64_t ticked_at, awake_since; /* silence before awake_since was the caller's */

    struct source *sources;
    size_t source_count, source_capacity;
    struct trial trial;

    struct lease *leases;
    uint32_t *buckets; /* slot + 1 by number; as many as `lease_capacity`, a power of two */
    uint32_t lease_capacity, lease_count, free_slot;
    plan_lease last_id;

    plan_lease *cancelled; /* [cancelled_first, cancelled_end) were not taken yet */
    size_t cancelled_first, cancelled_end, cancelled_capacity;
};

/* What can be expected of the sources that are ready, as a whole. */
struct outlook {
    unsigned slots;
    double total;   /* bytes/s of all of them */
    double mean;    /* of a lease; a guess where none is known */
    int64_t ttfb;   /* the same */
    unsigned timed; /* sources whose time to first byte is known */
};

/* -- plan_table.c ------------------------------------------------------------------------------ */

/* Memory for one more lease and all that can follow from it. Leases may move. */
int leases_reserve(struct plan *plan);
void leases_release(struct plan *plan);

/* A lease of `range` for the source. Needs leases_reserve before. */
struct lease *lease_new(struct plan *plan, plan_source source, struct range range, int64_t now);
struct lease *lease_find(const struct plan *plan, plan_lease id); /* NULL: gone */
void lease_drop(struct plan *plan, struct lease *lease);
void lease_queue_cancelled(struct plan *plan, plan_lease id);

/* The body may drop leases. */
#define leases_foreach(l, plan)                                                                    \
    for (struct lease *l = (plan)->leases; l < (plan)->leases + (plan)->lease_capacity; l++)       \
        if (l->id != 0)

#define sources_foreach(s, plan)                                                                   \
    for (struct source *s = (plan)->sources; s < (plan)->sources + (plan)->source_count; s++)

/* -- plan.c ------------------------------------------------------------------------------------ */

/* Half a window waits for the consumer: it is the one to wait for. */
bool plan_consumer_is_behind(const struct plan *plan);

/* -- plan_trial.c ------------------------------------------------------------------------------ */

void trial_tick(struct plan *plan, const struct outlook *outlook, int64_t now);

/* -- plan_lend.c ------------------------------------------------------------------------------- */

/* Whether a source that has all its leases should get another one ahead of time, since one of them
 * ends about when the first byte of the new one comes. */
bool lend_ahead(const struct plan *plan, const struct source *source, int64_t now);

/* End of what may be lent now. */
uint64_t lend_limit(const struct plan *plan);

/* The next range out of what is free for a source; false where nothing is. */
bool lend_choose(const struct plan *plan, const struct source *source, int64_t now,
                 const struct outlook *outlook, struct range *ret);

/* -- plan_split.c ------------------------------------------------------------------------------ */

/* What a source with a free slot can take over from a running lease: the end of it, or (hedge) all
 * of its rest a second time. */
struct tail {
    struct lease *victim;
    struct range range;
    bool hedge;
};
/* Ends the leases of a source soon; the rest of them is free again. */
void lease_cut_all(struct plan *plan, struct source *source, int64_t now);

bool split_choose(const struct plan *plan, plan_source thief, int64_t now,
                  const struct outlook *outlook, struct tail *ret);

/* How long nothing came for a lease, the caller's own sleep not counted. */
int64_t lease_silence(const struct plan *plan, const struct lease *lease, int64_t now);

/* -- plan_source.c ----------------------------------------------------------------------------- */

struct outlook sources_outlook(const struct plan *plan, int64_t now);

/* Bytes/s: of the source as a whole, and of one lease when all its slots have one; 0: not known. */
double source_rate(const struct source *source, int64_t now);
double source_lease_rate(const struct source *source, int64_t now);

unsigned source_slots(const struct source *source);
bool source_usable(const struct source *source); /* neither excluded nor removed */
bool source_is_paused(const struct source *source, int64_t now);
bool source_can_work(const struct source *source, int64_t now); /* usable, not paused or parked */
void source_end_pause(struct source *source, int64_t now);

/* One of its leases had its first byte, brought bytes (`added` of them new), or is being dropped.
 */
void source_started(struct source *source, const struct lease *lease, int64_t now);
void source_brought(struct source *source, uint64_t bytes, uint64_t added, int64_t gap,
                    int64_t now);
void source_dropped(struct source *source, const struct lease *lease);

/* A lease ended early; call it when the lease is dropped. */
struct failed {
    enum plan_failure failure;
    uint64_t brought; /* by the lease */
    int64_t lent_at, retry_after, now;
};
void source_failed(struct source *source, const struct failed *failed, unsigned max_failures);

#endif
