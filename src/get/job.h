/* SPDX-License-Identifier: MIT */
/* One download, as its files share it.
 *
 *     download.c  the public API: options in, events out
 *     job.c       the life of a download: probe ─▶ ranges or one stream ─▶ finish; starting over
 *     object.c    what the file is: its name, version, size; what is there of it already
 *     lend.c      who is asked next
 *     transfer.c  one request to one source: checks the head, hands on the bytes
 *     stream.c    the one stream, where there are no ranges
 *     reply.c     what a source's reply means for the planner
 *     mirror.c    the URLs of the file, and where they lead
 *     sources.c   who can give ranges: the own uplinks, peers as they come and go
 *     blame.c     who gave what, and what happens to it when it was wrong
 *     spot.c      small ranges of what peers gave, fetched once more to compare
 *     hints.c     what lies beside the file or is linked to it: checksums, mirrors
 *     pace.c      a limit of the rate
 *     share.c     who owns the pieces, and what peers hold
 *     seed.c      the finished file, for the cache of this machine's peer
 *     report.c    events
 *     sink.h      where the bytes go
 *
 *     PROBE ──206, right──▶ RANGES ──all there──▶ FINISHING ──▶ ENDED
 *       ▲ └─200, no length, no ranges─▶ STREAM ──────┘ └─ a checksum differs, and somebody else
 * gave └── the file changed: once, from the beginning ──┘     some of it: RANGES, without them Any
 * error, Ctrl-C: ENDED, when what came is recorded.
 *
 * The probe is the plan's first lease, whoever fetches it: an own uplink, one after the other, or a
 * peer where none of them has a way to the origin. While it runs the tracker is asked. */
#ifndef DDM_GET_JOB_H
#define DDM_GET_JOB_H

#include "base/list.h"
#include "get/sink.h"
#include "io/fetch.h"
#include "plan/bucket.h"
#include "plan/plan.h"
#include "plan/rate.h"
#include "swarm/membership.h"
#include "swarm/object_key.h"
#include "swarm/policy.h"
#include "swarm/tracker_client.h"

#include <stdatomic.h>

#define JOB_MAX_TRACKERS  8
#define JOB_MAX_SOURCES   1024
#define JOB_MAX_MIRRORS   32
#define JOB_MAX_CHECKSUMS 8

/* One of several own uplinks may take so long to connect, the name being known, and twice as long
 * with each failure; then it is the next one's turn. A SYN that was lost is sent again after 1 s.
 * Less than the planner waits for a first byte (STALL_FIRST), so that the failure says what it was.
 */
#define JOB_PATIENCE (1500 * MSEC)

enum job_state { JOB_PROBE, JOB_RANGES, JOB_STREAM, JOB_FINISHING, JOB_ENDED };

/* One URL of the file. The first to answer is the *primary*: the file is what it says. */
struct mirror {
    char *url, *shown; /* shown: without a password, for events and peers' journals */
    char *brief;       /* without its query, too, which may be a signature: for messages */
    /* Who named it, NULL: the user. It must not lead from a public address to others. */
    const struct mirror *linked;
    bool is_public; /* so was the first address that it was fetched from */
    bool proved;    /* so do its validators; peers are sent to no other */
    bool known;     /* gives the same file as far as can be told; then its validators are: */
    bool reserve;   /* nothing tells: kept for when the others have failed */
    bool given_up;
    char etag[FETCH_ETAG_SIZE], last_modified[64];
    char *redirected; /* where it leads, as long as that works; or NULL */
    bool expires;     /* what it leads to has stopped working once: it is asked itself each time */
};

/* What a source gave, and what of it is to be compared. */
struct sample;
struct spot_state {
    uint64_t given, from, to; /* of its bytes, in their order: so many came; [from, to) are compared
                               */
    uint64_t window_end;      /* the next ones are chosen behind it */
    unsigned samples;         /* so far */
    struct sample *open;      /* being made */
};

