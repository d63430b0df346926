/* SPDX-License-Identifier: MIT */
/* Checksum files: the first line of the input is the name that is looked for, its first byte says
 * which hint. What comes out is a whole digest, and reading it back finds it again. */
#include "io/digest_kind.h"
#include "io/sums.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void check(const char *algorithm, const char *hex)
{
    char text[400], again[16], lower[DIGEST_HEX_SIZE];
    int kind = digest_kind(algorithm, strlen(algorithm));
    require(digest_kind_hex(kind, hex, strlen(hex), lower) && strcmp(lower, hex) == 0);
    snprintf(text, sizeof text, "%s (f) = %s\n", algorithm, hex);
    require(sums_find(text, strlen(text), "f", NULL, again, lower));
    require(strcmp(again, algorithm) == 0 && strcmp(lower, hex) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hints[] = { NULL, "sha-256", "sha-512", "sha3" };
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    char name[256], algorithm[16], hex[DIGEST_HEX_SIZE];
    if (!end || (size_t)(end - data) >= sizeof name)
        return 0;
    memcpy(name, data, (size_t)(end - data));
    name[end - data] = '\0';
    size_t length = size - (size_t)(end + 1 - data);
    /* A copy, so that reading behind its end is seen. */
    char *text = malloc(length ? length : 1);
    if (!text)
        return 0;
    memcpy(text, end + 1, length);
    if (sums_find(text, length, name, hints[data[0] % 4], algorithm, hex))
        check(algorithm, hex);
    free(text);
    return 0;
}
