/* SPDX-License-Identifier: MIT */
/* One download through a world: the part of `ddm get` that stands around the planner
 * (src/get/job.c, transfer.c), in virtual time. The plan is the real one. */
#ifndef DDM_TESTS_SIM_DOWNLOAD_H
#define DDM_TESTS_SIM_DOWNLOAD_H

#include "history.h"
#include "world.h"

struct outcome {
    int64_t bound, time; /* ns */
    double ratio;        /* time / bound */
    double floor;        /* what of it is latency's, see bound.h: no planner gets below */
    unsigned long requests;
    unsigned long failures; /* requests that ended early, whatever the reason */
    uint64_t wasted, lost;  /* bytes that came for nothing; that were never delivered */
    double waste;           /* both / size */
    double cpu;             /* s */
    char wrong[160];        /* empty: it ended, and the books balance */
};

struct download_config {
    const struct world *world;
    struct history *history; /* NULL: not kept */
    bool floor;              /* find it out in any case; it takes about as long as the run */
    bool log;                /* each lease, to standard output */
    bool owners;             /* every link is a peer that owns pieces, as in a swarm */
};

void download_run(const struct download_config *config, struct outcome *ret);

#endif
