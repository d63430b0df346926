/* SPDX-License-Identifier: MIT */
/* --on-complete: a command for each file that is there now. */
#ifndef DDM_CLI_ON_COMPLETE_H
#define DDM_CLI_ON_COMPLETE_H

#include "ddm/ddm.h"

#include <stdint.h>

/* Runs `command` with /bin/sh and waits for its end. It has DDM_PATH, DDM_URL and DDM_SIZE (bytes)
 * in its environment, this process's standard input and error, and `output` for its standard
 * output. -DDM_E_FAIL and why where it does not end with 0. */
int on_complete_run(const char *command, const char *path, const char *url, uint64_t size,
                    int output, struct ddm_error *err);

#endif
