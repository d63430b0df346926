/* SPDX-License-Identifier: MIT */
/* Header lines of replies: a range that is taken is one, and no field holds a control byte. */
#include "io/head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void check_field(const char *field, size_t size)
{
    size_t n = strnlen(field, size);
    require(n < size);
    for (size_t i = 0; i < n; i++)
        require((unsigned char)field[i] >= 0x20 && field[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_head head;
    fetch_head_clear(&head);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) + 1 : size;
        fetch_head_line(&head, (const char *)data, n);
        data += n;
        size -= n;
    }
    if (head.range)
        require(head.begin < head.end && head.end <= head.total && head.total != FETCH_UNKNOWN);
    else
        require(head.begin == 0 && head.end == 0);
    require(head.retry_after >= 0 && head.uplinks <= DDM_INTERFACES_MAX);
    check_field(head.etag, sizeof head.etag);
    check_field(head.last_modified, sizeof head.last_modified);
    check_field(head.disposition, sizeof head.disposition);
    fetch_same_version(head.etag, head.last_modified, head.etag, "");
    return 0;
}
