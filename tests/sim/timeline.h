/* SPDX-License-Identifier: MIT */
/* A picture of a run, as SVG: why was it slow? */
#ifndef DDM_TESTS_SIM_TIMELINE_H
#define DDM_TESTS_SIM_TIMELINE_H

#include "download.h"

/* The part of the run to show, s; `until` 0: to its end. */
struct timeline_view {
    double from, until;
};

/* Returns 0, or -1 with errno. */
int timeline_write(const char *path, const struct world *world, const struct history *history,
                   const struct outcome *outcome, struct timeline_view view);

#endif
