/* SPDX-License-Identifier: MIT */
/* Socket addresses: from HOST:PORT to what the kernel takes, and back to text. */
#ifndef DDM_IO_SOCKET_H
#define DDM_IO_SOCKET_H

#include "base/address.h"

#include <sys/socket.h>

/* Resolves an address to listen on (blocking; at the start of a daemon only). An empty host means
 * all of this machine's addresses: "::", to be bound for IPv4 too, or 0.0.0.0 where there is no
 * IPv6. -DDM_E_USAGE where it cannot be resolved. */
int socket_resolve_listen(struct sockaddr_storage *ret, socklen_t *ret_length,
                          const struct address *address, struct ddm_error *err);

/* The number of an address without its port ("10.0.0.7", "fe80::1"); IPv4-mapped ones as IPv4,
 * zones left out; empty where it is neither IPv4 nor IPv6. */
void socket_host(char out[static ADDRESS_HOST_SIZE], const struct sockaddr *address);

#endif
