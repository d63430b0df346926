/* SPDX-License-Identifier: MIT */
/* Config files: INI, one for each role or one for all.
 *
 *     --config FILE, or
 *     $XDG_CONFIG_HOME/ddm/peer.conf   or /etc/ddm/peer.conf    the first that exists
 *     $XDG_CONFIG_HOME/ddm/ddm.conf    or /etc/ddm/ddm.conf     the same; beneath it
 *
 * Keys are the long names of options. Those before any section belong to the role that reads the
 * file, those under [get], [peer] and [tracker] to that role; all are checked, whoever reads. */
#ifndef DDM_CLI_CONFIG_H
#define DDM_CLI_CONFIG_H

#include "cli/options.h"

/* Finds and reads the files that apply. -DDM_E_USAGE and "FILE:LINE: …". */
int config_load(struct options *options, struct ddm_error *err);

/* Reads one file's text; `name` is for messages. */
int config_parse(struct options *options, enum option_origin origin, const char *name,
                 const char *text, size_t length, struct ddm_error *err);

#endif
