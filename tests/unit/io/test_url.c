/* SPDX-License-Identifier: MIT */
#include "io/url.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_urls_that_can_be_fetched(void **state)
{
    static const char *const good[] = { "http://a/",  "https://a.b:8443/x?y#z", "ftp://h/f",
                                        "ftps://h/f", "http://[::1]:80/",       "HTTP://A/" };
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
                                       "javascript:x" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct ddm_error err = { 0 };
        if (url_check(bad[i], &err) != -DDM_E_USAGE || !err.message[0])
            fail_msg("took '%s'", bad[i]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_that_can_be_fetched),
        cmocka_unit_test(test_urls_that_cannot),
        cmocka_unit_test(test_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
