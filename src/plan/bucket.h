/* SPDX-License-Identifier: MIT */
/* A token bucket that may go into debt: what came has come, and is waited for afterwards. */
#ifndef DDM_PLAN_BUCKET_H
#define DDM_PLAN_BUCKET_H

#include <stdint.h>

/* Embedded; times are ns of the caller's clock. */
struct bucket {
    uint64_t rate;   /* bytes/s; 0: no limit */
    int64_t paid_at; /* when all that was taken will have been paid for */
};

/* Takes bytes. Returns how long to wait (ns) before taking more; 0: not at all. An unused rate is
 * kept for BUCKET_BURST. */
#define BUCKET_BURST ((int64_t)100 * 1000 * 1000)
int64_t bucket_take(struct bucket *bucket, uint64_t bytes, int64_t now);
/* Gives back what was taken and not used. */
void bucket_give(struct bucket *bucket, uint64_t bytes);

#endif
