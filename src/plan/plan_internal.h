/* SPDX-License-Identifier: MIT */
/* What the files of the planner share; nobody else includes this.
 *
 *     plan.c         the contract: progress and ends of leases, size, window, tick
 *     plan_table.c   the leases in memory: slots, numbers, per source lists, cancellations
 *     plan_lend.c    which free range a source gets next, and how much of it
 *     plan_split.c   the tail: cutting and hedging leases when nothing is free
 *     plan_owner.c   whose turn a piece is: own before steal
 *     plan_hold.c    what caches hold
 *     plan_source.c  what is known of a source: rate, time to first byte, failures, pauses
 *     plan_trial.c   trials: how many connections a source gets, whether it adds anything
 *     plan_park.c    sources that share a link: suspected, parked, tried again
 *
 * Once the size is known, every byte is in `done`, in `free`, or in the rest of a lease. A plan
 * asks for all the memory that its steps may need before it lends (leases_reserve); what gives
 * bytes back can then not fail. */
#ifndef DDM_PLAN_PLAN_INTERNAL_H
#define DDM_PLAN_PLAN_INTERNAL_H

#include "base/util.h"
#include "plan/grid.h"
#include "plan/plan.h"
#include "plan/rate.h"

/* -- Every tunable number of the planner ------------------------------------------------------- */

/* Leases: what a source brings in LEASE_TIME seconds, within these. */
#define LEASE_TIME  2.0
#define LEASE_TTFBS 20          /* but no less than so many times to first byte */
#define LEASE_FIRST (1 * MIB)   /* while its rate is not known; also the probe, */
#define LEASE_GROWS (50 * MSEC) /* and as much again for each so much time to first byte */
#define LEASE_MIN   (256 * KIB) /* less where that takes long; also each new try after failures */
#define LEASE_MAX   (64 * MIB)
#define LEND_AHEAD  (100 * MSEC) /* sooner than needed: plan_next is asked so often */
#define LEASE_ALIGN (16 * KIB)   /* ends are multiples of it */
#define WINDOW_MIN  (64 * KIB)   /* least lease of a plan with a window */

/* A stream, in order: small leases, so that its frontier moves smoothly. */
#define STREAM_TIME  0.25
#define STREAM_TTFBS 3
#define STREAM_FIRST (64 * KIB) /* the same as LEASE_FIRST, growing with what it brought */
#define STREAM_NEAR  1.5        /* s until the reader comes to a lease: it is looked after, */
#define STREAM_LATE  0.5        /* if it seems to come so much later than that */

/* What to expect as long as no source is known. */
#define GUESS_RATE (1.0 * MIB) /* bytes/s of a lease */
#define GUESS_TTFB (100 * MSEC)

/* The tail. */
#define SPLIT_MIN    (64 * KIB) /* least that thief and victim each get of a cut, */
#define SPLIT_LEAST  (4 * KIB)  /* or this where 64 KiB take longer than */
#define SPLIT_TIME   0.1        /* s */
#define SPLIT_ALIGN  (4 * KIB)  /* cuts are multiples of it */
#define SPLIT_GAIN   0.020      /* s that a cut or hedge must win at least */
#define SPLIT_OWN    1.0        /* s that must be left before a source splits a lease of its own */
#define CUT_SOON     (100 * MSEC) /* in which a source that is parked brings its last bytes */
#define QUIET        (200 * MSEC) /* silence up to here is nothing special, */
#define QUIET_MAX    (2 * SEC)    /* nor up to twice the longest so far, within this */
#define HEDGE_SOONER 2.0          /* how many times sooner the twin must be through */
#define HEDGE_SLOW   0.5          /* of the mean rate: slow enough to be hedged without silence */
#define HEDGE_WASTE  200          /* a 200th of the size may come twice by it, */
#define HEDGE_BUDGET (256 * KIB)  /* and this much where the other one is silent */

/* Owners. */
/* How late an owner may be with its pieces. Who has company waits, for what two clients take over
 * differently is fetched twice. */
