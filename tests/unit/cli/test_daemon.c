/* SPDX-License-Identifier: MIT */
/* Without a swarm key nothing but loopback, unless --insecure says so. */
#include "cli/command.h"

#include "base/util.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static int check(enum role role, const char *listen, const char *tracker, bool insecure,
                 struct address *ret)
{
    struct options options;
    struct ddm_error error;
    options_init(&options, role);
    if (listen)
        options_set(&options, option_find(role, "listen", 6), OPTION_COMMAND_LINE, listen, &error);
    if (tracker)
        options_set(&options, option_find(role, "tracker", 7), OPTION_COMMAND_LINE, tracker,
                    &error);
    if (insecure)
        options_set(&options, option_find(role, "insecure", 8), OPTION_COMMAND_LINE, NULL, &error);
    assert_int_equal(options_set_defaults(&options, &error), 0);
    assert_int_equal(daemon_listen(&options, NULL, ret, &error), 0);
    int r = daemon_check(&options, NULL, ret, &error);
    if (r < 0)
        assert_non_null(strstr(error.message, "--insecure"));
    options_release(&options);
    return r;
}

static void test_default(void **state)
{
    struct address at;
    assert_int_equal(check(ROLE_PEER, NULL, NULL, false, &at), 0);
    assert_string_equal(at.host, "127.0.0.1");
    assert_int_equal(at.port, 7071);
    assert_int_equal(check(ROLE_TRACKER, NULL, NULL, true, &at), 0);
    assert_string_equal(at.host, "");
    assert_int_equal(at.port, 7070);
    assert_int_equal(check(ROLE_TRACKER, "127.0.0.1:9", NULL, true, &at), 0);
    assert_string_equal(at.host, "127.0.0.1");
}

static void test_refused(void **state)
{
    static const char *const open[] = { "0.0.0.0", "[::]:1", ":7071", "10.0.0.1", "h" };
    static const char *const closed[] = { "127.0.0.1", "127.9.9.9:1", "[::1]:1", "localhost" };
    struct address at;
    for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
        assert_int_equal(check(ROLE_PEER, open[i], NULL, false, &at), -DDM_E_PERMISSION);
        assert_int_equal(check(ROLE_TRACKER, open[i], NULL, false, &at), -DDM_E_PERMISSION);
        assert_int_equal(check(ROLE_PEER, open[i], "10.0.0.1", true, &at), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
        assert_int_equal(check(ROLE_PEER, closed[i], closed[i], false, &at), 0);
    assert_int_equal(check(ROLE_PEER, NULL, "localhost,10.0.0.1", false, &at), -DDM_E_PERMISSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
