/* SPDX-License-Identifier: MIT */
/* The table itself: what every row must hold. */
#include "cli/options.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static void test_rows(void **state)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        assert_true(option->id < OPTION_COUNT);
        assert_true(option->roles != 0);
        assert_non_null(option->name);
        assert_non_null(option->help);
        assert_true((option->argument == NULL) == (option->type == OPTION_TYPE_BOOL));
        assert_true((option->values != NULL) == (option->type == OPTION_TYPE_ENUM));
        assert_true(option->max >= option->min || option->type == OPTION_TYPE_ADDRESS);
        assert_true(!option->secret || option->type == OPTION_TYPE_STRING);
        assert_true(!option->verbatim || option->list);
        assert_int_equal(strspn(option->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(option->name));
    }
}

/* Within a role no name and no letter is taken twice. */
static void test_unique(void **state)
{
    for (size_t i = 0; i < option_table_length; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct option *one = &option_table[i], *two = &option_table[j];
            if (!(one->roles & two->roles))
                continue;
            assert_string_not_equal(one->name, two->name);
            assert_true(one->letter == 0 || one->letter != two->letter);
            assert_true(one->id != two->id);
        }
    }
}

static void test_every_id_has_a_row(void **state)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        bool found = false;
        for (size_t i = 0; i < option_table_length; i++)
            found |= option_table[i].id == id;
        assert_true(found);
    }
}

static void test_names(void **state)
{
    char variable[OPTION_VARIABLE_SIZE];
    const struct option *option = option_find(ROLE_PEER, "log-format=x", 10);
    assert_non_null(option);
    assert_string_equal(option_variable(variable, option), "DDM_LOG_FORMAT");
    assert_null(option_find(ROLE_PEER, "log", 3));
    assert_null(option_find(ROLE_PEER, "ttl", 3));
    assert_ptr_not_equal(option_find(ROLE_PEER, "listen", 6),
                         option_find(ROLE_TRACKER, "listen", 6));
    assert_int_equal(role_find("peer"), ROLE_PEER);
    assert_int_equal(role_find("peers"), 0);
    assert_string_equal(role_name(ROLE_TRACKER), "tracker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_every_id_has_a_row),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
