/* SPDX-License-Identifier: MIT */
#include "cli/line.h"

#include "base/util.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static void test_words(void **state)
{
    static const struct {
        const char *line;
        const char *words[5];
    } rows[] = {
        { "", { NULL } },
        { " \t \r", { NULL } },
        { "# all 'of it", { NULL } },
        { "  #", { NULL } },
        { "a", { "a" } },
        { "a\r", { "a" } },
        { "\ta  b\t c ", { "a", "b", "c" } },
        { "http://h/a#b #c", { "http://h/a#b" } },
        { "'a b'", { "a b" } },
        { "'a\\b\"'", { "a\\b\"" } },
        { "\"a b\"", { "a b" } },
        { "\"\\\" \\\\ \\n $x `\"", { "\" \\ \\n $x `" } },
        { "a\\ b \\# \\'", { "a b", "#", "'" } },
        { "'' \"\"", { "", "" } },
        { "a''b\"c d\"\\ 'e f'", { "abc d e f" } },
        { "-H 'X: \"y\"; z' -o \"it's\"", { "-H", "X: \"y\"; z", "-o", "it's" } },
        { "a'#'b", { "a#b" } },
        { "ä \xff", { "ä", "\xff" } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char **words = NULL;
        size_t count = 99, expected = 0;
        while (rows[i].words[expected])
            expected++;
        assert_int_equal(line_split(rows[i].line, strlen(rows[i].line), &words, &count, NULL), 0);
        assert_int_equal(count, expected);
        assert_null(words[count]);
        for (size_t j = 0; j < count; j++)
            assert_string_equal(words[j], rows[i].words[j]);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line;
        size_t length;
        const char *message;
    } rows[] = {
        { "a 'b", 4, "a single quote is not closed" },
        { "\"", 1, "a double quote is not closed" },
        { "\"\\\"", 3, "a double quote is not closed" },
        { "'a\\'b'", 6, "a single quote is not closed" },
        { "a\\", 2, "a backslash is at the end of the line" },
        { "a\0b", 3, "a NUL byte is in the line" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ddm_error error;
        char **words = NULL;
        size_t count = 7;
        assert_int_equal(line_split(rows[i].line, rows[i].length, &words, &count, &error),
                         -DDM_E_USAGE);
        assert_string_equal(error.message, rows[i].message);
        assert_null(words);
        assert_int_equal(count, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
