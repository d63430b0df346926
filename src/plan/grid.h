/* SPDX-License-Identifier: MIT */
/* The piece grid over an object: the unit of ownership. A piece is next_pow2(size / 1000), at least
 * 1 MiB and at most 16 MiB; the last one may be shorter. All machines that know the size compute
 * the same grid. */
#ifndef DDM_PLAN_GRID_H
#define DDM_PLAN_GRID_H

#include "plan/rangeset.h"

#include <stdint.h>

/* A value: copy it freely. */
struct grid {
    uint64_t size;  /* of the object */
    uint64_t piece; /* bytes, a power of two */
    uint64_t count; /* pieces; 0 for an empty object */
};

struct grid grid_of(uint64_t size);

/* The piece that holds the byte at `offset` (< size). */
uint64_t grid_index(const struct grid *grid, uint64_t offset);

/* The bytes of a piece (< count). */
struct range grid_range(const struct grid *grid, uint64_t index);

#endif
