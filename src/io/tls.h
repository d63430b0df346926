/* SPDX-License-Identifier: MIT */
/* TLS between the machines of a swarm. With digest.c all that knows GnuTLS.
 *
 *     swarm key ──HKDF──▶ Ed25519 CA, the same on all machines
 *                           └─signs─▶ certificate of this node: its names are the node id and "ddm"
 *
 * TLS 1.3 only (RFC 8446), certificates on both sides, AES-GCM first: the server chooses, for
 * ChaCha20 is several times slower where there is AES in hardware. Whoever has the key can issue
 * any certificate: names keep nodes apart, the key keeps strangers out.
 *
 * The files in the folder are of mode 0600, so that curl and Prometheus can use them, too:
 *
 *     node.key  the node's own secret key, made once     (PEM, PKCS #8)
 *     node.crt  its certificate; a new one is put in its place before it ends
 *     ca.crt    the CA, or two while the swarm changes its key
 *
 * With two keys the old one signs until it ends, for who does not know the new one yet must believe
 * it; both are believed. */
#ifndef DDM_IO_TLS_H
#define DDM_IO_TLS_H

#include "ddm/ddm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_SECRET_SIZE      32
#define TLS_KEYS             2
#define TLS_NAME_SIZE        72 /* of a node id, with the NUL */
#define TLS_FINGERPRINT_SIZE 65
#define TLS_ANY_MEMBER       "ddm" /* a name that each certificate has */

struct tls_key {
    unsigned char secret[TLS_SECRET_SIZE];
    int64_t ends; /* s since 1970; 0: never */
};

/* The files of a node, for clients. They live as long as the node. */
struct tls_files {
    const char *certificate, *key, *ca;
};

struct tls_node;

/* Makes what is missing in the folder, which is made, too, and keeps `keys` (one or two, newest
 * first). -DDM_E_DISK where it cannot be written, -DDM_E_PERMISSION where what is there cannot be
 * used. */
int tls_node_new(struct tls_node **ret, const char *folder, const char *node_id,
                 const struct tls_key *keys, size_t key_count, struct ddm_error *err);
/* After a while, or with other keys: what is about to end is made anew, and counts for connections
 * from now on. Cheap where there is nothing to do. */
int tls_node_update(struct tls_node *node, const struct tls_key *keys, size_t key_count,
                    struct ddm_error *err);
struct tls_node *tls_node_free(struct tls_node *node); /* NULL allowed, returns NULL */

const struct tls_files *tls_node_files(const struct tls_node *node);
int64_t tls_node_expires(const struct tls_node *node); /* s since 1970 */

/* What tells two swarms apart without telling the key: SHA-256 of the CA's public key, in hex. 0 or
 * -DDM_E_FAIL. */
int tls_fingerprint(char out[static TLS_FINGERPRINT_SIZE], const struct tls_key *key);

/* ---- servers ---- */

/* Certificate and key as PEM, for whoever wants to have them before the first connection. They
 * belong to the node. */
const char *tls_node_certificate_pem(const struct tls_node *node);
const char *tls_node_key_pem(const struct tls_node *node);
/* Prepares a server's session before its handshake: versions, ciphers, certificate, tickets, and
 * that the other side must show a certificate of the swarm. `session` is a gnutls_session_t. */
int tls_node_serve(struct tls_node *node, void *session);
/* The node id at the other end of a session whose handshake is through; NULL where its certificate
 * has ended since, or its key does not count any more. */
const char *tls_node_member(struct tls_node *node, void *session, char out[static TLS_NAME_SIZE]);

#endif
