/* SPDX-License-Identifier: MIT */
#include "plan/estimate.h"

#include "base/util.h"

#define SEE_EVERY 250000000.0 /* ns */
#define FALL      0.02        /* of the difference, each time */
#define FALL_MOST 8.0         /* times at once, after a pause */
#define CHANGE    1.3         /* 2^(3/8): one and a half of 2^(1/4) */

void estimate_see(struct estimate *e, double rate, int64_t now)
{
    double times = (double)(now - e->looked) / SEE_EVERY;
    if (!(rate > 0) || times < 1)
        return;
    if (rate >= e->rate)
        e->rate = rate;
    else
        e->rate -= (e->rate - rate) * FALL * MIN(times, FALL_MOST);
    e->looked = now;
}

uint64_t estimate_now(const struct estimate *e)
{
    return (uint64_t)e->rate;
}

uint64_t estimate_tell(struct estimate *e)
{
    double stated = (double)e->stated;
    if (e->rate > stated * CHANGE || e->rate * CHANGE < stated)
        e->stated = (uint64_t)e->rate;
    return e->stated;
}
