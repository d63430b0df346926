/* SPDX-License-Identifier: MIT */
/* What the relay's files share: fills (relay_fill.c) below objects (relay_object.c) below readers
 * (relay.c). */
#ifndef DDM_PEER_RELAY_INTERNAL_H
#define DDM_PEER_RELAY_INTERNAL_H

#include "io/store.h"
#include "peer/admission.h"
#include "peer/cache.h"
#include "peer/gate.h"
#include "peer/relay.h"
#include "plan/estimate.h"
#include "plan/rate.h"

struct relay_uplink {
    const char *interface; /* NULL: the kernel's choice */
    unsigned failures;     /* tries to connect, in a row, that were in vain */
};

struct relay {
    struct relay_uplink uplinks[DDM_INTERFACES_MAX];
    unsigned uplink_count; /* 1 at least */
    struct fetcher *fetcher;
    const struct policy *policy;
    const char *proxy; /* "": none */
    struct gate *gate; /* of the proxy; NULL: none */
    struct store *store;
    struct cache *cache; /* NULL: none */
    const char *const *signing;
    char *block;         /* STORE_CELL bytes, on their way to the cache */
    struct list objects; /* used longest ago first */
    unsigned idle;       /* objects that have neither readers nor fills */
    unsigned readers;
    bool starved; /* a fill had no room in the store */
    uint64_t memory;
    uint64_t requests, served, fetched, hits;
    struct rate rate;
    struct estimate estimate; /* of the uplinks together */
    struct admission *admission;
    struct turns *uplink_turns, *lan_turns;
};

struct relay_object {
    struct list link;
    struct relay *relay;
    char *url;           /* of the first request */
    char *headers;       /* for the origin, as the request has them: a part of what it is */
    char **header_lines; /* the same as a list */
    struct fetch_profile profile;
    char etag[FETCH_ETAG_SIZE], last_modified[64]; /* what requests name; empty: private */
    uint64_t size;                                 /* DDM_SIZE_UNKNOWN before a head came */
    bool known;                                    /* a head came and was right */
    char origin_etag[FETCH_ETAG_SIZE], origin_modified[64];
    struct store_object *bytes;
    char key[OBJECT_KEY_SIZE]; /* what others may call it; empty: it is nobody else's */
    struct cache_object *disk; /* while it is used and has a key; NULL: nothing is on disk */
    struct list fills, loads, readers;
    bool idle;
    bool held; /* somebody walks over the readers: do not settle */
};

struct relay_reader {
    struct list link;
    struct relay_object *object;
    struct httpd_request *request;
    char *url; /* as it was asked with: others may have signed it otherwise, or not at all */
    struct store_reader at; /* position in the object */
    uint64_t begin, end;
    unsigned uplink; /* that it asked for */
    bool replied;
    bool failed; /* the connection shall be cut */
    struct admission_client *client;
    struct turn turn; /* of the LAN */
    int64_t read_at;  /* when it was last ready for more */
};

/* Finds or makes the object of a request. NULL without memory. */
struct relay_object *relay_object_get(struct relay *relay, const struct message_fetch *wanted);
/* Its size is known: gives it the key that it has then, and opens what is on disk. */
void relay_object_name(struct relay_object *object);
/* After a reader left: cancels fills that nobody needs, lets the object go where nothing is left.
 */
void relay_object_settle(struct relay_object *object);
void relay_object_free(struct relay_object *object);
/* Nothing tells two versions of it apart, so it serves one request, and those for the very bytes
 * that it is being filled with, over the same uplink. */
bool relay_is_private(const struct relay_object *object);

/* Sees to it that bytes come to a reader's position over the uplink that it asked for: finds a fill
 * on its way there or starts one. -1 where none can be started. */
int relay_fill_ensure(struct relay_object *object, const struct relay_reader *reader);
/* Whether one of the fills of an object brings, or has just brought, what is wanted. */
bool relay_fill_brings(const struct relay_object *object, const struct message_fetch *wanted);
/* Gives up the fills that no reader will come to. */
void relay_fills_settle(struct relay_object *object);
void relay_fills_free(struct relay_object *object);
/* Whether the fill that comes to a reader's position over its uplink has had its head. */
bool relay_fill_answered(const struct relay_object *object, const struct relay_reader *reader);
/* Readers have moved: fills that had paused may go on. */
void relay_fill_wake(struct relay_object *object);

/* ---- the disk; relay_disk.c ---- */

/* The object is used from now on, and is what it is: opens what is on disk of it. */
void relay_disk_open(struct relay_object *object);
void relay_disk_close(struct relay_object *object);
/* Whether the byte at a position is on disk, and what the reply says is known. */
bool relay_disk_has(const struct relay_object *object, uint64_t position);
/* Whether bytes come to a position from the disk, or it is not known yet whether they do. Starts a
 * load where it takes one. */
bool relay_disk_ensure(struct relay_object *object, uint64_t position);
/* A reader has come to a position: loads what comes next, in good time. */
void relay_disk_ahead(struct relay_object *object, uint64_t position, uint64_t end);
/* Where what is on disk begins, from `begin` on; `end` where nothing is worth to be waited for. */
uint64_t relay_disk_next(const struct relay_object *object, uint64_t begin, uint64_t end);
/* These bytes, which are in the store, came from the origin: keeps them. */
void relay_disk_save(struct relay_object *object, uint64_t begin, uint64_t end);

/* What is held of an object, in order; the caller releases it. -1 without memory. */
int relay_held(const struct relay_object *object, struct rangeset *ret);
/* Puts into the head of a reply, where the request has asked for it: DDM-Held, what is held;
 * DDM-Others, how many other requests for the object are being served; DDM-Rate, what the uplinks
 * can do, bytes/s, where that is known. */
void relay_tell_held(const struct relay_reader *reader);

/* It is known what is on disk: readers that wait for that go on. */
void relay_readers_opened(struct relay_object *object);

/* So many bytes came from an origin. */
void relay_see_rate(struct relay *relay, uint64_t bytes);

/* What happens to readers; relay.c. A fill's head was right: those that wait for bytes in the range
 * that it asked for get their replies. */
void relay_readers_known(struct relay_object *object, uint64_t begin, uint64_t end);
void relay_readers_wake(struct relay_object *object, uint64_t begin, uint64_t end);
/* Fails those that asked for `uplink` and wait for bytes in [position, end), which a fill over it
 * could not bring with that URL. Who has asked with another one gets a fill of its own. */
struct relay_failure {
    unsigned status;  /* of our reply */
    const char *code; /* for scripts */
    const char *message;
    long origin_status;
    int64_t retry_after;
};
void relay_readers_fail(struct relay_object *object, uint64_t position, uint64_t end,
                        unsigned uplink, const char *url, const struct relay_failure *failure);

#endif
