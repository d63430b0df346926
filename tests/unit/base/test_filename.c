/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/filename.h"
#include "base/str.h"
#include "base/util.h"

#include <string.h>

static void names_in_urls(void **state)
{
    static const struct {
        const char *url, *name;
    } cases[] = {
        { "http://h/a/b.iso", "b.iso" },
        { "http://h/b.iso?x=/y#/z", "b.iso" },
        { "http://h/b.iso#?", "b.iso" },
        { "http://h?x=/a/b.txt", "download" },
        { "http://h", "download" },
        { "http://h/", "download" },
        { "http://h/a/", "download" },
        { "http://h/a%20b.txt", "a b.txt" },
        { "http://h/%C3%A4.txt", "ä.txt" },
        { "http://h/100%", "100%" },
        { "http://h/100%2", "100%2" },
        { "http://h/1%zz", "1%zz" },
        { "http://h/a+b", "a+b" },
        { "http://h/a%2Fb", "b" },
        { "http://h/a%5Cb", "b" },
        { "http://h/..%2f..%2fetc%2fpasswd", "passwd" },
        { "http://h/%2e%2e", "download" },
        { "http://h/%2e%2e%2f", "download" },
        { "http://h/x%00.txt", "x_.txt" },
        { "http://h/x%0d%0a", "x__" },
        { "http://h/%ff%fe.txt", "__.txt" },
        { "http://h/.bashrc", "bashrc" },
        { "ftp://u:p@h:21/d/f.tar.gz", "f.tar.gz" },
        { "h/f.txt", "f.txt" },
        { "", "download" },
        { "://", "download" },
    };
    char out[FILENAME_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        filename_from_url(out, cases[i].url);
        if (strcmp(out, cases[i].name) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].url, out, cases[i].name);
    }
}

static void names_in_dispositions(void **state)
{
    static const struct {
        const char *value, *name;
    } cases[] = {
        { "attachment; filename=a.txt", "a.txt" },
        { "ATTACHMENT;FILENAME = a.txt ;x=y", "a.txt" },
        { "attachment; filename=\"a b; c.txt\"", "a b; c.txt" },
        { "attachment; filename=\"a\\\"b\\z.txt\"", "a\"bz.txt" },
        { "attachment; filename=\"C:\\\\d\\\\e.txt\"", "e.txt" },
        { "attachment; filename=\"../../e.txt\"", "e.txt" },
        { "attachment; filename=my file.txt", "my file.txt" },
        { "filename=a.txt", "a.txt" },
        { "attachment; filename=a.txt; filename=b.txt", "a.txt" },
        { "attachment; filename=\"open", "open" },
        { "attachment; filename=\"a\\", "a" },
        { "attachment; filename=a%20b", "a%20b" },
        { "attachment; filename=\"\xc3\xa4\xe4\"", "ä_" },
        { "attachment; filename=x; filename*=UTF-8''%e2%82%ac%20r.txt", "€ r.txt" },
        { "attachment; filename*=utf-8'en'%C3%A4.txt; filename=x", "ä.txt" },
        { "attachment; filename*=UTF-8''..%2F..%2Fx", "x" },
        { "attachment; filename*=UTF-8''%00; filename=x", "_" },
        { "attachment; filename*=UTF-8''; filename=x", "x" },
        { "attachment; filename*=UTF-8; filename=x", "x" },
        { "attachment; filename*=iso-8859-1'en'%A3; filename=x", "x" },
        { "attachment; filename*=UTF-8''..; filename=x", "x" },
        { "attachment; notfilename=y; filename=x", "x" },
        { "attachment; x=\"; filename=no\"; filename=yes", "yes" },
    };
    static const char *const nameless[] = {
        "",
        "attachment",
        "inline; x=y",
        "attachment; filename",
        "attachment; filename=",
        "attachment; filename=\"\"",
        "attachment; filename=\"..\"",
        "; ; =x ;=",
        "attachment; filename*=iso-8859-1'en'%A3",
    };
    char out[FILENAME_SIZE] = "before";
    for (size_t i = 0; i < ARRAY_SIZE(nameless); i++)
        if (filename_from_disposition(out, nameless[i]) != -1)
            fail_msg("%s: \"%s\"", nameless[i], out);
    assert_string_equal(out, "before");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(filename_from_disposition(out, cases[i].value), 0);
        if (strcmp(out, cases[i].name) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].value, out, cases[i].name);
    }
}

