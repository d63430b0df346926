/* SPDX-License-Identifier: MIT */
/* Stretches of a file, each with the checksum of its bytes: what of it is there, and how to tell
 * whether it still is. Sorted, and no two of them share a byte. */
#ifndef DDM_IO_EXTENTS_H
#define DDM_IO_EXTENTS_H

#include "plan/rangeset.h"

#define EXTENT_SUM_SIZE   16
#define EXTENT_LENGTH_MAX ((uint64_t)128 * 1024)
#define EXTENTS_MAX       (1U << 20) /* in one set */

struct extent {
    uint64_t begin, end;
    unsigned char sum[EXTENT_SUM_SIZE]; /* the first bytes of the SHA-256 */
};

/* Embedded; all zero is none. */
struct extents {
    struct extent *list;
    size_t count, capacity;
    uint64_t total; /* bytes */
};

void extents_release(struct extents *set);
/* Room for `count`. -1 without memory, or above EXTENTS_MAX. */
int extents_reserve(struct extents *set, size_t count);
/* Adds one; those that share a byte with it are taken out. 0; -1 without memory or above
 * EXTENTS_MAX, nothing is changed then. */
int extents_add(struct extents *set, const struct extent *extent);
/* Takes out all that share a byte with [begin, end). */
void extents_remove(struct extents *set, uint64_t begin, uint64_t end);

/* The one that holds the byte at `offset`, or NULL. */
const struct extent *extents_at(const struct extents *set, uint64_t offset);
/* As rangeset_run_end() and rangeset_next_run(). */
uint64_t extents_run_end(const struct extents *set, uint64_t offset);
bool extents_next_run(const struct extents *set, uint64_t begin, uint64_t end, struct range *ret);

/* The checksum of so many bytes. 0; -1 without memory. */
int extent_sum(unsigned char sum[static EXTENT_SUM_SIZE], const void *data, size_t length);

#endif