struct source {
    struct job *job;
    enum ddm_source_kind kind;
    plan_source plan;      /* its number in the plan */
    struct mirror *mirror; /* of an own uplink; NULL: a peer, which has those that are known */
    const char *interface; /* of an own uplink; NULL: the kernel's choice */
    struct address at;     /* of a peer, and which of its uplinks */
    unsigned uplink;
    char id[MESSAGE_ID_SIZE];
    char name[ADDRESS_TEXT_SIZE + 4];
    char why[400];               /* the last failure */
    bool failed;                 /* since its last byte */
    bool no_ranges;              /* it answers requests for ranges with the whole */
    long status;                 /* HTTP status of its last reply, 0: none */
    bool unreachable;            /* no connection came about in the last try */
    bool refused;                /* the origin does not want to give it the file */
    bool other_version;          /* what it gave, or would give, is not the file */
    bool lied;                   /* gave wrong bytes */
    bool told;                   /* a notice about its failure was given */
    enum ddm_source_state shown; /* in the last event about it */
    size_t line;                 /* of job->infos, where it has one of its own */
    uint64_t stream_bytes;       /* given as the one stream */
    unsigned broken;             /* times that it broke off as such, in a row */
    struct rangeset given;       /* that is there now */
    unsigned wrong_pieces;
    unsigned turn; /* of a peer: which mirror comes next */
    bool cache;    /* not an uplink: what the peer holds; see share.c */
    bool asked;    /* what it holds */
    enum { SHARE_UNKNOWN, SHARE_ALONE, SHARE_COMPANY } company; /* for the file, as it says */
    struct exchange *question;                                  /* on its way, or NULL */
    uint32_t refused_mirrors; /* of a peer: a bit for each that gave it nothing */
    struct spot_state spot;
};

struct transfer {
    struct list link;
    struct job *job;
    struct source *source;
    struct mirror *mirror;
    struct fetch *fetch;
    plan_lease lease; /* 0: the one stream */
    uint64_t position, end;
    int64_t begun;
    bool started;              /* the head was right */
    bool open_ended;           /* the reply does not say how long it is */
    bool redirected;           /* it went to where the mirror led before */
    enum plan_failure failure; /* what the head or the error body says */
    bool bad;                  /* `failure` is set */
    int64_t retry_after;
    char body[1024]; /* of an error */
    size_t body_length;
};

struct checksum {
    char algorithm[16], hex[2 * 64 + 1];
    char said_by[80]; /* empty: whoever asked for the file */
};

struct job {
    /* What was asked for; strings are the download's. */
    const char *output, *directory, *cache_folder;
    const char *const *signing; /* see object_key(); NULL: the known ones */
    /* The first were asked for; behind them, what was learned of this version. */
    struct checksum checksums[JOB_MAX_CHECKSUMS];
    size_t asked_count, checksum_count;
    bool checksum_auto;
    uint64_t wanted_size; /* 0: any */
    const char *piece_algorithm;
    uint64_t piece_length;
    const char *const *pieces;
    size_t piece_count;
    unsigned spot_check; /* of a million bytes */
    char host_id[MESSAGE_ID_SIZE];
    char local_node[MESSAGE_ID_SIZE]; /* the peer on this machine; "" where there is none */
    unsigned connections, retries;
    int64_t max_time;              /* ns; 0: none */
    struct membership *membership; /* NULL: no swarm key */
    int64_t membership_seen;       /* when it was looked at */
    bool no_peers, has_secrets, has_logins, insecure, force, only_newer, quiet_tracker;
    size_t tracker_count; /* of trackers[].at, below */
    const struct address *peers;
    size_t peer_count;
    const char *const *interfaces;        /* NULL at the end; the first may be it */
    struct fetch_profile profile, linked; /* linked: without secrets, for whom the origin names */
    char peer_headers[MESSAGE_HEADERS_SIZE]; /* for message_fetch */
    struct policy *redirects;                /* where a redirect to what is not public may lead */
    ddm_event_fn *on_event;
    void *event_arg;

