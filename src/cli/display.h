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

/* The end: "ubuntu.iso: 100.0 MiB in 4.51 s, 22.2 MiB/s: you 25 %, 10.0.0.2:7071 25 %, …". */
void display_sentence(struct text *out, const struct term *term, const struct ddm_event *event);

/* What a source does: "waiting: connection refused". */
void display_source_state(struct text *out, const struct term *term,
                          const struct ddm_source_info *source, unsigned columns);

#endif
