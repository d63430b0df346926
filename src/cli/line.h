/* SPDX-License-Identifier: MIT */
/* A line of --input-file as words, quoted as in a shell, with nothing expanded:
 *
 *     https://h/a%20b.iso  -o 'a b.iso'  -H "X: \"y\""  a\ b   # a comment
 *
 * Blanks separate words. Between single quotes all is as it is; between double quotes a backslash
 * stands before '"' and '\' only; elsewhere it takes what follows as it is. '#' at the beginning of
 * a word begins a comment. */
#ifndef DDM_CLI_LINE_H
#define DDM_CLI_LINE_H

#include "ddm/ddm.h"

#include <stddef.h>

/* `length` bytes without the newline; a '\r' at the end is left out. Gives the words, NULL behind
 * the last one, and how many; one block for free(). -DDM_E_USAGE and why: a quote that is not
 * closed, a backslash at the end, a NUL byte. */
int line_split(const char *line, size_t length, char ***ret, size_t *ret_count,
               struct ddm_error *err);

#endif
