/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "plan/rangeset.h"

#include <string.h>

static void add(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t expected)
{
    uint64_t added = 12345;
    assert_int_equal(rangeset_add(set, begin, end, &added), 0);
    assert_int_equal(added, expected);
}

static void take(struct rangeset *set, uint64_t begin, uint64_t end, uint64_t expected)
{
    uint64_t removed = 12345;
    assert_int_equal(rangeset_remove(set, begin, end, &removed), 0);
    assert_int_equal(removed, expected);
}

static void assert_ranges(const struct rangeset *set, const struct range *ranges, size_t count)
{
    assert_int_equal(set->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(set->ranges[i].begin, ranges[i].begin);
        assert_int_equal(set->ranges[i].end, ranges[i].end);
    }
}

#define assert_set(set, ...)                                                                       \
    assert_ranges(set, (struct range[]){ __VA_ARGS__ },                                            \
                  ARRAY_SIZE(((struct range[]){ __VA_ARGS__ })))

static void empty_set(void **state)
{
    struct rangeset set = { 0 };
    struct range r = { 7, 8 };
    assert_int_equal(rangeset_total(&set), 0);
    assert_true(rangeset_contains(&set, 5, 5));
    assert_false(rangeset_contains(&set, 5, 6));
    assert_int_equal(rangeset_run_end(&set, 5), 5);
    assert_false(rangeset_next_run(&set, 0, UINT64_MAX, &r));
    assert_int_equal(r.begin, 7);
    assert_true(rangeset_next_gap(&set, 3, 9, &r));
    assert_int_equal(r.begin, 3);
    assert_int_equal(r.end, 9);
    assert_false(rangeset_next_gap(&set, 9, 9, &r));
    take(&set, 0, 100, 0);
    add(&set, 4, 4, 0);
    assert_int_equal(set.count, 0);
    assert_int_equal(rangeset_add(&set, 0, 1, NULL), 0);
    assert_int_equal(rangeset_remove(&set, 0, 1, NULL), 0);
    rangeset_release(&set);
    assert_null(set.ranges);
}

static void neighbours_grow_together(void **state)
{
    struct rangeset set = { 0 };
    add(&set, 10, 20, 10);
    add(&set, 30, 40, 10);
    assert_set(&set, { 10, 20 }, { 30, 40 });
    add(&set, 20, 25, 5);
    assert_set(&set, { 10, 25 }, { 30, 40 });
    add(&set, 28, 30, 2);
    assert_set(&set, { 10, 25 }, { 28, 40 });
    add(&set, 25, 28, 3);
    assert_set(&set, { 10, 40 });
    add(&set, 15, 35, 0);
    add(&set, 0, 5, 5);
    add(&set, 50, 51, 1);
    add(&set, 4, 60, 10 - 5 + 60 - 41);
    assert_set(&set, { 0, 60 });
    assert_int_equal(rangeset_total(&set), 60);
    rangeset_release(&set);
}

static void removing(void **state)
{
    struct rangeset set = { 0 };
    add(&set, 0, 100, 100);
    take(&set, 40, 60, 20);
    assert_set(&set, { 0, 40 }, { 60, 100 });
    take(&set, 40, 60, 0);
    take(&set, 0, 10, 10);
    take(&set, 90, 200, 10);
    assert_set(&set, { 10, 40 }, { 60, 90 });
    take(&set, 30, 70, 20);
    assert_set(&set, { 10, 30 }, { 70, 90 });
    take(&set, 70, 90, 20);
    assert_set(&set, { 10, 30 });
    take(&set, 11, 29, 18);
    assert_set(&set, { 10, 11 }, { 29, 30 });
    take(&set, 0, UINT64_MAX, 2);
    assert_int_equal(set.count, 0);
    assert_int_equal(rangeset_total(&set), 0);
    rangeset_release(&set);
}

