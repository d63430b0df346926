/* SPDX-License-Identifier: MIT */
/* Message digests. The only file that knows GnuTLS's hashes. */
#ifndef DDM_IO_DIGEST_H
#define DDM_IO_DIGEST_H

#include "ddm/ddm.h"

#define DIGEST_HEX_SIZE (2 * 64 + 1) /* of the longest one, SHA-512 */

struct digest;

/* An algorithm's name as it is written here, "sha-256" for "SHA256"; NULL for another one. */
const char *digest_name(const char *algorithm);

/* `algorithm`: "sha-256", "sha-512", "sha-1", "md5" (also without the dash, any case). -1 for
 * another one. */
int digest_new(struct digest **ret, const char *algorithm);
int digest_update(struct digest *digest, const void *data, size_t length);
/* Writes lower-case hex and leaves the digest ready for a new message. */
void digest_final(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);
/* The same as the first `length` of its bytes; what is longer than the digest is zero. */
void digest_final_raw(struct digest *digest, unsigned char *raw, size_t length);
/* Forgets the message so far. */
void digest_reset(struct digest *digest);
struct digest *digest_free(struct digest *digest);

/* The digest of one block; `size` bytes of hex at most, NUL included (shorter ones are cut). */
int digest_once(const char *algorithm, const void *data, size_t length, char *hex, size_t size);

/* A digest as headers state it, in base64 (RFC 4648, 4, padded), as lower-case hex. -1 where the
 * algorithm is not known, the text is not base64, or not as long as such a digest, or the hex does
 * not fit; `hex` is untouched then. */
int digest_base64_to_hex(const char *algorithm, const char *text, size_t length, char *hex,
                         size_t size);

/* Random bytes for ids and jitter; 0 or -1. */
int digest_random(void *data, size_t length);

/* Takes "ALGO=HEX" apart: checks that the algorithm is known and that the hex has its length, and
 * writes the hex in lower case. -DDM_E_USAGE and why. */
int digest_parse(const char *text, char algorithm[static 16], char hex[static DIGEST_HEX_SIZE],
                 struct ddm_error *err);

#endif
