/* SPDX-License-Identifier: MIT */
/* Link headers (RFC 8288) as far as RFC 6249 (Metalink/HTTP) uses them. Untrusted bytes. */
#ifndef DDM_IO_LINK_H
#define DDM_IO_LINK_H

#include <stdbool.h>

struct link {
    char url[2048];    /* as it stands there: may be relative, see url_resolve */
    char relation[32]; /* "duplicate", "describedby": in lower case; of several the first that is
                        * one of these */
    char type[64];     /* "application/metalink4+xml"; empty: not said */
    unsigned priority; /* pri=, 1 (best) to 999999; 999999: not said */
};

/* The next link of `*cursor` (fetch_head.links at first) that is a duplicate or a describedby;
 * moves the cursor behind it. False at the end. */
bool link_next(const char **cursor, struct link *ret);

#endif
