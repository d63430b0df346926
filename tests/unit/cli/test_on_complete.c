/* SPDX-License-Identifier: MIT */
#include "cli/on_complete.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static void test_environment(void **state)
{
    char got[200] = "";
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    setenv("DDM_PATH", "old", 1);
    setenv("OTHER", "stays", 1);
    assert_int_equal(on_complete_run("echo \"$DDM_PATH|$DDM_URL|$DDM_SIZE|$OTHER\"", "a 'b'\"$x",
                                     "http://h/a b", UINT64_MAX, fds[1], NULL),
                     0);
    assert_true(read(fds[0], got, sizeof got - 1) > 0);
    assert_string_equal(got, "a 'b'\"$x|http://h/a b|18446744073709551615|stays\n");
    close(fds[0]);
    close(fds[1]);
}

static void test_failures(void **state)
{
    static const char *const rows[][2] = {
        { "exit 3", "the command failed with exit status 3" },
        { "/no/such/program 2>/dev/null", "the command failed with exit status 127" },
        { "kill -9 $$", "the command was ended by signal 9" },
    };
    for (size_t i = 0; i < 3; i++) {
        struct ddm_error error = { .code = DDM_OK };
        assert_int_equal(on_complete_run(rows[i][0], "p", "u", 0, STDOUT_FILENO, &error),
                         -DDM_E_FAIL);
        assert_non_null(strstr(error.message, rows[i][1]));
    }
}

/* The program ignores SIGPIPE; its commands do not. */
static void test_signals(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    struct ddm_error error = { .code = DDM_OK };
    assert_int_equal(on_complete_run("kill -PIPE $$; exit 0", "p", "u", 0, STDOUT_FILENO, &error),
                     -DDM_E_FAIL);
    assert_non_null(strstr(error.message, "signal"));
    assert_int_equal(on_complete_run("kill -INT $$; exit 0", "p", "u", 0, STDOUT_FILENO, &error),
                     -DDM_E_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
