/* SPDX-License-Identifier: MIT */
#include "cli/tasks.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static char path[] = "/tmp/ddm-test-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    return unlink(path);
}

/* The options of `ddm get -i path --connections 3 -d dir --peer …`. */
static void whole_options(struct options *options)
{
    static const char *const given[][2] = { { "input-file", path },
                                            { "connections", "3" },
                                            { "directory", "dir" },
                                            { "peer", "127.0.0.1:1,127.0.0.1:2" } };
    options_init(options, ROLE_GET);
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        const struct option *option = option_find(ROLE_GET, given[i][0], strlen(given[i][0]));
        assert_int_equal(options_set(options, option, OPTION_COMMAND_LINE, given[i][1], NULL), 0);
    }
    assert_int_equal(options_set_defaults(options, NULL), 0);
}

static int read_tasks(struct tasks *tasks, struct options *options, const char *text,
                      struct ddm_error *error)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    whole_options(options);
    return tasks_init(tasks, options, error);
}

static void test_lines(void **state)
{
    struct options options;
    struct tasks tasks;
    struct ddm_error error;
    assert_int_equal(read_tasks(&tasks, &options,
                                "# files\r\n\r\n"
                                "http://h/a -n5 --peer none\r\n"
                                "http://h/b 'http://h/b;c' -d other --connections 7 -f\n"
                                "-o 'x y' http://h/c",
                                &error),
                     0);
    assert_int_equal(tasks.count, 3);
    assert_int_equal(tasks.list[0].line, 3);
    assert_string_equal(tasks.list[0].request.options.url, "http://h/a");
    assert_string_equal(tasks.list[0].request.options.directory, "dir");
    assert_int_equal(tasks.list[0].request.options.connections, 5);
    assert_null(tasks.list[0].request.options.peers);
    assert_int_equal(tasks.list[1].line, 4);
    assert_string_equal(tasks.list[1].request.options.mirrors[0], "http://h/b;c");
    assert_string_equal(tasks.list[1].request.options.directory, "other");
    assert_string_equal(tasks.list[1].request.options.peers[1], "127.0.0.1:2");
    assert_true(tasks.list[1].request.options.force);
    assert_int_equal(tasks.list[2].line, 5);
    assert_string_equal(tasks.list[2].request.options.output, "x y");
    assert_int_equal(tasks.list[2].request.options.connections, 3);
    assert_false(tasks.list[2].request.options.force);
    tasks_release(&tasks);
    options_release(&options);
}

static void test_refusals(void **state)
{
    static const char *const rows[][2] = {
        { "", ": no download is in it" },
        { "# nothing\n", ": no download is in it" },
        { "http://h/a\n\nhttp://h/b 'x", ":3: a single quote is not closed" },
        { "-f\n", ":1: which URL?" },
        { "http://h/ --json", ":1: --json is for the command line, not for a line here" },
        { "http://h/ -j2", ":1: --jobs is for the command line, not for a line here" },
        { "http://h/ -i x", ":1: --input-file is for the command line, not for a line here" },
        { "http://h/ -q", ":1: --quiet is for the command line, not for a line here" },
        { "http://h/ -c x", ":1: --config is for the command line, not for a line here" },
        { "http://h/ -h", ":1: --help is for the command line, not for a line here" },
        { "http://h/ -o -", ":1: many downloads cannot share standard output (-o -)" },
        { "http://h/a\nhttp://h/b --connections 0",
          ":2: --connections: '0' is not between 1 and 64" },
        { "http://h/a\nhttp://h/b --zzz", ":2: unknown option '--zzz'" },
        { "http://h/a\nfile:///b", ":2: " },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options options;
        struct tasks tasks;
        struct ddm_error error;
        char expected[200];
        assert_int_equal(read_tasks(&tasks, &options, rows[i][0], &error), -DDM_E_USAGE);
        snprintf(expected, sizeof expected, "%s%s", path, rows[i][1]);
        if (strncmp(error.message, expected, strlen(expected)) != 0)
            fail_msg("'%s' instead of '%s'", error.message, expected);
        options_release(&options);
    }
}

/* Nothing of a line that was refused shows what it keeps secret. */
static void test_secrets(void **state)
{
    struct options options;
    struct tasks tasks;
    struct ddm_error error;
    assert_int_equal(
        read_tasks(&tasks, &options, "http://h/ -u 'me:sec\x01ret' -H 'A: secret'", &error),
        -DDM_E_USAGE);
    assert_non_null(strstr(error.message, ":1: "));
    assert_null(strstr(error.message, "sec\x01ret"));
    options_release(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
