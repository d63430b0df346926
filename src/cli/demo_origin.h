/* SPDX-License-Identifier: MIT */
/* The origin of `ddm demo`: an HTTP server on loopback with one file, that gives each connection a
 * limited rate. The file is computed, not stored: every part of it follows from its offset. */
#ifndef DDM_CLI_DEMO_ORIGIN_H
#define DDM_CLI_DEMO_ORIGIN_H

#include "ddm/ddm.h"

#define DEMO_PATH "/demo.bin"
#define DEMO_SIZE ((uint64_t)24 << 20)
#define DEMO_RATE ((uint64_t)4 << 20) /* bytes/s of one connection */

/* The bytes of the file from `offset` on. */
void demo_content(char *out, uint64_t offset, size_t length);

/* Serves until it is ended by a signal; writes the port (uint16_t) to `ready_fd` once it listens.
 * Returns only on failure. */
enum ddm_code demo_origin_run(int ready_fd, struct ddm_error *err);

#endif
