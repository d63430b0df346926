/* SPDX-License-Identifier: MIT */
/* The progress of a download for people, on standard error: a bar redrawn in place, or a plain line
 * now and then. Fed with the events of the library. */
#ifndef DDM_CLI_PROGRESS_H
#define DDM_CLI_PROGRESS_H

#include "cli/term.h"
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

/* The parts that this is made of, for the progress of several downloads: writes text, each line of
 * a bar's frame ended by a newline, a plain line without one. */
typedef void progress_draw_fn(struct text *out, const struct term *term, const void *arg);
/* A new frame or plain line, if it is time for one; `now` as in events' elapsed. */
void progress_show(struct progress *progress, int64_t now, progress_draw_fn *frame,
                   progress_draw_fn *plain, const void *arg);
/* A line that stays, above the bar; the bar comes back with the next frame. */
void progress_line(struct progress *progress, progress_draw_fn *draw, const void *arg);

/* Takes the bar away, so that something else can be printed. */
void progress_clear(struct progress *progress);
struct progress *progress_free(struct progress *progress); /* NULL allowed; returns NULL */

#endif
