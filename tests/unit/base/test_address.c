/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/util.h"

#include <string.h>

static void addresses(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *formatted;
    } cases[] = {
        { "lab1", "lab1", 7070, "lab1:7070" },
        { "lab1:1", "lab1", 1, "lab1:1" },
        { "my_host-2.example.", "my_host-2.example.", 7070, "my_host-2.example.:7070" },
        { "10.0.0.7:65535", "10.0.0.7", 65535, "10.0.0.7:65535" },
        { ":7071", "", 7071, ":7071" },
        { "h:0", "h", 0, "h:0" },
        { "[fe80::1]:7071", "fe80::1", 7071, "[fe80::1]:7071" },
        { "[::1]", "::1", 7070, "[::1]:7070" },
        { "fe80::1%eth0", "fe80::1%eth0", 7070, "[fe80::1%eth0]:7070" },
        { "::", "::", 7070, "[::]:7070" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        assert_int_equal(address_parse(&address, cases[i].text, 7070, NULL), 0);
        assert_string_equal(address.host, cases[i].host);
        assert_int_equal(address.port, cases[i].port);
        assert_string_equal(address_format(text, &address), cases[i].formatted);
    }
}

static void no_addresses(void **state)
{
    static const char *const cases[] = {
        "",         "h:",     "h:x",  "h:65536",     "h:-1",     "h: 1",      "a b:1",
        "a/b:1",    "a@b",    "a?b",  "a#b",         "http://a", "[::1",      "[::1]x",
        "[::1]x80", "[::1]:", "[]:1", "[h]:1",       "1.2.3:4",  "256.1.1.1", "1:2:3",
        "-h",       "h\n:1",  ".",    "gr\xc3\xbcn", "[::1%]:1", "[::1%a/b]", "fe80::g",
        "a%41",
    };
    struct address address = { .host = "before", .port = 7 };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ddm_error err = { 0 };
        if (address_parse(&address, cases[i], 7070, &err) != -DDM_E_USAGE)
            fail_msg("\"%s\" was taken", cases[i]);
        assert_int_equal(err.code, DDM_E_USAGE);
        assert_true(*err.message);
    }
    assert_string_equal(address.host, "before");
    assert_int_equal(address.port, 7);
}

static void long_hosts(void **state)
{
    struct address address;
    char text[400];
    memset(text, 'h', sizeof text);
    text[ADDRESS_HOST_SIZE - 1] = '\0';
    assert_int_equal(address_parse(&address, text, 0, NULL), 0);
    text[ADDRESS_HOST_SIZE - 1] = 'h';
    text[ADDRESS_HOST_SIZE] = '\0';
    assert_int_equal(address_parse(&address, text, 0, NULL), -DDM_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(no_addresses),
        cmocka_unit_test(long_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