#define LATE_LEAST     0.05 /* s */
#define LATE_SHARE     0.02 /* of the time for all */
#define LATE_PIECES    1.0  /* times that of a piece */
#define STEADY         1.2  /* times the mean rate so far: like it */
#define SAID_TRUST     8.0  /* times what is seen: a machine is believed among many */
#define STEAL_PART     8    /* a piece is stolen in so many parts, but none smaller than */
#define STEAL_LEAST    (64 * KIB)
#define SHARED_QUIET   (1 * SEC)   /* silence of a cache or an owner, before others do its work; */
#define QUIET_STEPS    5           /* twice as long with each doubling of what half of all take, */
#define QUIET_KNOWN    3           /* where so many are known */
#define BUSY_WAITED    3U          /* times in a row that a cache or an owner may be, likewise, */
#define BUSY_BRIEF     (3 * SEC)   /* each of them for no longer than this, by what it says */
#define HOPELESS_AFTER 3.0         /* s, from when a lease was lent */
#define HOPELESS_TIME  15.0        /* s to its end: for that, too */
#define SURVEY_KEEP    (50 * MSEC) /* who is late is looked at so often */

/* Caches. */
#define CACHE_TIME  0.5       /* s of a lease */
#define CACHE_FIRST (1 * MIB) /* while its rate is not known */

/* Stalls: no byte for so many times the longest gap, or the time to first byte, of the source. */
#define STALL_TIMES     4
#define STALL_MIN       (3 * SEC)
#define STALL_MAX       (10 * SEC)
#define STALL_FIRST     (3 * SEC)  /* before the first byte; twice as long with each failure, */
#define STALL_FIRST_MAX (15 * SEC) /* up to here */
#define TICK_LATE       (1 * SEC)  /* between two ticks: it was the caller who slept */

/* Connections, and sources that share a link. Times in which a trial is measured. */
#define SLOTS_FIRST       2U /* one of them brings bytes while the other waits for its first */
#define SLOTS_SHARED      1U /* among many: all of them ask, and what they ask for is one fetch */
#define SLOTS_PER_TTFB    (75 * MSEC) /* one for each so much time to first byte, if that is more, */
#define SLOTS_FAR         8           /* up to here: slow starts side by side */
#define TTFB_FAR          (150 * MSEC)
#define TRIAL_BASE        (500 * MSEC)
#define TRIAL_MEASURE     (1300 * MSEC) /* nginx sends in bursts of up to a second */
#define TRIAL_MEASURE_MAX (2 * SEC)
#define TRIAL_BYTES       (64 * KIB)   /* that must have come in it */
#define TRIAL_SETTLE      (500 * MSEC) /* before it, or 3 times the time to first byte */
#define TRIAL_PATIENCE    (3 * SEC)    /* until a change must have taken effect */
#define TRIAL_TIME_LEFT   3.0          /* s that the download must still take */
#define TRIAL_TIME_OWNED  12.0         /* s more, where it puts the pieces of owners out of order */
#define TRIAL_REST        (3 * SEC)    /* after a trial without success, then twice as long, */
#define TRIAL_REST_MAX    (60 * SEC)   /* up to here */
#define MORE_TIMES        4            /* the connections, at each trial */
#define MORE_GAIN         1.10         /* times the rate before */
#define MORE_SURE         1.5          /* a gain like this is not doubted later */
#define FEWER_AFTER       2            /* trials of more that were in vain */
#define FEWER_KEPT        0.97         /* of the rate before: the connection was of no use */
#define SUM_GREW          0.3          /* of what those tried gained: it did not come from others */
#define SHARED_LIKE       0.5  /* of the gain and loss that fair sharing would make: like it */
#define SHARED_SUM        0.07 /* of the sum before: it stayed */
#define SHARED_LOSS       0.08 /* of its rate before: less is noise */
#define SUSPECT_REST      (20 * SEC) /* after suspects did count, then twice as long */
#define PARK_FIRST        (15 * SEC) /* before a parked source is tried again */
#define PARK_DROP         0.1 /* of what the parked brought, missing in the sum: they counted */
#define PARK_PATIENCE     (1 * SEC)    /* until the leases of those left out must have ended */
#define PARK_SETTLE       (200 * MSEC) /* before it is measured how it goes without them */
#define PARK_PLAIN        0.6          /* of what they brought: */
#define PARK_PLAIN_AFTER  (300 * MSEC) /* then it need not be measured for longer than this */
#define PARK_LOSS         0.75         /* of the sum when they were parked: they are needed again */
#define WITH_GAIN         0.2          /* of what it brings, new in the sum: it counts again */

