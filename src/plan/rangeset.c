/* SPDX-License-Identifier: MIT */
/* A sorted array. Looking something up is a binary search; bytes that extend a range (nearly all
 * that a download adds) move nothing. */
#include "plan/rangeset.h"

#include "base/util.h"

#include <string.h>

#define FIRST_CAPACITY 16

/* The first range whose end is at or past `offset`. */
static size_t first_ending_from(const struct rangeset *set, uint64_t offset)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].end < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first range that holds `offset` or lies behind it. */
static size_t first_past(const struct rangeset *set, uint64_t offset)
{
    size_t i = first_ending_from(set, offset);
    return i < set->count && set->ranges[i].end == offset ? i + 1 : i;
}

static int insert(struct rangeset *set, size_t at, struct range range)
{
    if (rangeset_reserve(set, set->count + 1) < 0)
        return -1;
    memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof(range));
    set->ranges[at] = range;
    set->count++;
    return 0;
}

static void erase(struct rangeset *set, size_t from, size_t to)
{
    if (from == to)
        return;
    memmove(set->ranges + from, set->ranges + to, (set->count - to) * sizeof(struct range));
    set->count -= to - from;
}

static uint64_t overlap(struct range range, uint64_t begin, uint64_t end)
{
    uint64_t from = MAX(range.begin, begin), to = MIN(range.end, end);
    return from < to ? to - from : 0;
}

void rangeset_release(struct rangeset *set)
{
    free(set->ranges);
    *set = (struct rangeset){ 0 };
}

int rangeset_reserve(struct rangeset *set, size_t count)
{
    if (count <= set->capacity)
        return 0;
    size_t twice = MAX(set->capacity * 2, (size_t)FIRST_CAPACITY);
    size_t capacity = MAX(twice, count);
    struct range *ranges = reallocarray(set->ranges, capacity, sizeof(*ranges));
    if (!ranges)
        return -1;
    set->ranges = ranges;
    set->capacity = capacity;
    return 0;
}

int rangeset_add(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t *ret_added)
{
    uint64_t added = begin < end ? end - begin : 0;
    if (added > 0) {
        size_t from = first_ending_from(set, begin), to = from;
        struct range merged = { begin, end };
        for (; to < set->count && set->ranges[to].begin <= end; to++) {
            added -= overlap(set->ranges[to], begin, end);
            merged.begin = MIN(merged.begin, set->ranges[to].begin);
            merged.end = MAX(merged.end, set->ranges[to].end);
        }
        if (from == to) {
            if (insert(set, from, merged) < 0)
                return -1;
        } else {
            set->ranges[from] = merged;
            erase(set, from + 1, to);
        }
        set->total += added;
    }
    if (ret_added)
        *ret_added = added;
    return 0;
}

int rangeset_remove(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t *ret_removed)
{
    uint64_t removed = 0;
    if (begin < end) {
        size_t from = first_past(set, begin), to = from;
        for (; to < set->count && set->ranges[to].begin < end; to++)
            removed += overlap(set->ranges[to], begin, end);
        if (to == from + 1 && set->ranges[from].begin < begin && set->ranges[from].end > end) {
            if (insert(set, to, (struct range){ end, set->ranges[from].end }) < 0)
                return -1;
            set->ranges[from].end = begin;
        } else if (from < to) {
            if (set->ranges[from].begin < begin)
                set->ranges[from++].end = begin;
            if (from < to && set->ranges[to - 1].end > end)
                set->ranges[--to].begin = end;
            erase(set, from, to);
        }
        set->total -= removed;
    }
    if (ret_removed)
        *ret_removed = removed;
    return 0;
}

bool rangeset_contains(const struct rangeset *set, uint64_t begin, uint64_t end)
{
    return begin >= end || rangeset_run_end(set, begin) >= end;
}

uint64_t rangeset_run_end(const struct rangeset *set, uint64_t offset)
{
    size_t i = first_past(set, offset);
    return i < set->count && set->ranges[i].begin <= offset ? set->ranges[i].end : offset;
}

bool rangeset_next_gap(const struct rangeset *set, uint64_t begin, uint64_t end,
                       struct range *ret_gap)
{
    size_t i = first_past(set, begin);
    if (i < set->count && set->ranges[i].begin <= begin)
        begin = set->ranges[i++].end;
    if (begin >= end)
        return false;
    if (i < set->count)
        end = MIN(end, set->ranges[i].begin);
    *ret_gap = (struct range){ begin, end };
    return true;
}

bool rangeset_next_run(const struct rangeset *set, uint64_t begin, uint64_t end,
                       struct range *ret_run)
{
    size_t i = first_past(set, begin);
    if (begin >= end || i == set->count || set->ranges[i].begin >= end)
        return false;
    *ret_run = (struct range){ MAX(begin, set->ranges[i].begin), MIN(end, set->ranges[i].end) };
    return true;
}

uint64_t rangeset_total(const struct rangeset *set)
{
    return set->total;
}

uint64_t rangeset_count_within(const struct rangeset *set, uint64_t begin, uint64_t end)
{
    uint64_t count = 0;
    for (size_t i = first_past(set, begin); i < set->count && set->ranges[i].begin < end; i++)
        count += overlap(set->ranges[i], begin, end);
    return count;
}
