/* SPDX-License-Identifier: MIT */
#include "plan/bucket.h"

#include "base/util.h"

static int64_t price(const struct bucket *bucket, uint64_t bytes)
{
    return (int64_t)MIN((double)bytes / (double)bucket->rate * (double)SEC, 1e17);
}

int64_t bucket_take(struct bucket *bucket, uint64_t bytes, int64_t now)
{
    if (bucket->rate == 0)
        return 0;
    bucket->paid_at = MAX(bucket->paid_at, now - BUCKET_BURST) + price(bucket, bytes);
    return MAX(bucket->paid_at - now, (int64_t)0);
}

void bucket_give(struct bucket *bucket, uint64_t bytes)
{
    if (bucket->rate > 0)
        bucket->paid_at -= price(bucket, bytes);
}
