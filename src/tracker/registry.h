/* SPDX-License-Identifier: MIT */
/* The peers that a tracker knows. Pure: no socket, file, thread or clock; time (ns of any clock
 * that does not go back) comes in as an argument.
 *
 * A peer is its id. It is alive until `ttl` has passed since its last announce; from then on no
 * list shows it, and registry_expire takes it out. One address:port belongs to one id: a peer that
 * comes back under a new id takes the place of the old one. */
#ifndef DDM_TRACKER_REGISTRY_H
#define DDM_TRACKER_REGISTRY_H

#include "swarm/messages.h"

#define REGISTRY_MAX_PEERS     10000
#define REGISTRY_MAX_REPORTERS 16 /* of one peer; who comes later is not counted */
#define REGISTRY_ALL           SIZE_MAX

struct registry;

struct registry *registry_new(int64_t ttl);                /* NULL without memory */
struct registry *registry_free(struct registry *registry); /* NULL allowed; returns NULL */

/* What an announce changed. */
struct registry_news {
    bool joined; /* it was not there before */
    bool moved;  /* it was, at another address */
    struct address at;
    char replaced[MESSAGE_ID_SIZE]; /* id whose address it took over; empty: none */
};

/* A peer announces itself. Clients reach it at announce->address, or at `remote` (the address that
 * it connects from) where it advertises none; the port is the announced one. Returns 0; -1 without
 * room (REGISTRY_MAX_PEERS are alive) or memory, nothing changed but that dead peers may be gone.
 */
int registry_announce(struct registry *registry, const char *id,
                      const struct message_announce *announce, const char *remote, int64_t now,
                      struct registry_news *ret_news);

/* Takes a peer out. False where it is not there; *ret_at (may be NULL) says where it was. */
bool registry_remove(struct registry *registry, const char *id, struct address *ret_at);

/* Somebody at the address `reporter` (a number) says that this peer gave wrong bytes. Each address
 * counts once, until the peer leaves or dies; *ret_new tells whether this one did, and *ret_peer
 * what is known of the peer now. False where it is not there, or there is no memory. */
bool registry_report(struct registry *registry, const char *id, const char *reporter, int64_t now,
                     bool *ret_new, struct message_peer *ret_peer);

/* Takes out one peer that is not alive any more and says which; false where there is none (left).
 */
bool registry_expire(struct registry *registry, int64_t now, struct message_peer *ret);

/* The number of peers that are alive. */
size_t registry_count(const struct registry *registry, int64_t now);

/* The most memory that it needs, with one list of all of them; bytes. */
size_t registry_memory(void);

/* At most `limit` of the peers that are alive, as a malloc'ed array (never NULL with 0). With an
 * object key: in the order of a hash of key and id (rendezvous), so that all who ask for one object
 * get the same ones, and a peer that comes or goes changes at most one place; without (NULL): in
 * the order of their ids. -1 without memory. */
int registry_list(const struct registry *registry, const char *object_key, size_t limit,
                  int64_t now, struct message_peer **ret, size_t *ret_count);

#endif
