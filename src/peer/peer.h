/* SPDX-License-Identifier: MIT */
/* The peer daemon: fetches ranges for others over its own uplinks and relays them as they come. */
#ifndef DDM_PEER_PEER_H
#define DDM_PEER_PEER_H

#include "base/address.h"
#include "ddm/ddm.h"
#include "swarm/membership.h"

struct peer_options {
    struct address listen;
    const char *const *trackers;   /* "HOST:PORT", NULL at the end; may be NULL */
    struct membership *membership; /* of a swarm; NULL: plain HTTP, for whoever can connect */
    const char *advertise;    /* address that clients shall use; NULL: the one it connects from */
    const char *allow, *deny; /* rules, besides the public internet and out of it; may be NULL */
    const char *host_id;      /* NULL: derived */
    /* Its uplinks, by device or address, NULL at the end; NULL: one, the kernel's choice. */
    const char *const *interfaces;
    const char
        *proxy; /* URL (fetch_check_proxy) for fetches; NULL: none, whatever the environment says */
    uint64_t limit_rate, limit_rate_lan; /* bytes/s from origins, and to clients; 0: no limit */
    bool idle_only;                      /* fetches only while the owner does not use the uplinks */
    const char *hours;                   /* of the day, see hours.h; NULL: all */
    unsigned max_connections;            /* of clients; 0: the server's default */
    const char *cache_folder;            /* NULL: the default */
    uint64_t cache_size;                 /* bytes; 0: nothing on disk, or CACHE_SIZE_AUTO */
    const char *const *signing;          /* see struct relay_config */
    uint64_t memory;                     /* bytes that the store may hold; 0: the default, 16 MiB */
};

/* Runs until SIGINT or SIGTERM (the second one ends it at once); logs. Returns the exit code; a
 * message is in *err where it is not 0. */
enum ddm_code peer_run(const struct peer_options *options, struct ddm_error *err);

#endif
