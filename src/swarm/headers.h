/* SPDX-License-Identifier: MIT */
/* Headers that a client gives to peers, which send them to the origin: text, "Name: value\n" for
 * each, sorted by name (case ignored), so that equal sets are equal texts. Untrusted bytes: what
 * headers_add takes can neither end a line nor say what is the peer's own to say (RFC 9110, 5). */
#ifndef DDM_SWARM_HEADERS_H
#define DDM_SWARM_HEADERS_H

#include "swarm/messages.h"

/* Puts one into its place. A name is a token; a value is UTF-8, not empty, without control
 * characters and without blanks at its ends. -DDM_E_USAGE (and nothing changed) where it is not
 * valid, where the name is there already, where it is one that a peer sets itself (Host, Range,
 * If-…, Connection, X-Forwarded-For and the like), and where there is no room. The message has no
 * value in it. */
int headers_add(char headers[static MESSAGE_HEADERS_SIZE], const char *name, const char *value,
                struct ddm_error *err);

/* "Name: value" for each, NULL at the end, all in one block that is the caller's; NULL without
 * memory. */
char **headers_split(const char *headers);

#endif
