/* SPDX-License-Identifier: MIT */
/* The help texts, made from the tables of commands, options and exit codes; 80 columns. */
#ifndef DDM_CLI_HELP_H
#define DDM_CLI_HELP_H

#include "cli/command.h"
#include "cli/term.h"

/* `ddm help` */
void help_overview(struct text *out, const struct term *term);
/* `ddm help get` */
void help_command(struct text *out, const struct term *term, const struct command *command);

#endif
