/* SPDX-License-Identifier: MIT */
/* Checksum files as they lie beside downloads: SHA256SUMS (GNU "HEX  NAME", "HEX *NAME"), BSD and
 * openssl ("SHA256 (NAME) = HEX", "SHA2-256(NAME)= HEX"), and URL.sha256 with nothing but the hex.
 * Untrusted bytes. */
#ifndef DDM_IO_SUMS_H
#define DDM_IO_SUMS_H

#include <stdbool.h>
#include <stddef.h>

/* Looks for the line about `name` (its last path component counts; the line may have a folder in
 * front of it). A text that is one hex and no name counts for any name. The algorithm is what the
 * line says, else follows from the number of digits, where `hint` ("sha-512", NULL) does not say.
 * False where there is none; lines that contradict each other are none. */
bool sums_find(const char *text, size_t length, const char *name, const char *hint,
               char algorithm[static 16], char hex[static 2 * 64 + 1]);

#endif
