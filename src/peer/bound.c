/* SPDX-License-Identifier: MIT */
#include "peer/bound.h"

#include "base/util.h"
#include "io/fetch.h"

#include <stdio.h>

#define PROGRAM (28 * MIB) /* and its libraries, of which most is shared and never touched */
#define OBJECT  (48 * KIB) /* URL and headers of a request, kept twice; the URL of its reader */
#define OBJECTS 32         /* that are kept without a request */
#define SLACK   8          /* 1/8 of what is allocated lies between the rest */

void bound_find(struct bound *ret, const struct httpd *httpd, unsigned places, uint64_t store)
{
    struct bound b = {
        .connections = httpd_memory(httpd),
        .streams = httpd_stream_memory(places),
        .fetches = fetcher_memory(places) + (places + OBJECTS) * OBJECT,
        .store = store,
    };
    uint64_t allocated = b.connections + b.streams + b.fetches + b.store;
    b.rest = PROGRAM + allocated / SLACK;
    b.total = allocated + b.rest;
    *ret = b;
}

static unsigned mib(uint64_t bytes)
{
    return (unsigned)((bytes + MIB - 1) / MIB);
}

char *bound_describe(char out[static BOUND_TEXT_SIZE], const struct bound *b)
{
    snprintf(out, BOUND_TEXT_SIZE,
             "at most %u MiB (connections %u, replies %u, fetches %u, store %u, the rest %u)",
             mib(b->total), mib(b->connections), mib(b->streams), mib(b->fetches), mib(b->store),
             mib(b->rest));
    return out;
}