    /* What runs. */
    struct loop *loop;
    struct fetcher *outside, *inside; /* origins; peers and trackers */
    struct loop_timer *timer, *pace_timer;
    struct loop_defer *schedule;
    _Atomic(struct loop_wake *) wake; /* while it runs */
    atomic_bool cancelled;
    struct tracker {
        struct job *job;
        struct address at;
        struct lister *lister;
        bool answered, failed; /* at least once */
    } trackers[JOB_MAX_TRACKERS];
    struct plan *plan;
    struct sink *sink;
    struct sink_verify *verify; /* of a file that was there; NULL: none */
    struct list transfers;
    struct mirror *mirrors[JOB_MAX_MIRRORS]; /* as they were given; linked ones behind them */
    size_t mirror_count;
    struct source **sources;
    size_t source_count;
    int64_t held_asked;       /* when the first peer was asked what it holds; 0: none was yet */
    struct share_node *nodes; /* peers that trackers list, all of them; see share.c */
    size_t node_count;
    char object_text[33];             /* what owners and trackers go by */
    char object_key[OBJECT_KEY_SIZE]; /* what peers know it by; "" before it is known */
    struct list samples;              /* to be compared; see spot.c */
    unsigned spot_failures;           /* in a row */
    int64_t spot_again;
    struct list suspicions; /* see blame.c */
    struct hints *hints;    /* NULL: none, or all is known */
    struct seed *seed;      /* being made; or NULL */
    struct bucket bucket;
    bool held; /* by the limit of the rate */

    /* What is known. */
    enum job_state state;
    struct mirror *primary; /* NULL before the probe was answered */
    bool changed;           /* the file at the origin did: to be started over */
    bool reopened;          /* it was, once */
    bool recovered;         /* a checksum differed, once */
    bool streaming;         /* the one stream counts, not the plan */
    bool encoded;           /* it is decoded on the way: nothing to go on from later */
    unsigned stream_tries;
    int64_t stream_again;              /* when to try it once more, 0: not waiting */
    uint64_t size;                     /* DDM_SIZE_UNKNOWN: not known */
    uint64_t stream_done, stream_best; /* now; in the best try so far */
    uint64_t restored;                 /* what a run before left */
    bool already;                      /* the file was there, complete */
    const char *doubt;                 /* why it may not be it; NULL: it is */
    char *path;                        /* NULL before the probe was answered; "-" for a stream */
    int64_t started;
    struct rate rate;
    int64_t heard_at; /* when the last byte came */
    bool told_alone, told_insecure, told_peer, told_stream, told_spot;
    bool closing, closed; /* the sink */
    struct ddm_error error;
    struct ddm_source_info *infos;
};

