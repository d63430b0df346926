/* SPDX-License-Identifier: MIT */
/* The digests that DDM knows, as others spell them, strongest first. A kind is a number below
 * DIGEST_KINDS, or -1: none of these. */
#ifndef DDM_IO_DIGEST_KIND_H
#define DDM_IO_DIGEST_KIND_H

#include "io/digest.h"

#define DIGEST_KINDS 4 /* sha-512, sha-256, sha-1, md5 */

/* From a word in any case: "sha-256", "SHA256", "SHA2-256"; "SHA" is SHA-1 (RFC 3230, RFC 9530). */
int digest_kind(const char *word, size_t length);

/* From the number of hex digits. */
int digest_kind_of_digits(size_t digits);

/* As digest_new takes it. */
const char *digest_kind_name(int kind);

/* Copies hex in lower case if it is a digest of this kind: these digits and no others. */
bool digest_kind_hex(int kind, const char *text, size_t length, char hex[static DIGEST_HEX_SIZE]);

#endif
