/* SPDX-License-Identifier: MIT */
/* Bytes are gathered into a bucket; when it is RATE_BUCKET old, it is closed: mean = what the
 * bucket held, weighed against the mean before. A bucket that stayed open for longer (nothing came)
 * counts as the many even buckets that would have fitted into it. */
#include "plan/rate.h"

#include "base/util.h"

#include <stdbool.h>

#define RATE_BUCKET      (100 * MSEC)
#define RATE_KEEP        (1.0 / 1.1)  /* weight of the past at each bucket: a mean over about 1 s */
#define RATE_YOUNG       (1 * SEC)    /* the plain mean up to here */
#define RATE_STEP        1.5          /* times more, or less, than the mean: far from it */
#define RATE_STEP_ROW    4            /* buckets in a row that make a step */
#define RATE_KNOWN_AFTER (250 * MSEC) /* with RATE_KNOWN_BYTES, */
#define RATE_KNOWN_BYTES (16 * KIB)
#define RATE_KNOWN_LATE  (2 * SEC) /* or with any bytes at all, */
#define RATE_KNOWN_SURE  (4 * MIB) /* or after any time with these */

static double power(double base, uint64_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2, base *= base)
        if (exponent % 2)
            result *= base;
    return result;
}

static double per_second(uint64_t bytes, int64_t time)
{
    return (double)bytes * (double)SEC / (double)MAX(time, RATE_BUCKET);
}

/* The mean as it would be if the bucket were closed now. */
static double mean_if_closed(const struct rate *rate, int64_t now)
{
    if (now - rate->started <= RATE_YOUNG || rate->bucket_begin == rate->started)
        return per_second(rate->total, now - rate->started);
    int64_t age = now - rate->bucket_begin;
    double held = per_second(rate->bucket_bytes, age);
    return held + (rate->mean - held) * power(RATE_KEEP, (uint64_t)(age / RATE_BUCKET));
}

void rate_start(struct rate *rate, int64_t now)
{
    if (rate->started == 0)
        rate->started = rate->bucket_begin = MAX(now, (int64_t)1);
}

/* The bucket that is being closed, as a part of a row on one side of the mean. */
static void watch_for_step(struct rate *rate, int64_t now)
{
    double held = per_second(rate->bucket_bytes, now - rate->bucket_begin);
    int side = (held > rate->mean * RATE_STEP) - (held < rate->mean / RATE_STEP);
    if (side != rate->side || side == 0) {
        rate->side = side;
        rate->row = 0;
        rate->row_begin = rate->bucket_begin;
        rate->row_bytes = 0;
    }
    rate->row++;
    rate->row_bytes += rate->bucket_bytes;
}

void rate_add(struct rate *rate, uint64_t bytes, int64_t now)
{
    rate_start(rate, now);
    rate->total += bytes;
    rate->bucket_bytes += bytes;
    if (now - rate->bucket_begin < RATE_BUCKET)
        return;
    watch_for_step(rate, now);
    bool step = rate->side != 0 && rate->row >= RATE_STEP_ROW;
    rate->mean =
        step ? per_second(rate->row_bytes, now - rate->row_begin) : mean_if_closed(rate, now);
    rate->bucket_begin = now;
    rate->bucket_bytes = 0;
}

void rate_skip(struct rate *rate, int64_t time)
{
    rate->started += time;
    rate->bucket_begin += time;
    rate->row_begin += time;
}

double rate_get(const struct rate *rate, int64_t now)
{
    if (rate->total == 0)
        return 0;
    bool young = now - rate->started <= RATE_YOUNG;
    return young || now - rate->bucket_begin >= RATE_BUCKET ? mean_if_closed(rate, now)
                                                            : rate->mean;
}

int rate_known(const struct rate *rate, int64_t now)
{
    if (rate->total == 0)
        return 0;
    int64_t age = now - rate->started;
    return rate->total >= RATE_KNOWN_SURE || age >= RATE_KNOWN_LATE ||
           (age >= RATE_KNOWN_AFTER && rate->total >= RATE_KNOWN_BYTES);
}
