/* SPDX-License-Identifier: MIT */
/* The state folder: the swarm key, and who this node is. */
#ifndef DDM_CLI_STATE_H
#define DDM_CLI_STATE_H

#include "cli/options.h"

#include <limits.h>

/* --state-dir; else $STATE_DIRECTORY, which systemd sets (the first of several); else
 * $XDG_STATE_HOME/ddm or ~/.local/state/ddm. Returns out, or NULL where there is no home. */
const char *state_folder(const struct options *options, char out[static PATH_MAX]);

#endif
