/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "swarm/policy.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

static bool allows(const char *allow, const char *number)
{
    struct policy *policy = NULL;
    struct policy_config rules = { .allow = allow };
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    bool v4 = inet_pton(AF_INET, number, &in.sin_addr) == 1;
    assert_true(v4 || inet_pton(AF_INET6, number, &in6.sin6_addr) == 1);
    assert_int_equal(policy_new(&policy, &rules, NULL), 0);
    bool answer = policy_allows(policy, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6);
    policy_free(policy);
    return answer;
}

static void the_public_internet_is_allowed(void **state)
{
    static const char *const numbers[] = {
        "1.1.1.1",         "8.8.8.8",          "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",      "126.255.255.255", "128.0.0.1",
        "169.253.255.255", "172.15.255.255",   "172.32.0.0",      "192.0.1.0",
        "192.167.255.255", "198.17.255.255",   "198.20.0.0",      "223.255.255.255",
        "2001:200::1",     "2606:4700::1",     "2a00::1",         "2001:db7:ffff::1",
        "::ffff:8.8.8.8",  "64:ff9b::808:808",
    };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (!allows(NULL, numbers[i]))
            fail_msg("%s was denied", numbers[i]);
}

static void all_else_is_denied(void **state)
{
    static const char *const numbers[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16", /* metadata of a cloud */
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "::",
        "::1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", /* Teredo */
        "2002:7f00:1::",
        "64:ff9b:1::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "1fff:ffff::1",
    };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (allows("", numbers[i]))
            fail_msg("%s was allowed", numbers[i]);
}

static void other_families_are_denied(void **state)
{
    struct policy *policy = NULL;
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct policy_config rules = { .allow = "0.0.0.0/0,::/0" };
    assert_int_equal(policy_new(&policy, &rules, NULL), 0);
    assert_false(policy_allows(policy, (struct sockaddr *)&local));
    assert_null(policy_free(policy));
    assert_null(policy_free(NULL));
}

static void an_owner_allows_networks(void **state)
{
    static const char list[] = "10.1.0.0/16, fd00::/8 192.168.7.9,172.16.5.0/23,";
    assert_true(allows(list, "10.1.255.255"));
    assert_false(allows(list, "10.2.0.0"));
    assert_false(allows(list, "10.0.255.255"));
    assert_true(allows(list, "fdff::1"));
    assert_false(allows(list, "fc00::1"));
    assert_true(allows(list, "192.168.7.9"));
    assert_false(allows(list, "192.168.7.8"));
    assert_true(allows(list, "172.16.4.255")); /* 5 has a bit more than /23 */
    assert_true(allows(list, "172.16.5.255"));
    assert_false(allows(list, "172.16.6.0"));
    assert_true(allows(list, "8.8.8.8"));
    assert_true(allows(list, "::ffff:10.1.0.1"));
    assert_true(allows(list, "64:ff9b::a01:1"));
    assert_true(allows("::ffff:10.0.0.0/104", "10.9.9.9"));
    assert_false(allows("::ffff:10.0.0.0/104", "11.0.0.0") != allows("", "11.0.0.0"));
    assert_true(allows("64:ff9b::/96", "64:ff9b::a00:1"));
}

static void one_family_does_not_open_the_other(void **state)
{
    assert_true(allows("0.0.0.0/0", "127.0.0.1"));
    assert_false(allows("0.0.0.0/0", "::1"));
    assert_true(allows("::/0", "::1"));
    assert_false(allows("::/0", "127.0.0.1"));
    assert_false(allows("::/0", "::ffff:127.0.0.1"));
}

static void wrong_rules_are_named(void **state)
{
    struct policy *policy = NULL;
    struct ddm_error err;
    struct policy_config both[] = { { .allow = "1.1.1.1,10.0.0.0/33,2.2.2.2" },
                                    { .deny = "1.1.1.1,10.0.0.0/33,2.2.2.2" } };
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        assert_int_equal(policy_new(&policy, &both[i], &err), -DDM_E_USAGE);
        assert_non_null(strstr(err.message, "\"10.0.0.0/33\""));
        assert_null(strchr(err.message, '\n'));
        assert_null(policy);
    }
}

/* ---- URLs ---- */

