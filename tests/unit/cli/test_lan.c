/* SPDX-License-Identifier: MIT */
/* Which of a machine's addresses go into a token. */
#include "cli/lan.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

enum { UP = IFF_UP | IFF_RUNNING, ROWS = 10 };

struct row {
    const char *name;
    unsigned flags;
    const char *number; /* NULL: an interface without an address */
};

/* What is picked, as "a b c ". */
static const char *picked(const struct row *rows)
{
    static char out[600];
    struct ifaddrs list[ROWS] = { 0 };
    struct sockaddr_storage numbers[ROWS] = { 0 };
    struct address found[LAN_ADDRESSES];
    size_t count = 0;
    for (; rows[count].name; count++) {
        struct sockaddr_in *in = (struct sockaddr_in *)&numbers[count];
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&numbers[count];
        list[count].ifa_name = (char *)rows[count].name;
        list[count].ifa_flags = rows[count].flags;
        if (count > 0)
            list[count - 1].ifa_next = &list[count];
        if (!rows[count].number)
            continue;
        list[count].ifa_addr = (struct sockaddr *)&numbers[count];
        if (inet_pton(AF_INET, rows[count].number, &in->sin_addr) == 1) {
            in->sin_family = AF_INET;
        } else {
            in6->sin6_family = AF_INET6;
            assert_int_equal(inet_pton(AF_INET6, rows[count].number, &in6->sin6_addr), 1);
        }
    }
    out[0] = '\0';
    size_t n = lan_pick(found, 7070, count > 0 ? list : NULL);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(found[i].port, 7070);
        strcat(strcat(out, found[i].host), " ");
    }
    return out;
}

#define assert_picked(expected, ...)                                                               \
    assert_string_equal(picked((const struct row[]){ __VA_ARGS__, { NULL, 0, NULL } }), expected)

static void only_what_others_can_reach(void **state)
{
    assert_string_equal(picked((const struct row[]){ { NULL, 0, NULL } }), "");
    assert_picked("", { "lo", UP | IFF_LOOPBACK, "127.0.0.1" });
    assert_picked("", { "lo", UP | IFF_LOOPBACK, "10.0.0.1" });
    assert_picked("", { "e", UP, "127.0.0.2" }, { "e", UP, "169.254.3.4" }, { "e", UP, "0.0.0.0" },
                  { "e", UP, "224.0.0.1" }, { "e", UP, "255.255.255.255" });
    assert_picked("", { "e", UP, "fe80::1" }, { "e", UP, "::1" }, { "e", UP, "ff02::1" },
                  { "e", UP, "::ffff:10.0.0.1" }, { "e", UP, "::" }, { "e", UP, NULL });
    assert_picked("", { "e", 0, "10.0.0.1" }, { "e", IFF_UP, "10.0.0.1" },
                  { "e", IFF_RUNNING, "10.0.0.1" });
}

static void the_best_kind_alone(void **state)
{
    static const struct row docker = { "docker0", UP, "172.17.0.1" }, v6 = { "e", UP, "fd00::7" },
                            public = { "e", UP, "192.0.2.2" }, lan = { "e", UP, "192.168.1.2" },
                            vpn = { "wg0", UP | IFF_POINTOPOINT, "10.9.0.1" };
    assert_picked("172.17.0.1 ", docker);
    assert_picked("fd00::7 ", docker, v6);
    assert_picked("192.0.2.2 ", docker, v6, public);
    assert_picked("10.9.0.1 ", docker, v6, public, vpn);
    assert_picked("192.168.1.2 ", docker, v6, public, vpn, lan);
}

static void private_networks(void **state)
{
    static const char *const inside[] = { "10.0.0.1",      "10.255.255.255",
                                          "172.16.0.1",    "172.31.255.1",
                                          "192.168.0.1",   "100.64.0.1",
                                          "100.127.255.1", NULL };
    static const char *const outside[] = { "11.0.0.1",    "9.9.9.9",    "172.15.0.1",  "172.32.0.1",
                                           "192.167.0.1", "100.63.0.1", "100.128.0.1", NULL };
    for (size_t i = 0; inside[i]; i++)
        assert_string_not_equal(picked((const struct row[]){ { "a", UP, "8.8.8.8" },
                                                             { "b", UP, inside[i] },
                                                             { NULL, 0, NULL } }),
                                "8.8.8.8 ");
    for (size_t i = 0; outside[i]; i++)
        assert_picked("10.0.0.1 ", { "a", UP, outside[i] }, { "b", UP, "10.0.0.1" });
}

static void not_too_many(void **state)
{
    assert_picked("10.0.0.1 10.0.0.2 10.0.0.3 ", { "a", UP, "10.0.0.1" }, { "b", UP, "10.0.0.2" },
                  { "c", UP, "10.0.0.3" }, { "d", UP, "10.0.0.4" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_others_can_reach),
        cmocka_unit_test(the_best_kind_alone),
        cmocka_unit_test(private_networks),
        cmocka_unit_test(not_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
