/* SPDX-License-Identifier: MIT */
/* How much memory a peer may come to need: it follows from its limits, and no request changes it.
 * What the kernel holds in its sockets' buffers is not in it. */
#ifndef DDM_PEER_BOUND_H
#define DDM_PEER_BOUND_H

#include "io/httpd.h"

struct bound {
    uint64_t connections; /* of clients: heads, bodies, TLS, replies of known bytes */
    uint64_t streams;     /* what of the replies is on its way */
    uint64_t fetches;     /* from origins */
    uint64_t store;
    uint64_t rest; /* the program, its libraries, what the allocator cannot use */
    uint64_t total;
};

/* `places`: requests that are served at a time; `store`: --memory. */
void bound_find(struct bound *ret, const struct httpd *httpd, unsigned places, uint64_t store);
/* "at most 95 MiB (…)". Returns out. */
#define BOUND_TEXT_SIZE 200
char *bound_describe(char out[static BOUND_TEXT_SIZE], const struct bound *bound);

#endif
