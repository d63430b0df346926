/* SPDX-License-Identifier: MIT */
/* Header lines of replies: a range that is taken is one, no field holds a control byte, digests are
 * whole and no two contradict each other. */
#include "io/digest_kind.h"
#include "io/head.h"
#include "io/link.h"

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

static void check_digests(const struct fetch_head *head)
{
    require(head->digest_count <= FETCH_DIGESTS);
    for (size_t i = 0; i < head->digest_count; i++) {
        const struct fetch_digest *d = &head->digests[i];
        char hex[DIGEST_HEX_SIZE];
        int kind = digest_kind(d->algorithm, strnlen(d->algorithm, sizeof d->algorithm));
        require(digest_kind_hex(kind, d->hex, strnlen(d->hex, sizeof d->hex), hex));
        require(strcmp(hex, d->hex) == 0 && d->from != 0);
        for (size_t k = 0; k < i; k++)
            require(head->digests[k].of_body != d->of_body ||
                    strcmp(head->digests[k].algorithm, d->algorithm) != 0);
    }
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
    check_field(head.links, sizeof head.links);
    check_digests(&head);
    fetch_head_at(&head, 784111777);
    require(head.retry_after >= 0 && head.retry_after <= (int64_t)3600 * 1000000000);
    require(head.date >= 0 && head.retry_at >= 0);
    const char *cursor = head.links;
    for (struct link link; link_next(&cursor, &link);)
        require(cursor <= head.links + strlen(head.links));
    fetch_same_version(head.etag, head.last_modified, head.etag, "");
    return 0;
}
