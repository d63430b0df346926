/* SPDX-License-Identifier: MIT */
/* Who owns which piece of an object: an answer that every client finds alone, and all find the
 * same.
 *
 *     piece, node ──hash──▶ u in (0, 1)      cost = -ln(u) / weight of the node
 *     a piece belongs to the node with the least cost that has room left
 *
 * Weighted rendezvous hashing, the logarithmic method of Schindelhauer and Schomaker ("Weighted
 * Distributed Hash Tables", SPAA 2005): a node is best for its share of the pieces, and one that
 * comes or goes changes nothing between the others. Chance alone makes some nodes' shares too
 * large, so that each takes no more than a bound, and what is over goes to the next best (Mirrokni,
 * Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018): OWNER_SLACK more than
 * its share, rounded down; or, where the pieces would not fit then, as little more as lets all be
 * done soonest.
 *
 * The same on every machine: ids and keys are hashed as bytes (FNV-1a, mixed as splitmix64 does),
 * logarithms and weights are integers of a fixed point, and nothing depends on the order of the
 * nodes. Rates become weights in steps of 2^(1/4), that is 19 %: one that wavers by less moves
 * nothing, unless it lies at the edge of a step (whoever announces it should not change its mind
 * for less than a step and a half). Hashing is for planning alone: no secret hangs on it. */
#ifndef DDM_PLAN_OWNER_H
#define DDM_PLAN_OWNER_H

#include "plan/grid.h"

#include <stddef.h>
#include <stdint.h>

#define OWNER_SLACK_DIVISOR 16 /* a 16th above its share */
#define OWNER_PIECES_MAX    16384

/* The grid of ownership: the piece grid, but that of very large objects (from 256 GiB) several
 * pieces go together, so that there are no more than OWNER_PIECES_MAX. */
struct grid owner_grid(uint64_t size);

/* What is hashed of a node, for one object. */
uint64_t owner_hash(const char *object, const char *node);

/* How well a node and a piece go together, any number, all as likely: for choices that no rate
 * should change. */
uint64_t owner_liking(uint64_t hash, uint64_t piece);

/* -log2(u) for the u in (0, 1) that stands behind a liking; 26 fractional bits. */
uint64_t owner_cost(uint64_t liking);

struct owner {
    uint64_t hash; /* owner_hash(); no two the same */
    uint64_t rate; /* of its uplink, as it announced it, bytes/s; 0: not known, then it is taken to
                      be the median of those that are */
};

/* Finds the owner of each of `pieces` (at most OWNER_PIECES_MAX) pieces: ret[piece] is an index
 * into `owners`. `count` is 1 at least. -1 without memory. It takes about 5 ns per piece and owner.
 */
int owner_assign(uint32_t *ret, uint64_t pieces, const struct owner *owners, size_t count);

/* The weight of a rate, in steps: 4 times its binary logarithm, rounded. */
unsigned owner_step(uint64_t rate);

#endif
