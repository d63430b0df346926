/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/util.h"

#include <string.h>

static void whole_numbers(void **state)
{
    uint64_t n = 77;
    static const char *const bad[] = { "",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "0x10",
                                       "1.5",
                                       "1k",
                                       "18446744073709551616",
                                       "99999999999999999999999" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(str_to_u64(bad[i], &n), -1);
    assert_int_equal(n, 77);
    assert_int_equal(str_to_u64("0", &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(str_to_u64("18446744073709551615", &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(str_to_u64_n("123456", 3, &n), 0);
    assert_int_equal(n, 123);
    assert_int_equal(str_to_u64_n("12", 0, &n), -1);
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        { "0", 0 },           { "17", 17 },        { "1k", KIB },     { "1K", KIB },
        { "2KiB", 2 * KIB },  { "2kB", 2 * KIB },  { "3m", 3 * MIB }, { "4G", 4 * GIB },
        { "1T", 1024 * GIB }, { "5gib", 5 * GIB },
    };
    static const char *const bad[] = { "",    "k",    "1 k", "1kk",          "1x",
                                       "-1k", "1.5k", "1B",  "99999999999T", "16777216T" };
    uint64_t n = 77;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (str_to_size(bad[i], &n) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(n, 77);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(str_to_size(good[i].text, &n), 0);
        assert_int_equal(n, good[i].value);
    }
}

static void durations(void **state)
{
    static const char *const bad[] = { "", "s", "1w", "-1", "1S", "9223372037s", "99999999999h" };
    int64_t ns = 77;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (str_to_duration(bad[i], &ns) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(ns, 77);
    assert_int_equal(str_to_duration("5", &ns), 0);
    assert_int_equal(ns, 5 * SEC);
    assert_int_equal(str_to_duration("250ms", &ns), 0);
    assert_int_equal(ns, 250 * MSEC);
    assert_int_equal(str_to_duration("2m", &ns), 0);
    assert_int_equal(ns, 120 * SEC);
    assert_int_equal(str_to_duration("2d", &ns), 0);
    assert_int_equal(ns, 2 * 24 * 3600 * SEC);
    assert_int_equal(str_to_duration("1h", &ns), 0);
    assert_int_equal(ns, 3600 * SEC);
    assert_int_equal(str_to_duration("9223372036s", &ns), 0);
}

static void bytes_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1434, "1.4 KiB" },
        { 12 * KIB + 300, "12.3 KiB" },
        { 102348, "99.9 KiB" },
        { 102350, "100 KiB" },
        { 312 * KIB, "312 KiB" },
        { 1024 * KIB - 1, "1.0 MiB" },
        { 1503238553, "1.4 GiB" },
        { UINT64_MAX, "16.0 EiB" },
    };
    char buf[32];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(str_bytes(buf, sizeof buf, cases[i].bytes), cases[i].text);
}

static void durations_for_people(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        { -5 * SEC, "0.00 s" },        { 0, "0.00 s" },
        { 420 * MSEC, "0.42 s" },      { 9994 * MSEC, "9.99 s" },
        { 9996 * MSEC, "10.0 s" },     { 12300 * MSEC, "12.3 s" },
        { 59960 * MSEC, "1:00" },      { 247 * SEC, "4:07" },
        { 3599600 * MSEC, "1:00:00" }, { 3723 * SEC, "1:02:03" },
        { 360000 * SEC, "100:00:00" },
    };
    char buf[32];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(str_duration(buf, sizeof buf, cases[i].ns), cases[i].text);
}

static void utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t code;
    } cases[] = {
        { "a", 1, 'a' },
        { "\xc3\xa4", 2, 0xe4 },
        { "\xe2\x82\xac", 3, 0x20ac },
        { "\xf0\x9f\x98\x80", 4, 0x1f600 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
        { "\xf4\x90\x80\x80", 0, 0 }, /* too large */
        { "\xc0\x80", 0, 0 },         /* overlong */
        { "\xe0\x82\x80", 0, 0 },
        { "\xf0\x80\x80\x80", 0, 0 },
        { "\xed\xa0\x80", 0, 0 }, /* a surrogate */
        { "\x80", 0, 0 },
        { "\xff", 0, 0 },
        { "\xe2\x82", 0, 0 }, /* cut short */
        { "\xe2\x82(", 0, 0 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t code = 0;
        size_t n = str_utf8_next(cases[i].bytes, strlen(cases[i].bytes), &code);
        assert_int_equal(n, cases[i].length);
        assert_int_equal(code, cases[i].code);
    }
    assert_int_equal(str_utf8_next("\xc3\xa4", 1, NULL), 0);
    assert_int_equal(str_utf8_next("", 1, NULL), 1);
}

static void what_a_terminal_must_not_see(void **state)
{
    char out[64];
    assert_string_equal(str_printable(out, sizeof out, "a\x1b[2Jb\n\x7f"), "a?[2Jb??");
    assert_string_equal(str_printable(out, sizeof out, "\xc2\x9b \xe2\x80\xae"), "? ?");
    assert_string_equal(str_printable(out, sizeof out, "gr\xc3\xbc\xc3\x9f \xff\xc3"), "grüß ??");
}

static void json(void **state)
{
    char out[64];
    assert_string_equal(str_json_escape(out, sizeof out, "a\"b\\c\n\xc3\xa4\xff"),
                        "a\\\"b\\\\c\\u000aä?");
}

static void cuts_fall_between_characters(void **state)
{
    char out[8];
    assert_string_equal(str_printable(out, 4, "ab\xc3\xa4"), "ab");
    assert_string_equal(str_printable(out, 5, "ab\xc3\xa4"), "abä");
    assert_string_equal(str_json_escape(out, 6, "\n"), "");
    assert_string_equal(str_json_escape(out, 7, "\n"), "\\u000a");
    assert_string_equal(str_json_escape(out, 2, "\""), "");
    assert_string_equal(str_printable(out, 1, "x"), "");
}

static void copies_and_prefixes(void **state)
{
    char out[4] = "";
    assert_true(str_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, sizeof out, "wxyz"));
    assert_string_equal(out, "wxy");
    assert_true(str_starts_with("http://x", "http:"));
    assert_true(str_starts_with("x", ""));
    assert_false(str_starts_with("ht", "http"));
    _cleanup_free_ char *text = str_format("%d-%s", 7, "x");
    assert_string_equal(text, "7-x");
}