#define own_foreach(s, job)                                                                        \
    for (struct source **s##_at = (job)->sources, *s;                                              \
         s##_at < (job)->sources + (job)->source_count && (s = *s##_at, true); s##_at++)           \
        if (s->kind == DDM_SOURCE_ORIGIN)

/* share.c */
uint64_t share_probe(const struct job *job); /* plan_config.probe */
bool share_waits(const struct job *job);     /* no more than the probe yet: others are asked */
int share_set_owners(struct job *job);       /* -1 without memory */
bool share_is_alone(const struct job *job);  /* all peers say that nobody else loads the file */
/* What a tracker lists now; `tracker` is its number. */
void share_meet(struct job *job, size_t tracker, const struct message_peer *peers, size_t count);
/* What a peer says of itself in the head of a reply. */
void share_hear(const struct transfer *transfer, const struct fetch_head *head);
/* Asks those that were not asked yet what they hold, once it is known what the file is. */
void share_ask(struct job *job);
int share_renew(struct job *job); /* for a new plan; -1 without memory */
void share_stop(struct job *job);
void share_free(struct job *job);

/* job.c */
enum ddm_code job_run(struct job *job);
void job_cancel(struct job *job); /* from any thread or signal handler */
void job_fail(struct job *job, enum ddm_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void job_fail_error(struct job *job, const struct ddm_error *error);
void job_changed(struct job *job); /* schedule soon */
void job_stop_transfers(struct job *job);
void job_finish(struct job *job);   /* all bytes are there */
void job_finished(struct job *job); /* and the file has its name */
/* Begins anew with a new plan, soon: the next reply says what the file is. Fails the job where that
 * was done already, or what came was given away. */
void job_start_over(struct job *job, const char *why);
uint64_t job_done_bytes(const struct job *job);
/* Bytes were written. */
void job_received(struct job *job, uint64_t bytes);
extern const struct sink_ops job_sink_ops;

/* object.c */
/* A transfer's reply says what the object is: `ranges` as the probe, else as the one stream, which
 * the transfer then becomes. Where it is known already it must be the same. 0, or negative where
 * the job ended, starts over, or this source is left out. */
int object_identify(struct job *job, struct transfer *transfer, const struct fetch_head *head,
                    bool ranges);
/* The file is there, complete; its checksums are known, and are compared. */
void object_end_already(struct job *job);
/* Before anything is fetched: whether the output can be made. */
int object_check_output(const struct job *job, struct ddm_error *err);

/* lend.c */
void lend_probe(struct job *job);
void lend_ranges(struct job *job);
void lend_drop_cancelled(struct job *job);
void lend_fail_stuck(struct job *job); /* nobody can bring any more */

/* transfer.c */
int transfer_start(struct job *job, struct source *source, plan_lease lease, struct range range);
int transfer_start_stream(struct job *job, struct source *source);
void transfer_free(struct transfer *transfer);
struct transfer *transfer_of(struct job *job, plan_lease lease);

/* stream.c */
/* It has to come as one stream, from its beginning. All transfers end. */
void stream_fall_back(struct job *job);
void stream_ended(struct job *job, struct source *source, bool whole, bool refused);
void stream_watch(struct job *job, int64_t now); /* at each tick: silence, the next try */

/* reply.c: judges a head for a range that was asked for. True if it is right; else fills in what
 * the plan is told and why. */
bool reply_check(struct transfer *transfer, const struct fetch_head *head);
/* The request itself was in vain, for good. */
void reply_refused(struct transfer *transfer, const char *why);
/* What the JSON body of a peer's error says; refines what reply_check said. */
void reply_read_error(struct transfer *transfer);

/* mirror.c */
/* A URL of the file; twice the same is once, and what is too much is left out. -1 without memory.
 */
int mirror_add(struct job *job, const char *url, const struct mirror *linked, struct mirror **ret);
void mirrors_free(struct job *job);
/* A peer cannot have it from this mirror; whether there is another one to try. */
bool mirror_refuse(struct source *source, const struct mirror *mirror);
/* Which one a source is to ask. */
struct mirror *mirror_for(struct source *source);
/* Whether this version of `size` bytes is the one that is being downloaded. Learns the validators
 * of a mirror that is. */
enum mirror_match {
    MIRROR_SAME,
    MIRROR_CHANGED, /* it gave that version before, or is the only one there is */
    MIRROR_OTHER,   /* another server behind the name, or another file */
    MIRROR_UNSURE,  /* nothing tells: it goes into reserve */
};
enum mirror_match mirror_compare(struct transfer *transfer, const struct fetch_head *head,
                                 uint64_t size);
/* As whom: secrets are for those whom the user named. */
const struct fetch_profile *mirror_profile(const struct transfer *transfer);
/* Where to send a request to it now. */
const char *mirror_target(struct transfer *transfer);
/* A reply was right: where it came from can be asked directly from now on. */
void mirror_learn_target(struct transfer *transfer);
/* True if it was where the mirror had led before that failed: the mirror itself is to be asked. */
bool mirror_target_failed(struct transfer *transfer, long status);
/* Whether a connection, whose address is known, leads to the public internet, or to where redirects
 * are allowed to lead. */
bool mirror_is_public(const struct job *job, const struct fetch_way *way);
/* For fetch_request.allow, with a transfer. */
bool mirror_allows(void *transfer, const struct fetch_way *way);
/* The others have failed: begins anew with one that was kept in reserve. False: there is none. */
bool mirror_promote(struct job *job);

/* sources.c */
int sources_start(struct job *job, struct ddm_error *err); /* the own uplinks, peers, listers */
/* An own uplink, through each interface, to one more mirror. -1 without memory. */
int sources_add_mirror(struct job *job, struct mirror *mirror);
/* Into a new plan. -1 without memory. */
int sources_renew(struct job *job);
/* A peer's reply over its first uplink says that it has so many. */
void sources_meet_uplinks(struct job *job, const struct source *source, unsigned count);
/* How long it may take to connect, for fetch_request. */
int64_t sources_patience(const struct source *source);
void sources_stop(struct job *job);
/* What a peer holds, as a source of its own. NULL without memory. */
struct source *sources_add_cache(const struct source *peer);
void sources_free(struct job *job);
bool sources_all_asked(const struct job *job); /* each tracker has answered or failed */
size_t sources_own(const struct job *job);     /* how many are own uplinks */
bool sources_excluded(const struct source *source);
/* For people: the name, or where there are several mirrors the URL of an own uplink's. */
const char *source_label(const struct source *source);
/* Tells the trackers that a peer gave wrong bytes. */
void sources_report(struct job *job, const struct source *source);

/* blame.c */
int blame_note(struct source *source, struct range range); /* it gave that; -1 without memory */
/* The one stream brings bytes that are there already: the right ones. Those that differ are
 * forgotten, so that they can be written. */
void blame_compare(struct job *job, uint64_t offset, const char *data, size_t length);
/* A source gave something wrong, for sure: it is left out, and what it gave is fetched again. */
void blame_source(struct job *job, struct source *source, const char *what);
/* The same of what a run before left. */
void blame_restored(struct job *job);
void blame_wrong_piece(struct job *job, struct range piece);
void blame_right_piece(struct job *job, struct range piece);
/* The file does not have its checksum: what others than the origin itself gave in this run is
 * fetched again, without them. False where there is no such thing. */
bool blame_recover(struct job *job);
void blame_clear(struct job *job);

/* spot.c */
/* A source gave new bytes, before they are noted. */
void spot_see(struct source *source, uint64_t offset, const char *data, size_t length);
/* The same of what a run before left. */
void spot_see_restored(struct job *job);
/* At each schedule: compares what is chosen. True as long as the download must wait for that. */
bool spot_run(struct job *job);
void spot_forget_source(struct source *source); /* nothing of it is to be compared any more */
void spot_clear(struct job *job);

/* hints.c */
/* Looks for what else can be known; the file is being fetched meanwhile. */
void hints_start(struct job *job, const struct fetch_head *head); /* the origin's; or NULL */
/* The file must have that checksum, too. */
void hints_expect(struct job *job, const char *algorithm, const char *hex, const char *said_by);
bool hints_pending(const struct job *job);
void hints_stop(struct job *job);

/* pace.c */
int pace_start(struct job *job);
void pace_take(struct transfer *transfer, size_t bytes); /* bytes came */
void pace_tick(struct job *job, int64_t now);

/* seed.c */

/* Once the file has its name. True: job_finished() is called when it is done. */
bool seed_begin(struct job *job);
void seed_stop(struct job *job);

/* report.c */
void report(struct job *job, enum ddm_event_type type);
void report_notice(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_sources(struct job *job); /* those that have changed their state */

#endif
