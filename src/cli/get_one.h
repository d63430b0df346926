/* SPDX-License-Identifier: MIT */
/* One download in this process, from its request to the exit status: its events go where the
 * options say, its command runs when it is there. */
#ifndef DDM_CLI_GET_ONE_H
#define DDM_CLI_GET_ONE_H

#include "cli/request.h"

/* How much is said, and where. */
struct get_style {
    bool quiet, verbose;
    bool json;     /* events on standard output */
    bool log_json; /* log lines instead of the progress */
    bool silent;   /* errors are in the events only */
    int progress;  /* enum progress_mode */
    int output;    /* descriptor that the command of --on-complete writes to */
};

void get_style_init(struct get_style *ret, const struct options *options);

/* Downloads; interrupt_catch() was called. */
enum ddm_code get_one(const struct request *request, const struct get_style *style);

#endif
