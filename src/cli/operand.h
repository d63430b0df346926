/* SPDX-License-Identifier: MIT */
/* A Metalink in the place of a URL: a file here, or a document that is loaded first. */
#ifndef DDM_CLI_OPERAND_H
#define DDM_CLI_OPERAND_H

#include "cli/options.h"

/* By its name alone: it ends in .meta4 or .metalink; the query of a URL does not count. */
bool operand_is_metalink(const char *operand);

/* Reads the first operand, which is one, and must be the only one. A URL is downloaded with the
 * options' ways to reach an origin, into a folder for temporary files that is removed again. A
 * negative code and why. */
int operand_read_metalink(struct ddm_metalink **ret, const struct options *options,
                          struct ddm_error *err);

#endif
