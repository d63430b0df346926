/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int64_t parse(const char *text)
{
    return http_date_parse(text, strlen(text));
}

static void test_three_forms_of_one_date(void **state)
{
    assert_int_equal(parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    assert_int_equal(parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    assert_int_equal(parse("Sun Nov  6 08:49:37 1994"), 784111777);
    assert_int_equal(parse("Wed Nov 16 08:49:37 1994"), 784975777);
    assert_int_equal(parse("sun, 06 nov 1994 08:49:37 gmt"), 784111777);
    assert_int_equal(parse("Sun, 06 Nov 1994 08:49:37 UTC"), 784111777);
}

static void test_each_day_as_the_c_library_counts(void **state)
{
    for (int64_t day = 1; day < 366 * 150; day++) {
        time_t t = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char text[64];
        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        if (parse(text) != t)
            fail_msg("%s: %lld", text, (long long)parse(text));
    }
}

static void test_years_of_two_digits(void **state)
{
    assert_int_equal(parse("Thursday, 01-Jan-70 00:00:01 GMT"), 1);
    assert_int_equal(parse("Tuesday, 01-Jan-69 00:00:00 GMT"),
                     parse("Tue, 01 Jan 2069 00:00:00 GMT"));
}

static void test_what_is_no_date(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "-1",
        "Thu, 01 Jan 1970 00:00:00 GMT", /* how servers say that they do not know */
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov 1994 08:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:59:61 GMT",
        "Sun, 06 Nov 994 08:49:37 GMT",
        "Sun, 06 Nov 19944 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT and a long rest that no date has, nor any server",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        if (parse(wrong[i]) != 0)
            fail_msg("took '%s' for a date", wrong[i]);
    static const char nul[] = "Sun, 06 Nov 1994 08:49:37 GMT\0";
    assert_int_equal(http_date_parse(nul, sizeof nul), 0);
    assert_true(parse("Tue, 29 Feb 2000 23:59:60 GMT") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_forms_of_one_date),
        cmocka_unit_test(test_each_day_as_the_c_library_counts),
        cmocka_unit_test(test_years_of_two_digits),
        cmocka_unit_test(test_what_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
