/* SPDX-License-Identifier: MIT */
/* Several downloads, some at a time, each in a child process:
 *
 *     ddm get -i list ─┬─fork─▶ download ─▶ events as JSON lines ─▶ pipe ─┐
 *          ▲           └─fork─▶ download ─▶ events as JSON lines ─▶ pipe ─┤
 *          └── lines that stay, a bar for those that run, or JSON ────────┘
 *
 * A child is a copy of this process that has read all options already, so that nothing of them
 * shows in its arguments. The parent has no loop and no threads. The first signal is passed on, and
 * ends all in good order; the second one at once. */
#ifndef DDM_CLI_BATCH_H
#define DDM_CLI_BATCH_H

#include "cli/get_one.h"
#include "cli/tasks.h"

/* Downloads all; `jobs` at a time. The exit status: 0, that of the first one that failed, or
 * DDM_E_INTERRUPTED. */
int batch_run(const struct tasks *tasks, unsigned jobs, const struct get_style *style);

/* One download that nobody sees; its error is the caller's. */
int batch_load(const struct task *task, struct ddm_error *err);

#endif
