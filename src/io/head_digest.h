/* SPDX-License-Identifier: MIT */
/* Digests that the headers of a reply state, for head.c. Untrusted bytes.
 *
 *     header                                    digest is of   source
 *     Repr-Digest: sha-256=:BASE64:             the file       RFC 9530
 *     Content-Digest: sha-256=:BASE64:          the body       RFC 9530
 *     Digest: SHA-256=BASE64,MD5=BASE64         the file       RFC 3230
 *     Content-MD5: BASE64                       the body       RFC 1864
 *     x-goog-hash: crc32c=…,md5=BASE64          the file       Google Cloud Storage
 *     x-amz-checksum-sha256: BASE64             the file       Amazon S3; not with "-N" behind it,
 *                                                              nor with x-amz-checksum-type:
 *                                                              COMPOSITE (a digest of digests)
 *
 * Two that differ for one algorithm (and the same bytes) are both dropped, whatever comes later. An
 * x-goog-hash is dropped, too, where x-goog-stored-content-encoding says that it is of an encoded
 * file, which the store may have decoded on its way. */
#ifndef DDM_IO_HEAD_DIGEST_H
#define DDM_IO_HEAD_DIGEST_H

#include "io/fetch.h"

/* One header; false if it is none of these. */
bool head_digest_line(struct fetch_head *head, const char *name, size_t name_length,
                      const char *value, size_t length);

#endif
