/* SPDX-License-Identifier: MIT */
/* Checksum files as they lie beside downloads. Untrusted bytes.
 *
 *     HEX  NAME              GNU; also "HEX *NAME", and "HEX NAME" of BSD's -r
 *     \HEX  NA\nME           GNU, where a name has a backslash or a line end
 *     SHA256 (NAME) = HEX    BSD; also "\SHA256 (NA\nME) = HEX"
 *     SHA2-256(NAME)= HEX    openssl
 *     HEX                    URL.sha256 with nothing but it; also "HEX  -"
 *
 * Line ends may be CRLF; a '#' begins a comment; a clear-signed text (RFC 9580, 7) is read without
 * its signature, which nobody checks. Other lines are passed over, and so is a digest that does not
 * have the digits of its algorithm. */
#ifndef DDM_IO_SUMS_H
#define DDM_IO_SUMS_H

#include <stdbool.h>
#include <stddef.h>

/* Looks for the lines about `name` (its last path component counts). A line that has just that name
 * ("./" before it or not) goes before lines with a folder in front of it. A text that is one hex
 * and no name counts for any name. The algorithm is what the line says, else follows from the
 * number of digits and must be `hint` ("sha-512") unless that is NULL; of several the strongest is
 * taken. False where there is none, and `algorithm` and `hex` as they were; lines that contradict
 * each other are none. */
bool sums_find(const char *text, size_t length, const char *name, const char *hint,
               char algorithm[static 16], char hex[static 2 * 64 + 1]);

#endif
