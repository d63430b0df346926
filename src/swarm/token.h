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

#define TOKEN_TRACKERS 8
#define TOKEN_MAX      2048 /* characters of a token */
#define TOKEN_PREFIX   "ddm1_"

struct token {
    struct tls_key keys[TLS_KEYS];
    size_t key_count; /* 1 or 2 */
    struct address trackers[TOKEN_TRACKERS];
    size_t tracker_count;
};

/* Reads a token; white space around it, and line ends within it that a terminal or a mail put
 * there, do not count. -DDM_E_USAGE with what is wrong: no token, of a newer version, cut off,
 * mistyped. `ret` is untouched then. */
int token_parse(struct token *ret, const char *text, struct ddm_error *err);
/* The token as text, malloc'ed; NULL without memory. */
char *token_format(const struct token *token);
/* Wipes the secrets. */
void token_clear(struct token *token);

#endif
