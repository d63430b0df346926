/* SPDX-License-Identifier: MIT */
/* The commands of `ddm`, in a table; what they have in common. */
#ifndef DDM_CLI_COMMAND_H
#define DDM_CLI_COMMAND_H

#include "cli/options.h"

struct membership;

struct command {
    const char *name;
    enum role role;              /* 0: takes no options (help, version) */
    const char *usage;           /* behind "ddm NAME" */
    const char *summary;         /* one line of the overview */
    const char *about;           /* a paragraph or more; NULL: none */
    const char *const *examples; /* pairs of a command line and what it does, NULL at the end */
    /* Does it, with the options filled in; returns the exit status, the error already printed. */
    int (*run)(const struct options *options);
    bool operands;                  /* takes what is no option */
    const struct command *commands; /* further words: a table like this one; NULL: none */
};

/* In the order of the overview; a row without a name ends it. */
extern const struct command command_table[];

/* NULL where there is none of that name in a table. */
const struct command *command_find_in(const struct command *table, const char *name);
/* The nearest name for a typo, or NULL. */
const char *command_suggest_in(const struct command *table, const char *name);
/* The same in command_table. */
const struct command *command_find(const char *name);
const char *command_suggest(const char *name);

/* The words behind "ddm": "get", "swarm init". */
const char *command_name(const struct command *command);

/* A word of the command line as a message may show it: of a token its beginning only. */
const char *command_shown(const char *word);

/* Prints "ddm: message" to standard error; returns the exit status of the error's code. */
int command_error(const struct ddm_error *error);

/* The swarm that a daemon serves; NULL where there is no key, or --insecure. */
int daemon_join(const struct options *options, struct membership **ret, struct ddm_error *err);
/* Where it listens: what was asked for; else every address, or loopback without a key. */
int daemon_listen(const struct options *options, const struct membership *membership,
                  struct address *ret, struct ddm_error *err);
/* Whether it may listen there and talk to its trackers. -DDM_E_PERMISSION and what to do. */
int daemon_check(const struct options *options, const struct membership *membership,
                 const struct address *listen, struct ddm_error *err);
/* Sets the log up as the options say, and warns once about --insecure. */
void daemon_log_setup(const struct options *options);
/* Without a key and --insecure: logs what makes a swarm of the machines. */
void daemon_offer(const struct options *options, const struct membership *membership);

int get_command(const struct options *options);
int peer_command(const struct options *options);
int tracker_command(const struct options *options);
int cache_command(const struct options *options);
int demo_command(const struct options *options);

/* `ddm swarm …`, cmd_swarm.c */
extern const struct command swarm_commands[];

#endif
