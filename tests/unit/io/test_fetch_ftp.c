/* SPDX-License-Identifier: MIT */
#include "io/fetch_ftp.h"

#include "base/util.h"
#include "io/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct fetch_ftp hear(const char *const *lines)
{
    struct fetch_ftp ftp;
    fetch_ftp_clear(&ftp);
    for (; *lines; lines++)
        fetch_ftp_line(&ftp, *lines, strlen(*lines));
    return ftp;
}

#define HEAR(...) hear((const char *const[]){ __VA_ARGS__, NULL })

static void test_lines(void **state)
{
    struct fetch_ftp ftp = HEAR("220 hello\r\n", "350 ok\r\n", "213 20240229120000\r\n",
                                "229 Entering (|||5|)\r\n", "213 1234\r\n", "150 go\r\n");
    assert_true(ftp.positions && !ftp.busy);
    assert_int_equal(ftp.size, 1234);
    ftp = HEAR("213 20240229120000\r\n", "227 Passive (1,2,3,4,5,6)\r\n", "550 no SIZE\r\n");
    assert_true(ftp.size == FETCH_UNKNOWN && !ftp.positions);
    static const char *const no_sizes[] = {
        "213 -1\r\n", "213 12 bytes\r\n", "213\r\n", "213-7\r\n", "213 99999999999999999999999\r\n",
        "214 7\r\n",  " 213 7",           "",        "2"
    };
    for (size_t i = 0; i < ARRAY_SIZE(no_sizes); i++) {
        ftp = HEAR("229 x", no_sizes[i]);
        assert_true(ftp.size == FETCH_UNKNOWN);
    }
}

static void test_busy(void **state)
{
    assert_true(HEAR("421 There are too many connections from your internet address.\r\n").busy);
    assert_true(HEAR("530 Sorry, the maximum number of clients is connected\r\n").busy);
    assert_false(HEAR("530 Login incorrect.\r\n").busy);
    assert_false(HEAR("550 too many links\r\n").busy);
}

static struct fetch_head ask(struct fetch_ftp ftp, uint64_t begin, uint64_t end, bool expected)
{
    struct fetch_head head;
    fetch_head_clear(&head);
    assert_int_equal(fetch_ftp_range(&ftp, begin, end, 0, &head), expected);
    return head;
}

static void test_ranges(void **state)
{
    struct fetch_ftp ftp = { .size = 100, .positions = true };
    struct fetch_head head = ask(ftp, 10, 20, true);
    assert_true(head.range && head.http);
    assert_int_equal(head.status, 206);
    assert_true(head.begin == 10 && head.end == 20 && head.total == 100 && head.length == 10);
    assert_string_equal(head.last_modified, "Thu, 01 Jan 1970 00:00:00 GMT");
    head = ask(ftp, 90, 1000, true);
    assert_true(head.begin == 90 && head.end == 100 && head.length == 10);
    head = ask(ftp, 100, 101, true);
    assert_int_equal(head.status, 416);
    assert_true(!head.range && head.total == 100);
    ftp.positions = false;
    assert_int_equal(ask(ftp, 0, 10, false).status, 0);
    ftp = (struct fetch_ftp){ .size = FETCH_UNKNOWN, .positions = true };
    assert_false(ask(ftp, 10, 20, false).range);
}

static void test_dates(void **state)
{
    struct fetch_head head;
    fetch_head_clear(&head);
    fetch_ftp_modified(&head, -1);
    assert_string_equal(head.last_modified, "");
    fetch_ftp_modified(&head, 784111777);
    assert_string_equal(head.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    fetch_head_clear(&head);
    fetch_ftp_modified(&head, INT64_MAX);
    assert_string_equal(head.last_modified, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_busy),
                                        cmocka_unit_test(test_ranges),
                                        cmocka_unit_test(test_dates) };
    return cmocka_run_group_tests_name("fetch_ftp", tests, NULL, NULL);
}
