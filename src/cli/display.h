/* SPDX-License-Identifier: MIT */
/* What the progress of a download looks like: pure functions from an event to text. Every line is
 * at most columns - 1 wide, so that a terminal never wraps it. */
#ifndef DDM_CLI_DISPLAY_H
#define DDM_CLI_DISPLAY_H

#include "cli/term.h"
#include "ddm/ddm.h"

/* The bar and a line for each source, each ended by a newline:
 *
 *     ubuntu.iso
 *     ████████████▍░░░░░░░░░░░░░░   43 %  43.1 MiB / 100.0 MiB   22.2 MiB/s  0:03 left
 *       ■ you             ██▌         25 %    5.6 MiB/s  10.8 MiB  loading
 *       ■ 10.0.0.2:7071   ██▌         25 %    5.6 MiB/s  10.8 MiB  loading
 *
 * Each source has a colour, and the part of the bar that it brought. */
void display_frame(struct text *out, const struct term *term, const struct ddm_event *event);

/* One line without a newline, for pipes: "ubuntu.iso: 43 % of 100.0 MiB, 22.2 MiB/s, 4 sources,
 * 0:03 left". */
void display_plain(struct text *out, const struct term *term, const struct ddm_event *event);

/* The end: "ubuntu.iso: 100.0 MiB in 4.51 s, 22.2 MiB/s: you 25 %, 10.0.0.2:7071 25 %, …", where it
 * went on "…: 100.0 MiB, 52.0 MiB of them from before, in …", or that it was there already. */
void display_sentence(struct text *out, const struct term *term, const struct ddm_event *event);

/* The error of an ERROR event with what is left of the download, and how to go on. */
void display_error(struct ddm_error *ret, const struct ddm_event *event);

/* The name of the file: the last part of its path, or the URL where there is none yet. */
const char *display_name(const struct ddm_event *event);

/* How far a batch is. */
struct batch_state {
    size_t count, done, failed, running;   /* files */
    const struct ddm_event *const *events; /* the last ones of those that run; `running` of them */
};

/* A line for each file that is being loaded, and one for all of them:
 *
 *     a.iso              43 %   43.1 MiB / 100 MiB   11.2 MiB/s  0:05 left
 *     b.iso               7 %    3.1 MiB / 44.0 MiB   4.1 MiB/s  0:10 left
 *     3 of 12 files done, 1 failed, 15.3 MiB/s
 */
void display_batch_frame(struct text *out, const struct term *term,
                         const struct batch_state *state);
/* "3 of 12 files done, 1 failed, 15.3 MiB/s: a.iso 43 %, b.iso 3.1 MiB", without a newline. */
void display_batch_plain(struct text *out, const struct term *term,
                         const struct batch_state *state);

/* What a source does: "waiting: connection refused". */
void display_source_state(struct text *out, const struct term *term,
                          const struct ddm_source_info *source, unsigned columns);

#endif
