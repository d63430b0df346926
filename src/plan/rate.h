/* SPDX-License-Identifier: MIT */
/* How fast bytes come: an exponentially weighted mean over about a second, fed with (bytes, now).
 * Not fooled by one block: bytes are first gathered into buckets of RATE_BUCKET, and a young
 * estimate is the plain mean since the first byte. A step is followed within half a second: when
 * some buckets in a row are all far above or all far below the mean, theirs is the mean from then
 * on. It decays on its own when nothing comes. */
#ifndef DDM_PLAN_RATE_H
#define DDM_PLAN_RATE_H

#include <stdint.h>

/* Embedded; all zero is ready to use. */
struct rate {
    int64_t started; /* time of rate_start, 0: not started */
    int64_t bucket_begin;
    uint64_t bucket_bytes;
    uint64_t total;
    double mean;   /* bytes per second over the closed buckets */
    int side, row; /* of buckets far above (1) or below (-1) the mean; how many in a row */
    int64_t row_begin;
    uint64_t row_bytes;
};

/* The clock of the estimate begins: the first byte came, or is expected from now on. Once: a later
 * call changes nothing. rate_add does it where nobody did. Times are never negative. */
void rate_start(struct rate *rate, int64_t now);
void rate_add(struct rate *rate, uint64_t bytes, int64_t now);

/* The clock stood still for `time` until now: nothing could come. */
void rate_skip(struct rate *rate, int64_t time);

/* Bytes per second as of now; 0 before anything came. */
double rate_get(const struct rate *rate, int64_t now);

/* Whether the estimate rests on enough time and bytes to size leases by it. */
int rate_known(const struct rate *rate, int64_t now);

#endif
