/* SPDX-License-Identifier: MIT */
/* Who this process is: a node id of its own, and a host id that all processes of one machine share
 * (so that a client notices that a peer stands behind its own uplink). */
#ifndef DDM_SWARM_IDENTITY_H
#define DDM_SWARM_IDENTITY_H

#include "swarm/messages.h"

/* 128 random bits in hex. 0, or -DDM_E_FAIL. */
int identity_node(char out[static MESSAGE_ID_SIZE], struct ddm_error *err);

/* A digest of machine id, boot id, host name and network namespace; the same for all processes that
 * share these, and it reveals none of them. Another one after a boot. */
void identity_host(char out[static MESSAGE_ID_SIZE]);

/* Whether an address (a number, no name) belongs to one of this machine's interfaces, or is
 * loopback. */
bool identity_is_local(const char *host);

#endif
