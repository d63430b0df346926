/* SPDX-License-Identifier: MIT */
/* The commands of `ddm`, in a table; what they have in common. */
#ifndef DDM_CLI_COMMAND_H
#define DDM_CLI_COMMAND_H

#include "cli/options.h"

struct command {
    const char *name;
    enum role role;              /* 0: takes no options (help, version) */
    const char *usage;           /* behind "ddm NAME" */
    const char *summary;         /* one line of the overview */
    const char *about;           /* a paragraph or more; NULL: none */
    const char *const *examples; /* pairs of a command line and what it does, NULL at the end */
    /* Does it, with the options filled in; returns the exit status, the error already printed. */
    int (*run)(const struct options *options);
};

/* In the order of the overview; a row without a name ends it. */
extern const struct command command_table[];

/* NULL where there is none of that name. */
const struct command *command_find(const char *name);
/* The nearest name for a typo, or NULL. */
const char *command_suggest(const char *name);

/* Prints "ddm: message" to standard error; returns the exit status of the error's code. */
int command_error(const struct ddm_error *error);

/* The option that tells how to do without the swarm key that does not exist yet, in one place:
 * whether a daemon may listen there and talk to these addresses. -DDM_E_PERMISSION and what to do.
 */
int daemon_check(const struct options *options, const struct address *listen,
                 struct ddm_error *err);

/* Where a daemon listens: what was asked for; else loopback, or every address with --insecure. */
int daemon_listen(const struct options *options, struct address *ret, struct ddm_error *err);

/* Sets the log up as the options say, and warns once about --insecure. */
void daemon_log_setup(const struct options *options);

int get_command(const struct options *options);
int peer_command(const struct options *options);
int tracker_command(const struct options *options);
int demo_command(const struct options *options);

#endif
