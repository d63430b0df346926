/* SPDX-License-Identifier: MIT */
#include "io/fetch_profile.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_headers(void **state)
{
    static const char *const good[] = {
        "A: b", "A:b", "A:", "A;", "A; ", "Host: x", "X-Key: a:b;c\td", "Cookie: a=b"
    };
    static const char *const bad[] = { "",
                                       ":",
                                       ": b",
                                       "A",
                                       "A b: c",
                                       "A : c",
                                       "A;b",
                                       "A: b\r\nC: d",
                                       "A: b\n",
                                       "A\r: b",
                                       "A: \x7f",
                                       "Range: bytes=0-1",
                                       "range:",
                                       "If-Range: x",
                                       "Accept-Encoding: gzip",
                                       "Content-Length: 0",
                                       "TRANSFER-ENCODING: chunked",
                                       "Connection: close",
                                       "Connection;" };
    struct ddm_error err;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(fetch_check_header(good[i], &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(fetch_check_header(bad[i], &err), -DDM_E_USAGE);
        assert_null(strpbrk(err.message, "\r\n\x7f"));
    }
    assert_int_equal(fetch_check_header("X-Key: secret\x01", &err), -DDM_E_USAGE);
    assert_null(strstr(err.message, "secret"));
}

static void test_secrets(void **state)
{
    static const char *const secret[] = { "X-Api-Key: a", "Authorization: a", "COOKIE: a",
                                          "Host: a",      "private-token:a",  "Accept-X: a" };
    static const char *const harmless[] = { "accept: a", "User-Agent: a", "Referer: a",
                                            "X-Api-Key:", "X-Api-Key; " };
    for (size_t i = 0; i < ARRAY_SIZE(secret); i++)
        assert_true(fetch_header_is_secret(secret[i]));
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
        assert_false(fetch_header_is_secret(harmless[i]));
}

static void test_proxy_urls(void **state)
{
    static const char *const good[] = { "",
                                        "http://p:3128",
                                        "p:3128",
                                        "p",
                                        "https://p",
                                        "socks4://10.0.0.1",
                                        "socks4a://p:1",
                                        "socks5://u:secret@p:1080",
                                        "socks5h://[::1]:1080" };
    static const char *const bad[] = { "ftp://p",    "gopher://u:secret@p", "http://", "socks6://p",
                                       "http://p:x", "http://p:99999",      "://p" };
    struct ddm_error err;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(fetch_check_proxy(good[i], &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(fetch_check_proxy(bad[i], &err), -DDM_E_USAGE);
        assert_null(strstr(err.message, "secret"));
    }
}

static void test_which_proxy(void **state)
{
    const struct fetch_profile own = { .proxy = "http://own" }, none = { .proxy = "" };
    assert_null(fetch_profile_proxy(NULL, "http://h/"));
    assert_string_equal(fetch_profile_proxy(&own, "http://h/"), "http://own");
    setenv("ALL_PROXY", "all", 1);
    setenv("https_proxy", "secure", 1);
    setenv("HTTP_PROXY", "of a CGI's client", 1);
    assert_string_equal(fetch_profile_proxy(NULL, "http://h/"), "all");
    assert_string_equal(fetch_profile_proxy(NULL, "https://h/"), "secure");
    assert_string_equal(fetch_profile_proxy(&own, "https://h/"), "http://own");
    assert_null(fetch_profile_proxy(&none, "https://h/"));
}

static void test_no_proxy(void **state)
{
    static const struct {
        const char *list, *url;
        bool excepted;
    } cases[] = {
        { "", "http://h/", false },
        { "h", "http://h/", true },
        { "H", "http://h:80/", true },
        { "x, .example.org", "http://a.example.org/", true },
        { "x example.org.", "http://a.example.org./", true },
        { "a.example.org", "http://example.org/", false },
        { "x,y", "http://h/", false },
        { "*", "http://h/", true },
        { "10.0.0.0/8", "http://10.1.1.1/", true },
        { "10.0.0.0/8", "http://h/", false },
        { "::1", "http://[::1]/", true },
    };
    const struct fetch_profile own = { .proxy = "http://own" };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        setenv("no_proxy", cases[i].list, 1);
        assert_int_equal(fetch_profile_proxy(&own, cases[i].url) == NULL, cases[i].excepted);
    }
    unsetenv("no_proxy");
}

static int clear_environment(void **state)
{
    static const char *const names[] = { "all_proxy",   "ALL_PROXY",   "http_proxy", "HTTP_PROXY",
                                         "https_proxy", "HTTPS_PROXY", "no_proxy",   "NO_PROXY" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_proxy_urls),
        cmocka_unit_test_setup_teardown(test_which_proxy, clear_environment, clear_environment),
        cmocka_unit_test_setup_teardown(test_no_proxy, clear_environment, clear_environment),
    };
    return cmocka_run_group_tests_name("fetch_profile", tests, NULL, NULL);
}
