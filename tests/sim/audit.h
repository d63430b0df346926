/* SPDX-License-Identifier: MIT */
/* Books of our own beside those of the planner, from what it says alone: what must hold in every
 * run, whatever the weather. */
#ifndef DDM_TESTS_SIM_AUDIT_H
#define DDM_TESTS_SIM_AUDIT_H

#include "plan/plan.h"
#include "world.h"

/* Embedded. */
struct audit {
    const struct world *world;
    struct rangeset came;      /* each byte that was taken; only if `deep` */
    uint64_t taken, delivered; /* bytes: kept by the planner; all */
    uint64_t frontier;
    plan_lease last;
    bool deep; /* small enough to look at each byte */
};

void audit_begin(struct audit *audit, const struct world *world);
void audit_release(struct audit *audit);

/* A lease was lent: NULL, or what is wrong with it. It is within the size and the window, holds
 * nothing that was done, and its source has a slot for it. */
const char *audit_lent(struct audit *audit, const struct plan *plan, plan_source source,
                       plan_lease lease, struct range range, int64_t now);

void audit_brought(struct audit *audit, uint64_t at, uint64_t taken, uint64_t length);

/* At the end: every byte is there, and done + wasted is what was delivered. */
const char *audit_end(const struct audit *audit, const struct plan *plan);

/* Whether a source that is not known yet can still join. */
bool audit_more_to_come(const struct world *world, int64_t now);

#endif
