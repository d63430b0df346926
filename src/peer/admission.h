/* SPDX-License-Identifier: MIT */
/* Who may have one more request served: places, shared among clients. Pure: time is an argument.
 *
 *     places  ████████████████████░░░░░   a quarter is for those who have less than their share
 *             │ share │ share │
 *
 * A client is somebody with a name (a node id or an address). Those count that have requests or
 * asked for one a moment ago; each may have an equal share of all places, at any time. What others
 * leave may be had besides, but for the last quarter, which waits for whoever comes next; and never
 * more than half of all while there is anybody else. */
#ifndef DDM_PEER_ADMISSION_H
#define DDM_PEER_ADMISSION_H

#include "peer/turns.h"

struct admission;

/* Lives while it has requests, and references. */
struct admission_client {
    struct list link;
    char name[72];
    unsigned requests, references;
    int64_t asked_at;
    struct turn_share uplink, lan; /* of the rates; turns.h */
};

int admission_new(struct admission **ret); /* -1 without memory */
struct admission *admission_free(struct admission *admission);

/* One more request of a client, with so many places in all. 0, or -1 where it has to wait (or
 * without memory); then *ret_wanting says whether it has less than its share, so that somebody else
 * has more. */
int admission_enter(struct admission *admission, const char *name, unsigned places, int64_t now,
                    struct admission_client **ret, bool *ret_wanting);
void admission_leave(struct admission *admission, struct admission_client *client);
/* Whether a client has more than its share. */
bool admission_is_over(const struct admission *admission, const struct admission_client *client,
                       unsigned places);

/* Somebody besides its requests holds on to it. */
struct admission_client *admission_ref(struct admission_client *client);
void admission_unref(struct admission_client *client); /* NULL allowed */

/* Of those that were heard of a moment ago. */
unsigned admission_clients(const struct admission *admission);

#endif
