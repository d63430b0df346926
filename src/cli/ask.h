/* SPDX-License-Identifier: MIT */
/* A password, asked for on the terminal. */
#ifndef DDM_CLI_ASK_H
#define DDM_CLI_ASK_H

#include "ddm/ddm.h"

/* Asks on the process's terminal, whatever its standard files are, without an echo. The answer is
 * malloc'ed. -DDM_E_USAGE where there is no terminal, -DDM_E_INTERRUPTED on Ctrl-C or its end. */
int ask_password(const char *user, char **ret, struct ddm_error *err);

#endif
