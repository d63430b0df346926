/* SPDX-License-Identifier: MIT */
/* What an uplink can do, by what it did: a running estimate that others plan with.
 *
 * The rate of the moment says it only while the uplink has all the work it can take, and a peer has
 * less than that most of the time. So the estimate follows what is faster at once, and what is
 * slower only slowly, while bytes come; between downloads it stays. What is told of it changes in
 * steps, so that who owns what (owner.h) does not change with each breath of the link. */
#ifndef DDM_PLAN_ESTIMATE_H
#define DDM_PLAN_ESTIMATE_H

#include <stdint.h>

/* Embedded; all zero is ready to use. Rates are bytes/s. */
struct estimate {
    double rate;     /* 0: nothing is known */
    int64_t looked;  /* when, ns */
    uint64_t stated; /* what was told last */
};

/* The uplink brings `rate` now; 0: nothing, which says nothing of it. */
void estimate_see(struct estimate *estimate, double rate, int64_t now);
/* What it is thought to be now. */
uint64_t estimate_now(const struct estimate *estimate);
/* The same as it was told last, unless it has changed by more than a step and a half of owner.h. */
uint64_t estimate_tell(struct estimate *estimate);

#endif
