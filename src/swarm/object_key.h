/* SPDX-License-Identifier: MIT */
/* The name of an object between machines: a digest of URL, size and validator. Who asks for one and
 * who holds it make the same out of the same. */
#ifndef DDM_SWARM_OBJECT_KEY_H
#define DDM_SWARM_OBJECT_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define OBJECT_KEY_SIZE 65 /* hex of a SHA-256, with NUL */

/* Query parameters that only prove that one may have a file (of Amazon, Google, Azure, Alibaba,
 * Akamai, CloudFront): they are another text each time, and the file is the same. A name that ends
 * with '*' stands for all that begin so; case does not count. */
#define OBJECT_SIGNING_PARAMETERS                                                                  \
    "X-Amz-*,X-Goog-*,X-Oss-*,AWSAccessKeyId,GoogleAccessId,OSSAccessKeyId,Expires,Signature,"     \
    "Key-Pair-Id,Policy,token,hdnea,hdnts,sig,se,sp,sv,sr,st,spr,sks,skt,ske,skv,skoid,sktid"

/* The URL without its fragment, and without the parameters that only sign (`signing`: their names,
 * NULL at the end; NULL: those above). malloc'ed; NULL without memory. */
char *object_url(const char *url, const char *const *signing);

/* False, and nothing, for what has no name: without a size; without something that tells versions
 * apart byte for byte (a strong ETag, else Last-Modified); a URL with a login. What only signs is
 * left out of the URL where the ETag is strong. Also false without memory. */
bool object_key(char ret[static OBJECT_KEY_SIZE], const char *url, uint64_t size, const char *etag,
                const char *last_modified, const char *const *signing);
/* Whether text could be one. */
bool object_key_valid(const char *text);

#endif
