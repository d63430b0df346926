/* SPDX-License-Identifier: MIT */
/* One download as the library takes it, made of options (and of what a Metalink says). */
#ifndef DDM_CLI_REQUEST_H
#define DDM_CLI_REQUEST_H

#include "cli/options.h"

struct request {
    struct ddm_options options; /* strings are the request's, the options' or the Metalink's */
    const char *on_complete;    /* a command; NULL: none */
    char **mirrors, **headers;  /* NULL at the end; the request's own lists */
    char *user, *state_dir;
};

/* The first operand is the URL, unless `metalink` (may be NULL) has it; the others are mirrors.
 * Options that were given overrule what the Metalink says. Reads files of headers, and asks for a
 * password on the terminal. `options` and `metalink` must live as long as the request. -DDM_E_USAGE
 * and why; *ret needs no release then. */
int request_init(struct request *ret, const struct options *options,
                 const struct ddm_options *metalink, struct ddm_error *err);
void request_release(struct request *request);

/* Whether the library takes it, without beginning. 0, or a negative code and why not. */
int request_check(const struct request *request, struct ddm_error *err);

#endif
