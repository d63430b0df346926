/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "cli/options.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static const struct option *find(enum role role, const char *name)
{
    const struct option *option = option_find(role, name, strlen(name));
    assert_non_null(option);
    return option;
}

static int check(enum role role, const char *name, const char *text)
{
    struct ddm_error error = { .code = DDM_OK };
    int r = options_set(NULL, find(role, name), OPTION_COMMAND_LINE, text, &error);
    assert_true(r == 0 || (r == -DDM_E_USAGE && error.message[0]));
    return r;
}

static void test_what_is_taken(void **state)
{
    static const struct {
        enum role role;
        const char *name;
        const char *right[6], *wrong[8];
    } rows[] = {
        { ROLE_GET, "connections", { "1", "64" }, { "", "0", "65", "-1", "1x", " 1", "1e1" } },
        { ROLE_PEER, "memory", { "4M", "1G", "4194304", "64MiB" }, { "3M", "2G", "M", "4.5M" } },
        { ROLE_TRACKER, "ttl", { "1", "30s", "60m", "1h" }, { "0", "0s", "2h", "999ms", "s" } },
        { ROLE_GET, "progress", { "auto", "none" }, { "", "Auto", "bars" } },
        { ROLE_GET, "insecure", { "yes", "no", "1", "off" }, { "", "YES", "2" } },
        { ROLE_GET,
          "tracker",
          { "a", "a:1", "[::1]:2", "a,b", "a , b", "none" },
          { "", "a,", ",a", "a,,b", ":7070", "a:0", "a:65536", "a b" } },
        { ROLE_PEER, "listen", { ":0", "127.0.0.1:0", "[::]:7071" }, { "", "1.2.3", "a:x" } },
        { ROLE_PEER,
          "advertise",
          { "h", "1.2.3.4", "::1", "[::1]" },
          { "", "h:1", "[::1]:7", ":1" } },
        { ROLE_PEER,
          "allow",
          { "10.0.0.0/8", "::1", "fd00::/8,127.0.0.1", "*.lan:80-99" },
          { "", "x y/", "1.1.1.1/33", "a:0" } },
        { ROLE_PEER, "deny", { "10.0.0.0/8", "[::1]:443,evil.test" }, { "", "127.1", "a:9-8" } },
        { ROLE_GET,
          "spot-check",
          { "0", "0.25", "100", "7%", "0.0001", "99.9999" },
          { "", "-1", "100.0001", "101", ".5", "1.", "0.00001", "1 %" } },
        { ROLE_GET, "limit-rate", { "500k", "2M", "1024" }, { "0", "1023", "fast", "2T" } },
        { ROLE_GET, "max-time", { "1", "90m", "1000h" }, { "0", "1001h" } },
        { ROLE_GET, "proxy", { "", "none", "socks5h://u:p@h:1" }, { "a\nb" } },
        { ROLE_GET, "jobs", { "1", "16" }, { "0", "17" } },
        { ROLE_GET,
          "allow-redirect",
          { "10.0.0.0/8", "10.0.0.0/8,fd00::/8" },
          { "", "10.0.0.0/33" } },
        { ROLE_PEER,
          "hours",
          { "22:00-06:00", "1:05-2:00, 12:00-24:00" },
          { "", "22-6", "22:00", "22:00-22:00", "25:00-26:00" } },
        { ROLE_TRACKER, "max-connections", { "16", "65536" }, { "15", "65537", "many" } },
        { ROLE_PEER, "host-id", { "a", "demo-1_X" }, { "", "a.b", "a b", "ä" } },
        { ROLE_GET, "output", { "-", "ä b" }, { "", "a\nb", "\033[2J" } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(rows[i].right) && rows[i].right[j]; j++)
            assert_int_equal(check(rows[i].role, rows[i].name, rows[i].right[j]), 0);
        for (size_t j = 0; j < ARRAY_SIZE(rows[i].wrong) && rows[i].wrong[j]; j++)
            assert_int_equal(check(rows[i].role, rows[i].name, rows[i].wrong[j]), -DDM_E_USAGE);
    }
}

