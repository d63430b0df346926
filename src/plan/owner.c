/* SPDX-License-Identifier: MIT */
/* In fixed point: logarithms have 26 fractional bits, weights 32, times 16. Which node of two is
 * better is decided by integers, hence the same everywhere. */
#include "plan/owner.h"

#include "base/util.h"

#include <stdlib.h>

#define LOG_BITS  26
#define LOG_STEPS 256
#define STEPS_MOST                                                                                 \
    48 /* below the fastest node: a 4096th of its weight; slower ones get as much                  \
        */
#define TIME_BITS   16
#define WEIGHT_BITS 32

struct grid owner_grid(uint64_t size)
{
    struct grid grid = grid_of(size);
    while (grid.count > OWNER_PIECES_MAX) {
        grid.piece *= 2;
        grid.count = size / grid.piece + (size % grid.piece != 0);
    }
    return grid;
}

/* -- Hashes ------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t fnv(const char *text, uint64_t hash)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash;
}

uint64_t owner_hash(const char *object, const char *node)
{
    uint64_t key = mix(fnv(object, 0xcbf29ce484222325U));
    return mix(fnv(node, key));
}

uint64_t owner_liking(uint64_t hash, uint64_t piece)
{
    return mix(hash + (piece + 1) * 0x9e3779b97f4a7c15U);
}

/* -- Logarithms -------------------------------------------------------------------------------- */

struct logarithms {
    uint32_t table[LOG_STEPS + 1]; /* log2(1 + i / LOG_STEPS) */
};

/* Bit by bit: squaring doubles the logarithm. */
static uint32_t fraction_of_log(uint64_t mantissa)
{
    uint32_t result = 0;
    for (int bit = LOG_BITS - 1; bit >= 0; bit--) {
        mantissa = (mantissa * mantissa) >> 31; /* 1 is 2^31 */
        if (mantissa >> 32) {
            mantissa >>= 1;
            result |= 1U << bit;
        }
    }
    return result;
}

static void make_logarithms(struct logarithms *ret)
{
    for (uint64_t i = 0; i < LOG_STEPS; i++)
        ret->table[i] = fraction_of_log((1ULL << 31) + (i << 23));
    ret->table[LOG_STEPS] = 1U << LOG_BITS;
}

/* -log2(u), where u is hash / 2^64; a line between the steps of the table. */
static uint64_t cost_of_hash(const struct logarithms *logs, uint64_t hash)
{
    hash |= 1;
    unsigned zeros = (unsigned)__builtin_clzll(hash);
    uint64_t fraction = hash << zeros << 1; /* behind the leading one */
    uint32_t step = (uint32_t)(fraction >> 56), within = (uint32_t)(fraction >> 40) & 0xffff;
    uint64_t low = logs->table[step], high = logs->table[step + 1];
    uint64_t log = low + (((high - low) * within) >> 16);
    return ((uint64_t)(zeros + 1) << LOG_BITS) - log;
}

uint64_t owner_cost(uint64_t liking)
{
    liking |= 1;
    unsigned zeros = (unsigned)__builtin_clzll(liking);
    return ((uint64_t)(zeros + 1) << LOG_BITS) - fraction_of_log(liking << zeros >> 32);
}

/* -- Weights ----------------------------------------------------------------------------------- */

unsigned owner_step(uint64_t rate)
{
    /* 2^(1/8), 2^(3/8), 2^(5/8), 2^(7/8): the edges between steps; 1 is 2^31. */
    static const uint32_t edges[] = { 2341847524U, 2784941738U, 3311872529U, 3938502376U };
    rate = MAX(rate, (uint64_t)1);
    unsigned zeros = (unsigned)__builtin_clzll(rate), step = 4 * (63 - zeros);
    uint32_t mantissa = (uint32_t)(rate << zeros >> 32);
    for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
        step += mantissa >= edges[i];
    return step;
}

struct candidate {
    uint64_t hash, price, weight; /* price: 1 / weight, 2^16 for the fastest */
    uint64_t room;
};

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* The step of those that nobody knows the rate of. */
static unsigned usual_step(unsigned *known, size_t count)
{
    if (count == 0)
        return 0;
    qsort(known, count, sizeof *known, compare);
    return known[(count - 1) / 2];
}

static void weigh(struct candidate *candidates, unsigned *steps, const struct owner *owners,
                  size_t count)
{
    /* 2^(-i/4) and 2^(i/4); 1 is 2^32, and 2^16. */
    static const uint64_t weights[] = { 4294967296U, 3611622603U, 3037000500U, 2553802834U };
    static const uint64_t prices[] = { 65536, 77936, 92682, 110218 };
    size_t known = 0;
    unsigned most = 0;
    for (size_t i = 0; i < count; i++)
        if (owners[i].rate > 0)
            steps[known++] = owner_step(owners[i].rate);
    unsigned usual = usual_step(steps, known);
    for (size_t i = 0; i < count; i++) {
        steps[i] = owners[i].rate > 0 ? owner_step(owners[i].rate) : usual;
        most = MAX(most, steps[i]);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned below = MIN(most - steps[i], (unsigned)STEPS_MOST);
        candidates[i] = (struct candidate){
            .hash = owners[i].hash,
            .weight = weights[below % 4] >> (below / 4),
            .price = prices[below % 4] << (below / 4),
        };
    }
}

/* -- Bounds ------------------------------------------------------------------------------------ */

/* What a node brings in a time, whole pieces; 1 is what the fastest needs for one. */
static uint64_t brings(const struct candidate *c, uint64_t time)
{
    return time * c->weight >> (TIME_BITS + WEIGHT_BITS);
}

static bool is_enough(const struct candidate *candidates, size_t count, uint64_t time,
                      uint64_t pieces)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count && sum < pieces; i++)
        sum += brings(&candidates[i], time);
    return sum >= pieces;
}

/* How soon all pieces can be there, each from one node. */
static uint64_t least_time(const struct candidate *candidates, size_t count, uint64_t pieces)
{
    uint64_t low = 0, high = pieces << TIME_BITS; /* the fastest alone */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (is_enough(candidates, count, middle, pieces))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void bound(struct candidate *candidates, size_t count, uint64_t pieces)
{
    uint64_t time = least_time(candidates, count, pieces), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += candidates[i].weight;
    for (size_t i = 0; i < count; i++) {
        uint64_t more = pieces * candidates[i].weight / OWNER_SLACK_DIVISOR;
        uint64_t share = (pieces * candidates[i].weight + more) / sum;
        candidates[i].room = MAX(brings(&candidates[i], time), share);
    }
}

int owner_assign(uint32_t *ret, uint64_t pieces, const struct owner *owners, size_t count)
{
    struct logarithms logs;
    _cleanup_free_ struct candidate *candidates = calloc(count, sizeof *candidates);
    _cleanup_free_ unsigned *steps = calloc(count, sizeof *steps);
    if (!candidates || !steps)
        return -1;
    weigh(candidates, steps, owners, count);
    bound(candidates, count, pieces);
    make_logarithms(&logs);
    for (uint64_t piece = 0; piece < pieces; piece++) {
        struct candidate *best = NULL;
        uint64_t least = UINT64_MAX;
        for (struct candidate *c = candidates; c < candidates + count; c++) {
            if (c->room == 0)
                continue;
            uint64_t cost = cost_of_hash(&logs, owner_liking(c->hash, piece)) * c->price;
            if (!best || cost < least || (cost == least && c->hash < best->hash)) {
                best = c;
                least = cost;
            }
        }
        if (!best)
            return -1;
        best->room--;
        ret[piece] = (uint32_t)(best - candidates);
    }
    return 0;
}
