/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "swarm/policy_rule.h"

#include <stdlib.h>
#include <string.h>

static struct rule parse(const char *text)
{
    struct rule *list = NULL, rule;
    struct ddm_error err;
    size_t count = 0;
    if (rules_parse(&list, &count, text, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(count, 1);
    rule = list[0];
    free(list);
    return rule;
}

static void is_network(const char *text, const char *number, unsigned bits, uint16_t first,
                       uint16_t last)
{
    struct rule rule = parse(text);
    struct ip ip;
    assert_int_equal(ip_parse(&ip, number), 0);
    assert_string_equal(rule.host, "");
    assert_true(ip_equal(&rule.ip, &ip));
    assert_int_equal(rule.bits, bits);
    assert_int_equal(rule.first, first);
    assert_int_equal(rule.last, last);
}

static void is_host(const char *text, const char *host, uint16_t first, uint16_t last)
{
    struct rule rule = parse(text);
    assert_string_equal(rule.host, host);
    assert_int_equal(rule.first, first);
    assert_int_equal(rule.last, last);
}

static void networks_and_addresses(void **state)
{
    is_network("10.0.0.0/8", "10.0.0.0", 104, 0, 0);
    is_network("10.0.0.7", "10.0.0.7", 128, 0, 0);
    is_network("10.0.0.7:8080", "10.0.0.7", 128, 8080, 8080);
    is_network("10.0.0.0/8:80-99", "10.0.0.0", 104, 80, 99);
    is_network("fd00::/8", "fd00::", 8, 0, 0);
    is_network("fd00::1", "fd00::1", 128, 0, 0);
    is_network("::", "::", 128, 0, 0);
    is_network("fd00::/8:443", "fd00::", 8, 443, 443);
    is_network("[fd00::1]", "fd00::1", 128, 0, 0);
    is_network("[fd00::1]:443", "fd00::1", 128, 443, 443);
    is_network("[fd00::/8]:1-65535", "fd00::", 8, 1, 65535);
    is_network("[fd00::]/8:443", "fd00::", 8, 443, 443);
    is_network("0.0.0.0/0", "0.0.0.0", 96, 0, 0);
    is_network("::ffff:10.0.0.0/104", "10.0.0.0", 104, 0, 0);
}

static void hosts(void **state)
{
    is_host("example.org", "example.org", 0, 0);
    is_host("Example.ORG.", "example.org", 0, 0);
    is_host("*.example.org", ".example.org", 0, 0);
    is_host("nas.lan:8080", "nas.lan", 8080, 8080);
    is_host("*.lan:80-99", ".lan", 80, 99);
    is_host("nas", "nas", 0, 0);
    is_host("xn--bcher-kva.de", "xn--bcher-kva.de", 0, 0);
    is_host("1.2.3.4.example", "1.2.3.4.example", 0, 0);
    is_host("127.0.0.1.nip.io", "127.0.0.1.nip.io", 0, 0);
}

static void several(void **state)
{
    struct rule *list = NULL;
    size_t count;
    assert_int_equal(rules_parse(&list, &count, " a.b, 10.0.0.0/8:1-2\t[::1]:3,,x ", NULL), 0);
    assert_int_equal(count, 4);
    assert_string_equal(list[0].host, "a.b");
    assert_int_equal(list[1].last, 2);
    assert_int_equal(list[2].first, 3);
    assert_string_equal(list[3].host, "x");
    free(list);
    assert_int_equal(rules_parse(&list, &count, " ,", NULL), 0);
    assert_int_equal(count, 0);
}

static void what_is_no_rule(void **state)
{
    static const char *const bad[] = {
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/x",
        "10.0.0/8",
        "::/129",
        "/8",
        "10.0.0.0/8/8",
        "::ffff:10.0.0.0/95",
        "fe80::1%eth0",
        "10.0.0.0/255.0.0.0",
        /* ports */
        "a:0",
        "a:",
        "a:65536",
        "a:9-8",
        "a:1-",
        "a:-1",
        "a:x",
        "a:80-99-100",
        "10.0.0.1:",
        "10.0.0.0/8:",
        "[::1]:",
        "[::1]443",
        "[::1",
        "[10.0.0.1]:80",
        "[]",
        "[a]:80",
        "a:1:2",
        "[::1]/8/9",
        "[::/8]/8",
        "10.0.0.0/8:1:2",
        /* numbers that a resolver would take for addresses */
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.2",
        "300.1.1.1",
        "127.0.0.01",
        "*.1",
        "10.0.0.0.",
        "0x",
        /* names */
        "*",
        "*.",
        "*.*.org",
        "a.*.org",
        "*a.org",
        "a..b",
        ".a",
        "http://a",
        "a/b",
        "a@b",
        "a?b",
        ("b\xc3\xbc"
         "cher.de"),
        "a\x01",
        "*.a/8",
    };
    struct rule *list = NULL;
    size_t count = 7;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct ddm_error err = { 0 };
        if (rules_parse(&list, &count, bad[i], &err) != -DDM_E_USAGE)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(err.code, DDM_E_USAGE);
        assert_non_null(strstr(err.message, "\": "));
        assert_null(strchr(err.message, '\n'));
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(rules_parse(&list, &count, longest, NULL), -DDM_E_USAGE);
    assert_null(list);
    assert_int_equal(count, 7);
}

static bool matches(const char *text, const char *host)
{
    struct rule rule = parse(text);
    struct ip ip;
    return ip_parse(&ip, host) == 0 ? rule_is_of_ip(&rule, &ip) : rule_is_of_host(&rule, host);
}

static void what_they_are_of(void **state)
{
    assert_true(matches("*.a.org", "b.a.org"));
    assert_true(matches("*.a.org", "c.b.a.org"));
    assert_false(matches("*.a.org", "a.org"));
    assert_false(matches("*.a.org", "ba.org"));
    assert_false(matches("*.a.org", "b.a.org.evil"));
    assert_true(matches("a.org", "a.org"));
    assert_false(matches("a.org", "b.a.org"));
    assert_false(matches("a.org", "a.or"));
    assert_true(matches("10.0.0.0/7", "11.255.0.1"));
    assert_false(matches("10.0.0.0/7", "12.0.0.0"));
    assert_true(matches("10.0.0.1", "::ffff:10.0.0.1"));
    assert_false(matches("a.org", "10.0.0.1"));
    assert_false(matches("::/0", "10.0.0.1"));
    assert_false(matches("0.0.0.0/0", "::1"));
    assert_false(matches("0.0.0.0/0", "a.org"));
}

static void nat64(void **state)
{
    struct ip ip, four, inner;
    assert_int_equal(ip_parse(&ip, "64:ff9b::a00:1"), 0);
    assert_int_equal(ip_parse(&four, "10.0.0.1"), 0);
    assert_true(ip_behind_nat64(&inner, &ip));
    assert_true(ip_equal(&inner, &four));
    assert_int_equal(ip_parse(&ip, "64:ff9b:1::a00:1"), 0);
    assert_false(ip_behind_nat64(&inner, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_and_addresses),
        cmocka_unit_test(hosts),
        cmocka_unit_test(several),
        cmocka_unit_test(what_is_no_rule),
        cmocka_unit_test(what_they_are_of),
        cmocka_unit_test(nat64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
