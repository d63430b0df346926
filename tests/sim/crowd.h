/* SPDX-License-Identifier: MIT */
/* Many clients that want the same object, each with the real planner, on hosts that each run a
 * peer.
 *
 *     origin ══ uplink ══ peer ─ store ─┬─ loopback ─ client of the same host
 *                                       └─ LAN ────── clients of the others
 *
 * A crowd is data; peers.c moves bytes through it, client.c stands around each plan. Times are ns,
 * rates bytes/s. */
#ifndef DDM_TESTS_SIM_CROWD_H
#define DDM_TESTS_SIM_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd_host {
    double uplink;
    double announced; /* what the tracker says of it; 0: not known */
    int64_t starts;   /* its client */
    int64_t dies;     /* its peer; NEVER */
};

struct crowd {
    const char *name;
    char key[32]; /* of the object */
    uint64_t seed;
    uint64_t size;
    struct crowd_host *hosts;
    size_t host_count;
    double lan;           /* of each host, either way */
    size_t peers;         /* that the tracker gives to each client: the first so many hosts */
    int64_t rtt, lan_rtt; /* to the origin; between hosts */
    int64_t step;         /* of the simulation */
    int64_t jitter;       /* of requests and ticks, at most: no two clients see the same */
    unsigned connections; /* a client's cap per source */
    bool log;
};

struct crowd_outcome {
    int64_t bound, first, median, last; /* ns from the start of each client; `last` from the first
                                           start to the last end */
    double origin;                      /* bytes that the origin sent / size */
    double held;                        /* what died with peers / size */
    double lan;                         /* bytes over the LAN / size */
    int64_t latecomer;                  /* how long the client that started last took */
    double latecomer_origin;            /* bytes that the origin sent since it started */
    unsigned long requests, fetches;    /* of clients; of peers from the origin */
    double wasted;                      /* came to clients for nothing / size, the mean of them */
    double cpu;
    char wrong[160];
};

void crowd_run(const struct crowd *crowd, struct crowd_outcome *ret);

/* No crowd is through sooner: the largest of what all uplinks together need, of what the LAN link
 * of one host needs for the object, and of what the peers' LAN links need to give each client what
 * its own host does not fetch. */
int64_t crowd_bound(const struct crowd *crowd);

/* Runs the table, or one row of it by name (NULL: all), each with so many seeds (0: the row's own
 * number): objects, starting times, delays. Returns 1 if a target is missed, 2 if there is no such
 * row. */
int crowds_run(const char *name, unsigned long seeds, bool log);
void crowds_list(void);

#endif
