/* SPDX-License-Identifier: MIT */
#include "io/url.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_urls_that_can_be_fetched(void **state)
{
    static const char *const good[] = { "http://a/",       "https://a.b:8443/x?y#z", "ftp://h/f",
                                        "ftps://h/f",      "http://[::1]:80/",       "HTTP://A/",
                                        "ftp://h/f;type=i" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(url_check(good[i], NULL), 0);
}

static void test_urls_that_cannot(void **state)
{
    static const char *const bad[] = { "",
                                       "a",
                                       "example.org/file",
                                       "http://",
                                       "http:///x",
                                       "http:/u:p@h/?x=://",
                                       "http://\\h/",

                                       "file:///etc/passwd",
                                       "gopher://a/",
                                       "dict://a/",
                                       "http://a:99999/",
                                       "http://[::1/",
                                       "http://nas.lan%-.evil/",
                                       "javascript:x",
                                       "scp://h/f",
                                       "ftp://h/folder/",
                                       "ftp://h",
                                       "ftp://h/f;type=a",
                                       "ftp://h/f;type=d" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct ddm_error err = { 0 };
        if (url_check(bad[i], &err) != -DDM_E_USAGE || !err.message[0])
            fail_msg("took '%s'", bad[i]);
    }
}

static void test_places(void **state)
{
    static const struct {
        const char *url, *scheme, *host;
        unsigned port;
    } places[] = {
        { "HTTP://A.Test/x", "http", "a.test", 80 },
        { "https://a.test.:8443", "https", "a.test", 8443 },
        { "ftp://u:p@a/f", "ftp", "a", 21 },
        { "ftps://a/f", "ftps", "a", 990 },
        { "http://0x7f.1/", "http", "127.0.0.1", 80 },
        { "http://2130706433:81/", "http", "127.0.0.1", 81 },
        { "http://0177.0.0.1/", "http", "127.0.0.1", 80 },
        { "http://%31%32%37.0.0.1/", "http", "127.0.0.1", 80 },
        { "http://[::FFFF:7f00:1]:99/", "http", "::ffff:7f00:1", 99 },
        { "http://[fe80::1%25eth0]/", "http", "fe80::1", 80 },
        { "http://good@evil:1/", "http", "evil", 1 },
    };
    static const char *const none[] = { "",
                                        "http://",
                                        "http://./",
                                        "mailto:a@b",
                                        "http://a:99999/",
                                        "http://\xc3\xbc/",
                                        "http://nas.lan%-.evil/" };
    struct url_place place;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (!url_place(&place, places[i].url))
            fail_msg("%s", places[i].url);
        assert_string_equal(place.scheme, places[i].scheme);
        assert_string_equal(place.host, places[i].host);
        assert_int_equal(place.port, places[i].port);
    }
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        if (url_place(&place, none[i]))
            fail_msg("'%s' leads to %s", none[i], place.host);
}

static void test_host(void **state)
{
    char host[ADDRESS_HOST_SIZE];
    url_host(host, "http://user:secret@example.org:81/x");
    assert_string_equal(host, "example.org:81");
    url_host(host, "https://example.org/x");
    assert_string_equal(host, "example.org");
    url_host(host, "nonsense nonsense");
    assert_string_equal(host, "");
}

static void test_parts(void **state)
{
    char scheme[8], host[ADDRESS_HOST_SIZE], user[8];
    assert_true(
        url_parts("HTTPS://u@[fe80::1%25eth0]:8/x", scheme, sizeof scheme, host, sizeof host));
    assert_string_equal(scheme, "https");
    assert_string_equal(host, "fe80::1");
    assert_true(url_parts("http://0x7f.1/", scheme, sizeof scheme, host, sizeof host));
    assert_string_equal(host, "127.0.0.1");
    assert_false(url_parts("javascript-like://x", scheme, sizeof scheme, host, sizeof host));
    assert_false(url_parts("x", scheme, sizeof scheme, host, sizeof host));
    assert_false(url_parts("http://nas.lan%-.evil/", scheme, sizeof scheme, host, sizeof host));
    assert_true(url_login("http://a%41:b@h/", user, sizeof user));
    assert_string_equal(user, "aA");
    assert_false(url_login("http://h/@", user, sizeof user));
}

static void test_same_host(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        { "http://h/a", "http://H:80/b?c", true },   { "http://u:p@h/a", "http://h/", true },
        { "https://h:443/", "https://h/", true },    { "http://h/", "https://h/", false },
        { "http://h/", "http://h:81/", false },      { "http://h/", "http://h.x/", false },
        { "http://h/", "nonsense nonsense", false }, { "", "", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(url_same_host(cases[i].a, cases[i].b), cases[i].same);
}

/* Takes what was made. */
static void assert_url(char *made, const char *expected)
{
    assert_non_null(made);
    assert_string_equal(made, expected);
    free(made);
}

static void test_made_from_others(void **state)
{
    assert_url(url_resolve("http://h/a/b?q", "c"), "http://h/a/c");
    assert_url(url_resolve("http://h/a/b", "../c?d"), "http://h/c?d");
    assert_url(url_resolve("http://h/a/b", "//g/c"), "http://g/c");
    assert_url(url_resolve("http://h/a", "https://g/c"), "https://g/c");
    assert_null(url_resolve("nonsense nonsense", "c"));
    assert_url(url_append("http://h/a.iso?token=x#f", ".sha256"), "http://h/a.iso.sha256?token=x");
    assert_url(url_append("http://u:p@h:81/a%20b", ".sha256"), "http://u:p@h:81/a%20b.sha256");
    assert_url(url_sibling("http://h/d/a.iso?t#f", "SHA256SUMS"), "http://h/d/SHA256SUMS?t");
    assert_url(url_sibling("http://h/", "a b"), "http://h/a%20b");
    char *inside = url_sibling("ftp://h/d/e/f", "../x");
    assert_non_null(inside);
    assert_null(strstr(inside, "/../"));
    free(inside);
    assert_null(url_sibling("nonsense nonsense", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_that_can_be_fetched),
        cmocka_unit_test(test_urls_that_cannot),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_same_host),
        cmocka_unit_test(test_made_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
