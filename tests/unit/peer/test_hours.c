/* SPDX-License-Identifier: MIT */
#include "peer/hours.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct hours parsed(const char *text)
{
    struct hours h;
    struct ddm_error err;
    assert_int_equal(hours_parse(&h, text, &err), 0);
    return h;
}

static void test_a_span_has_its_beginning_and_not_its_end(void **state)
{
    struct hours h = parsed("08:30-17:00");
    assert_false(hours_contain(&h, 8 * 60 + 29));
    assert_true(hours_contain(&h, 8 * 60 + 30));
    assert_true(hours_contain(&h, 17 * 60 - 1));
    assert_false(hours_contain(&h, 17 * 60));
}

static void test_a_span_may_go_over_midnight(void **state)
{
    struct hours h = parsed("22:00-06:00");
    assert_true(hours_contain(&h, 23 * 60));
    assert_true(hours_contain(&h, 0));
    assert_true(hours_contain(&h, 5 * 60 + 59));
    assert_false(hours_contain(&h, 6 * 60));
    assert_false(hours_contain(&h, 12 * 60));
}

static void test_to_the_end_of_the_day(void **state)
{
    struct hours evening = parsed("20:00-24:00"), all = parsed("00:00-24:00");
    assert_true(hours_contain(&evening, HOURS_DAY - 1));
    assert_false(hours_contain(&evening, 0));
    for (unsigned minute = 0; minute < HOURS_DAY; minute++)
        assert_true(hours_contain(&all, minute));
}

static void test_several_spans_and_none(void **state)
{
    struct hours two = parsed("6:00-7:00,12:00-13:30"), none = parsed("");
    assert_true(hours_contain(&two, 6 * 60 + 30));
    assert_true(hours_contain(&two, 13 * 60));
    assert_false(hours_contain(&two, 8 * 60));
    assert_true(hours_contain(&none, 8 * 60));
}

static void test_how_long_until_it_opens(void **state)
{
    struct hours h = parsed("22:00-06:00");
    assert_int_equal(hours_until(&h, 21 * 60), 60);
    assert_int_equal(hours_until(&h, 6 * 60), 16 * 60);
    assert_int_equal(hours_until(&h, 0), 0);
}

static void test_what_are_no_hours(void **state)
{
    static const char *const wrong[] = {
        "x",           "22:00",       "22:00-",     "-06:00",       "22:00-06:60",  "24:00-06:00",
        "22:00-25:00", "222:00-6:00", "22:0-06:00", "22:00-06:00,", "22:00-06:00;", "1:00-1:00",
        "22:00 -6:00", ",",           "9:00-9:01 "
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct hours h = { .count = 77 };
        struct ddm_error err;
        if (hours_parse(&h, wrong[i], &err) != -DDM_E_USAGE)
            fail_msg("'%s'", wrong[i]);
        assert_int_equal(h.count, 77); /* untouched */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_span_has_its_beginning_and_not_its_end),
        cmocka_unit_test(test_a_span_may_go_over_midnight),
        cmocka_unit_test(test_to_the_end_of_the_day),
        cmocka_unit_test(test_several_spans_and_none),
        cmocka_unit_test(test_how_long_until_it_opens),
        cmocka_unit_test(test_what_are_no_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
