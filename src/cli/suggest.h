/* SPDX-License-Identifier: MIT */
/* "did you mean …": the nearest of several names to one that was mistyped. */
#ifndef DDM_CLI_SUGGEST_H
#define DDM_CLI_SUGGEST_H

#include "cli/options.h"

/* How many letters must be put in, left out, changed or swapped with their neighbour. Only the
 * first 32 letters of each are looked at. */
unsigned suggest_distance(const char *one, const char *two);

/* Whether a name is so near to what was typed that it is worth suggesting. */
bool suggest_near(unsigned distance, const char *typed);

/* The option of these roles (and places, 0: any) nearest to a name; NULL where none is near. */
const struct option *suggest_option(unsigned roles, unsigned places, const char *typed);

#endif
