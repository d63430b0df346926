/* SPDX-License-Identifier: MIT */
/* Metalink documents: RFC 5854 (version 4, .meta4) and version 3 (.metalink). Untrusted bytes; the
 * only file that knows expat.
 *
 *     version 4                                   version 3
 *     metalink                                    metalink
 *       file name=                                  files
 *         size                                        file name=
 *         hash type=                                    size
 *         pieces length= type=                          verification
 *           hash                                          hash type=
 *         url priority=   (1 is best)                     pieces length= type=
 *                                                           hash piece=
 *                                                       resources
 *                                                         url type= preference=   (100 is best)
 *
 * Elements of other namespaces, and others of these, are passed over. A document with a DTD is
 * refused, so that there are no entities but the five of XML. What a file says twice and in two
 * ways (its size, a hash of one algorithm) counts as not said. */
#ifndef DDM_IO_METALINK_H
#define DDM_IO_METALINK_H

#include "ddm/ddm.h"

#define METALINK_MAX_SIZE   ((size_t)16 * 1024 * 1024) /* of a document */
#define METALINK_MAX_FILES  10000                      /* more are an error */
#define METALINK_MAX_URLS   100     /* of a file, best first; further ones are dropped */
#define METALINK_MAX_PIECES 1000000 /* of a file; a longer list is dropped */
#define METALINK_URL_SIZE   8192    /* with NUL; a longer one is dropped */

struct metalink_hash {
    char algorithm[16]; /* as digest_new takes it */
    char hex[2 * 64 + 1];
};

struct metalink_file {
    char *name;  /* as it stands there: not yet a safe file name; may be empty */
    char **urls; /* by priority, best first; only those that DDM can fetch; NULL at the end */
    size_t url_count;
    uint64_t size; /* 0: not said */
    struct metalink_hash
        *hashes; /* of the whole; only algorithms that DDM knows, strongest first */
    size_t hash_count;
    char piece_algorithm[16]; /* empty: no hashes of pieces */
    uint64_t piece_length;
    char **pieces; /* hex; the strongest algorithm that DDM knows, and a list that is complete; NULL
                    * at the end, and where there is none */
    size_t piece_count;
};

struct metalink {
    struct metalink_file *files;
    size_t count;
};

/* 0, or -DDM_E_USAGE and what is wrong ("line 3: …"). Files without a URL are left out; none left
 * is an error. */
int metalink_parse(struct metalink **ret, const char *text, size_t length, struct ddm_error *err);
struct metalink *metalink_free(struct metalink *metalink); /* NULL allowed; returns NULL */

#endif
