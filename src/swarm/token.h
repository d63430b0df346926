/* SPDX-License-Identifier: MIT */
/* A swarm's token: one line that makes a machine a member. It is the secret itself, so it is kept
 * in a file of mode 0600, and what people paste is that file's only line.
 *
 *     ddm1_<base64url of what follows, without padding>
 *
 *     0 ┌────────────────────────┐
 *       │ keys, 1 or 2         1 │     a key    secret 32, ends 8
 *     1 ├────────────────────────┤     ends     s since 1970, little endian; 0: never
 *       │ the keys, newest first │     text     length 1, HOST:PORT of printable ASCII
 *       ├────────────────────────┤
 *       │ trackers, 0 to 8     1 │
 *       │ a text for each        │
 *       ├────────────────────────┤
 *       │ checksum             4 │     the first bytes of the SHA-256 of all before it
 *       └────────────────────────┘
 *
 * Two keys: the swarm is getting another one. The first is the new one and never ends; the second
 * is the old one, which still counts until it ends. */
#ifndef DDM_SWARM_TOKEN_H
#define DDM_SWARM_TOKEN_H

#include "base/address.h"
#include "ddm/ddm.h"
#include "io/tls.h"

#define TOKEN_TRACKERS    8
#define TOKEN_MAX         2851 /* characters of the longest one */
#define TOKEN_ADDRESS_MAX 255  /* characters of one, as its length is a byte */
#define TOKEN_PREFIX      "ddm1_"

struct token {
    struct tls_key keys[TLS_KEYS];
    size_t key_count; /* 1 or 2 */
    struct address trackers[TOKEN_TRACKERS];
    size_t tracker_count;
};

/* Reads a token; white space in it, which a terminal or a mail may have put there, does not count.
 * -DDM_E_USAGE with what is wrong, which never quotes it: no token, of a newer version, cut off,
 * mistyped. `ret` is untouched then. */
int token_parse(struct token *ret, const char *text, struct ddm_error *err);
/* The token as text, malloc'ed; NULL without memory, or where an address is longer than 255. */
char *token_format(const struct token *token);
/* Wipes the secrets. */
void token_clear(struct token *token);

/* A key that never ends. -DDM_E_FAIL where the system gives no random numbers. */
int token_new_key(struct tls_key *ret, struct ddm_error *err);
/* Another key; the newest so far counts until `ends` (s since 1970), and stays in the token after
 * that, so that a machine that slept meanwhile knows its swarm. An older one is forgotten.
 * -DDM_E_FAIL as above. */
int token_rotate(struct token *token, int64_t ends, struct ddm_error *err);

/* What another token is to the own one. */
enum token_kin {
    TOKEN_FOREIGN, /* of another swarm, or of this one after a key that we have never heard of */
    TOKEN_SAME,    /* its newest key is ours */
    TOKEN_NEWER,   /* it knows a key after ours */
    TOKEN_OLDER,   /* its newest key is our old one */
};
enum token_kin token_compare(const struct token *own, const struct token *other);

#endif
