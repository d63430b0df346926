/* SPDX-License-Identifier: MIT */
/* One client of a crowd: what stands around its plan, as src/get does. */
#ifndef DDM_TESTS_SIM_CLIENT_H
#define DDM_TESTS_SIM_CLIENT_H

#include "peers.h"
#include "plan/plan.h"

struct client;

extern const struct peers_ops client_ops;

struct client *client_new(const struct crowd *crowd, struct peers *peers, size_t host);
struct client *client_free(struct client *client);

/* To be called after each step of the peers: it starts, ticks, asks its plan for more. */
void client_step(struct client *client, int64_t now);

bool client_is_done(const struct client *client);

struct client_sums {
    int64_t started, ended;
    uint64_t wasted;
    unsigned long requests;
    const char *wrong; /* NULL: the books balance */
};
struct client_sums client_sums(const struct client *client);

#endif
