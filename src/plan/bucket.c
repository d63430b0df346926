/* SPDX-License-Identifier: MIT */
#include "plan/bucket.h"

#include "base/util.h"

int64_t bucket_take(struct bucket *bucket, uint64_t bytes, int64_t now)
{
    if (bucket->rate == 0)
        return 0;
    double price = (double)bytes / (double)bucket->rate * (double)SEC;
    bucket->paid_at = MAX(bucket->paid_at, now - BUCKET_BURST) + (int64_t)MIN(price, 1e17);
    return MAX(bucket->paid_at - now, (int64_t)0);
}
