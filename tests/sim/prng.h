/* SPDX-License-Identifier: MIT */
/* Random numbers that a seed repeats on every machine (splitmix64). */
#ifndef DDM_TESTS_SIM_PRNG_H
#define DDM_TESTS_SIM_PRNG_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded; any state is a good one. */
struct prng {
    uint64_t state;
};

static inline uint64_t prng_next(struct prng *prng)
{
    uint64_t z = prng->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* In [low, high). */
static inline double prng_between(struct prng *prng, double low, double high)
{
    return low + (high - low) * (double)(prng_next(prng) >> 11) * 0x1p-53;
}

/* The same, each factor of two as likely as the next. */
static inline double prng_log_between(struct prng *prng, double low, double high)
{
    return low * exp(prng_between(prng, 0, log(high / low)));
}

static inline double prng_exponential(struct prng *prng, double mean)
{
    return -mean * log(1 - prng_between(prng, 0, 1));
}

static inline bool prng_chance(struct prng *prng, double probability)
{
    return prng_between(prng, 0, 1) < probability;
}

static inline unsigned prng_below(struct prng *prng, unsigned limit)
{
    return (unsigned)prng_between(prng, 0, limit);
}

#endif
