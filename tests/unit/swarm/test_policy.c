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
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    bool v4 = inet_pton(AF_INET, number, &in.sin_addr) == 1;
    assert_true(v4 || inet_pton(AF_INET6, number, &in6.sin6_addr) == 1);
    assert_int_equal(policy_new(&policy, allow, NULL), 0);
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
    assert_int_equal(policy_new(&policy, "0.0.0.0/0,::/0", NULL), 0);
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

static void lists_that_are_none(void **state)
{
    static const char *const lists[] = {
        "10.0.0.0/33",        "10.0.0.0/",    "10.0.0.0/-1",
        "10.0.0.0/x",         "10.0.0/8",     "::/129",
        "localhost",          "/8",           "10.0.0.0/8/8",
        "::ffff:10.0.0.0/95", "fe80::1%eth0", "1.1.1.1,nonsense",
        "10.0.0.0/255.0.0.0",
    };
    struct policy *policy = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct ddm_error err = { 0 };
        if (policy_new(&policy, lists[i], &err) != -DDM_E_USAGE)
            fail_msg("\"%s\" was taken", lists[i]);
        assert_int_equal(err.code, DDM_E_USAGE);
    }
    assert_null(policy);
    struct ddm_error err;
    policy_new(&policy, "1.1.1.1,nonsense,2.2.2.2", &err);
    assert_non_null(strstr(err.message, "\"nonsense\""));
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
        cmocka_unit_test(lists_that_are_none),
        cmocka_unit_test(loopback_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
