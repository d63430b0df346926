/* SPDX-License-Identifier: MIT */
#include "io/extents.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 64

static struct extent one(uint64_t begin, uint64_t end, unsigned char mark)
{
    struct extent e = { .begin = begin, .end = end };
    memset(e.sum, mark, sizeof e.sum);
    return e;
}

/* What the set should be, byte by byte: 0 or the mark of the extent. */
static void model_remove(unsigned char *model, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++) {
        unsigned char mark = model[i];
        for (uint64_t k = 0; mark && k < SIZE; k++)
            model[k] = model[k] == mark ? 0 : model[k];
    }
}

static void expect_model(const struct extents *set, const unsigned char *model)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < SIZE; i++) {
        const struct extent *e = extents_at(set, i);
        uint64_t run = i;
        assert_int_equal(e ? e->sum[0] : 0, model[i]);
        total += model[i] != 0;
        while (run < SIZE && model[run])
            run++;
        assert_int_equal(extents_run_end(set, i), run);
        struct range next;
        uint64_t first = i;
        while (first < SIZE && !model[first])
            first++;
        assert_int_equal(extents_next_run(set, i, SIZE, &next), first < SIZE);
        if (first < SIZE) {
            assert_int_equal(next.begin, first);
            assert_int_equal(next.end, extents_run_end(set, first));
        }
    }
    assert_int_equal(set->total, total);
}

static void test_it_does_what_a_table_of_bytes_does(void **state)
{
    unsigned seed = 1;
    for (unsigned round = 0; round < 20; round++) {
        struct extents set = { 0 };
        unsigned char model[SIZE] = { 0 };
        for (unsigned step = 1; step < 200; step++) {
            uint64_t begin = (seed = seed * 1103515245 + 12345) >> 8 & 63;
            uint64_t end = MIN(begin + 1 + (seed >> 20 & 7), (uint64_t)SIZE);
            model_remove(model, begin, end);
            if (seed >> 24 & 3) {
                struct extent e = one(begin, end, (unsigned char)step);
                assert_int_equal(extents_add(&set, &e), 0);
                memset(model + begin, (int)step, (size_t)(end - begin));
            } else {
                extents_remove(&set, begin, end);
            }
            expect_model(&set, model);
        }
        extents_release(&set);
    }
}

static void test_nothing_is_taken_for_an_empty_range(void **state)
{
    struct extents set = { 0 };
    struct extent e = one(10, 20, 1);
    struct range run;
    assert_int_equal(extents_add(&set, &e), 0);
    extents_remove(&set, 15, 15);
    assert_int_equal(set.count, 1);
    assert_false(extents_next_run(&set, 15, 15, &run));
    assert_true(extents_next_run(&set, 15, 100, &run));
    assert_int_equal(run.begin, 15);
    extents_release(&set);
}

static void test_there_is_a_bound(void **state)
{
    struct extents set = { 0 };
    assert_int_equal(extents_reserve(&set, EXTENTS_MAX), 0);
    for (uint64_t i = 0; i < EXTENTS_MAX; i++) {
        struct extent e = one(2 * i, 2 * i + 1, 1);
        assert_int_equal(extents_add(&set, &e), 0);
    }
    struct extent more = one(2 * (uint64_t)EXTENTS_MAX, 2 * (uint64_t)EXTENTS_MAX + 1, 1);
    struct extent instead = one(0, 2, 1);
    assert_int_equal(extents_add(&set, &more), -1);
    assert_int_equal(set.count, EXTENTS_MAX);
    assert_int_equal(extents_add(&set, &instead), 0);
    assert_int_equal(set.total, EXTENTS_MAX + 1);
    extents_release(&set);
}

/* FIPS 180-2, the example "abc". */
static void test_the_sum_is_the_beginning_of_a_sha_256(void **state)
{
    static const unsigned char right[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                           0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23 };
    unsigned char sum[EXTENT_SUM_SIZE];
    assert_int_equal(extent_sum(sum, "abc", 3), 0);
    assert_memory_equal(sum, right, sizeof right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_does_what_a_table_of_bytes_does),
        cmocka_unit_test(test_nothing_is_taken_for_an_empty_range),
        cmocka_unit_test(test_there_is_a_bound),
        cmocka_unit_test(test_the_sum_is_the_beginning_of_a_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
