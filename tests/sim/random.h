/* SPDX-License-Identifier: MIT */
/* A world from a seed: nothing extreme, but a bit of everything at once. */
#ifndef DDM_TESTS_SIM_RANDOM_H
#define DDM_TESTS_SIM_RANDOM_H

#include "world.h"

#include <stdio.h>

/* `connections`: the client's cap, 0 for one from the seed. */
void random_world(uint64_t seed, unsigned connections, struct world *ret);

/* What is in any world, for people. */
void world_print(const struct world *world, FILE *to);

#endif
