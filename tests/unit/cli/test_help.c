/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include "base/str.h"
#include "base/util.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static const struct term ascii = { .columns = 80, .rows = 24 };

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

/* No line is longer than 80 columns, none ends with a space, all is ASCII without UTF-8. */
static void assert_neat(const char *text)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        assert_true(length < 80);
        assert_true(length == 0 || line[length - 1] != ' ');
        for (size_t i = 0; i < length; i++)
            assert_true(line[i] >= ' ' && line[i] <= '~');
        line += length + (line[length] == '\n');
    }
}

static void check_options(const struct command *table)
{
    for (const struct command *command = table; command->name; command++) {
        struct text text = { 0 };
        help_command(&text, &ascii, command);
        assert_neat(text.bytes);
        for (size_t i = 0; i < option_table_length; i++) {
            const struct option *option = &option_table[i];
            char variable[OPTION_VARIABLE_SIZE], name[60];
            if (!(option->roles & command->role))
                continue;
            if (option->letter)
                snprintf(name, sizeof name, "\n  -%c, --%s", option->letter, option->name);
            else
                snprintf(name, sizeof name, "\n      --%s", option->name);
            assert_contains(text.bytes, name);
            if (option->places & OPTION_IN_ENV)
                assert_contains(text.bytes, option_variable(variable, option));
        }
        text_release(&text);
        if (command->commands)
            check_options(command->commands);
    }
}

static void test_every_option(void **state)
{
    check_options(command_table);
}

/* The words behind `ddm swarm` are in its help, and are called so in theirs. */
static void test_words(void **state)
{
    const struct command *swarm = command_find("swarm");
    struct text text = { 0 };
    help_command(&text, &ascii, swarm);
    for (const struct command *word = swarm->commands; word->name; word++) {
        struct text own = { 0 };
        _cleanup_free_ char *usage = str_format("Usage: ddm swarm %s ", word->name);
        help_command(&own, &ascii, word);
        assert_contains(own.bytes, usage);
        assert_contains(text.bytes, word->summary);
        text_release(&own);
    }
    text_release(&text);
}

static void test_defaults_and_codes(void **state)
{
    struct text text = { 0 };
    help_command(&text, &ascii, command_find("tracker"));
    assert_contains(text.bytes, "(default 30s; from 1s to 1h)");
    assert_contains(text.bytes, "tracker.conf");
#define X(id, number, name, meaning) assert_contains(text.bytes, "  " #number "  " meaning);
    DDM_CODES(X)
#undef X
    text_release(&text);
}

/* Headings in their order, and none of a group without options. */
static void test_groups(void **state)
{
    struct text text = { 0 };
    help_command(&text, &ascii, command_find("get"));
    static const char *const titles[] = { "Output", "Sources", "Verification", "Requests",
                                          "Limits", "Batch",   "General" };
    const char *at = text.bytes;
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
        _cleanup_free_ char *line = str_format("\n\n%s\n  ", titles[i]);
        at = strstr(at, line);
        if (!at)
            fail_msg("no heading '%s' behind the one before", titles[i]);
    }
    assert_null(strstr(text.bytes, "\nServing\n"));
    text_release(&text);
}

static void test_overview(void **state)
{
    struct text text = { 0 };
    help_overview(&text, &ascii);
    assert_neat(text.bytes);
    for (const struct command *command = command_table; command->name; command++) {
        assert_contains(text.bytes, command->name);
        assert_contains(text.bytes, command->summary);
    }
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option),       cmocka_unit_test(test_words),
        cmocka_unit_test(test_defaults_and_codes), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_overview),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
