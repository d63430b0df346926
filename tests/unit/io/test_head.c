/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fetch_head parse(const char *lines)
{
    struct fetch_head head;
    fetch_head_clear(&head);
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        fetch_head_line(&head, lines, n + (lines[n] == '\n'));
        lines += n + (lines[n] == '\n');
    }
    return head;
}

static void test_a_range(void **state)
{
    struct fetch_head h = parse("HTTP/1.1 206 Partial Content\r\n"
                                "Content-Range: bytes 100-199/1000\r\n"
                                "content-length: 100\r\n"
                                "ETag: \"abc\"\r\n"
                                "LAST-MODIFIED:Sat, 01 Jan 2022 00:00:00 GMT\r\n\r\n");
    assert_int_equal(h.status, 206);
    assert_true(h.http && h.range && !h.encoded && !h.multipart);
    assert_int_equal(h.begin, 100);
    assert_int_equal(h.end, 200);
    assert_int_equal(h.total, 1000);
    assert_int_equal(h.length, 100);
    assert_string_equal(h.etag, "\"abc\"");
    assert_string_equal(h.last_modified, "Sat, 01 Jan 2022 00:00:00 GMT");
}

static void test_ranges_that_are_none(void **state)
{
    static const char *const values[] = {
        "bytes 0-99/*",
        "bytes 0-99",
        "bytes -99/100",
        "bytes 0-/100",
        "bytes 5-4/100",
        "bytes 0-100/100",
        "items 0-99/100",
        "bytes 0-99/1e3",
        "bytes 0-99/100/2",
        "bytes  - / ",
        "",
        "bytes 0-99/18446744073709551615",
        "bytes 0-99/99999999999999999999",
        "bytes +0-99/100",
        "bytes 0--1/100",
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char line[200];
        snprintf(line, sizeof line, "HTTP/1.1 206 x\nContent-Range: %s\n", values[i]);
        struct fetch_head h = parse(line);
        if (h.range)
            fail_msg("took '%s' for a range", values[i]);
    }
}

static void test_a_star_with_416_gives_the_total(void **state)
{
    struct fetch_head h = parse("HTTP/1.1 416 x\nContent-Range: bytes */1234\n");
    assert_false(h.range);
    assert_int_equal(h.total, 1234);
}

static void test_two_that_differ_are_not_trusted(void **state)
{
    struct fetch_head h = parse("HTTP/1.1 206 x\nContent-Range: bytes 0-1/10\n"
                                "Content-Range: bytes 2-3/10\nContent-Length: 2\n"
                                "Content-Length: 3\n");
    assert_false(h.range);
    assert_true(h.length == FETCH_UNKNOWN);
    h = parse("HTTP/1.1 206 x\nContent-Range: bytes 0-1/10\nContent-Range: bytes 0-1/10\n");
    assert_true(h.range);
}

static void test_a_status_line_begins_anew(void **state)
{
    struct fetch_head h = parse("HTTP/1.1 302 Found\nETag: \"old\"\nContent-Length: 7\n\n"
                                "HTTP/1.1 200 OK\n");
    assert_int_equal(h.status, 200);
    assert_string_equal(h.etag, "");
    assert_true(h.length == FETCH_UNKNOWN);
}

static void test_encodings_and_kinds(void **state)
{
    assert_true(parse("HTTP/1.1 200 x\nContent-Encoding: gzip\n").encoded);
    assert_false(parse("HTTP/1.1 200 x\nContent-Encoding: identity\n").encoded);
    assert_true(
        parse("HTTP/1.1 206 x\nContent-Type: multipart/byteranges; boundary=x\n").multipart);
    assert_int_equal(parse("HTTP/1.1 503 x\nRetry-After: 7\n").retry_after, 7 * SEC);
    assert_int_equal(parse("HTTP/1.1 503 x\nRetry-After: 99999999\n").retry_after, 3600 * SEC);
    assert_int_equal(parse("HTTP/1.1 503 x\nRetry-After: -1\n").retry_after, 0);
}

static void test_what_cannot_be_kept(void **state)
{
    char line[1000] = "ETag: \"";
    memset(line + 7, 'x', 900);
    struct fetch_head h = parse(line);
    char first[FETCH_ETAG_SIZE];
    strcpy(first, h.etag);
    assert_int_equal(strlen(first), 42); /* a digest stands for it */
    line[500] = 'y';
    assert_string_not_equal(parse(line).etag, first);
    assert_int_equal(strlen(parse("ETag: W/\"a\x01z\"\n").etag), 44);
    assert_string_equal(parse("Content-Disposition: a\x01z\n").disposition, "");
}

static void test_chunked_has_no_length(void **state)
{
    assert_true(parse("HTTP/1.1 200 x\nContent-Length: 5\nTransfer-Encoding: chunked\n").length ==
                FETCH_UNKNOWN);
    assert_true(parse("HTTP/1.1 200 x\nTransfer-Encoding: chunked\nContent-Length: 5\n").length ==
                FETCH_UNKNOWN);
    assert_true(
        parse("HTTP/1.1 200 x\nContent-Encoding: gzip\nContent-Encoding: identity\n").encoded);
}

