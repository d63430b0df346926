/* SPDX-License-Identifier: MIT */
#include "cli/suggest.h"

#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static void test_distance(void **state)
{
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("listen", "lissten"), 1);
    assert_int_equal(suggest_distance("listen", "lsiten"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(suggest_distance("peer", "peer"), 0);
    assert_int_equal(suggest_distance("0123456789012345678901234567890123456789", "0"), 31);
}

static void test_options(void **state)
{
    assert_string_equal(suggest_option(ROLE_GET, 0, "conections")->name, "connections");
    assert_string_equal(suggest_option(ROLE_GET, 0, "check")->name, "checksum");
    assert_null(suggest_option(ROLE_GET, 0, "x"));
    assert_null(suggest_option(ROLE_GET, 0, "something-else"));
    assert_null(suggest_option(ROLE_TRACKER, OPTION_IN_FILE, "config"));
}

static void test_commands(void **state)
{
    assert_string_equal(command_suggest("gte"), "get");
    assert_string_equal(command_suggest("traker"), "tracker");
    assert_null(command_suggest("download"));
    assert_string_equal(command_suggest_in(command_find("swarm")->commands, "jion"), "join");
    assert_null(command_suggest_in(command_find("swarm")->commands, "tracker"));
    assert_string_equal(command_shown("ddm1_c2VjcmV0"), "ddm1_...");
    assert_string_equal(command_shown("ddm1"), "ddm1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
