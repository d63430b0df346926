/* SPDX-License-Identifier: MIT */
/* Journals: any bytes, and records of any content whose checksums are right. What is read is within
 * its bounds, the same in blocks of any length, and comes back when it is written. */
#include "io/journal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static enum journal_state read_all(const uint8_t *data, size_t size, size_t block,
                                   struct journal *ret)
{
    struct journal_reader *r = NULL;
    require(journal_reader_new(&r) == 0);
    for (size_t at = 0; at < size; at += block)
        journal_reader_feed(r, data + at, size - at < block ? size - at : block);
    enum journal_state state = journal_reader_end(r, ret);
    journal_reader_free(r);
    return state;
}

static void require_same(const struct journal *a, const struct journal *b)
{
    require(a->size == b->size && a->unproved == b->unproved &&
            a->origin_count == b->origin_count && a->checksum_count == b->checksum_count &&
            a->valid.count == b->valid.count && a->valid.total == b->valid.total &&
            a->extents.count == b->extents.count && a->extents.total == b->extents.total);
    for (size_t i = 0; i < a->origin_count; i++)
        require(strcmp(a->origins[i].url, b->origins[i].url) == 0 &&
                strcmp(a->origins[i].etag, b->origins[i].etag) == 0 &&
                strcmp(a->origins[i].last_modified, b->origins[i].last_modified) == 0);
    for (size_t i = 0; i < a->checksum_count; i++)
        require(strcmp(a->checksums[i].algorithm, b->checksums[i].algorithm) == 0 &&
                strcmp(a->checksums[i].hex, b->checksums[i].hex) == 0);
    if (a->valid.count > 0)
        require(memcmp(a->valid.ranges, b->valid.ranges, a->valid.count * sizeof(struct range)) ==
                0);
    if (a->extents.count > 0)
        require(memcmp(a->extents.list, b->extents.list,
                       a->extents.count * sizeof(struct extent)) == 0);
}

static void check_extents(const struct extents *set, uint64_t size)
{
    uint64_t end = 0, total = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct extent e = set->list[i];
        require(e.begin >= end && e.begin < e.end && e.end <= size &&
                e.end - e.begin <= EXTENT_LENGTH_MAX);
        end = e.end;
        total += e.end - e.begin;
    }
    require(total == set->total);
}

static void check(const struct journal *j)
{
    uint64_t end = 0, size = j->size > INT64_MAX ? INT64_MAX : j->size;
    require(j->origin_count <= JOURNAL_ORIGINS_MAX && j->checksum_count <= JOURNAL_CHECKSUMS_MAX);
    for (size_t i = 0; i < j->valid.count; i++) {
        struct range r = j->valid.ranges[i];
        require((i == 0 || r.begin > end) && r.begin < r.end && r.end <= size);
        end = r.end;
    }
    struct journal_writer out = { 0 };
    struct journal again = { 0 };
    check_extents(&j->extents, size);
    require(journal_writer_begin(&out, j, &j->valid) == 0);
    require(journal_put_extents(&out, j->extents.list, j->extents.count) == 0);
    require(read_all(out.data, out.length, out.length, &again) == JOURNAL_GOOD);
    require_same(j, &again);
    journal_release(&again);
    journal_writer_release(&out);
}

static void check_bytes(const uint8_t *data, size_t size)
{
    struct journal whole = { 0 }, parts = { 0 };
    enum journal_state state = read_all(data, size, size, &whole);
    require(read_all(data, size, 7, &parts) == state);
    if (state != JOURNAL_GOOD)
        return;
    require_same(&whole, &parts);
    check(&whole);
    journal_release(&whole);
    journal_release(&parts);
}

/* Records: type, two bytes of length, payload. Then a cut. */
static void check_records(const uint8_t *data, size_t size)
{
    struct journal_writer out = { 0 };
    struct journal nothing = { 0 };
    struct rangeset none = { 0 };
    require(journal_writer_begin(&out, &nothing, &none) == 0);
    out.length = JOURNAL_HEADER_SIZE;
    out.sequence = 0;
    while (size >= 3) {
        size_t n = data[1] | (size_t)data[2] << 8;
        n = n < size - 3 ? n : size - 3;
        require(journal_put(&out, data[0], data + 3, n) == 0);
        data += 3 + n;
        size -= 3 + n;
    }
    check_bytes(out.data, out.length - (size > 0 ? data[0] % out.length : 0));
    journal_writer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        check_records(data + 1, size - 1);
    else
        check_bytes(data + 1, size - 1);
    return 0;
}
