/* SPDX-License-Identifier: MIT */
/* The addresses of this machine that others in its LAN will reach it at. */
#ifndef DDM_CLI_LAN_H
#define DDM_CLI_LAN_H

#include "base/address.h"

#include <ifaddrs.h>
#include <stddef.h>

#define LAN_ADDRESSES 3

/* At most LAN_ADDRESSES, with that port: of the best kind that there is, the kernel's order within
 * it. Private IPv4 goes before that of tunnels, public IPv4, IPv6, and bridges of containers; never
 * loopback, link-local ones, or those of interfaces that are down. Returns how many. */
size_t lan_addresses(struct address out[static LAN_ADDRESSES], uint16_t port);
/* The same out of a list of getifaddrs(). */
size_t lan_pick(struct address out[static LAN_ADDRESSES], uint16_t port,
                const struct ifaddrs *list);

#endif
