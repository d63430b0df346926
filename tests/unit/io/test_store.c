/* SPDX-License-Identifier: MIT */
#include "io/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT (8 * STORE_CELL)

static char block[STORE_CELL];

/* A byte that depends on the object and its offset. */
static char expected(unsigned object, uint64_t offset)
{
    return (char)(offset * 31 + offset / 4093 + object * 77);
}

static int write_at(struct store_object *o, unsigned id, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++)
        block[i] = expected(id, offset + i);
    return store_write(o, offset, block, length);
}

static void check_at(struct store_object *o, unsigned id, uint64_t offset, size_t length)
{
    assert_int_equal(store_read(o, offset, block, length), length);
    for (size_t i = 0; i < length; i++)
        if (block[i] != expected(id, offset + i))
            fail_msg("wrong byte at %llu", (unsigned long long)(offset + i));
}

static void test_bytes_come_back(void **state)
{
    struct store *s = NULL;
    struct store_object *a = NULL, *b = NULL;
    assert_int_equal(store_new(&s, 4 * LIMIT), 0); /* a quarter is kept without readers */
    assert_int_equal(store_object_new(&a, s), 0);
    assert_int_equal(store_object_new(&b, s), 0);
    assert_true(store_object_empty(a));
    assert_int_equal(write_at(a, 1, STORE_CELL - 1000, 5000), 0); /* over the edge of a cell */
    assert_int_equal(write_at(b, 2, STORE_CELL - 1000, 5000), 0);
    check_at(a, 1, STORE_CELL - 1000, 5000);
    check_at(b, 2, STORE_CELL - 1000, 5000);
    check_at(a, 1, STORE_CELL + 10, 100);
    assert_int_equal(store_read(a, 0, block, 100), 0);
    assert_int_equal(store_read(a, STORE_CELL + 3990, block, 100), 10); /* what there is */
    assert_int_equal(store_used(s), 4 * STORE_CELL);
    store_object_free(a);
    assert_int_equal(store_used(s), 2 * STORE_CELL);
    store_object_free(b);
    assert_int_equal(store_used(s), 0);
    store_free(s);
}

static void test_the_oldest_unread_cell_goes(void **state)
{
    struct store *s = NULL;
    struct store_object *a = NULL;
    struct store_reader reader;
    store_new(&s, LIMIT);
    store_object_new(&a, s);
    store_reader_add(a, &reader, 0);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(write_at(a, 1, i * STORE_CELL, STORE_CELL), 0);
        assert_true(store_used(s) <= LIMIT);
    }
    check_at(a, 1, 0, STORE_CELL); /* the reader stands before it */
    check_at(a, 1, 19 * STORE_CELL, STORE_CELL);
    assert_int_equal(store_read(a, 5 * STORE_CELL, block, 1), 0); /* gone, and known to be gone */
    store_reader_remove(&reader);
    store_object_free(a);
    store_free(s);
}

static void test_a_full_store_says_so(void **state)
{
    struct store *s = NULL;
    struct store_object *a = NULL;
    struct store_reader readers[9];
    store_new(&s, LIMIT);
    store_object_new(&a, s);
    for (uint64_t i = 0; i < 8; i++) {
        store_reader_add(a, &readers[i], i * STORE_CELL); /* more readers than are allowed */
        assert_int_equal(write_at(a, 1, i * STORE_CELL, 10), 0);
    }
    assert_int_equal(write_at(a, 1, 100 * STORE_CELL, 10), -EAGAIN);
    readers[3].position = 50 * STORE_CELL; /* goes on */
    assert_int_equal(write_at(a, 1, 100 * STORE_CELL, 10), 0);
    assert_int_equal(store_read(a, 3 * STORE_CELL, block, 1), 0);
    for (uint64_t i = 0; i < 8; i++)
        store_reader_remove(&readers[i]);
    store_object_free(a);
    store_free(s);
}

/* As many readers as are allowed, each a window behind its writer: nobody is ever stuck. */
static void test_the_bound_on_readers_holds(void **state)
{
    struct store *s = NULL;
    store_new(&s, LIMIT);
    unsigned n = store_max_readers(s);
    assert_in_range(n, 2, 8);
    struct store_object *objects[8];
    struct store_reader readers[8];
    for (unsigned i = 0; i < n; i++) {
        store_object_new(&objects[i], s);
        store_reader_add(objects[i], &readers[i], 1000);
    }
    uint64_t window = store_window(s, n);
    for (uint64_t at = 1000; at < 40 * STORE_CELL; at += 16384) {
        for (unsigned i = 0; i < n; i++) {
            if (at - readers[i].position >= window)
                readers[i].position = at;
            assert_int_equal(write_at(objects[i], i, at, 16384), 0);
            check_at(objects[i], i, readers[i].position, 1);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        store_reader_remove(&readers[i]);
        store_object_free(objects[i]);
    }
    store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_back),
        cmocka_unit_test(test_the_oldest_unread_cell_goes),
        cmocka_unit_test(test_a_full_store_says_so),
        cmocka_unit_test(test_the_bound_on_readers_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
