/* SPDX-License-Identifier: MIT */
/* The table of runs, what they come to, and whether that is what was promised. */
#ifndef DDM_TESTS_SIM_REPORT_H
#define DDM_TESTS_SIM_REPORT_H

#include "download.h"

/* Of time / bound, unless said otherwise. 0: not asked for. */
/* A goal that is not reached yet has what must hold all the same: it shall not get worse. */
struct target {
    double goal, most; /* 0: none; the goal is what must hold */
};

struct targets {
    struct target median, p99, worst;
    struct target waste; /* mean of the runs, of the size */
};

extern const struct targets report_catalogue_targets, report_random_targets;
extern const struct targets report_owners_targets; /* the catalogue with owners */

struct row {
    char name[32];
    struct outcome outcome;
    bool shown;
};

/* Embedded; all zero is empty. */
struct report {
    struct row *rows;
    size_t count, capacity;
};

/* The heads of the columns. */
void report_title(struct report *report, const char *title);

/* A run; it is a line of the table at once if `shown`. */
void report_add(struct report *report, const char *name, const struct outcome *outcome, bool shown);

/* Prints the sums, and the worst of those not shown; releases all. Returns 1 if a target is missed
 * or a run went wrong, else 0. */
int report_end(struct report *report, const struct targets *targets);

#endif
