/* SPDX-License-Identifier: MIT */
/* One file of a Metalink while it is read, for metalink.c: what the document says of it comes in
 * any order, and the file that comes out keeps what metalink.h promises. Untrusted values. */
#ifndef DDM_IO_METALINK_FILE_H
#define DDM_IO_METALINK_FILE_H

#include "io/digest_kind.h"
#include "io/metalink.h"

/* Hashes of pieces by one algorithm. */
struct metalink_list {
    bool any, bad;
    uint64_t piece_length;
    size_t stride; /* of `hexes`, with NUL */
    char *hexes;
    uint64_t *numbers; /* which piece each of them is of */
    size_t count, room;
};

struct metalink_draft {
    char *name;
    char *urls[METALINK_MAX_URLS]; /* by rank, best first */
    unsigned ranks[METALINK_MAX_URLS];
    size_t url_count;
    uint64_t size;
    bool size_any, size_clash;
    struct {
        bool any, clash;
        char hex[DIGEST_HEX_SIZE];
    } hashes[DIGEST_KINDS];
    struct metalink_list lists[DIGEST_KINDS];
    struct metalink_list *list; /* the one that is being read, NULL: none */
    int list_kind;
};

/* All of these return 0, or -1 without memory; a value that is not valid is left out. `name` may be
 * NULL. A draft that is all zero is empty. */
int metalink_draft_begin(struct metalink_draft *draft, const char *name);
void metalink_draft_size(struct metalink_draft *draft, const char *text, size_t length);
void metalink_draft_hash(struct metalink_draft *draft, int kind, const char *text, size_t length);
/* `rank`: the lowest is the best; of equal ones the first. */
int metalink_draft_url(struct metalink_draft *draft, const char *url, unsigned rank);

/* A list of pieces: of two by one algorithm the first counts. `number`: NULL where it is the next
 * one. */
void metalink_draft_list(struct metalink_draft *draft, int kind, const char *piece_length);
int metalink_draft_piece(struct metalink_draft *draft, const char *number, const char *text,
                         size_t length);

/* What has come out; the draft is empty again. A file without URLs is one with url_count 0. */
int metalink_draft_finish(struct metalink_draft *draft, struct metalink_file *ret);
void metalink_draft_clear(struct metalink_draft *draft);

void metalink_file_clear(struct metalink_file *file);

#endif
