/* SPDX-License-Identifier: MIT */
/* Child processes of the demo: they never outlive it, however it ends. */
#ifndef DDM_CLI_PROCESS_H
#define DDM_CLI_PROCESS_H

#include "ddm/ddm.h"

#include <sys/types.h>

struct process_config {
    const char *const *argv; /* NULL at the end; argv[0] is for display: `ddm` itself is run */
    const char *folder;      /* it runs there; NULL: here */
    const char *log;         /* its output goes there, and Ctrl-C of the terminal does not reach it;
                              * NULL: it shares the terminal */
};

/* Where this program lies, from /proc or argv[0]; once, before process_start. */
void process_set_program(const char *argv0);

/* Starts `ddm` itself. The signals that the caller has blocked are not blocked there. */
int process_start(pid_t *ret, const struct process_config *config, struct ddm_error *err);

/* Forks a child that runs `run` and exits with what it returns; `log` as above. */
int process_fork(pid_t *ret, const char *log, int (*run)(void *arg), void *arg,
                 struct ddm_error *err);

/* Asks `count` children to end, waits for a second, then kills what is left. Those that are 0 are
 * skipped; all are 0 afterwards. */
void process_end(pid_t *pids, size_t count);

#endif
