/* SPDX-License-Identifier: MIT */
/* What the commands of `ddm swarm` share. */
#ifndef DDM_CLI_SWARM_H
#define DDM_CLI_SWARM_H

#include "cli/command.h"
#include "cli/state.h"
#include "swarm/membership.h"

int swarm_init_command(const struct options *options);
int swarm_token_command(const struct options *options);
int swarm_join_command(const struct options *options);
int swarm_show_command(const struct options *options);

/* The state folder: out, or NULL where none can be found, with the reason. */
const char *swarm_folder(const struct options *options, char out[static PATH_MAX],
                         struct ddm_error *err);

#define SWARM_DATE_SIZE 40
/* "2026-11-22 10:00 UTC", from seconds since 1970; returns out. */
char *swarm_date(char out[static SWARM_DATE_SIZE], int64_t seconds);

#endif
