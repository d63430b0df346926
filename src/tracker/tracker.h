/* SPDX-License-Identifier: MIT */
/* The tracker daemon: knows which peers are alive. Routes are the design's: PUT, DELETE and GET
 * /v1/peers, POST /v1/peers/{id}/reports, GET /v1/status, /metrics and /healthz (with and without
 * /v1). Its state is soft and lives in the registry (registry.h), which is pure. */
#ifndef DDM_TRACKER_TRACKER_H
#define DDM_TRACKER_TRACKER_H

#include "base/address.h"
#include "ddm/ddm.h"
#include "swarm/membership.h"

struct tracker_options {
    struct membership *membership; /* of a swarm; NULL: plain HTTP, for whoever can connect */
    struct address listen;
    unsigned max_connections; /* 0: the server's default */
    uint32_t ttl;             /* s after which a peer that is not heard of is forgotten */
};

/* Runs until SIGINT or SIGTERM; logs. Returns the exit code; a message is in *err where not 0. */
enum ddm_code tracker_run(const struct tracker_options *options, struct ddm_error *err);

#endif
