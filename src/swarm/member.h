/* SPDX-License-Identifier: MIT */
/* Requests to other nodes of the swarm.
 *
 *     with a key   https://NODE_ID:PORT/…, or https://ddm:PORT/… for any member
 *     without      http://ddm:PORT/…
 *
 * The connection goes to the address, whatever the URL's host says: that is what the certificate
 * must name, and what stands in the Host header, so that no server has to believe any other. */
#ifndef DDM_SWARM_MEMBER_H
#define DDM_SWARM_MEMBER_H

#include "base/address.h"
#include "io/fetch.h"

struct member_request {
    struct fetch_request request; /* URL, where to connect, no proxy; the rest is the caller's */
    char url[1024], connect_to[ADDRESS_TEXT_SIZE];
};

/* `fetcher`: the one that it will be started with. `node_id`: who must answer, where that is known;
 * NULL or empty: any member. `path` begins with '/'. `ret` must not be moved. */
void member_request(struct member_request *ret, const struct fetcher *fetcher,
                    const struct address *at, const char *node_id, const char *path);

#endif
