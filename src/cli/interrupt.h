/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP: the first one ends a download in good order, the second one at once.
 */
#ifndef DDM_CLI_INTERRUPT_H
#define DDM_CLI_INTERRUPT_H

#include "ddm/ddm.h"

#include <signal.h>
#include <stdbool.h>

/* Counts the signals from now on. `direct`: the second one ends this process; else somebody looks
 * at the count, and acts. What the caller ignores (nohup) stays ignored. */
void interrupt_catch(bool direct);
unsigned interrupt_count(void);
/* The signals, for those who wait for them while they are blocked elsewhere. */
void interrupt_set(sigset_t *ret);

/* What the first signal ends, at once if it has come already; NULL: nothing. */
void interrupt_ends(struct ddm_download *download);

#endif
