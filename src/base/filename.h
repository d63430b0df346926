/* SPDX-License-Identifier: MIT */
/* Safe file names out of URLs and Content-Disposition headers: what comes out is one path
 * component, never empty, never "." or "..", without '/', '\', NUL or control characters (see
 * str_is_control), valid UTF-8, not hidden, not an option ("-…"), without spaces or dots at its
 * end, not a reserved device name, and short enough for ".part" behind it. */
#ifndef DDM_BASE_FILENAME_H
#define DDM_BASE_FILENAME_H

#include <stddef.h>

#define FILENAME_SIZE 241 /* 240 bytes and NUL: room for a suffix below the usual 255 */

/* From the last path segment of a URL, percent-decoded; "download" where there is none. A name is
 * what stands behind the last '/' or '\', decoded ones too. */
void filename_from_url(char out[static FILENAME_SIZE], const char *url);

/* From the value of a Content-Disposition header (RFC 6266; filename* of RFC 8187 in UTF-8 goes
 * before filename). Returns 0, or -1 and leaves `out` alone where it names no file, or only one of
 * which nothing is left (".."). */
int filename_from_disposition(char out[static FILENAME_SIZE], const char *value);

/* Makes any bytes into a safe name; "download" where nothing is left. */
void filename_sanitize(char out[static FILENAME_SIZE], const char *bytes, size_t length);

#endif
