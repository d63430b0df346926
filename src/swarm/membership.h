/* SPDX-License-Identifier: MIT */
/* What makes this machine a member of a swarm: the token in its state folder, its node id, and the
 * certificate that it issues itself.
 *
 *     FOLDER/swarm.token  the token (see token.h), mode 0600
 *            node.id      the node id: 32 hex digits, made once
 *            node.key …   see io/tls.h
 *
 * Without one (NULL) requests go out as plain HTTP: on this machine, or with --insecure. */
#ifndef DDM_SWARM_MEMBERSHIP_H
#define DDM_SWARM_MEMBERSHIP_H

#include "base/util.h"
#include "io/loop.h"
#include "io/tls.h"
#include "swarm/messages.h"
#include "swarm/token.h"

#define MEMBERSHIP_LOOK (5 * SEC)

struct membership;

/* ---- the token's file: token_file.c ---- */

/* Whether there is a token in the folder; true, too, where it cannot be seen. */
bool membership_exists(const char *folder);
/* The token of the folder. -DDM_E_PERMISSION where there is none, others may read it or write to
 * the folder, or it is broken: the message says what to do. */
int membership_read_token(const char *folder, struct token *ret, struct ddm_error *err);
/* Puts a token there (0600, synced, by rename); makes the folder (0700). -DDM_E_DISK, or
 * -DDM_E_PERMISSION where the system or the folder's mode forbids it. */
int membership_write_token(const char *folder, const struct token *token, struct ddm_error *err);
/* The same where there is none yet; else -DDM_E_PERMISSION. Of several at a time one wins. */
int membership_create_token(const char *folder, const struct token *token, struct ddm_error *err);

/* ---- the membership ---- */

/* Opens it and makes what is missing. Errors as above. */
int membership_open(struct membership **ret, const char *folder, struct ddm_error *err);
/* One process of this node at a time may be the `role`, which is a word; from here on it is this
 * one, until the membership is freed. -DDM_E_USAGE where there is one, -DDM_E_DISK. */
int membership_claim(struct membership *membership, const char *role, struct ddm_error *err);
/* Looks whether the token was changed, and renews the certificate in time; to be called every
 * MEMBERSHIP_LOOK. Errors as above; what counted goes on counting. */
int membership_update(struct membership *membership, struct ddm_error *err);
/* From now on does that by itself; what goes wrong is logged. NULL: no more, before the loop is
 * freed. */
int membership_watch(struct membership *membership, struct loop *loop);
struct membership *membership_free(struct membership *membership); /* NULL allowed, returns NULL */

const char *membership_folder(const struct membership *membership);
const char *membership_node_id(const struct membership *membership);
struct tls_node *membership_tls(const struct membership *membership); /* NULL of NULL */
const struct token *membership_token(const struct membership *membership);

#endif
