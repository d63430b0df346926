/* SPDX-License-Identifier: MIT */
/* When a peer is there for others: in its hours, and while its owner does not use the network.
 * Looked at every second. */
#ifndef DDM_PEER_OPENING_H
#define DDM_PEER_OPENING_H

#include "io/loop.h"
#include "peer/hours.h"
#include "peer/traffic.h"

struct opening;

struct opening_config {
    struct loop *loop;
    struct hours hours;
    bool idle_only;
    const char *const *interfaces; /* of the uplinks; as traffic_reader_new has them */
    /* What the peer itself has fetched and served so far, over how many connections. */
    void (*count)(void *arg, struct traffic *ret_own, unsigned *ret_connections);
    void (*changed)(void *arg); /* open or closed, or for another reason */
    void *arg;
};

/* Known from the start on, as far as the hours go. -DDM_E_FAIL, see traffic_reader_new. */
int opening_new(struct opening **ret, const struct opening_config *config, struct ddm_error *err);
struct opening *opening_free(struct opening *opening);

/* Why it is closed, for people; NULL: it is open. */
const char *opening_why_closed(const struct opening *opening);
/* Because the owner uses the network: what goes on shall wait, too. */
bool opening_in_use(const struct opening *opening);
int64_t opening_wait(const struct opening *opening); /* until it may be open; s, 1 at least */

#endif
