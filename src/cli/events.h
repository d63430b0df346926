/* SPDX-License-Identifier: MIT */
/* The events of a download for programs: NDJSON, one object a line.
 *
 *     every event    event, time (s since 1970), elapsed (s), url, path, size (null: not known),
 *                    done, wasted, rate
 *     start, progress, done    + sources: [{name, kind, state, bytes, rate, leases, why}]
 *     source         + source: the one that is new or changed
 *     notice         + text
 *     error          + code ("network"), exit (3), message, part (the unfinished file, or null)
 */
#ifndef DDM_CLI_EVENTS_H
#define DDM_CLI_EVENTS_H

#include "ddm/ddm.h"

/* One event as one line without its newline; malloc'ed, NULL without memory. `time`: ns since
 * 1970. */
char *event_encode(const struct ddm_event *event, int64_t time);

/* An error that came before there was a download. */
char *event_encode_error(const char *url, const struct ddm_error *error, int64_t time);

#endif