static void sanitized(void **state)
{
    static const struct {
        const char *bytes, *name;
    } cases[] = {
        { "", "download" },
        { ".", "download" },
        { "..", "download" },
        { " . . ", "download" },
        { "/", "download" },
        { "///\\\\", "download" },
        { "/etc/passwd", "passwd" },
        { "a/b\\c", "c" },
        { "a/b/", "b" },
        { "...a. . ", "a" },
        { "-rf", "_rf" },
        { "-", "_" },
        { " -o", "_o" },
        { "a\tb\x7f", "a_b_" },
        { "a\xc2\x85\xe2\x80\xaez", "a__z" },
        { "con", "_con" },
        { "NUL.tar.gz", "_NUL.tar.gz" },
        { "Com1 .x", "_Com1 .x" },
        { "LPT9", "_LPT9" },
        { "conin$", "_conin$" },
        { "COMX", "COMX" },
        { "com10", "com10" },
        { "console", "console" },
        { "a.con", "a.con" },
    };
    char out[FILENAME_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        filename_sanitize(out, cases[i].bytes, strlen(cases[i].bytes));
        if (strcmp(out, cases[i].name) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", cases[i].bytes, out, cases[i].name);
    }
    filename_sanitize(out, "a\0b", 3);
    assert_string_equal(out, "a_b");
}

/* `count` times `unit`, then `tail`. */
static size_t repeat(char *out, const char *unit, size_t count, const char *tail)
{
    char *p = out;
    for (size_t i = 0; i < count; i++)
        p = stpcpy(p, unit);
    return (size_t)(stpcpy(p, tail) - out);
}

static void long_names_are_cut(void **state)
{
    static char text[4096];
    char out[FILENAME_SIZE];
    const size_t most = FILENAME_SIZE - 1;

    filename_sanitize(out, text, repeat(text, "x", most, ""));
    assert_int_equal(strlen(out), most);
    filename_sanitize(out, text, repeat(text, "x", 300, ""));
    assert_int_equal(strlen(out), most);

    filename_sanitize(out, text, repeat(text, "x", 300, ".tar.bz2"));
    assert_int_equal(strlen(out), most);
    assert_string_equal(out + most - 5, "x.bz2");

    /* 3 bytes each: 240 - 4 leaves room for 78 of them */
    filename_sanitize(out, text, repeat(text, "\xe2\x82\xac", 300, ".bin"));
    assert_int_equal(strlen(out), 78 * 3 + 4);
    assert_string_equal(out + strlen(out) - 7, "\xe2\x82\xac.bin");

    /* an extension that is none */
    filename_sanitize(out, text, repeat(text, "x", 300, ".a-very-long-extension"));
    assert_int_equal(strlen(out), most);
    assert_null(strchr(out, '.'));
}

static void a_cut_does_not_undo_what_was_safe(void **state)
{
    static char text[4096];
    char out[FILENAME_SIZE];

    /* spaces at the place of the cut, and what is left is a device */
    char *end = stpcpy(text, "CON");
    filename_sanitize(out, text, (size_t)(end - text) + repeat(end, " ", 300, "x.txt"));
    assert_string_equal(out, "_CON.txt");

    end = stpcpy(text, "ab");
    filename_sanitize(out, text, (size_t)(end - text) + repeat(end, ".", 300, "x"));
    assert_string_equal(out, "ab.x");

    /* a '_' in front of a name that is full */
    end = stpcpy(text, "nul.");
    filename_sanitize(out, text, (size_t)(end - text) + repeat(end, "x", 300, ".z"));
    assert_int_equal(strlen(out), FILENAME_SIZE - 1);
    assert_true(str_starts_with(out, "_nul.x"));
    assert_string_equal(out + strlen(out) - 3, "x.z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_urls),
        cmocka_unit_test(names_in_dispositions),
        cmocka_unit_test(sanitized),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(a_cut_does_not_undo_what_was_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
