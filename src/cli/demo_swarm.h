/* SPDX-License-Identifier: MIT */
/* The machines of `ddm demo`: an origin, a tracker and peers as child processes on loopback. */
#ifndef DDM_CLI_DEMO_SWARM_H
#define DDM_CLI_DEMO_SWARM_H

#include "ddm/ddm.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DEMO_PEERS 3

struct demo_swarm {
    char folder[PATH_MAX - 64]; /* of its own, for the logs and the files */
    char log[PATH_MAX];         /* of all its processes */
    uint16_t origin_port, tracker_port, peer_ports[DEMO_PEERS];
    pid_t pids[2 + DEMO_PEERS]; /* origin, tracker, peers; 0: not running */
};

/* Makes the folder and starts the processes; returns when all of them answer and the tracker knows
 * the peers. `stopped` is asked while it waits: true ends it with DDM_E_INTERRUPTED. On failure
 * call demo_swarm_release, too. */
int demo_swarm_start(struct demo_swarm *ret, bool (*stopped)(void), struct ddm_error *err);

/* Ends the processes and removes the folder. */
void demo_swarm_release(struct demo_swarm *swarm);

#endif
