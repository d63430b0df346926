/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* All links of a text as "URL relation type priority|…". */
static const char *all(const char *text)
{
    static char out[16384];
    struct link link;
    size_t n = 0;
    out[0] = '\0';
    while (link_next(&text, &link))
        n += (size_t)snprintf(out + n, sizeof out - n, "%s %s %s %u|", link.url, link.relation,
                              link.type, link.priority);
    return out;
}

static void test_links_of_rfc_6249(void **state)
{
    assert_string_equal(
        all("<http://www2.example.com/example.ext>; rel=duplicate; pri=1; pref, "
            "<ftp://ftp.example.com/example.ext>; rel=duplicate; pri=2; geo=gb; depth=1,"
            "<http://example.com/example.ext.meta4>; rel=describedby;"
            "type=\"application/metalink4+xml\""),
        "http://www2.example.com/example.ext duplicate  1|"
        "ftp://ftp.example.com/example.ext duplicate  2|"
        "http://example.com/example.ext.meta4 describedby application/metalink4+xml 999999|");
}

static void test_quotes_spaces_and_case(void **state)
{
    assert_string_equal(all("</a,b;c>\t; TITLE=\"x, \\\"<y>; rel=none\" ;Pri = \"7\"; "
                            "REL=\"Next DUPLICATE describedby\""),
                        "/a,b;c duplicate  7|");
    assert_string_equal(all("<a>;rel=\"describedby duplicate\";type=Application/X"),
                        "a describedby application/x 999999|");
    assert_string_equal(all("<a>;rel=\"d\\uplicate\";;; pri"), "a duplicate  999999|");
}

static void test_the_first_of_two_counts(void **state)
{
    assert_string_equal(all("<a>; rel=next; rel=duplicate"), "");
    assert_string_equal(all("<a>; rel=duplicate; pri=3; pri=4; type=x; type=y; rel=describedby"),
                        "a duplicate x 3|");
}

static void test_priorities_that_are_none(void **state)
{
    static const char *const none[] = { "0", "-1", "1000000", "99999999999999999999", "x", "\"\"" };
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        char text[100];
        snprintf(text, sizeof text, "<a>; rel=duplicate; pri=%s", none[i]);
        assert_string_equal(all(text), "a duplicate  999999|");
    }
    assert_string_equal(all("<a>; rel=duplicate; pri=999999"), "a duplicate  999999|");
}

static void test_others_are_passed_over(void **state)
{
    assert_string_equal(all(""), "");
    assert_string_equal(all(" , ,, "), "");
    assert_string_equal(all("<a>, <b>; rel=next, <c>; rel=duplicate"), "c duplicate  999999|");
    assert_string_equal(all("<a>; rel=duplicate; anchor=\"#x\", <c>; rel=duplicate"),
                        "c duplicate  999999|");
    assert_string_equal(all("<a>; rel=duplicates, <b>; rel=\"x-duplicate\""), "");
}

static void test_a_bad_one_does_not_take_the_next(void **state)
{
    static const char *const bad[] = {
        "a>; rel=duplicate",      "<>; rel=duplicate",    "<a b>; rel=duplicate",
        "<a; rel=duplicate",      "<a>; rel=\"duplicate", "<a> rel=duplicate",
        "<a>; =x; rel=\"next",    "rel=duplicate",        "<a>, \"; rel=duplicate",
        "<a\x01>; rel=duplicate",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char text[200];
        snprintf(text, sizeof text, "%s, <good>; rel=duplicate", bad[i]);
        const char *found = all(text);
        if (!strstr(found, "good duplicate  999999|"))
            fail_msg("'%s' gave '%s'", text, found);
    }
}

static void test_what_is_too_long(void **state)
{
    char text[6000] = "<";
    struct link link;
    memset(text + 1, 'x', 2047);
    strcpy(text + 2048, ">; rel=duplicate, <b>; rel=duplicate");
    const char *cursor = text;
    assert_true(link_next(&cursor, &link));
    assert_int_equal(strlen(link.url), 2047);
    memset(text + 1, 'x', 2048);
    strcpy(text + 2049, ">; rel=duplicate, <b>; rel=duplicate");
    assert_string_equal(all(text), "b duplicate  999999|");
    strcpy(text, "<b>; rel=duplicate; type=");
    size_t used = strlen(text);
    memset(text + used, 'y', 1000);
    text[used + 1000] = '\0';
    cursor = text;
    assert_true(link_next(&cursor, &link));
    assert_int_equal(strlen(link.type), 63);
    assert_false(link_next(&cursor, &link));
}

static void test_lengths(void **state)
{
    bool closed;
    assert_int_equal(link_length("<a,b>;x=\"c,d\",e", 15, &closed), 13);
    assert_true(closed);
    assert_int_equal(link_length("<a;x=b, c,\t<d>", 14, &closed), 9);
    assert_false(closed);
    assert_int_equal(link_length("<a>;x=\"b, c,\t<d>", 16, &closed), 11);
    assert_false(closed);
    assert_int_equal(link_length("\"\\", 2, &closed), 2);
    assert_false(closed);
    assert_int_equal(link_length("", 0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_of_rfc_6249),
        cmocka_unit_test(test_quotes_spaces_and_case),
        cmocka_unit_test(test_the_first_of_two_counts),
        cmocka_unit_test(test_priorities_that_are_none),
        cmocka_unit_test(test_others_are_passed_over),
        cmocka_unit_test(test_a_bad_one_does_not_take_the_next),
        cmocka_unit_test(test_what_is_too_long),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
