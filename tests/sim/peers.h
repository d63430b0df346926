/* SPDX-License-Identifier: MIT */
/* Peers and their stores in motion, as src/peer/relay.h has it:
 *
 *     peers_ask ──▶ is it there? ──▶ from the store, over the LAN
 *                   is it coming? ──▶ joins that fill
 *                   else ──▶ a fill: a request to the origin over this host's uplink
 *
 * - A fill goes to the end of the request, or to what is there or coming. Nobody needs it any more:
 *   it is cancelled, and what was under way for a round trip is lost.
 * - Fills share their uplink, after a slow start; readers share the LAN links of both ends.
 * - A peer that dies takes its store and its connections along.
 *
 * Time goes in steps: with hundreds of thousands of readers nothing else would end. */
#ifndef DDM_TESTS_SIM_PEERS_H
#define DDM_TESTS_SIM_PEERS_H

#include "crowd.h"
#include "plan/rangeset.h"

struct peers;
struct reader;

/* The reader is gone after `failed` and `done`. */
struct peers_ops {
    void (*head)(void *user);
    void (*data)(void *user, uint64_t length);
    void (*failed)(void *user);
    void (*done)(void *user);
};

struct peers *peers_new(const struct crowd *crowd, const struct peers_ops *ops);
struct peers *peers_free(struct peers *peers);

/* The client of host `client` asks a peer; or, `direct`, the origin over its own uplink. It
 * takes so long to get there. */
struct reader *peers_ask(struct peers *peers, size_t client, size_t peer, bool direct,
                         uint64_t begin, uint64_t end, int64_t delay, void *user);
void peers_close(struct peers *peers, struct reader *reader);

/* Moves on to `now`. */
void peers_step(struct peers *peers, int64_t now);

/* What a peer has; what it would say of itself. */
const struct rangeset *peers_held(const struct peers *peers, size_t peer);
double peers_rate(const struct peers *peers, size_t peer); /* 0: not known yet */
bool peers_is_up(const struct peers *peers, size_t peer);

struct peers_sums {
    double origin, lan; /* bytes */
    double died;        /* in the stores of peers that died */
    unsigned long fetches;
};
struct peers_sums peers_sums(const struct peers *peers);

#endif
