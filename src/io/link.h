/* SPDX-License-Identifier: MIT */
/* Link headers (RFC 8288) as far as RFC 6249 (Metalink/HTTP) uses them. Untrusted bytes.
 *
 *     <URL> ; rel="duplicate" ; pri=1 , <URL> ; rel=describedby ; type="application/metalink4+xml"
 *     └───────── a link ────────────┘ │ └───────────────────────── the next one ────────────────┘
 *                                     └ ends at the first comma that stands in no <> and no ""
 *
 * Where a < or a " is never closed, a link ends at the comma before the next <, so that a bad one
 * does not take the others with it. */
#ifndef DDM_IO_LINK_H
#define DDM_IO_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    char url[2048];    /* as it stands there: may be relative, see url_resolve */
    char relation[32]; /* "duplicate", "describedby": in lower case; of several the first that is
                        * one of these */
    char type[64];     /* "application/metalink4+xml", in lower case; empty: not said. What is
                        * longer is cut */
    unsigned priority; /* pri=, 1 (best) to 999999; 999999: not said */
};

/* The next link of `*cursor` (fetch_head.links at first) that is a duplicate or a describedby of
 * what was fetched (one with an anchor is about something else); moves the cursor behind it. False
 * at the end. */
bool link_next(const char **cursor, struct link *ret);

/* The length of the first link of a text, without the comma behind it. `ret_closed` (may be NULL):
 * false if it has a < or a " that is never closed. */
size_t link_length(const char *text, size_t length, bool *ret_closed);

#endif
