/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static int parse(struct options *options, enum role role, const char *text, struct ddm_error *error)
{
    options_init(options, role);
    return config_parse(options, OPTION_ROLE_FILE, "f.conf", text, strlen(text), error);
}

static void test_sections(void **state)
{
    struct options options;
    struct ddm_error error;
    assert_int_equal(parse(&options, ROLE_PEER,
                           "# a comment\n; another\n\nmemory = 5M\n[tracker]\nttl = 7\n"
                           "[peer]\r\nlisten : 127.0.0.1:1 ; why\r\ntracker = a, b\n  c:9\n[get]\n",
                           &error),
                     0);
    assert_int_equal(options_number(&options, OPTION_MEMORY), 5 * MIB);
    assert_string_equal(options_text(&options, OPTION_LISTEN), "127.0.0.1:1");
    assert_false(options_given(&options, OPTION_TTL));
    assert_int_equal(options.values[OPTION_TRACKER].count, 3);
    assert_string_equal(options_list(&options, OPTION_TRACKER)[2], "c:9");
    options_release(&options);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "\n\nlissten = 1", "f.conf:3: unknown key 'lissten' (did you mean 'listen'?)" },
        { "x = 1", "f.conf:1: unknown key 'x'" },
        { "memory = 1", "f.conf:1: memory: '1' is not between 4M and 1G" },
        { "[tracker]\nttl=0", "f.conf:2: ttl: '0' is not between 1s and 1h" },
        { "[trackre]", "f.conf:1: unknown section [trackre] (did you mean [tracker]?)" },
        { "\n[x]\ny=1", "f.conf:2: unknown section [x]" },
        { "\xef\xbb\xbf[x]\ny=1", "f.conf:2: unknown section [x]" },
        { "[demo]\nquiet=1", "f.conf:1: unknown section [demo]" },
        { "listen", "f.conf:1: neither 'key = value' nor a [section]" },
        { "[peer\n", "f.conf:1: neither 'key = value' nor a [section]" },
        { "ttl = 3", "f.conf:1: 'ttl' is no key of peer" },
        { "config = 3", "f.conf:1: 'config' is for the command line only" },
        { "[get]\noutput = 3", "f.conf:2: 'output' is for the command line only" },
        { "memory=5M\n[peer]\nmemory=5M", "f.conf:3: 'memory' is given twice" },
        { "quiet =", "f.conf:1: quiet: the value is empty" },
        /* The first error of several. */
        { "x = 1\ny = 2\n[z]", "f.conf:1: unknown key 'x'" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options options;
        struct ddm_error error;
        assert_int_equal(parse(&options, ROLE_PEER, rows[i].text, &error), -DDM_E_USAGE);
        assert_string_equal(error.message, rows[i].message);
        options_release(&options);
    }
}

static void test_odd_bytes(void **state)
{
    char text[400] = "memory = 5M\nquiet = yes # ";
    struct options options;
    struct ddm_error error;
    options_init(&options, ROLE_PEER);
    assert_int_equal(config_parse(&options, OPTION_ROLE_FILE, "f", "a\0b", 3, &error),
                     -DDM_E_USAGE);
    assert_string_equal(error.message, "f:1: a NUL byte is in the line");
    memset(text + strlen(text), 'x', 300);
    assert_int_equal(config_parse(&options, OPTION_ROLE_FILE, "f", text, 330, &error),
                     -DDM_E_USAGE);
    assert_non_null(strstr(error.message, "f:2: the line is longer than "));
    assert_int_equal(config_parse(&options, OPTION_ROLE_FILE, "f", "", 0, &error), 0);
    options_release(&options);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The file of the role goes before the shared one, --config before both. */
static void test_files(void **state)
{
    char folder[] = "/tmp/ddm-test-XXXXXX";
    struct options options;
    struct ddm_error error;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("ddm", 0700), 0);
    write_file("ddm/peer.conf", "memory = 5M\n");
    write_file("ddm/ddm.conf", "[peer]\nmemory = 6M\ninsecure = yes\n[tracker]\nttl = 9\n");
    write_file("other.conf", "memory = 7M\n");
    setenv("XDG_CONFIG_HOME", folder, 1);

    options_init(&options, ROLE_PEER);
    assert_int_equal(config_load(&options, &error), 0);
    assert_int_equal(options_number(&options, OPTION_MEMORY), 5 * MIB);
    assert_true(options_bool(&options, OPTION_INSECURE));
    options_release(&options);

    const struct option *config = option_find(ROLE_PEER, "config", 6);
    options_init(&options, ROLE_PEER);
    assert_int_equal(options_set(&options, config, OPTION_COMMAND_LINE, "other.conf", &error), 0);
    assert_int_equal(config_load(&options, &error), 0);
    assert_int_equal(options_number(&options, OPTION_MEMORY), 7 * MIB);
    assert_false(options_bool(&options, OPTION_INSECURE));
    options_release(&options);

    options_init(&options, ROLE_PEER);
    assert_int_equal(options_set(&options, config, OPTION_COMMAND_LINE, "away.conf", &error), 0);
    assert_int_equal(config_load(&options, &error), -DDM_E_USAGE);
    assert_string_equal(error.message, "away.conf: no such config file");
    options_release(&options);

    options_init(&options, ROLE_PEER);
    assert_int_equal(options_set(&options, config, OPTION_COMMAND_LINE, "ddm", &error), 0);
    assert_int_equal(config_load(&options, &error), -DDM_E_USAGE);
    options_release(&options);

    unlink("ddm/peer.conf");
    unlink("ddm/ddm.conf");
    unlink("other.conf");
    rmdir("ddm");
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
