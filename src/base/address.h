/* SPDX-License-Identifier: MIT */
/* HOST:PORT as people write it: "lab1", "10.0.0.7:7070", "[fe80::1]:7071", ":7071". */
#ifndef DDM_BASE_ADDRESS_H
#define DDM_BASE_ADDRESS_H

#include "ddm/ddm.h"

#define ADDRESS_HOST_SIZE 256
#define ADDRESS_TEXT_SIZE (ADDRESS_HOST_SIZE + 10)

struct address {
    char host[ADDRESS_HOST_SIZE]; /* without brackets; empty: any */
    uint16_t port;
};

/* Parses text; a missing port becomes default_port. Port 0 is taken (to listen on any). A host is a
 * name of letters, digits, '.', '-' and '_', an IPv4 number, or an IPv6 number, which needs its
 * brackets only before a port and may carry a zone ("fe80::1%eth0"): nothing that means anything
 * else in a URL. -DDM_E_USAGE and why where it is not one. */
int address_parse(struct address *ret, const char *text, uint16_t default_port,
                  struct ddm_error *err);

/* "host:port", with brackets where the host has a colon; returns out. */
char *address_format(char out[static ADDRESS_TEXT_SIZE], const struct address *address);

#endif
