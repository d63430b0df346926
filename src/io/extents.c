/* SPDX-License-Identifier: MIT */
#include "io/extents.h"

#include "base/util.h"
#include "io/digest.h"

#include <string.h>

void extents_release(struct extents *set)
{
    free(set->list);
    *set = (struct extents){ 0 };
}

int extents_reserve(struct extents *set, size_t count)
{
    if (count > EXTENTS_MAX)
        return -1;
    if (count <= set->capacity)
        return 0;
    size_t capacity = MIN(MAX(count, 2 * set->capacity), (size_t)EXTENTS_MAX);
    struct extent *list = reallocarray(set->list, capacity, sizeof *list);
    if (!list)
        return -1;
    set->list = list;
    set->capacity = capacity;
    return 0;
}

/* The first one that ends behind `offset`: the number of those before it. Bytes mostly come in
 * their order, so the end is looked at first. */
static size_t find(const struct extents *set, uint64_t offset)
{
    size_t low = 0, high = set->count;
    if (high == 0 || set->list[high - 1].end <= offset)
        return high;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->list[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Makes of the extents from `at` on, `old` of them, `new` ones. */
static void shift(struct extents *set, size_t at, size_t old, size_t new)
{
    for (size_t i = at; i < at + old; i++)
        set->total -= set->list[i].end - set->list[i].begin;
    if (old != new &&at + old < set->count)
        memmove(&set->list[at + new], &set->list[at + old],
                (set->count - at - old) * sizeof *set->list);
    set->count = set->count - old + new;
}

static size_t count_touched(const struct extents *set, size_t from, uint64_t end)
{
    size_t n = 0;
    while (from + n < set->count && set->list[from + n].begin < end)
        n++;
    return n;
}

int extents_add(struct extents *set, const struct extent *extent)
{
    size_t at = find(set, extent->begin), old = count_touched(set, at, extent->end);
    if (extents_reserve(set, set->count - old + 1) < 0)
        return -1;
    shift(set, at, old, 1);
    set->list[at] = *extent;
    set->total += extent->end - extent->begin;
    return 0;
}

void extents_remove(struct extents *set, uint64_t begin, uint64_t end)
{
    size_t at = find(set, begin), old = begin < end ? count_touched(set, at, end) : 0;
    if (old > 0)
        shift(set, at, old, 0);
}

const struct extent *extents_at(const struct extents *set, uint64_t offset)
{
    size_t at = find(set, offset);
    return at < set->count && set->list[at].begin <= offset ? &set->list[at] : NULL;
}

uint64_t extents_run_end(const struct extents *set, uint64_t offset)
{
    for (size_t i = find(set, offset); i < set->count && set->list[i].begin <= offset; i++)
        offset = set->list[i].end;
    return offset;
}

bool extents_next_run(const struct extents *set, uint64_t begin, uint64_t end, struct range *ret)
{
    size_t at = find(set, begin);
    if (at == set->count || set->list[at].begin >= end || begin >= end)
        return false;
    uint64_t first = MAX(begin, set->list[at].begin);
    *ret = (struct range){ first, MIN(end, extents_run_end(set, first)) };
    return true;
}

int extent_sum(unsigned char sum[static EXTENT_SUM_SIZE], const void *data, size_t length)
{
    struct digest *digest;
    if (digest_new(&digest, "sha-256") < 0)
        return -1;
    int r = digest_update(digest, data, length);
    digest_final_raw(digest, sum, EXTENT_SUM_SIZE);
    digest_free(digest);
    return r < 0 ? -1 : 0;
}
