/* SPDX-License-Identifier: MIT */
/* Strings and units: parsing numbers that people type, printing numbers that people read. */
#ifndef DDM_BASE_STR_H
#define DDM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, the whole string, no sign; -1 on anything else or overflow. */
int str_to_u64(const char *text, uint64_t *ret);
int str_to_u64_n(const char *text, size_t length, uint64_t *ret);

/* A size: digits and an optional k, M, G, T in either case (times 1024, also written KiB, kB…), and
 * nothing else. -1 if not one, or too large. */
int str_to_size(const char *text, uint64_t *ret);

/* A span of time: digits and an optional ms, s, m, h, d (default: s), to nanoseconds. -1 if not
 * one.
 */
int str_to_duration(const char *text, int64_t *ret);

/* "1.4 GiB", "12.3 GiB", "312 KiB", "17 B": at most 4 digits; into buf, which is returned. */
char *str_bytes(char *buf, size_t size, uint64_t bytes);

/* "0.42 s", "12.3 s", "4:07", "1:02:03"; into buf, which is returned. */
char *str_duration(char *buf, size_t size, int64_t ns);

/* The UTF-8 character at the front of bytes: its length, and its code point in *ret_code (may be
 * NULL); 0 where it is none (cut short, overlong, a surrogate, too large) or length is 0. */
size_t str_utf8_next(const char *bytes, size_t length, uint32_t *ret_code);

/* Whether a code point moves the terminal or turns the text around it: C0, DEL, C1, line and
 * paragraph separators, bidirectional overrides and isolates. */
bool str_is_control(uint32_t code);

/* Copies text so that it fits between JSON quotes; invalid bytes become '?'. Returns out. What does
 * not fit is cut off between two characters. */
char *str_json_escape(char *out, size_t size, const char *text);

/* Copies text with control characters and invalid bytes replaced by '?', so that a terminal stays
 * what it was. What does not fit is cut off between two characters. */
char *str_printable(char *out, size_t size, const char *text);

bool str_starts_with(const char *text, const char *prefix);

/* A URL without its "user:password@", also one that is not valid; malloc'ed, NULL without memory.
 */
char *str_url_public(const char *url);

/* The same without what may be a signature: "https://h/p?…" for log lines and messages. */
char *str_url_brief(const char *url);

/* strdup of a format; NULL without memory. The caller frees. */
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Copies at most size - 1 bytes and ends with NUL; true if all of it fit. */
bool str_copy(char *out, size_t size, const char *text);

#endif
