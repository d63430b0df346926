/* SPDX-License-Identifier: MIT */
/* What a peer holds of an object, as it tells it: GET /v1/objects/{key} in full, DDM-Held in the
 * head of a reply in short. */
#ifndef DDM_SWARM_MESSAGE_HELD_H
#define DDM_SWARM_MESSAGE_HELD_H

#include "plan/rangeset.h"

/* {"size": …, "ranges": [[begin, end], …]} and more: the ranges, added to `ret`; of others than an
 * object of `size` bytes none. -1 where it is not that, or without memory. */
int message_held_decode(struct rangeset *ret, uint64_t size, const char *json, size_t length);
/* "begin-end,begin-end": those that can be read, up to `size`. -1 without memory. */
int message_held_short(struct rangeset *ret, uint64_t size, const char *text);

#endif
