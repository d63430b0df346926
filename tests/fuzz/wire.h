/* SPDX-License-Identifier: MIT */
/* The other end of the wire, for the targets that fuzz a daemon's HTTP handlers: the daemon's own
 * server and loop, and connections over socket pairs, whose other ends say what the input says.
 * Nothing leaves the process: connect() and getaddrinfo() are this file's own (see wire.c).
 *
 * The input is what goes over the wire. 0xff and the byte behind it are a command (its lower three
 * bits):
 *
 *     0 split here: the daemon sees what there is so far, until nothing moves any more
 *     1 no more will be said on this connection (half close)
 *     2 cut it off
 *     3 go on with another connection (the upper bits: which), which is opened if it is not
 *     4 take nothing off this connection from now on
 *     5 what follows, up to the next command, is what origins answer from now on
 *     6 origins close when they have answered
 *     7 a byte 0xff */
#ifndef DDM_FUZZ_WIRE_H
#define DDM_FUZZ_WIRE_H

#include "io/httpd.h"
#include "io/loop.h"

#include <stddef.h>
#include <stdint.h>

struct wire;

/* Before the first input. What is logged is checked from then on: one line each, and nothing in it
 * that a terminal would take for a command. */
void wire_check_log(void);

struct wire *wire_new(struct loop *loop, struct httpd *httpd);
/* Plays an input. Then all connections are closed, the daemon must forget all requests, and must
 * answer one at `health` with 200. */
void wire_play(struct wire *wire, const uint8_t *data, size_t size, const char *health);
struct wire *wire_free(struct wire *wire); /* before the loop */

/* Aborts where it is not so. */
void require(bool what);

#endif
