/* SPDX-License-Identifier: MIT */
/* What `ddm get` shall download: one file, the files of a Metalink, or those of a list.
 *
 *     ddm get URL MIRROR                 one
 *     ddm get FILE.meta4                 one for each file in it; a URL of a Metalink is read first
 *     ddm get -i FILE                    one for each line, or for each file of its Metalink
 *
 * A line of --input-file holds what would stand behind `ddm get`: operands of one download and its
 * options; those of the command line are its defaults. Every line is checked before anything
 * begins. */
#ifndef DDM_CLI_TASKS_H
#define DDM_CLI_TASKS_H

#include "cli/request.h"

struct task {
    unsigned line; /* of --input-file; 0: of the command line */
    struct request request;
};

struct tasks {
    struct task *list;
    size_t count;
    /* What the requests are made of. */
    struct task_source *sources;
};

/* From the operands, or --input-file. `options` must live as long as the tasks. A negative code and
 * why, with file and line; *ret needs no release then. */
int tasks_init(struct tasks *ret, const struct options *options, struct ddm_error *err);
void tasks_release(struct tasks *tasks);

#endif
