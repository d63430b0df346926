/* SPDX-License-Identifier: MIT */
#include "cli/request.h"

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

enum { WORDS_MAX = 24, WORD_SIZE = 100 };

/* Options of `ddm get`, from words that may be written to. */
struct given {
    struct options options;
    char text[WORDS_MAX][WORD_SIZE];
    char *words[WORDS_MAX];
};

static void give(struct given *given, const char *const *words)
{
    struct ddm_error error;
    int count = 0;
    for (; words[count]; count++) {
        snprintf(given->text[count], WORD_SIZE, "%s", words[count]);
        given->words[count] = given->text[count];
    }
    options_init(&given->options, ROLE_GET);
    assert_int_equal(options_parse_arguments(&given->options, count, given->words, &error), 0);
    assert_int_equal(options_set_defaults(&given->options, &error), 0);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void assert_list(const char *const *list, const char *const *expected)
{
    for (; *expected; expected++, list++) {
        assert_non_null(list);
        assert_non_null(*list);
        assert_string_equal(*list, *expected);
    }
    assert_true(!list || !*list);
}

static void test_all_options(void **state)
{
    struct given given;
    struct request request;
    give(&given,
         WORDS("http://h/a", "http://m/a", "--mirror=http://n/a,b", "-H", "A: b, c", "-HD: e",
               "--header-for-peers=A,D", "-ume:secret", "--cookies=jar", "--referer=http://r/",
               "-Aname", "--proxy=none", "--allow-redirect=10.0.0.0/8", "--limit-rate=500k",
               "--max-time=90s", "--connect-timeout=2s", "--spot-check=0", "-N", "--netrc",
               "--checksum=auto,md5=00"));
    assert_int_equal(request_init(&request, &given.options, NULL, NULL), 0);
    const struct ddm_options *o = &request.options;
    assert_string_equal(o->url, "http://h/a");
    assert_list(o->mirrors, WORDS("http://m/a", "http://n/a,b"));
    assert_list(o->headers, WORDS("A: b, c", "D: e"));
    assert_list(o->share_headers, WORDS("A", "D"));
    assert_list(o->checksums, WORDS("auto", "md5=00"));
    assert_list(o->allow_redirects, WORDS("10.0.0.0/8"));
    assert_string_equal(o->user, "me:secret");
    assert_string_equal(o->cookies, "jar");
    assert_string_equal(o->referer, "http://r/");
    assert_string_equal(o->user_agent, "name");
    assert_string_equal(o->proxy, "");
    assert_int_equal(o->limit_rate, 500 * KIB);
    assert_true(o->max_time == 90 * SEC);
    assert_true(o->connect_timeout == 2 * SEC);
    assert_int_equal(o->spot_check, -1);
    assert_true(o->only_newer && o->netrc && !o->force && !o->no_peers && o->quiet_tracker);
    request_release(&request);
    options_release(&given.options);
}

static void test_defaults(void **state)
{
    struct given given;
    struct request request;
    give(&given, WORDS("http://h/a"));
    assert_int_equal(request_init(&request, &given.options, NULL, NULL), 0);
    const struct ddm_options *o = &request.options;
    assert_list(o->mirrors, WORDS(NULL));
    assert_null(o->headers);
    assert_null(o->user);
    assert_null(o->proxy);
    assert_null(o->user_agent);
    assert_null(request.on_complete);
    assert_int_equal(o->spot_check, 0);
    assert_int_equal(o->limit_rate, 0);
    assert_true(o->max_time == 0);
    assert_true(o->connect_timeout == 20 * SEC);
    request_release(&request);
    options_release(&given.options);
}

/* What a Metalink says stands, unless the command line says something else. */
static void test_metalink(void **state)
{
    static const char *const mirrors[] = { "http://b/f", NULL };
    static const char *const sums[] = { "md5=11", NULL };
    const struct ddm_options metalink = { .url = "http://a/f",
                                          .mirrors = mirrors,
                                          .output = "f",
                                          .checksums = sums,
                                          .size = 7,
                                          .piece_length = 4 };
    struct given given;
    struct request request;
    give(&given, WORDS("f.meta4", "--mirror=http://c/f"));
    assert_int_equal(request_init(&request, &given.options, &metalink, NULL), 0);
    assert_string_equal(request.options.url, "http://a/f");
    assert_string_equal(request.options.output, "f");
    assert_list(request.options.mirrors, WORDS("http://b/f", "http://c/f"));
    assert_list(request.options.checksums, sums);
    assert_int_equal(request.options.size, 7);
    assert_int_equal(request.options.piece_length, 4);
    request_release(&request);
    options_release(&given.options);

    give(&given, WORDS("f.meta4", "-og", "--checksum=md5=22"));
    assert_int_equal(request_init(&request, &given.options, &metalink, NULL), 0);
    assert_string_equal(request.options.output, "g");
    assert_list(request.options.checksums, WORDS("md5=22"));
    request_release(&request);
    options_release(&given.options);
}

static void test_header_files(void **state)
{
    char path[] = "/tmp/ddm-test-XXXXXX", word[WORD_SIZE];
    static const char text[] = "A: 1\r\n\n  \nB: secret, 2\nC: 3";
    int fd = mkstemp(path);
    struct given given;
    struct request request;
    struct ddm_error error;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    snprintf(word, sizeof word, "-H@%s", path);
    give(&given, WORDS("http://h/a", "-HX: y", word));
    assert_int_equal(request_init(&request, &given.options, NULL, &error), 0);
    assert_list(request.options.headers, WORDS("X: y", "A: 1", "B: secret, 2", "C: 3"));
    request_release(&request);

    assert_int_equal(write(fd, "\0", 1), 1);
    assert_int_equal(request_init(&request, &given.options, NULL, &error), -DDM_E_USAGE);
    assert_non_null(strstr(error.message, path));
    assert_null(strstr(error.message, "secret"));
    close(fd);
    unlink(path);
    assert_int_equal(request_init(&request, &given.options, NULL, &error), -DDM_E_USAGE);
    assert_non_null(strstr(error.message, "no such file"));
    options_release(&given.options);
}

/* What the library refuses is refused before anything begins. */
static void test_check(void **state)
{
    struct given given;
    struct request request;
    struct ddm_error error;
    give(&given, WORDS("http://h/a"));
    assert_int_equal(request_init(&request, &given.options, NULL, &error), 0);
    assert_int_equal(request_check(&request, &error), 0);
    request.options.url = "nonsense";
    assert_int_equal(request_check(&request, &error), -DDM_E_USAGE);
    assert_non_null(strstr(error.message, "nonsense"));
    request_release(&request);
    options_release(&given.options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_options), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_metalink),    cmocka_unit_test(test_header_files),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
