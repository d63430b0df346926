/* SPDX-License-Identifier: MIT */
/* The three things that others want of a tracker.
 *
 * Announcer (peers): PUT at once, again on the interval that the tracker names, with growing,
 * jittered pauses while it is away (1 s … 30 s), DELETE at the end. One per tracker.
 * Lister (clients): GET /v1/peers now and every few seconds; tells of every answer. One per
 * tracker. Both tell of the first failure of a row and of the recovery, not of each: the announcer
 * in the log, the lister through on_away and the next on_peers. Both may be freed from within their
 * callbacks.
 * Report (clients): POST /v1/peers/{id}/reports, once: this peer gave wrong bytes. */
#ifndef DDM_SWARM_TRACKER_CLIENT_H
#define DDM_SWARM_TRACKER_CLIENT_H

#include "io/fetch.h"
#include "swarm/messages.h"

struct announcer;

struct announcer_config {
    struct address tracker;
    const char *node_id;
    /* Fills in what is true now; asked before each heartbeat, first from within announcer_new. */
    void (*describe)(void *arg, struct message_announce *ret);
    void *arg;
};
int announcer_new(struct announcer **ret, struct loop *loop, struct fetcher *fetcher,
                  const struct announcer_config *config, struct ddm_error *err);
/* Not open: the tracker is told to forget it, and no heartbeat comes until it is open again. */
void announcer_set_open(struct announcer *announcer, bool open);
/* Sends the remove request, and calls `done` when it was answered or 2 s have passed; never from
 * within this call. No heartbeat comes after it. */
void announcer_leave(struct announcer *announcer, void (*done)(void *arg), void *arg);
struct announcer *announcer_free(struct announcer *announcer);

struct lister;

/* So many machines have to report a peer before the others leave it out: one that errs, or that
 * wants to harm it, is not enough. */
#define REPORTS_ENOUGH 3

struct lister_ops {
    /* Peers that are alive, but those with REPORTS_ENOUGH; the array lives until the return. */
    void (*on_peers)(void *arg, const struct message_peer *peers, size_t count);
    /* It could not be asked (`why`); once per row of failures. */
    void (*on_away)(void *arg, const char *why);
};
/* `object_key` may be NULL; it is text without control characters. Asks at once, then every 2 s. */
int lister_new(struct lister **ret, struct loop *loop, struct fetcher *fetcher,
               const struct address *tracker, const char *object_key, const struct lister_ops *ops,
               void *arg, struct ddm_error *err);
struct lister *lister_free(struct lister *lister);

/* Tells a tracker what this machine saw of a peer. It is on its own from then on: nobody hears how
 * it ended, and it ends with the fetcher, 5 s later at the most. 0, or a negative code where it
 * could not be started. No host's address has to be in the report: the tracker counts by the
 * address that it comes from. */
int report_send(struct fetcher *fetcher, const struct address *tracker, const char *peer_id,
                const struct message_report *report);

#endif
