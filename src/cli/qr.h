/* SPDX-License-Identifier: MIT */
/* Text as a QR code on the terminal: two of its squares in a cell, one above the other. */
#ifndef DDM_CLI_QR_H
#define DDM_CLI_QR_H

#include "cli/term.h"

/* Adds the lines of one. False where it does not fit, the terminal has no such characters, or ddm
 * was built without libqrencode; nothing is added then. */
bool qr_add(struct text *out, const struct term *term, const char *content);

#endif
