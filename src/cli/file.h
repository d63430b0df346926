/* SPDX-License-Identifier: MIT */
/* Small files that are read as a whole: config, headers, lists of downloads, Metalinks. */
#ifndef DDM_CLI_FILE_H
#define DDM_CLI_FILE_H

#include "ddm/ddm.h"

#include <stddef.h>

/* Reads a file ("-": standard input) of at most `limit` bytes; malloc'ed, with a NUL behind its
 * end. 0, 1 where it does not exist, or -DDM_E_USAGE and "PATH: why". */
int file_read(const char *path, size_t limit, char **ret, size_t *ret_length,
              struct ddm_error *err);

#endif
