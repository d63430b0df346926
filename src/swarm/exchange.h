/* SPDX-License-Identifier: MIT */
/* One small request and its whole reply: what the announcer and the lister are made of. */
#ifndef DDM_SWARM_EXCHANGE_H
#define DDM_SWARM_EXCHANGE_H

#include "base/address.h"
#include "io/fetch.h"

struct exchange;

struct exchange_reply {
    long status;      /* 0: no reply came */
    const char *body; /* with a NUL behind; of a reply that came in full */
    size_t length;
    const char *why; /* NULL for a 2xx; else what went wrong, for people */
};
typedef void exchange_fn(void *arg, const struct exchange_reply *reply);

/* Starts it. `path` begins with '/'; `body` is JSON or NULL; both are copied. A reply of more than
 * `limit` bytes counts as a failure, and so does one that takes longer than `timeout` (ns). `done`
 * is called once, later, unless the exchange is freed before. */
int exchange_new(struct exchange **ret, struct fetcher *fetcher, const struct address *at,
                 const char *method, const char *path, const char *body, size_t limit,
                 int64_t timeout, exchange_fn *done, void *arg, struct ddm_error *err);
/* The same for any request, to any server: its whole reply in memory. What `request` points to must
 * stay until `done` (but for the URL); its `allow` is given `arg`. */
int exchange_get(struct exchange **ret, struct fetcher *fetcher,
                 const struct fetch_request *request, size_t limit, exchange_fn *done, void *arg,
                 struct ddm_error *err);
/* NULL allowed; also from within `done`. */
struct exchange *exchange_free(struct exchange *exchange);

#endif
