/* SPDX-License-Identifier: MIT */
/* The swarm's CA, and certificates that it issues; tls.c and tls_ca.c only. Functions return 0 or
 * one of GnuTLS's negative codes. */
#ifndef DDM_IO_TLS_CA_H
#define DDM_IO_TLS_CA_H

#include "io/tls.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct tls_ca {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
};

/* The same for the same key on every machine, to the byte: Ed25519 (RFC 8032) from a seed that HKDF
 * (RFC 5869) makes of the swarm key, a fixed validity, a serial number out of the public key. */
int tls_ca_derive(struct tls_ca *ret, const unsigned char secret[static TLS_SECRET_SIZE]);
void tls_ca_release(struct tls_ca *ca); /* all zero: nothing to do */

/* A certificate for a node's key, valid from a day before `now` (s since 1970; clocks differ) until
 * `ends`. */
int tls_ca_issue(gnutls_x509_crt_t *ret, const struct tls_ca *ca, gnutls_x509_privkey_t node_key,
                 const char *node_id, int64_t now, int64_t ends);

/* SHA-256 of the public key, `size` bytes of it. */
int tls_ca_key_id(const struct tls_ca *ca, unsigned char *ret, size_t size);

#endif
