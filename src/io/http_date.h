/* SPDX-License-Identifier: MIT */
/* The dates of HTTP (RFC 9110, 5.6.7), in all three forms. Untrusted bytes; no clock. */
#ifndef DDM_IO_HTTP_DATE_H
#define DDM_IO_HTTP_DATE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds since 1970-01-01 UTC of "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"
 * or "Sun Nov  6 08:49:37 1994"; 0 where it is none of these, or not after 1970 began (servers that
 * have no date say 1970). A year of two digits is one of 1970 to 2069: no clock is asked. The name
 * of the day is not compared with the date. */
int64_t http_date_parse(const char *text, size_t length);

#endif