static void check_public(const char *url, const char *shown)
{
    char *text = str_url_public(url);
    assert_string_equal(text, shown);
    free(text);
}

static void passwords_are_not_shown(void **state)
{
    check_public("http://user:secret@h:81/x?y", "http://h:81/x?y");
    check_public("http://user@h", "http://h");
    check_public("http://a:b@c:d@[::1/f", "http://[::1/f");
    check_public("http://h/user:secret@x", "http://h/user:secret@x");
    check_public("user:secret@h/x", "h/x");
    check_public("http:///user:secret@h/x", "http:///h/x");
    check_public("", "");
}

static void check_brief(const char *url, const char *shown)
{
    char *text = str_url_brief(url);
    assert_string_equal(text, shown);
    free(text);
}

static void signatures_are_not_shown(void **state)
{
    check_brief("https://user:secret@h:81/x?sig=secret&y#z", "https://h:81/x?…");
    check_brief("https://h/x", "https://h/x");
    check_brief("https://h/x?", "https://h/x?…");
    check_brief("https://h?secret", "https://h?…");
    check_brief("https://h/x#secret?x", "https://h/x");
    check_brief("http://h/a?u:p@secret", "http://h/a?…");
    check_brief("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_not_shown),
        cmocka_unit_test(signatures_are_not_shown),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(bytes_for_people),
        cmocka_unit_test(durations_for_people),
        cmocka_unit_test(utf8),
        cmocka_unit_test(what_a_terminal_must_not_see),
        cmocka_unit_test(json),
        cmocka_unit_test(cuts_fall_between_characters),
        cmocka_unit_test(copies_and_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