/* Failures. */
#define PAUSE_SHORT     (50 * MSEC) /* after a failure behind PROGRESS_MIN good bytes */
#define PROGRESS_MIN    (16 * KIB)
#define PAUSE_FIRST     (500 * MSEC) /* then twice as long with each in a row, */
#define PAUSE_MAX       (3 * SEC)    /* up to here */
#define PAUSE_BUSY      (1 * SEC)    /* the same for a busy source that names no time, */
#define PAUSE_BUSY_MAX  (30 * SEC)   /* up to here */

#define PAUSE_ASKED_MAX (3600 * SEC) /* what a source asks for is believed up to here */
#define MAX_FAILURES    16
#define BUSY_PATIENCE   3          /* times max_failures, before a busy source is given up */
#define SLOT_GROW_AFTER (10 * SEC) /* that went well: one slot more for a source that was busy; */
#define SLOT_GROW_MAX   (60 * SEC) /* twice as long with each time that it was, up to here */

/* -- State ------------------------------------------------------------------------------------- */

struct lease {
    plan_lease id; /* 0: the slot is free */
    plan_source source;
    uint32_t chain;      /* slot + 1 of the next in its bucket, or of the next free slot; 0: none */
    uint32_t next, prev; /* of the same source, likewise */
    plan_lease twin;     /* the hedge of this lease, or what this one hedges; 0: none */
    uint64_t hedged;     /* how much of it is fetched twice */
    uint64_t begin, pos, end; /* [begin, pos) came, [pos, end) is to come */
    int64_t lent_at, heard_at;
    bool started; /* its first byte came */
    struct rate rate;
};

/* What trials know of a source. */
struct source_trial {
    bool takes_part;
    bool effect; /* what is tried took effect */

    bool suspect;         /* shares a link with others, it seems */
    bool grew;            /* in its last trial: on at once */
    bool shrink;          /* fewer might do as well */
    unsigned tries, vain; /* trials of MORE; the last so many without success */
    unsigned before;

    uint64_t mark;       /* bytes at the beginning of the phase */
    double base;         /* rate before the trial */
    int64_t again, rest; /* not before; the pause behind the last one */
};

struct source {
    bool own, excluded, removed;
    bool cache, spare, resting; /* resting: a spare that is not needed now */
    uint64_t node_key;          /* hash of the node's id; 0: none */
    size_t node;                /* in plan.owners; PLAN_NODE_NONE: it owns nothing */
    struct rangeset holds;      /* of a cache */
    uint64_t told;              /* its rate, by its machine; 0: not known */
    bool hopeless;              /* a cache so slow that it is not waited for any more */
    bool parked, shares_own;
    bool started, stalled;
    unsigned slots, allowed, slots_now; /* as given; since it was busy; as tried out */
    unsigned leases;
    uint32_t first;                  /* slot + 1 of its first lease; 0: none */
    unsigned failures, busy;         /* each in a row */
    int64_t failed_at;               /* the last failure that counted */
    int64_t slots_since, slots_rest; /* `allowed` has changed; how long until it grows */
    int64_t paused_until;            /* 0: not paused */
    int64_t ttfb, longest_gap;       /* 0: not known; of late */
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
    bool one_by_one;                     /* suspects: together they did count */
    unsigned solo_count;                 /* trials of MORE with one source alone */
    int64_t since, ended;                /* of the phase; of the last trial */
    double base;                         /* rate of all before the trial */
    double parked_at;                    /* the same when the last source was parked */
    int64_t suspect_again, suspect_rest; /* nobody is suspected before; the pause after the next */
};

/* A machine that owns pieces. */
struct node {
    uint64_t key, hash;            /* of its id; of its id and the object's key */
    uint64_t rate;                 /* as it was announced */
    size_t given;                  /* place in the list as it was given */
    uint32_t first, count, cursor; /* its pieces, in ownership.pieces; those before are done */
    /* In the last survey: bytes/s, by its machine, as seen and as it counts, 0: does not work;
     * bytes that it has to bring; that it could bring besides until the common end. */
    double said, seen, speed, left, spare;
    double inherited; /* bytes that it brought of pieces of others */
};

/* Who brings a piece: its owner what lies before `split`, and `heir` the rest. */
struct share {
    uint64_t split;
    uint32_t heir; /* a node, or SHARE_ORPHAN: whoever has nothing else to do */
};

#define SHARE_ORPHAN UINT32_MAX

struct ownership {
    struct node *nodes; /* by key */
    size_t count;
    struct grid grid;
    uint32_t *owner;      /* of each piece; NULL: not found out, for the size is not known */
    uint32_t *pieces;     /* of the first node in order of offset, of the second … */
    struct share *shares; /* of each piece, in the last survey */
    int64_t surveyed_at;
    uint64_t work; /* bytes that uplinks had to bring when this began */
};

