/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "swarm/headers.h"

#include <stdlib.h>
#include <string.h>

static void are_sorted_by_name(void **state)
{
    char a[MESSAGE_HEADERS_SIZE] = "", b[MESSAGE_HEADERS_SIZE] = "";
    assert_int_equal(headers_add(a, "cookie", "a=1; b=2", NULL), 0);
    assert_int_equal(headers_add(a, "X-Key", "\xc3\xa4: b", NULL), 0);
    assert_int_equal(headers_add(a, "Authorization", "Basic eA==", NULL), 0);
    assert_int_equal(headers_add(a, "X-Key-2", "x", NULL), 0);
    assert_int_equal(headers_add(a, "X", "0", NULL), 0);
    assert_string_equal(a, "Authorization: Basic eA==\n"
                           "cookie: a=1; b=2\n"
                           "X: 0\n"
                           "X-Key: \xc3\xa4: b\n"
                           "X-Key-2: x\n");
    assert_int_equal(headers_add(b, "X-Key-2", "x", NULL), 0);
    assert_int_equal(headers_add(b, "Authorization", "Basic eA==", NULL), 0);
    assert_int_equal(headers_add(b, "X", "0", NULL), 0);
    assert_int_equal(headers_add(b, "X-Key", "\xc3\xa4: b", NULL), 0);
    assert_int_equal(headers_add(b, "cookie", "a=1; b=2", NULL), 0);
    assert_string_equal(a, b);
}

static void a_name_comes_once(void **state)
{
    char headers[MESSAGE_HEADERS_SIZE] = "";
    assert_int_equal(headers_add(headers, "Cookie", "a", NULL), 0);
    assert_int_equal(headers_add(headers, "Cookies", "a", NULL), 0);
    assert_int_equal(headers_add(headers, "cOOKIE", "a", NULL), -DDM_E_USAGE);
    assert_string_equal(headers, "Cookie: a\nCookies: a\n");
}

static void refuse(const char *name, const char *value)
{
    char headers[MESSAGE_HEADERS_SIZE] = "";
    struct ddm_error err = { 0 };
    if (headers_add(headers, name, value, &err) != -DDM_E_USAGE)
        fail_msg("%s: %s was taken", name, value);
    assert_string_equal(headers, "");
    assert_true(*err.message && !strchr(err.message, '\n') && !strstr(err.message, "secret"));
}

static void names_and_values_that_are_none(void **state)
{
    static const char *const names[] = { "",     "a b",  "a:",       "a\n", "a\r\nHost",
                                         "\x01", "\x7f", "\xc3\xa4", "(a)", "a\t" };
    static const char *const values[] = {
        "",         " ",        " secret",  "secret ",    "secret\r\nHost: x", "secret\n",
        "secret\r", "\tsecret", "sec\tret", "secret\x7f", "secret\xff",        "secret\xc2\x85"
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        refuse(names[i], "secret");
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        refuse("X", values[i]);
}

static void what_a_peer_sets_itself(void **state)
{
    static const char *const names[] = {
        "Host",
        "hOST",
        "Connection",
        "Content-Length",
        "content-type",
        "Content-",
        "Content-Foo",
        "Range",
        "If-Range",
        "if-none-match",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Transfer-Encoding",
        "Keep-Alive",
        "HTTP2-Settings",
        "Proxy-",
        "Proxy-Connection",
        "Accept-Encoding",
        "Via",
        "Forwarded",
        "x-forwarded-for",
        "X-Real-IP",
        "Proxy-Authorization",
    };
    static const char *const others[] = { "Accept",  "Hosts",        "Ranges",  "TEE",
                                          "Content", "X-Host",       "Referer", "User-Agent",
                                          "Cookie",  "Authorization" };
    char headers[MESSAGE_HEADERS_SIZE] = "";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        refuse(names[i], "secret");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_int_equal(headers_add(headers, others[i], "x", NULL), 0);
}

static void have_their_limit(void **state)
{
    char headers[MESSAGE_HEADERS_SIZE] = "", value[MESSAGE_HEADERS_SIZE];
    memset(value, 'v', sizeof value);
    value[MESSAGE_HEADERS_SIZE - 1 - strlen("B: \n") - strlen("A: \n") - 1] = '\0';
    assert_int_equal(headers_add(headers, "B", value, NULL), 0);
    assert_int_equal(headers_add(headers, "A", "vv", NULL), -DDM_E_USAGE);
    assert_int_equal(headers_add(headers, "A", "v", NULL), 0);
    assert_int_equal(strlen(headers), MESSAGE_HEADERS_SIZE - 1);
    assert_int_equal(headers_add(headers, "C", "v", NULL), -DDM_E_USAGE);
    assert_memory_equal(headers, "A: v\nB: vvv", 11);
}

static void as_a_list(void **state)
{
    _cleanup_free_ char **none = headers_split(""), **two = headers_split("A: b\nC: d: e\n");
    assert_null(none[0]);
    assert_string_equal(two[0], "A: b");
    assert_string_equal(two[1], "C: d: e");
    assert_null(two[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_sorted_by_name),
        cmocka_unit_test(a_name_comes_once),
        cmocka_unit_test(names_and_values_that_are_none),
        cmocka_unit_test(what_a_peer_sets_itself),
        cmocka_unit_test(have_their_limit),
        cmocka_unit_test(as_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