static void looking_up(void **state)
{
    struct rangeset set = { 0 };
    struct range r;
    add(&set, 10, 20, 10);
    add(&set, 30, 40, 10);
    assert_int_equal(rangeset_run_end(&set, 10), 20);
    assert_int_equal(rangeset_run_end(&set, 19), 20);
    assert_int_equal(rangeset_run_end(&set, 20), 20);
    assert_int_equal(rangeset_run_end(&set, 9), 9);
    assert_true(rangeset_contains(&set, 12, 20));
    assert_false(rangeset_contains(&set, 12, 21));
    assert_false(rangeset_contains(&set, 9, 12));
    assert_false(rangeset_contains(&set, 15, 35));

    assert_true(rangeset_next_gap(&set, 10, 100, &r));
    assert_int_equal(r.begin, 20);
    assert_int_equal(r.end, 30);
    assert_true(rangeset_next_gap(&set, 15, 25, &r));
    assert_int_equal(r.end, 25);
    assert_false(rangeset_next_gap(&set, 10, 20, &r));
    assert_true(rangeset_next_gap(&set, 35, 50, &r));
    assert_int_equal(r.begin, 40);
    assert_int_equal(r.end, 50);

    assert_true(rangeset_next_run(&set, 20, 100, &r));
    assert_int_equal(r.begin, 30);
    assert_int_equal(r.end, 40);
    assert_true(rangeset_next_run(&set, 12, 15, &r));
    assert_int_equal(r.begin, 12);
    assert_int_equal(r.end, 15);
    assert_false(rangeset_next_run(&set, 20, 30, &r));
    assert_false(rangeset_next_run(&set, 40, 100, &r));

    assert_int_equal(rangeset_count_within(&set, 15, 35), 10);
    assert_int_equal(rangeset_count_within(&set, 20, 30), 0);
    assert_int_equal(rangeset_count_within(&set, 0, UINT64_MAX), 20);
    rangeset_release(&set);
}

static void whole_u64(void **state)
{
    struct rangeset set = { 0 };
    add(&set, 0, UINT64_MAX, UINT64_MAX);
    take(&set, UINT64_MAX - 1, UINT64_MAX, 1);
    assert_int_equal(rangeset_run_end(&set, 5), UINT64_MAX - 1);
    rangeset_release(&set);
}

static void reserved_room_does_not_move(void **state)
{
    struct rangeset set = { 0 };
    assert_int_equal(rangeset_reserve(&set, 100), 0);
    const struct range *before = set.ranges;
    for (uint64_t i = 0; i < 100; i++)
        add(&set, 10 * i, 10 * i + 5, 5);
    assert_ptr_equal(set.ranges, before);
    assert_int_equal(set.count, 100);
    rangeset_release(&set);
}

/* -- Against a bitmap -------------------------------------------------------------------------- */

#define BITS 300

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)random_state * limit) >> 32);
}

static uint64_t count_bits(const bool *bits, uint64_t begin, uint64_t end)
{
    uint64_t count = 0;
    for (uint64_t i = begin; i < end; i++)
        count += bits[i];
    return count;
}

/* The first maximal run of `value` within [begin, end). */
static bool next_bits(const bool *bits, bool value, uint64_t begin, uint64_t end, struct range *ret)
{
    while (begin < end && bits[begin] != value)
        begin++;
    ret->begin = ret->end = begin;
    while (ret->end < end && bits[ret->end] == value)
        ret->end++;
    return begin < end;
}

static void assert_same(const struct rangeset *set, const bool *bits)
{
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->ranges[i].begin < set->ranges[i].end);
        assert_true(i == 0 || set->ranges[i - 1].end < set->ranges[i].begin);
    }
    assert_int_equal(rangeset_total(set), count_bits(bits, 0, BITS));

    uint64_t begin = random_below(BITS), end = begin + random_below((uint32_t)(BITS - begin) + 1);
    uint64_t count = count_bits(bits, begin, end);
    struct range expected, found;
    assert_int_equal(rangeset_count_within(set, begin, end), count);
    assert_int_equal(rangeset_contains(set, begin, end), count == end - begin);
    next_bits(bits, true, begin, BITS, &expected);
    assert_int_equal(rangeset_run_end(set, begin), bits[begin] ? expected.end : begin);

    bool any = next_bits(bits, true, begin, end, &expected);
    assert_int_equal(rangeset_next_run(set, begin, end, &found), any);
    if (any)
        assert_memory_equal(&found, &expected, sizeof(found));
    any = next_bits(bits, false, begin, end, &expected);
    assert_int_equal(rangeset_next_gap(set, begin, end, &found), any);
    if (any)
        assert_memory_equal(&found, &expected, sizeof(found));
}

static void against_a_bitmap(void **state)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct rangeset set = { 0 };
        bool bits[BITS] = { 0 };
        random_state = seed;
        uint32_t longest = 1 + random_below(60);
        for (int step = 0; step < 300; step++) {
            uint64_t begin = random_below(BITS);
            uint64_t length = random_below(longest + 1), end = MIN(begin + length, (uint64_t)BITS);
            uint64_t members = count_bits(bits, begin, end);
            bool adds = random_below(5) < 3;
            if (adds)
                add(&set, begin, end, end - begin - members);
            else
                take(&set, begin, end, members);
            memset(bits + begin, adds, end - begin);
            assert_same(&set, bits);
        }
        rangeset_release(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_set),        cmocka_unit_test(neighbours_grow_together),
        cmocka_unit_test(removing),         cmocka_unit_test(looking_up),
        cmocka_unit_test(whole_u64),        cmocka_unit_test(reserved_room_does_not_move),
        cmocka_unit_test(against_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
