/* SPDX-License-Identifier: MIT */
/* Where a peer may connect to for others: public addresses, and the networks that its owner allows.
 * Asked with the address of the socket, after DNS and after every redirect, so that no name and no
 * spelling of a number gets around it. Special-purpose ranges after the IANA registries (RFC 6890).
 * IPv4 within IPv6 (mapped, or behind NAT64) is judged as the IPv4 address that it is.
 *
 * Behind a proxy the socket's address is the proxy's, and where that connects to cannot be seen:
 * what can be known of it is asked in peer/gate.h. */
#ifndef DDM_SWARM_POLICY_H
#define DDM_SWARM_POLICY_H

#include "ddm/ddm.h"

#include <sys/socket.h>

struct policy;

/* `allow`: "10.0.0.0/8,fd00::/8" or "" or NULL; a bare address is a network of one; separated by
 * commas or blanks. "0.0.0.0/0" is all of IPv4, "::/0" all of IPv6.
 * -DDM_E_USAGE names the part that is wrong. */
int policy_new(struct policy **ret, const char *allow, struct ddm_error *err);
struct policy *policy_free(struct policy *policy);
bool policy_allows(const struct policy *policy, const struct sockaddr *address);

/* Whether a host (name or number) is loopback: "localhost", 127.0.0.0/8 (mapped ones too), ::1. No
 * DNS; false for the empty host, which stands for all addresses. */
bool policy_host_is_loopback(const char *host);

#endif
