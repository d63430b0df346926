/* SPDX-License-Identifier: MIT */
/* The fluid bound: how soon the bytes could all be there if every link brought what it can from the
 * first instant to the last, without latency, slow start or requests. */
#ifndef DDM_TESTS_SIM_BOUND_H
#define DDM_TESTS_SIM_BOUND_H

#include "world.h"

/* Bytes/s that a world offers at a time: links behind what they share, liars not counted. */
double bound_capacity(const struct world *world, int64_t time);

/* When the last byte could come, ns; NEVER if it cannot. With a window, no more than that may lie
 * between what came and what the consumer has read. */
int64_t bound_time(const struct world *world, uint64_t size);

/* The same for whoever has to ask first: nothing comes over a link before the probe was answered
 * and its own connections were opened, and these start slowly. No planner gets below; the
 * difference to the bound is what latency costs. An estimate, in steps of 10 ms, without the
 * window. */
int64_t bound_floor(const struct world *world, uint64_t size);

/* The size that could be there at a time: the inverse. */
uint64_t bound_size(const struct world *world, int64_t time);

#endif