/* `number`: where the connection goes; NULL: not known. `port`: 0: that of the URL. */
static enum policy_verdict judge(const char *allow, const char *deny, const char *url,
                                 const char *number, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at = { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
    struct policy_config rules = { .allow = allow, .deny = deny };
    struct policy_target target = { url, number ? &at.any : NULL };
    struct policy *policy = NULL;
    if (number && inet_pton(AF_INET, number, &at.in.sin_addr) != 1) {
        at.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        assert_int_equal(inet_pton(AF_INET6, number, &at.in6.sin6_addr), 1);
    }
    assert_int_equal(policy_new(&policy, &rules, NULL), 0);
    enum policy_verdict verdict = policy_judge(policy, &target);
    policy_free(policy);
    return verdict;
}

static void ports_are_those_of_the_scheme(void **state)
{
    static const char *const good[] = { "http://h/",      "https://h/",     "ftp://h/f",
                                        "ftps://h/f",     "http://h:443/",  "https://h:80/",
                                        "http://h:81/",   "http://h:1024/", "http://h:8080/",
                                        "ftp://h:2121/f", "http://h:65535/" };
    static const char *const bad[] = { "http://h:25/",    "http://h:22/",   "https://h:465/",
                                       "http://h:587/",   "http://h:53/",   "http://h:631/",
                                       "http://h:1023/",  "http://h:1/",    "http://h:21/",
                                       "ftp://h:80/f",    "ftp://h:25/f",   "ftps://h:22/f",
                                       "http://h:6667/",  "http://h:2049/", "http://h:5060/",
                                       "http://h:10080/", "http://h:0/" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        for (int known = 0; known < 2; known++)
            if (judge("", "", good[i], known ? "8.8.8.8" : NULL, 0) != POLICY_ALLOWED)
                fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        for (int known = 0; known < 2; known++)
            if (judge("", "", bad[i], known ? "8.8.8.8" : NULL, 0) != POLICY_PORT)
                fail_msg("%s was allowed", bad[i]);
}

static void only_a_rule_with_ports_opens_ports(void **state)
{
    assert_int_equal(judge("10.0.0.0/8", "", "http://h/", "10.1.1.1", 80), POLICY_ALLOWED);
    assert_int_equal(judge("10.0.0.0/8", "", "http://h:25/", "10.1.1.1", 25), POLICY_PORT);
    assert_int_equal(judge("10.0.0.0/8:20-30", "", "http://h:25/", "10.1.1.1", 25), POLICY_ALLOWED);
    assert_int_equal(judge("10.0.0.0/8:20-30", "", "http://h:31/", "10.1.1.1", 31), POLICY_PORT);
    assert_int_equal(judge("10.0.0.0/8:20-30", "", "http://h/", "10.1.1.1", 80), POLICY_ADDRESS);
    assert_int_equal(judge("[fd00::/8]:25", "", "http://h:25/", "fd00::1", 25), POLICY_ALLOWED);
    assert_int_equal(judge("10.0.0.0/8:25", "", "http://h:25/", "8.8.8.8", 25), POLICY_PORT);
    assert_int_equal(judge("10.0.0.0/8:25", "", "http://h:25/", NULL, 0), POLICY_ALLOWED);
}

static void a_host_that_is_allowed_leads_anywhere(void **state)
{
    static const char nas[] = "nas.lan:8080,*.inside.test";
    assert_int_equal(judge(nas, "", "http://nas.lan:8080/", "127.0.0.1", 8080), POLICY_ALLOWED);
    assert_int_equal(judge(nas, "", "http://NAS.LAN.:8080/", "fe80::1", 8080), POLICY_ALLOWED);
    assert_int_equal(judge(nas, "", "http://nas.lan/", "127.0.0.1", 80), POLICY_ADDRESS);
    assert_int_equal(judge(nas, "", "http://x.nas.lan:8080/", "10.0.0.1", 8080), POLICY_ADDRESS);
    assert_int_equal(judge(nas, "", "http://a.b.inside.test/", "10.0.0.1", 80), POLICY_ALLOWED);
    assert_int_equal(judge(nas, "", "http://a.b.inside.test:25/", "10.0.0.1", 25), POLICY_PORT);
    assert_int_equal(judge(nas, "", "http://inside.test/", "10.0.0.1", 80), POLICY_ADDRESS);
    assert_int_equal(judge(nas, "", "http://xinside.test/", "10.0.0.1", 80), POLICY_ADDRESS);
    assert_int_equal(judge(nas, "", "http://u.inside.test@evil.test/", "10.0.0.1", 80),
                     POLICY_ADDRESS);
    assert_int_equal(judge("nas.lan:25", "", "http://nas.lan:25/", "8.8.8.8", 25), POLICY_ALLOWED);
}

static void deny_wins(void **state)
{
    static const char deny[] = "evil.test,*.evil.test,8.8.8.0/24,1.1.1.1:8080";
    assert_int_equal(judge("", deny, "http://evil.test/", "9.9.9.9", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://EVIL.test./", NULL, 0), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://a.evil.test/", "9.9.9.9", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://%65vil.test/", "9.9.9.9", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://evil.test.de/", "9.9.9.9", 80), POLICY_ALLOWED);
    assert_int_equal(judge("evil.test,0.0.0.0/0", deny, "http://evil.test/", "9.9.9.9", 80),
                     POLICY_DENIED);
    assert_int_equal(judge("good.test", deny, "http://good.test/", "8.8.8.8", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://h/", "::ffff:8.8.8.8", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://h/", "64:ff9b::808:808", 80), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://h:8080/", "1.1.1.1", 8080), POLICY_DENIED);
    assert_int_equal(judge("", deny, "http://h/", "1.1.1.1", 80), POLICY_ALLOWED);
    assert_int_equal(judge("10.0.0.0/8", "10.0.0.1", "http://h/", "10.0.0.1", 80), POLICY_DENIED);
    assert_int_equal(judge("10.0.0.0/8", "10.0.0.1", "http://h/", "10.0.0.2", 80), POLICY_ALLOWED);
}

/* What they would be looked up as is not known before: U+3002 is a dot, U+FF11 a 1. */
static void names_beyond_ascii_are_not_judged(void **state)
{
    static const char *const urls[] = { ("http://b\xc3\xbc"
                                         "cher.test/"),
                                        "http://evil\xe3\x80\x82test/", "http://%EF%BC%91.1.1.1/" };
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
        assert_int_equal(judge("test", "evil.test", urls[i], "9.9.9.9", 80), POLICY_URL);
}

/* FTP's other connection goes to a port that the server names, on the same address. */
static void data_of_ftp_counts_as_its_control_connection(void **state)
{
    static const char url[] = "ftp://h/f";
    assert_int_equal(judge("", "", url, "8.8.8.8", 50000), POLICY_ALLOWED);
    assert_int_equal(judge("", "", url, "8.8.8.8", 25), POLICY_PORT);
    assert_int_equal(judge("", "", url, "10.0.0.1", 50000), POLICY_ADDRESS);
    assert_int_equal(judge("10.0.0.1:21", "", url, "10.0.0.1", 50000), POLICY_ALLOWED);
    assert_int_equal(judge("10.0.0.1:21", "", url, "10.0.0.1", 22), POLICY_PORT);
    assert_int_equal(judge("h:1-65535", "", url, "10.0.0.1", 22), POLICY_PORT);
    assert_int_equal(judge("", "8.8.8.8:50000", url, "8.8.8.8", 50000), POLICY_DENIED);
    assert_int_equal(judge("", "8.8.8.8:21", url, "8.8.8.8", 50000), POLICY_DENIED);
}

static void a_scope_is_not_public(void **state)
{
    struct policy *policy = NULL;
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    assert_int_equal(policy_new(&policy, &(struct policy_config){}, NULL), 0);
    assert_int_equal(inet_pton(AF_INET6, "2606:4700::1", &in6.sin6_addr), 1);
    assert_true(policy_allows(policy, (struct sockaddr *)&in6));
    in6.sin6_scope_id = 1;
    assert_false(policy_allows(policy, (struct sockaddr *)&in6));
    policy_free(policy);
}

static void what_is_no_url_is_refused(void **state)
{
    static const char *const urls[] = { "",          "http://",       "http://h:99999/",
                                        "mailto:x",  "file:///etc/x", "http://./",
                                        "http://a b" };
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
        if (judge("0.0.0.0/0:1-65535", "", urls[i], "8.8.8.8", 80) == POLICY_ALLOWED)
            fail_msg("'%s' was allowed", urls[i]);
}

static void each_verdict_has_a_reason(void **state)
{
    for (int v = POLICY_ALLOWED; v <= POLICY_URL; v++)
        assert_true(*policy_reason((enum policy_verdict)v));
}

static void loopback_hosts(void **state)
{
    static const char *const yes[] = {
        "localhost",  "LOCALHOST", "localhost.", "127.0.0.1",
        "127.8.9.10", "::1",       "0:0::1",     "::ffff:127.0.0.1"
    };
    static const char *const no[] = { "",      "0.0.0.0",    "::",  "10.0.0.1", "localhost.example",
                                      "127.1", "2130706433", "::2", "128.0.0.1" };
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        if (!policy_host_is_loopback(yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (policy_host_is_loopback(no[i]))
            fail_msg("%s", no[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_internet_is_allowed),
        cmocka_unit_test(all_else_is_denied),
        cmocka_unit_test(other_families_are_denied),
        cmocka_unit_test(an_owner_allows_networks),
        cmocka_unit_test(one_family_does_not_open_the_other),
        cmocka_unit_test(wrong_rules_are_named),
        cmocka_unit_test(ports_are_those_of_the_scheme),
        cmocka_unit_test(only_a_rule_with_ports_opens_ports),
        cmocka_unit_test(a_host_that_is_allowed_leads_anywhere),
        cmocka_unit_test(deny_wins),
        cmocka_unit_test(names_beyond_ascii_are_not_judged),
        cmocka_unit_test(data_of_ftp_counts_as_its_control_connection),
        cmocka_unit_test(a_scope_is_not_public),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(each_verdict_has_a_reason),
        cmocka_unit_test(loopback_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
