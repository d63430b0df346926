/* SPDX-License-Identifier: MIT */
/* One download, as its files share it.
 *
 *     download.c  the public API: options in, events out
 *     job.c       the life of a download: probe ─▶ ranges or one stream ─▶ finish
 *     transfer.c  one request to one source: checks the head, hands on the bytes
 *     stream.c    the one stream, where there are no ranges
 *     reply.c     what a source's reply means for the planner
 *     sources.c   who can give ranges: the own uplinks, peers as they come and go
 *     report.c    events
 *     sink.c      where the bytes go
 *
 *     PROBE ──206, right──▶ RANGES ──all there──▶ FINISHING ──▶ ENDED
 *       └─200, no length, no ranges─▶ STREAM ──────┘   any error, Ctrl-C ─▶ ENDED
 *
 * The probe is the plan's first lease, whoever fetches it: an own uplink, one after the other, or a
 * peer where none of them has a way to the origin. While it runs the tracker is asked. */
#ifndef DDM_GET_JOB_H
#define DDM_GET_JOB_H

#include "base/list.h"
#include "get/sink.h"
#include "io/fetch.h"
#include "plan/plan.h"
#include "plan/rate.h"
#include "swarm/tracker_client.h"

#include <stdatomic.h>

#define JOB_MAX_TRACKERS 8
#define JOB_MAX_SOURCES  1024

/* One of several own uplinks may take so long to connect, the name being known, and twice as long
 * with each failure; then it is the next one's turn. A SYN that was lost is sent again after 1 s.
 * Less than the planner waits for a first byte (STALL_FIRST), so that the failure says what it was.
 */
#define JOB_PATIENCE (1500 * MSEC)

enum job_state { JOB_PROBE, JOB_RANGES, JOB_STREAM, JOB_FINISHING, JOB_ENDED };

struct source {
    struct job *job;
    enum ddm_source_kind kind;
    plan_source plan;      /* its number in the plan */
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
    bool told;                   /* a notice about its failure was given */
    enum ddm_source_state shown; /* in the last event about it */
    uint64_t stream_bytes;       /* given as the one stream */
    unsigned broken;             /* times that it broke off as such, in a row */
};

struct transfer {
    struct list link;
    struct job *job;
    struct source *source;
    struct fetch *fetch;
    plan_lease lease; /* 0: the one stream */
    uint64_t position, end;
    int64_t begun;
    bool started;              /* the head was right */
    bool open_ended;           /* the reply does not say how long it is */
    enum plan_failure failure; /* what the head or the error body says */
    bool bad;                  /* `failure` is set */
    int64_t retry_after;
    char body[1024]; /* of an error */
    size_t body_length;
};

struct job {
    /* What was asked for; strings are the download's. */
    const char *url, *shown_url; /* as given; without a password, for people and events */
    const char *output, *directory;
    char algorithm[16], hex[129]; /* empty: no checksum */
    char host_id[MESSAGE_ID_SIZE];
    unsigned connections, retries;
    bool no_peers, has_credentials, insecure, force, quiet_tracker;
    size_t tracker_count; /* of trackers[].at, below */
    const struct address *peers;
    size_t peer_count;
    const char *const *interfaces; /* NULL at the end; the first may be it */
    ddm_event_fn *on_event;
    void *event_arg;

    /* What runs. */
    struct loop *loop;
    struct fetcher *outside, *inside; /* origins; peers and trackers */
    struct loop_timer *timer;
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
    enum sink_start sink_start;
    bool sink_closed;
    struct list transfers;
    struct source **sources; /* the own uplinks come first */
    size_t source_count, uplink_count;

    /* What is known. */
    enum job_state state;
    bool streaming; /* the one stream counts, not the plan */
    unsigned stream_tries;
    int64_t stream_again;              /* when to try it once more, 0: not waiting */
    uint64_t size;                     /* DDM_SIZE_UNKNOWN: not known */
    uint64_t stream_done, stream_best; /* now; in the best try so far */
    char etag[FETCH_ETAG_SIZE], last_modified[64];
    char *path; /* NULL before the probe was answered; "-" for a stream */
    int64_t started;
    struct rate rate;
    int64_t heard_at; /* when the last byte came */
    bool told_alone, told_insecure, told_peer, told_stream;
    struct ddm_error error;
    struct ddm_source_info *infos;
};

/* job.c */
enum ddm_code job_run(struct job *job);
void job_cancel(struct job *job); /* from any thread or signal handler */
void job_fail(struct job *job, enum ddm_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void job_fail_error(struct job *job, const struct ddm_error *error);
void job_changed(struct job *job); /* schedule soon */
/* A transfer's reply says what the object is: `ranges` as the probe, else as the one stream, which
 * the transfer then becomes. Where it is known already it must be the same. 0, or negative where
 * the job failed, or this source is left out. */
int job_identify(struct job *job, struct transfer *transfer, const struct fetch_head *head,
                 bool ranges);
/* Bytes were written; the frontier may have moved. */
void job_received(struct job *job, uint64_t bytes);
struct sink_object job_object(const struct job *job);
void job_stop_transfers(struct job *job);
void job_finish(struct job *job);     /* all bytes are there */
void job_fail_stuck(struct job *job); /* nobody can bring any more */
uint64_t job_done_bytes(const struct job *job);

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
/* Whether another version from this source means that the file at the origin changed. */
bool reply_speaks_for_origin(const struct source *source);
/* What the JSON body of a peer's error says; refines what reply_check said. */
void reply_read_error(struct transfer *transfer);

/* sources.c */
int sources_start(struct job *job, struct ddm_error *err); /* the own uplinks, peers, listers */
/* A peer's reply over its first uplink says that it has so many. */
void sources_meet_uplinks(struct job *job, const struct source *source, unsigned count);
/* How long it may take to connect, for fetch_request. */
int64_t sources_patience(const struct source *source);
void sources_stop(struct job *job);
bool sources_all_asked(const struct job *job); /* each tracker has answered or failed */

/* report.c */
void report(struct job *job, enum ddm_event_type type);
void report_notice(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_sources(struct job *job); /* those that have changed their state */

#endif
