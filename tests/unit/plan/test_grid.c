/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "plan/grid.h"

static void piece_sizes(void **state)
{
    const struct {
        uint64_t size, piece;
    } cases[] = {
        { 0, MIB },
        { 1, MIB },
        { 1000 * MIB, MIB },
        { 1000 * MIB + 999, MIB }, /* size / 1000 rounds down */
        { 1000 * MIB + 1000, 2 * MIB },
        { 2000 * MIB, 2 * MIB },
        { 3000 * MIB, 4 * MIB },
        { 8000 * MIB, 8 * MIB },
        { 8000 * MIB + 1000, 16 * MIB },
        { 16000 * MIB, 16 * MIB },
        { 1024 * GIB, 16 * MIB },
        { UINT64_MAX, 16 * MIB },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(grid_of(cases[i].size).piece, cases[i].piece);
}

static void empty_object(void **state)
{
    assert_int_equal(grid_of(0).count, 0);
}

static void last_piece_is_shorter(void **state)
{
    struct grid grid = grid_of(2 * MIB + 5);
    assert_int_equal(grid.count, 3);
    struct range last = grid_range(&grid, 2);
    assert_int_equal(last.begin, 2 * MIB);
    assert_int_equal(last.end, 2 * MIB + 5);
    assert_int_equal(grid_of(2 * MIB).count, 2);
    assert_int_equal(grid_of(1).count, 1);
}

static void pieces_cover_the_object(void **state)
{
    const uint64_t sizes[] = { 1, MIB, 5 * MIB + 1, 3 * GIB + 7, UINT64_MAX };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct grid grid = grid_of(sizes[i]);
        uint64_t step = MAX(grid.count / 1000, (uint64_t)1);
        for (uint64_t p = 0; p < grid.count; p += step) {
            struct range r = grid_range(&grid, p);
            assert_true(r.begin < r.end);
            assert_int_equal(grid_index(&grid, r.begin), p);
            assert_int_equal(grid_index(&grid, r.end - 1), p);
        }
        assert_int_equal(grid_index(&grid, sizes[i] - 1), grid.count - 1);
        assert_int_equal(grid_range(&grid, grid.count - 1).end, sizes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(piece_sizes),
        cmocka_unit_test(empty_object),
        cmocka_unit_test(last_piece_is_shorter),
        cmocka_unit_test(pieces_cover_the_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
