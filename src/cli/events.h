/* SPDX-License-Identifier: MIT */
/* The events of a download for programs: NDJSON, one object a line.
 *
 *     every event    event, time (s since 1970), elapsed (s), url, path, size (null: not known),
 *                    done, restored (of these, from a run before), wasted, rate
 *     start, progress, done    + sources: [{name, kind, state, bytes, rate, leases, why}]
 *     done           + already (the file was there, nothing was loaded)
 *     source         + source: the one that is new or changed
 *     notice         + text
 *     error          + code ("network"), exit (3), message, part (the unfinished file, or null);
 *                    also behind a `done` whose --on-complete failed
 *
 * With --input-file or a Metalink each has `file` before these, the number of the download, and
 * `line`, that of the line which it stands in (0: none). */
#ifndef DDM_CLI_EVENTS_H
#define DDM_CLI_EVENTS_H

#include "ddm/ddm.h"

/* One event as one line without its newline; malloc'ed, NULL without memory. `time`: ns since
 * 1970. */
char *event_encode(const struct ddm_event *event, int64_t time);

/* An error that came before there was a download. */
char *event_encode_error(const char *url, const struct ddm_error *error, int64_t time);

/* An event read back. */
struct event_copy {
    struct ddm_event event; /* all but leases; strings belong to the copy */
    struct ddm_source_info *sources, source;
    struct ddm_error error;
    void *document;
};

/* NULL where it is none. */
struct event_copy *event_decode(const char *line, size_t length);
struct event_copy *event_copy_free(struct event_copy *copy); /* NULL allowed; returns NULL */

#endif
