/* SPDX-License-Identifier: MIT */
/* A set of byte offsets, kept as sorted, disjoint, non-adjacent half-open ranges [begin, end). */
#ifndef DDM_PLAN_RANGESET_H
#define DDM_PLAN_RANGESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t begin, end; /* begin <= end; empty when equal */
};

static inline uint64_t range_length(struct range r)
{
    return r.end - r.begin;
}

/* Embedded; all zero is the empty set. */
struct rangeset {
    struct range *ranges;
    size_t count, capacity;
    uint64_t total; /* members */
};

void rangeset_release(struct rangeset *set);

/* Room for `count` ranges, so that adding and removing do not fail up to there. -1 without memory.
 */
int rangeset_reserve(struct rangeset *set, size_t count);

/* Adds [begin, end). Returns 0 and, in *ret_added (may be NULL), how many bytes were new; -1
 * without memory, the set unchanged. Neighbours grow together. An empty range adds nothing. */
int rangeset_add(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t *ret_added);

/* Takes [begin, end) out. The same returns; *ret_removed counts bytes that were in. */
int rangeset_remove(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t *ret_removed);

/* Whether all of [begin, end) is in; true for an empty range. */
bool rangeset_contains(const struct rangeset *set, uint64_t begin, uint64_t end);

/* End of the run of members that begins at `offset`; `offset` itself where it is not a member. */
uint64_t rangeset_run_end(const struct rangeset *set, uint64_t offset);

/* The first maximal run of non-members within [begin, end). False where there is none. */
bool rangeset_next_gap(const struct rangeset *set, uint64_t begin, uint64_t end,
                       struct range *ret_gap);

/* The first maximal run of members within [begin, end), cut to it. False where there is none. */
bool rangeset_next_run(const struct rangeset *set, uint64_t begin, uint64_t end,
                       struct range *ret_run);

/* Number of members in all, and within [begin, end). */
uint64_t rangeset_total(const struct rangeset *set);
uint64_t rangeset_count_within(const struct rangeset *set, uint64_t begin, uint64_t end);

#endif