static void test_the_number_of_uplinks(void **state)
{
    static const char *const none[] = { "0",  "9",   "-1",
                                        "+2", "2.0", "two",
                                        "",   "1 2", "18446744073709551618" };
    char line[60];
    assert_int_equal(parse("HTTP/1.1 206 x\r\nddm-uplinks:  2 \r\n").uplinks, 2);
    assert_int_equal(parse("HTTP/1.1 502 x\nDDM-Uplinks: 8\nDDM-Uplinks: 8\n").uplinks, 8);
    assert_int_equal(parse("HTTP/1.1 206 x\n").uplinks, 0);
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        snprintf(line, sizeof line, "HTTP/1.1 206 x\nDDM-Uplinks: %s\n", none[i]);
        if (parse(line).uplinks != 0)
            fail_msg("took '%s' for a number of uplinks", none[i]);
    }
    assert_int_equal(parse("HTTP/1.1 206 x\nDDM-Uplinks: 2\nDDM-Uplinks: 3\n").uplinks, 0);
    assert_int_equal(parse("DDM-Uplinks: 2\nHTTP/1.1 206 x\n").uplinks, 0);
}

static void test_retry_after_as_a_date(void **state)
{
    static const char *const dates[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                         "Sunday, 06-Nov-94 08:49:37 GMT",
                                         "Sun Nov  6 08:49:37 1994" };
    char lines[200];
    for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
        snprintf(lines, sizeof lines,
                 "HTTP/1.1 503 x\nRetry-After: %s\nDate: Sun, 06 Nov 1994 08:49:07 GMT\n",
                 dates[i]);
        assert_int_equal(parse(lines).retry_after, 30 * SEC);
        snprintf(lines, sizeof lines,
                 "HTTP/1.1 503 x\nDate: Sun, 06 Nov 1994 08:49:35 GMT\nRetry-After: %s\n",
                 dates[i]);
        assert_int_equal(parse(lines).retry_after, 2 * SEC);
        snprintf(lines, sizeof lines, "HTTP/1.1 503 x\nRetry-After: %s\n", dates[i]);
        struct fetch_head h = parse(lines);
        assert_int_equal(h.retry_after, 0); /* relative to what? */
        fetch_head_at(&h, 784111777 - 5);
        assert_int_equal(h.retry_after, 5 * SEC);
    }
    struct fetch_head h = parse("HTTP/1.1 503 x\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n"
                                "Retry-After: Mon, 07 Nov 1994 08:49:37 GMT\n");
    assert_int_equal(h.retry_after, 3600 * SEC);
    fetch_head_at(&h, 784111777 + 86400 - 5); /* its own clock goes before ours */
    assert_int_equal(h.retry_after, 3600 * SEC);
    h = parse("HTTP/1.1 503 x\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n"
              "Retry-After: Sun, 06 Nov 1994 08:49:30 GMT\n");
    assert_int_equal(h.retry_after, 0);
    h = parse("HTTP/1.1 503 x\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: 4\n"
              "Date: Sun, 06 Nov 1994 08:49:07 GMT\n"); /* the last one counts */
    assert_int_equal(h.retry_after, 4 * SEC);
    h = parse("HTTP/1.1 503 x\nRetry-After: 4\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n");
    fetch_head_at(&h, 5);
    assert_int_equal(h.retry_after, 4 * SEC);
}

static void test_links_are_gathered(void **state)
{
    assert_string_equal(
        parse("HTTP/1.1 200 x\nLink: <a,b>; rel=duplicate ,<c>\nlink:\t<d>\n").links,
        "<a,b>; rel=duplicate,<c>,<d>");
    assert_string_equal(parse("HTTP/1.1 200 x\nLink: <a>; x=\"y\nLink: <b>; x=\"y\"\n").links,
                        "<b>; x=\"y\"");
    assert_string_equal(parse("Link: <a>\nHTTP/1.1 200 x\nLink: ,,\nLink: <\x01>, <b>\n").links,
                        "<b>");
    /* What does not fit is left out, and what is behind it may fit. */
    char line[5000] = "Link: <a>, <";
    memset(line + strlen(line), 'x', 4083);
    strcat(line, ">, <bbb>, <cc>, <c>");
    struct fetch_head h = parse(line);
    assert_int_equal(strlen(h.links), 3 + 1 + 4085 + 1 + 5);
    assert_string_equal(h.links + strlen(h.links) - 8, "x>,<bbb>");
    memcpy(line, "Link: <aa>,<", 12);
    h = parse(line);
    assert_string_equal(h.links + strlen(h.links) - 7, "x>,<cc>");
}

static void test_versions(void **state)
{
    assert_true(fetch_same_version("\"a\"", "", "\"a\"", ""));
    assert_false(fetch_same_version("\"a\"", "x", "\"b\"", "x"));
    assert_true(fetch_same_version("W/\"a\"", "x", "W/\"b\"", "x")); /* the date decides */
    assert_false(fetch_same_version("W/\"a\"", "", "W/\"b\"", ""));
    assert_false(fetch_same_version("\"a\"", "", "", ""));
    assert_false(fetch_same_version("", "x", "", "y"));
    assert_true(fetch_same_version("", "", "", ""));
    assert_true(fetch_same_version("\"a\"", "x", "", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range),
        cmocka_unit_test(test_ranges_that_are_none),
        cmocka_unit_test(test_a_star_with_416_gives_the_total),
        cmocka_unit_test(test_two_that_differ_are_not_trusted),
        cmocka_unit_test(test_a_status_line_begins_anew),
        cmocka_unit_test(test_encodings_and_kinds),
        cmocka_unit_test(test_what_cannot_be_kept),
        cmocka_unit_test(test_chunked_has_no_length),
        cmocka_unit_test(test_the_number_of_uplinks),
        cmocka_unit_test(test_retry_after_as_a_date),
        cmocka_unit_test(test_links_are_gathered),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
