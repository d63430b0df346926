/* SPDX-License-Identifier: MIT */
/* The progress of a download for people, on standard error: a bar redrawn in place, or a plain line
 * now and then. Fed with the events of the library. */
#ifndef DDM_CLI_PROGRESS_H
#define DDM_CLI_PROGRESS_H

#include "ddm/ddm.h"

enum progress_mode {
    PROGRESS_AUTO, /* the bar on a terminal, else plain lines */
    PROGRESS_BAR,
    PROGRESS_PLAIN,
    PROGRESS_NONE, /* notices and the final sentence only */
};

struct progress;

/* NULL without memory. `verbose`: tells of each source that changes its state. */
struct progress *progress_new(enum progress_mode mode, bool verbose);
void progress_event(struct progress *progress, const struct ddm_event *event);
/* Takes the bar away, so that something else can be printed. */
void progress_clear(struct progress *progress);
struct progress *progress_free(struct progress *progress); /* NULL allowed; returns NULL */

#endif
