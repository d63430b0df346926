/* SPDX-License-Identifier: MIT */
/* The JSON that goes between machines, each message as a struct with an encoder and a strict
 * decoder. The only file in the swarm that knows jansson.
 *
 * Decoders take untrusted bytes: they check types, bounds and control characters, ignore fields
 * that they do not know, and leave *ret alone on failure (-DDM_E_USAGE and why, in one line).
 * Encoders return malloc'ed text, or NULL without memory (or where a field is not valid UTF-8 or
 * above INT64_MAX, which JSON could not carry). */
#ifndef DDM_SWARM_MESSAGES_H
#define DDM_SWARM_MESSAGES_H

#include "base/address.h"
#include "ddm/ddm.h"

#define MESSAGE_ID_SIZE      65                /* node and host ids: 1..64 of [A-Za-z0-9_-] */
#define MESSAGE_URL_SIZE     8192              /* with NUL */
#define MESSAGE_HEADERS_SIZE 4096              /* with NUL */
#define MESSAGE_BODY_MAX     (16 * 1024)       /* largest body that a daemon takes */
#define MESSAGE_REPLY_MAX    (4 * 1024 * 1024) /* largest JSON that a client takes */

/* Whether text may stand as a node or host id. */
bool message_id_valid(const char *text);

/* Whether text is UTF-8 without control characters (str_is_control). */
bool message_text_valid(const char *text);

/* {"error": code, "message": message}; control characters in the message become '?'. */
char *message_error(const char *code, const char *message);
/* The same with "status", the origin's own, for 502 and 504, and "retry_after" (ns; in the JSON in
 * seconds, rounded up); 0: left out. */
char *message_origin_error(const char *code, const char *message, long origin_status,
                           int64_t retry_after);
/* Takes an error body apart; false where it is not one. A message that is too long is cut. */
struct message_error {
    char code[64]; /* of [a-z0-9_-] */
    char message[400];
    long origin_status;  /* "status"; 0: none */
    int64_t retry_after; /* ns; from "retry_after", which is in seconds; 0: none */
};
bool message_error_decode(struct message_error *ret, const char *json, size_t length);

/* PUT /v1/peers/{id} */
struct message_announce {
    uint16_t port;
    char host_id[MESSAGE_ID_SIZE];
    char address[ADDRESS_HOST_SIZE]; /* that it advertises; empty: the one it connects from */
    char version[32];
    uint64_t rate; /* of its uplink, bytes/s; 0: not known */
    uint32_t load; /* requests it is serving now */
};
char *message_announce_encode(const struct message_announce *announce);
int message_announce_decode(struct message_announce *ret, const char *json, size_t length,
                            struct ddm_error *err);

/* The answer to it. Seconds. */
struct message_announced {
    uint32_t interval, ttl;
};
char *message_announced_encode(const struct message_announced *announced);
int message_announced_decode(struct message_announced *ret, const char *json, size_t length,
                             struct ddm_error *err);

/* GET /v1/peers: {"peers": [{"id", "address", "port", "host_id", "version", "rate", "load",
 * "age_ms", "reports"}, …]}; one peer as the registry and the clients know it. Decoded,
 * announce.port is at.port and announce.address is empty. */
struct message_peer {
    char id[MESSAGE_ID_SIZE];
    struct address at; /* where clients reach it */
    struct message_announce announce;
    int64_t age;      /* ns since its last heartbeat; whole milliseconds between machines */
    uint32_t reports; /* by so many different machines; 0 where the tracker does not say */
};
char *message_peers_encode(const struct message_peer *peers, size_t count);
/* *ret is malloc'ed and the caller's. Peers that are not valid are left out. */
int message_peers_decode(struct message_peer **ret, size_t *ret_count, const char *json,
                         size_t length, struct ddm_error *err);

/* POST /v1/fetch. What is there of size and validators must match the origin's reply. The decoder
 * takes any URL without spaces and control characters; whether DDM can fetch it is the peer's to
 * check. */
struct message_fetch {
    char url[MESSAGE_URL_SIZE];
    uint64_t begin,
        end; /* as they came, up to INT64_MAX; whoever serves them checks begin < end <= size */
    uint64_t size;  /* >= end; DDM_SIZE_UNKNOWN: not said */
    char etag[256]; /* empty: not said */
    char last_modified[64];
    uint32_t uplink; /* of the peer's, from 0, below DDM_INTERFACES_MAX */
    /* To send to the origin, "Name: value\n" for each, as headers_add() makes it (headers.h); in
     * the JSON an object. Never to be logged. */
    char headers[MESSAGE_HEADERS_SIZE];
};
char *message_fetch_encode(const struct message_fetch *fetch);
int message_fetch_decode(struct message_fetch *ret, const char *json, size_t length,
                         struct ddm_error *err);

/* POST /v1/peers/{id}/reports of a tracker: this peer gave wrong bytes. */
struct message_report {
    char reporter[MESSAGE_ID_SIZE]; /* host id of who says so; anybody could claim it */
    char reason[64];                /* "wrong_bytes"; of [a-z0-9_-] */
};
char *message_report_encode(const struct message_report *report);
int message_report_decode(struct message_report *ret, const char *json, size_t length,
                          struct ddm_error *err);

/* GET /v1/status of a tracker and of a peer: the fields below and "role" ("tracker", "peer");
 * "uptime" in seconds. */
struct message_tracker_status {
    const char *version;
    int64_t uptime; /* ns */
    uint32_t ttl;
    uint64_t reports; /* taken so far; of one machine on one peer only the first counts */
    const struct message_peer *peers;
    size_t peer_count;
    unsigned connections;
    uint64_t memory_limit; /* bytes, of the process */
};
char *message_tracker_status_encode(const struct message_tracker_status *status);
struct message_peer_status {
    const char *version, *host_id;
    const char *const *interfaces; /* its uplinks as it was given them, NULL at the end; or NULL */
    int64_t uptime;
    uint32_t active;           /* requests being served */
    uint64_t requests, served; /* so far: requests; bytes to clients */
    uint64_t fetched;          /* bytes from origins */
    uint64_t rate;             /* of the uplink, now */
    uint64_t stored, store_limit;
    const char *closed; /* why nobody is served now; NULL: they are */
    struct {
        unsigned places, clients, connections, max_connections;
        uint64_t rate, rate_lan; /* bytes/s; 0: none */
        uint64_t memory;         /* bytes, of the process */
    } limits;
    struct message_cache {
        uint64_t bytes, limit, objects; /* on disk, now; limit 0: nothing is kept there */
        uint64_t hits;                  /* requests whose first byte was there, also in memory */
        uint64_t loaded, evicted;       /* bytes from disk; objects */
        uint64_t failed, skipped;       /* checksums; bytes that were not kept */
    } cache;
};
char *message_peer_status_encode(const struct message_peer_status *status);

#endif
