/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

#define ARGUMENTS_MAX 16

/* Parses words for a role; what they say is in *options even where it fails. */
static int parse(struct options *options, enum role role, const char *const *words,
                 struct ddm_error *error)
{
    static char *argv[ARGUMENTS_MAX];
    int argc = 0;
    options_init(options, role);
    for (; words[argc]; argc++)
        argv[argc] = (char *)words[argc];
    return options_parse_arguments(options, argc, argv, error);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void assert_refused(enum role role, const char *const *words, const char *message)
{
    struct options options;
    struct ddm_error error;
    assert_int_equal(parse(&options, role, words, &error), -DDM_E_USAGE);
    assert_string_equal(error.message, message);
    options_release(&options);
}

static void test_forms(void **state)
{
    static const char *const forms[][4] = {
        { "--output=a b", "URL" }, { "--output", "a b", "URL" }, { "-oa b", "URL" },
        { "-o", "a b", "URL" },    { "URL", "-o", "a b" },       { "-qoa b", "URL" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct options options;
        struct ddm_error error;
        assert_int_equal(parse(&options, ROLE_GET, forms[i], &error), 0);
        assert_string_equal(options_text(&options, OPTION_OUTPUT), "a b");
        assert_int_equal(options.operand_count, 1);
        assert_string_equal(options.operands[0], "URL");
        options_release(&options);
    }
}

static void test_dashes(void **state)
{
    struct options options;
    struct ddm_error error;
    assert_int_equal(parse(&options, ROLE_GET, WORDS("-o", "-", "-", "--", "-q", "--"), &error), 0);
    assert_string_equal(options_text(&options, OPTION_OUTPUT), "-");
    assert_false(options_bool(&options, OPTION_QUIET));
    assert_int_equal(options.operand_count, 3);
    assert_string_equal(options.operands[0], "-");
    assert_string_equal(options.operands[1], "-q");
    assert_string_equal(options.operands[2], "--");
    options_release(&options);
}

/* Others can read the arguments of a process. */
static void test_secrets_of_urls_are_blanked(void **state)
{
    static const struct {
        const char *given, *left;
    } urls[] = {
        { "http://u:secret@h/x?sig=secret#f", "http://********@h/x?************" },
        { "http://a@b@h/x", "http://***@h/x" },
        { "https://h/x?", "https://h/x?" },
        { "https://h/a@b#c?d", "https://h/a@b#c?d" },
        { "plain?x", "plain?x" },
        { "--mirror=http://u:p@h/?s", "--mirror=http://***@h/?*" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct options options;
        char text[100], *argv[] = { text, NULL };
        snprintf(text, sizeof text, "%s", urls[i].given);
        options_init(&options, ROLE_GET);
        assert_int_equal(options_parse_arguments(&options, 1, argv, NULL), 0);
        assert_string_equal(text, urls[i].left);
        if (options.operand_count > 0)
            assert_string_equal(options.operands[0], urls[i].given);
        else
            assert_string_equal(options_list(&options, OPTION_MIRROR)[0], "http://u:p@h/?s");
        options_release(&options);
    }
}

static void test_lists_and_flags(void **state)
{
    struct options options;
    struct ddm_error error;
    assert_int_equal(
        parse(&options, ROLE_GET,
              WORDS("-qf", "--tracker=a,b:1", "-t", "[::1]", "--insecure=no", "--no-peers=yes"),
              &error),
        0);
    assert_true(options_bool(&options, OPTION_QUIET));
    assert_true(options_bool(&options, OPTION_FORCE));
    assert_false(options_bool(&options, OPTION_INSECURE));
    assert_true(options_bool(&options, OPTION_NO_PEERS));
    const char *const *trackers = options_list(&options, OPTION_TRACKER);
    assert_string_equal(trackers[0], "a:7070");
    assert_string_equal(trackers[1], "b:1");
    assert_string_equal(trackers[2], "[::1]:7070");
    assert_null(trackers[3]);
    options_release(&options);
}

static void test_refusals(void **state)
{
    assert_refused(ROLE_GET, WORDS("--trakcer", "a"),
                   "unknown option '--trakcer' (did you mean '--tracker'?)");
    assert_refused(ROLE_GET, WORDS("--track=a"),
                   "unknown option '--track' (did you mean '--tracker'?)");
    assert_refused(ROLE_GET, WORDS("--zzz"), "unknown option '--zzz'");
    assert_refused(ROLE_GET, WORDS("-qz"), "unknown option '-z'");
    assert_refused(ROLE_GET, WORDS("--ttl", "3"), "'--ttl' is no option of 'ddm get'");
    assert_refused(ROLE_GET, WORDS("--output"), "--output needs a value (FILE)");
    assert_refused(ROLE_GET, WORDS("-o"), "-o needs a value (FILE)");
    assert_refused(ROLE_GET, WORDS("-n", "0"), "-n: '0' is not between 1 and 64");
    assert_refused(ROLE_DEMO, WORDS("-q"), "unknown option '-q'");
}

/* What others would see in the process list, in every form, also where the value is refused. */
static void test_secrets_are_blanked(void **state)
{
    static const char *const forms[][2] = {
        { "--user=me:secret" },       { "--user", "me:secret" },   { "-ume:secret" },
        { "-qu", "me:secret" },       { "--header", "A: secret" }, { "--proxy=http://secret@h" },
        { "-HA: secret\nB: secret" }, { "--user=\033[2J secret" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct options options;
        struct ddm_error error = { .message = "" };
        char first[40], second[40] = "";
        snprintf(first, sizeof first, "%s", forms[i][0]);
        if (forms[i][1])
            snprintf(second, sizeof second, "%s", forms[i][1]);
        char *argv[] = { first, second };
        options_init(&options, ROLE_GET);
        int r = options_parse_arguments(&options, forms[i][1] ? 2 : 1, argv, &error);
        assert_int_equal(r, i < 6 ? 0 : -DDM_E_USAGE);
        assert_null(strstr(first, "secret"));
        assert_null(strstr(second, "secret"));
        assert_null(strstr(error.message, "secret"));
        if (i < 4)
            assert_string_equal(options_text(&options, OPTION_USER), "me:secret");
        options_release(&options);
    }
}

static void test_environment(void **state)
{
    struct options options;
    struct ddm_error error;
    setenv("DDM_LOG_FORMAT", "json", 1);
    setenv("DDM_QUIET", "", 1);
    setenv("DDM_TRACKER", "x", 1);
    setenv("DDM_OUTPUT", "not an option of the environment", 1);
    assert_int_equal(parse(&options, ROLE_PEER, WORDS("-t", "y"), &error), 0);
    assert_int_equal(options_parse_environment(&options, &error), 0);
    assert_int_equal(options_set_defaults(&options, &error), 0);
    assert_int_equal(options_number(&options, OPTION_LOG_FORMAT), 1);
    assert_false(options_given(&options, OPTION_QUIET));
    assert_null(options_text(&options, OPTION_OUTPUT));
    assert_string_equal(options_list(&options, OPTION_TRACKER)[0], "y:7070");
    assert_null(options_list(&options, OPTION_TRACKER)[1]);
    options_release(&options);

    setenv("DDM_TRACKER", "a:b", 1);
    options_init(&options, ROLE_GET);
    assert_int_equal(options_parse_environment(&options, &error), -DDM_E_USAGE);
    assert_non_null(strstr(error.message, "DDM_TRACKER: "));
    options_release(&options);
}

static void test_defaults(void **state)
{
    static const enum role roles[] = { ROLE_GET, ROLE_PEER, ROLE_TRACKER, ROLE_DEMO };
    struct options options;
    struct ddm_error error;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        options_init(&options, roles[i]);
        assert_int_equal(options_set_defaults(&options, &error), 0);
        for (unsigned id = 0; id < OPTION_COUNT; id++)
            assert_false(options_given(&options, id));
        if (roles[i] == ROLE_GET)
            assert_int_equal(options_number(&options, OPTION_CONNECTIONS), 16);
        if (roles[i] == ROLE_TRACKER)
            assert_int_equal(options_number(&options, OPTION_TTL), 30 * SEC);
        if (roles[i] == ROLE_PEER)
            assert_string_equal(options_text(&options, OPTION_LISTEN), "127.0.0.1:7071");
        options_release(&options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_dashes),
        cmocka_unit_test(test_secrets_of_urls_are_blanked),
        cmocka_unit_test(test_lists_and_flags),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_secrets_are_blanked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
