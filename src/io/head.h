/* SPDX-License-Identifier: MIT */
/* Header lines of HTTP replies, as far as DDM needs them (RFC 9110). Untrusted bytes. */
#ifndef DDM_IO_HEAD_H
#define DDM_IO_HEAD_H

#include "io/fetch.h"

void fetch_head_clear(struct fetch_head *head);

/* One line as it came, with or without its line end. A status line begins a new head; a line that
 * is not valid leaves its field as it was not said at all. A second Content-Range or Content-Length
 * that differs takes both away. Links that do not fit are dropped one by one. */
void fetch_head_line(struct fetch_head *head, const char *line, size_t length);

/* For a Retry-After that is a date: retry_after follows from the reply's own Date; where it has
 * none, from `now` (s since 1970). After the last line. */
void fetch_head_at(struct fetch_head *head, int64_t now);

/* Whether it tells versions apart byte for byte: there is one, and it is not weak (RFC
 * 9110, 8.8.3).
 */
bool fetch_is_strong(const char *etag);

/* Whether two heads (or what was kept of them) can be of the same version of a file: strong ETags
 * decide where both have one, then Last-Modified, then weak ETags; with nothing to compare on
 * either side true, with something on one side only false. */
bool fetch_same_version(const char *etag_a, const char *modified_a, const char *etag_b,
                        const char *modified_b);

#endif
