/* SPDX-License-Identifier: MIT */
/* Link headers: what comes out is one of the two relations with a URL that has neither space nor
 * control byte, and each link ends where link_length() says. */
#include "io/link.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void check(const struct link *link)
{
    size_t n = strnlen(link->url, sizeof link->url);
    require(n > 0 && n < sizeof link->url);
    for (size_t i = 0; i < n; i++)
        require((unsigned char)link->url[i] > ' ' && link->url[i] != 0x7f);
    require(strcmp(link->relation, "duplicate") == 0 || strcmp(link->relation, "describedby") == 0);
    require(strnlen(link->type, sizeof link->type) < sizeof link->type);
    require(link->priority >= 1 && link->priority <= 999999);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link link;
    bool closed;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    size_t first = link_length(text, size, &closed);
    require(first <= size && (first == size || text[first] == ','));
    const char *cursor = text, *last = text;
    while (link_next(&cursor, &link)) {
        check(&link);
        require(cursor > last && cursor <= text + strlen(text));
        last = cursor;
    }
    require(*cursor == '\0');
    free(text);
    return 0;
}