/* What can be expected of the sources that are ready, as a whole. */
struct outlook {
    double total;   /* bytes/s of all uplinks */
    double mean;    /* of a lease; a guess where none is known */
    int64_t ttfb;   /* the same */
    unsigned timed; /* sources whose time to first byte is known */
};

struct plan {
    uint64_t size, window, frontier, probe;
    struct ownership owners;
    struct rangeset held; /* by caches that answer */
    size_t cache_count, spare_count;
    bool held_stale;
    struct outlook outlook; /* as of outlook_at, where there is company */
    int64_t outlook_at;
    int64_t quiet;   /* silence that is usual; as of the last tick, as is */
    bool any_silent; /* a lease */
    bool alone;      /* nobody else downloads the object */
    bool joined;     /* somebody does */
    unsigned max_failures;
    uint64_t seed;
    struct rangeset done, free; /* nothing is in `free` before the size is known */
    uint64_t wasted;
    uint64_t hedged, twice; /* is fetched twice now; came twice */
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

/* What is not done of [begin, end) is free again. Needs leases_reserve before. */
void give_back(struct plan *plan, uint64_t begin, uint64_t end);

/* Half a window waits for the consumer: it is the one to wait for. */
bool plan_consumer_is_behind(const struct plan *plan);

/* -- plan_owner.c ------------------------------------------------------------------------------ */

static inline bool plan_is_owned(const struct plan *plan)
{
    return plan->owners.owner != NULL;
}

/* Others wait for the same bytes, as far as is known. */
static inline bool plan_has_company(const struct plan *plan)
{
    return plan_is_owned(plan) && !plan->alone;
}

/* Whether it matters who brings which piece: not to who is alone with the only one. */
static inline bool plan_goes_by_pieces(const struct plan *plan)
{
    return plan_is_owned(plan) && (plan->owners.count > 1 || !plan->alone);
}

void owners_release(struct plan *plan);
/* The size is known now. Without memory nobody owns anything. */
void owners_sized(struct plan *plan);
size_t owners_find(const struct plan *plan, uint64_t key); /* PLAN_NODE_NONE: it is not there */
uint64_t owners_key(const char *node);

/* The first that is free of what the source's node owns, not past the end of its piece. */
bool owners_own(struct plan *plan, const struct source *source, uint64_t limit, struct range *ret);
/* The same of what it has inherited, then of what nobody has, then of a reader's window. */
bool owners_inherited(struct plan *plan, const struct source *source, uint64_t limit,
                      struct range *ret);
/* Looks at who will be late, if that was not done just now. */
void owners_survey(struct plan *plan, int64_t now, const struct outlook *outlook);
/* Something that was done is not any more. */
void owners_rewind(struct plan *plan);
/* Bytes came over an uplink. */
void owners_brought(struct plan *plan, const struct source *source, uint64_t at, uint64_t bytes);
/* Where leases are cut, so that all clients cut at the same places. */
uint64_t owners_block(const struct plan *plan);

/* -- plan_hold.c ------------------------------------------------------------------------------- */

/* Brings plan.held, and who rests, up to date. */
void holds_renew(struct plan *plan);
/* Who answers may have changed: a source failed, came back, was excluded. */
void holds_outdated(struct plan *plan);
/* The first of [begin, end) that is free, and that no cache holds. */
bool holds_next_unheld(const struct plan *plan, uint64_t begin, uint64_t end, struct range *ret);
/* The first that is free of what a cache holds. */
bool holds_next(const struct plan *plan, const struct source *cache, uint64_t limit,
                struct range *ret);
bool holds_any(const struct plan *plan, const struct source *cache);
/* What uplinks have yet to bring. */
uint64_t holds_left(const struct plan *plan);

/* -- plan_trial.c ------------------------------------------------------------------------------ */

void trial_tick(struct plan *plan, const struct outlook *outlook, int64_t now);
/* Bytes/s since the phase of the trial began: of all, of one source. */
double trial_total(const struct plan *plan, int64_t now);
double trial_rate(const struct plan *plan, const struct source *source, int64_t now);

/* -- plan_park.c ------------------------------------------------------------------------------- */

void park_source(struct plan *plan, struct source *source, int64_t now);
void park_end(struct plan *plan); /* nobody is parked any more */
bool park_is_outdated(const struct plan *plan, const struct outlook *outlook);
/* Whether a source that was tried alone shares a link with others: they are suspects then. */
bool park_suspect(struct plan *plan, struct source *tried, double total, int64_t now);
/* Suspects to be left out for a trial; how many. */
unsigned park_choose(struct plan *plan, int64_t now);
/* Without them it is so much slower that there is nothing more to measure. */
bool park_is_plain(const struct plan *plan, int64_t now);
void park_judge_without(struct plan *plan, double total, int64_t now);
void park_judge_with(struct plan *plan, double total, int64_t now);

/* -- plan_lend.c ------------------------------------------------------------------------------- */

/* Whether a source that has all its leases should get another one ahead of time, since one of them
 * ends about when the first byte of the new one comes. */
bool lend_ahead(const struct plan *plan, const struct source *source, int64_t now);

/* End of what may be lent now. */
uint64_t lend_limit(const struct plan *plan);

/* The next range out of what is free for a source; false where nothing is. */
bool lend_choose(struct plan *plan, const struct source *source, int64_t now,
                 const struct outlook *outlook, struct range *ret);

/* -- plan_split.c ------------------------------------------------------------------------------ */

/* What a source with a free slot can take over from a running lease: the end of it, or (hedge) all
 * of its rest a second time. */
struct tail {
    struct lease *victim;
    struct range range;
    bool hedge;
    bool late; /* the victim has been silent for longer than can be expected */
};
bool split_choose(const struct plan *plan, plan_source thief, int64_t now,
                  const struct outlook *outlook, struct tail *ret);
/* The same for a lease that the reader of a stream will soon wait for, and that will be late. */
bool split_urgent(const struct plan *plan, plan_source thief, int64_t now,
                  const struct outlook *outlook, struct tail *ret);

/* With others on the way to the same bytes nothing may be taken over now: see may_take(). */
bool split_in_vain(const struct plan *plan);
/* Ends the leases of a source soon, but for the `keep` oldest; their rest is free again. */
void leases_cut(struct plan *plan, struct source *source, unsigned keep, int64_t now);

/* How long nothing came for a lease, the caller's own sleep not counted. */
int64_t lease_silence(const struct plan *plan, const struct lease *lease, int64_t now);
/* Whether it would take too long for others to wait for. */
bool lease_is_hopeless(const struct plan *plan, const struct lease *lease, int64_t now);
/* The silence that is none of one source's own: where half of all are as slow, it is the swarm. */
int64_t usual_quiet(const struct plan *plan, int64_t now);

/* -- plan_source.c ----------------------------------------------------------------------------- */

struct outlook sources_outlook(const struct plan *plan, int64_t now);

/* Bytes/s: of the source as a whole, and of one lease when all its slots have one; 0: not known. */
double source_rate(const struct source *source, int64_t now);
double source_lease_rate(const struct source *source, int64_t now);

unsigned source_slots(const struct source *source);
bool source_usable(const struct source *source); /* neither excluded nor removed */
bool source_is_paused(const struct source *source, int64_t now);
/* Usable, not paused, parked or resting. */
bool source_can_work(const struct source *source, int64_t now);

/* Whether what it brings is for this download alone: nobody else can have it from there. */
static inline bool source_keeps_nothing(const struct source *source)
{
    return !source->cache && (source->node == PLAN_NODE_NONE || source->spare);
}
bool source_is_uplink(const struct source *source); /* not a cache */
void source_end_pause(struct source *source, int64_t now);
/* What it holds, or owns, is left to it: it works, or has been busy for a moment. */
bool source_is_waited_for(const struct source *source);

/* One of its leases had its first byte, brought bytes (`added` of them new), or is being dropped.
 */
void source_started(struct source *source, const struct lease *lease, int64_t now);
/* More slots where the first byte takes long. Not among many: there it takes long because of them.
 */
void source_widen(struct source *source);
void source_brought(struct source *source, uint64_t bytes, uint64_t added, int64_t gap,
                    int64_t now);
void source_dropped(struct source *source, const struct lease *lease);

/* A lease ended early; call it when the lease is dropped. */
struct failed {
    enum plan_failure failure;
    uint64_t brought; /* by the lease */
    int64_t lent_at, retry_after, now;
    uint64_t seed;
};
void source_failed(struct source *source, const struct failed *failed, unsigned max_failures);

#endif
