/* SPDX-License-Identifier: MIT */
/* From origins to readers, through the store:
 *
 *     origin ──fill──▶ store (valid set) ──reader──▶ HTTP reply
 *
 * An object is one version of one URL. A *fill* is one fetch from the origin: it writes at its
 * watermark. A *reader* is one request: it reads what is valid at its position; where nothing is,
 * it waits for a fill that is about to come there, or starts one. So a cached, a half-fetched and
 * a new range, one reader or fifty, are the same code, and requests for the same bytes at the same
 * time cost one fetch.
 *
 * With a cache (cache.h) the disk is one more way how bytes come to a reader: what was fetched is
 * kept there, and a *load* brings it back into the store, as far as its checksums are right.
 *
 * Back-pressure: a fill pauses when it is a window ahead of its foremost reader; a reader that
 * stays behind finds its bytes in the store or, where they had to go, starts a fill of its own.
 * A fill that nobody waits for is cancelled, and so is its connection, unless it is nearly done.
 *
 * Uplinks: a reader takes bytes that are there, whatever way they came, but waits only for a fill
 * over the uplink that it asked for: a client that asks for a range over two of them wants to have
 * both at work.
 *
 * Objects without a validator serve one request, and others only while they are being filled, over
 * the same uplink, with the very bytes that those want: nothing could tell two versions apart. */
#ifndef DDM_PEER_RELAY_H
#define DDM_PEER_RELAY_H

#include "io/fetch.h"
#include "io/httpd.h"
#include "swarm/messages.h"
#include "swarm/policy.h"

struct cache;
struct relay;

struct relay_counters {
    uint64_t requests; /* so far */
    uint64_t served;   /* bytes to readers */
    uint64_t fetched;  /* bytes from origins */
    uint64_t rate;     /* from origins, now, bytes/s */
    uint64_t stored, store_limit;
    uint64_t hits;   /* requests whose first byte was there */
    uint32_t active; /* readers */
    uint32_t places; /* for readers */
    uint32_t clients;
};

struct relay_config {
    struct fetcher *fetcher;
    const struct policy *policy;
    uint64_t memory; /* bound of the store, bytes */
    /* The uplinks, NULL at the end, which must stay; NULL: one, the kernel's choice. */
    const char *const *interfaces;
    const char *proxy; /* URL, must stay; NULL: none */
    /* Bytes/s from origins, and to readers; 0: no limit. Shared evenly among clients. */
    uint64_t limit_rate, limit_rate_lan;
    struct loop *loop;
    struct cache *cache; /* must stay; NULL: none */
    /* Parameters that only sign, see object_key.h; NULL: those that are known. Must stay. */
    const char *const *signing;
};

/* What socket_check_interfaces() says of the interfaces. */
int relay_new(struct relay **ret, const struct relay_config *config, struct ddm_error *err);
struct relay *relay_free(struct relay *relay); /* after the server that its readers hang on */

/* Puts the number of uplinks into the head of a reply, whatever that will be. */
void relay_tell_uplinks(const struct relay *relay, struct httpd_request *request);

/* Answers a request with 206 and the bytes as they come, or with a JSON error. */
void relay_serve(struct relay *relay, struct httpd_request *request,
                 const struct message_fetch *wanted);

/* Nothing is fetched any more, until it may again; what is there is still served. */
void relay_hold(struct relay *relay, bool hold);
/* Answers a request for the ranges that are held of an object: JSON with size, etag, last_modified
 * and ranges, in order, each a pair of begin and end; 404 where there is nothing. */
void relay_serve_held(struct relay *relay, struct httpd_request *request, const char *key);

/* What its uplinks together can do, as it is told to trackers, bytes/s; 0: not known yet. */
uint64_t relay_tell_rate(struct relay *relay);

void relay_count(const struct relay *relay, struct relay_counters *ret);

#endif