static void test_name_length(void **state)
{
    char name[66];
    memset(name, 'a', sizeof name);
    name[64] = '\0';
    assert_int_equal(check(ROLE_PEER, "host-id", name), 0);
    name[64] = 'a';
    name[65] = '\0';
    assert_int_equal(check(ROLE_PEER, "host-id", name), -DDM_E_USAGE);
}

/* In every order of arrival the best origin stays. */
static void test_precedence(void **state)
{
    static const char *const texts[] = { NULL, "1", "2", "3", "4", "5" };
    static const enum option_origin orders[][5] = {
        { OPTION_DEFAULT, OPTION_SHARED_FILE, OPTION_ROLE_FILE, OPTION_ENVIRONMENT,
          OPTION_COMMAND_LINE },
        { OPTION_COMMAND_LINE, OPTION_ENVIRONMENT, OPTION_ROLE_FILE, OPTION_SHARED_FILE,
          OPTION_DEFAULT },
        { OPTION_ENVIRONMENT, OPTION_COMMAND_LINE, OPTION_DEFAULT, OPTION_ROLE_FILE,
          OPTION_SHARED_FILE },
    };
    const struct option *option = find(ROLE_GET, "connections");
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        struct options options;
        uint64_t best = 0;
        options_init(&options, ROLE_GET);
        for (size_t j = 0; j < 5; j++) {
            best = MAX(best, (uint64_t)orders[i][j]);
            assert_int_equal(options_set(&options, option, orders[i][j], texts[orders[i][j]], NULL),
                             0);
            assert_int_equal(options_number(&options, OPTION_CONNECTIONS), best);
        }
        options_release(&options);
    }
}

static void test_lists(void **state)
{
    const struct option *option = find(ROLE_GET, "peer");
    struct options options;
    options_init(&options, ROLE_GET);
    assert_int_equal(options_set(&options, option, OPTION_ROLE_FILE, "a", NULL), 0);
    assert_int_equal(options_set(&options, option, OPTION_ROLE_FILE, "b,c", NULL), 0);
    assert_int_equal(options_set(&options, option, OPTION_SHARED_FILE, "x", NULL), 0);
    assert_int_equal(options.values[OPTION_PEER].count, 3);
    assert_string_equal(options_list(&options, OPTION_PEER)[2], "c:7071");
    /* A wrong one changes nothing. */
    assert_int_equal(options_set(&options, option, OPTION_COMMAND_LINE, "y,:", NULL), -DDM_E_USAGE);
    assert_int_equal(options.values[OPTION_PEER].count, 3);
    assert_int_equal(options_set(&options, option, OPTION_COMMAND_LINE, "none", NULL), 0);
    assert_null(options_list(&options, OPTION_PEER));
    assert_true(options_given(&options, OPTION_PEER));
    options_release(&options);
}

/* Commas are no separators there. */
static void test_verbatim_lists(void **state)
{
    const struct option *option = find(ROLE_GET, "header");
    struct options options;
    options_init(&options, ROLE_GET);
    assert_int_equal(options_set(&options, option, OPTION_COMMAND_LINE, " A: b, c", NULL), 0);
    assert_int_equal(options_set(&options, option, OPTION_COMMAND_LINE, "D: e", NULL), 0);
    assert_int_equal(options.values[OPTION_HEADER].count, 2);
    assert_string_equal(options_list(&options, OPTION_HEADER)[0], "A: b, c");
    assert_string_equal(options_list(&options, OPTION_HEADER)[1], "D: e");
    options_release(&options);
}

static void test_percents(void **state)
{
    static const struct {
        const char *text;
        uint64_t millionths;
    } rows[] = { { "0", 0 }, { "0.25", 2500 }, { "100", 1000000 }, { "7.5%", 75000 } };
    const struct option *option = find(ROLE_GET, "spot-check");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options options;
        options_init(&options, ROLE_GET);
        assert_int_equal(options_set(&options, option, OPTION_DEFAULT, rows[i].text, NULL), 0);
        assert_int_equal(options_number(&options, OPTION_SPOT_CHECK), rows[i].millionths);
        options_release(&options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),  cmocka_unit_test(test_name_length),
        cmocka_unit_test(test_precedence),     cmocka_unit_test(test_lists),
        cmocka_unit_test(test_verbatim_lists), cmocka_unit_test(test_percents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
