/* SPDX-License-Identifier: MIT */
/* Whether the owner of this machine uses the network: what goes over the interfaces of the uplinks,
 * less what the peer itself moved.
 *
 *     interfaces' counters ─▶ less our own ─▶ less what may wait in buffers ─▶ mean of seconds
 *                                                  above TRAFFIC_BUSY ─▶ busy; quiet for a while ─▶
 * not
 *
 * Bytes of our own are in the kernel before we count those that are fetched, and after we counted
 * those that are served: so much as its buffers hold is nobody's. The usage is pure; reading the
 * counters is not. */
#ifndef DDM_PEER_TRAFFIC_H
#define DDM_PEER_TRAFFIC_H

#include "ddm/ddm.h"

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_BUSY  (64 * 1024)                /* bytes/s of others, or a tenth of ours */
#define TRAFFIC_QUIET ((int64_t)15 * 1000000000) /* ns without, until it is not busy any more */

/* Bytes so far. */
struct traffic {
    uint64_t received, sent;
};

struct traffic_usage {
    struct traffic all, own;     /* at the last sample */
    double waiting[2];           /* of what was counted on one side and not yet on the other */
    double rate;                 /* of others, bytes/s */
    int64_t sampled_at, busy_at; /* 0: never */
};

/* What was counted at a time, with so many connections that may hold bytes back. Whether the
 * network is in use by others. */
bool traffic_sample(struct traffic_usage *usage, const struct traffic *all,
                    const struct traffic *own, unsigned connections, int64_t now);

/* Reads the kernel's counters. They are opened once: a sandbox may close the way to them later. */
struct traffic_reader;

/* `interfaces`: names or addresses, NULL at the end; NULL: those of the default routes.
 * -DDM_E_FAIL where the system has no such counters. */
int traffic_reader_new(struct traffic_reader **ret, const char *const *interfaces,
                       struct ddm_error *err);
struct traffic_reader *traffic_reader_free(struct traffic_reader *reader);
/* False where they cannot be read. */
bool traffic_read(struct traffic_reader *reader, struct traffic *ret);

#endif
