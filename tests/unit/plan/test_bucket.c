/* SPDX-License-Identifier: MIT */
#include "plan/bucket.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_no_limit(void **state)
{
    struct bucket bucket = { 0 };
    assert_int_equal(bucket_take(&bucket, UINT64_MAX, 5), 0);
}

static void test_what_is_taken_is_paid_for(void **state)
{
    struct bucket bucket = { .rate = 1000 };
    int64_t now = 100 * SEC;
    assert_int_equal(bucket_take(&bucket, 100, now), 0); /* the burst */
    assert_int_equal(bucket_take(&bucket, 500, now), SEC / 2);
    assert_int_equal(bucket_take(&bucket, 500, now), SEC);
    assert_int_equal(bucket_take(&bucket, 500, now + SEC), SEC / 2);
}

static void test_a_long_rest_is_no_credit(void **state)
{
    struct bucket bucket = { .rate = 1000 };
    bucket_take(&bucket, 1000, 100 * SEC);
    assert_int_equal(bucket_take(&bucket, 1100, 1000 * SEC), SEC);
}

static void test_no_sum_of_any_kind_overflows(void **state)
{
    struct bucket bucket = { .rate = 1 };
    assert_true(bucket_take(&bucket, UINT64_MAX, SEC) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_what_is_taken_is_paid_for),
        cmocka_unit_test(test_a_long_rest_is_no_credit),
        cmocka_unit_test(test_no_sum_of_any_kind_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
