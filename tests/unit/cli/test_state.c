/* SPDX-License-Identifier: MIT */
/* Where the state folder is: the option, then systemd, then the user's. */
#include "cli/state.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static void set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* `option`: --state-dir; the others are of the environment; NULL: not set. */
static void expect(const char *expected, const char *option, const char *systemd, const char *xdg,
                   const char *home)
{
    struct options options;
    char out[PATH_MAX];
    options_init(&options, ROLE_SHOW);
    set("STATE_DIRECTORY", systemd);
    set("XDG_STATE_HOME", xdg);
    set("HOME", home);
    if (option)
        assert_int_equal(options_set(&options, option_find(ROLE_SHOW, "state-dir", 9),
                                     OPTION_COMMAND_LINE, option, NULL),
                         0);
    const char *found = state_folder(&options, out);
    if (expected) {
        assert_non_null(found);
        assert_string_equal(found, expected);
    } else {
        assert_null(found);
    }
    options_release(&options);
}

static void test_order(void **state)
{
    expect("x/y", "x/y", "/var/lib/ddm", "/s", "/users/me");
    expect("/var/lib/ddm", NULL, "/var/lib/ddm", "/s", "/users/me");
    expect("/var/lib/ddm", NULL, "/var/lib/ddm:/var/lib/more", "/s", "/users/me");
    expect("/s/ddm", NULL, NULL, "/s", "/users/me");
    expect("/users/me/.local/state/ddm", NULL, NULL, NULL, "/users/me");
}

static void test_only_absolute_paths(void **state)
{
    expect("/users/me/.local/state/ddm", NULL, "", "", "/users/me");
    expect("/users/me/.local/state/ddm", NULL, "lib", "state", "/users/me");
    expect(NULL, NULL, NULL, NULL, NULL);
    expect(NULL, NULL, NULL, NULL, "");
    expect(NULL, NULL, "lib", "state", "me");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_only_absolute_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
