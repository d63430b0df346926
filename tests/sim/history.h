/* SPDX-License-Identifier: MIT */
/* What happened in a run, for timeline.c: each lease from its request to its end, and the bytes as
 * they came. */
#ifndef DDM_TESTS_SIM_HISTORY_H
#define DDM_TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a lease ended. */
enum ending {
    ENDING_OPEN, /* not yet */
    ENDING_DONE,
    ENDING_CUT,       /* done, up to where somebody else took over */
    ENDING_CANCELLED, /* its twin, or the planner's end, was sooner */
    ENDING_STALLED,
    ENDING_GONE,
    ENDING_BUSY,
    ENDING_REFUSED,
    ENDING_WRONG,
    ENDINGS,
};

extern const char *const ending_names[ENDINGS];

struct episode {
    size_t link;
    uint64_t begin, end; /* as it was lent */
    uint64_t brought;
    bool hedge;                   /* somebody else had the same bytes already */
    bool split;                   /* taken from somebody else */
    int64_t lent, started, ended; /* started: 0 before the first byte */
    enum ending ending;
};

struct arrival {
    int64_t at;
    uint64_t bytes;
};

/* Embedded; all zero is empty. */
struct history {
    struct episode *episodes;
    size_t count, capacity;
    struct arrival *arrivals; /* no more than one each 10 ms */
    size_t arrival_count, arrival_capacity;
};

void history_release(struct history *history);
size_t history_add(struct history *history, const struct episode *episode); /* its index */
void history_arrived(struct history *history, int64_t at, uint64_t bytes);

#endif
