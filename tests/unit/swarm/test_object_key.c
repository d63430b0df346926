/* SPDX-License-Identifier: MIT */
#include "swarm/object_key.h"

#include "base/util.h"
#include "ddm/ddm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define URL    "https://a.example/f?part=1"
#define STRONG "\"5f-1\""
#define DATE   "Sun, 22 Nov 2026 10:00:00 GMT"
/* printf 'ddm object 1\nhttp://a.example/f\n1000\netag\n"5f-1"\n' | sha256sum */
#define KNOWN "16eea923a94ae8abd5d8541dc874dcec1c0626367aeb5d7d0b01628524ce06c6"

static void test_what_only_signs_is_left_out(void **state)
{
    static const struct {
        const char *url, *plain;
    } cases[] = {
        { "http://a.example/f", "http://a.example/f" },
        { "http://a.example/f#part", "http://a.example/f" },
        { "http://a.example/f?a=1#part?token=1", "http://a.example/f?a=1" },
        { "http://a.example/f?token=1", "http://a.example/f" },
        { "http://a.example/f?a=1&token=1&b=2", "http://a.example/f?a=1&b=2" },
        { "http://a.example/f?TOKEN=1&b=2", "http://a.example/f?b=2" },
        { "http://a.example/f?x-amz-Date=1&X-Amz-Signature=2&b", "http://a.example/f?b" },
        { "http://a.example/f?X-Amz=1&tokens=2&toke=3",
          "http://a.example/f?X-Amz=1&tokens=2&toke=3" },
        { "http://a.example/f?a=token=1", "http://a.example/f?a=token=1" },
        { "http://a.example/token=1", "http://a.example/token=1" },
        { "http://a.example/f?sktid=1&Signature&", "http://a.example/f?" },
        { "http://a.example/f?", "http://a.example/f?" },
        { "http://a.example/f?a?token=1", "http://a.example/f?a?token=1" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *plain = object_url(cases[i].url, NULL);
        assert_string_equal(plain, cases[i].plain);
        free(plain);
    }
}

static void test_the_list_can_be_another_one(void **state)
{
    static const char *const some[] = { "pass", "k-*", NULL }, *const none[] = { NULL };
    const char *url = "http://a.example/f?token=1&PASS=2&k-1=3&k=4";
    char *with_some = object_url(url, some), *with_none = object_url(url, none);
    assert_string_equal(with_some, "http://a.example/f?token=1&k=4");
    assert_string_equal(with_none, url);
    free(with_some);
    free(with_none);
}

/* Whether two make the same key. */
static bool equal(const char *url_a, uint64_t size_a, const char *etag_a, const char *date_a,
                  const char *url_b, uint64_t size_b, const char *etag_b, const char *date_b)
{
    char a[OBJECT_KEY_SIZE], b[OBJECT_KEY_SIZE];
    assert_true(object_key(a, url_a, size_a, etag_a, date_a, NULL));
    assert_true(object_key(b, url_b, size_b, etag_b, date_b, NULL));
    assert_true(object_key_valid(a));
    return strcmp(a, b) == 0;
}

static void test_url_size_and_validator_make_the_key(void **state)
{
    assert_true(equal(URL, 5, STRONG, "", URL, 5, STRONG, ""));
    assert_true(equal(URL, 5, STRONG, "", URL, 5, STRONG, DATE)); /* the ETag alone decides */
    assert_true(equal(URL, 5, "", DATE, URL, 5, "W/\"1\"", DATE));
    assert_false(equal(URL, 5, STRONG, "", URL, 6, STRONG, ""));
    assert_false(equal(URL, 5, STRONG, "", URL, 5, "\"5f-2\"", ""));
    assert_false(equal(URL, 5, STRONG, "", URL "&b", 5, STRONG, ""));
    assert_false(equal(URL, 5, STRONG, "", URL, 5, "", STRONG));
}

static void test_signatures_count_unless_the_etag_is_strong(void **state)
{
    const char *a = URL "&token=1", *b = URL "&token=2";
    assert_true(equal(a, 5, STRONG, DATE, b, 5, STRONG, DATE));
    assert_false(equal(a, 5, "", DATE, b, 5, "", DATE));
    assert_false(equal(a, 5, "W/\"1\"", DATE, b, 5, "W/\"1\"", DATE));
}

static void test_what_has_no_name(void **state)
{
    char key[OBJECT_KEY_SIZE] = "as it was";
    assert_false(object_key(key, URL, DDM_SIZE_UNKNOWN, STRONG, DATE, NULL));
    assert_false(object_key(key, URL, 5, "", "", NULL));
    assert_false(object_key(key, URL, 5, "W/\"1\"", "", NULL));
    assert_false(object_key(key, "https://me:secret@a.example/f", 5, STRONG, "", NULL));
    assert_false(object_key(key, "https://me@a.example/f", 5, STRONG, "", NULL));
    assert_string_equal(key, "as it was");
}

/* The same on every machine and in every version: the digest of this text is known from elsewhere.
 */
static void test_the_key_is_a_digest_of_known_text(void **state)
{
    char key[OBJECT_KEY_SIZE];
    assert_true(object_key(key, "http://a.example/f?token=9", 1000, STRONG, DATE, NULL));
    assert_string_equal(key, KNOWN);
    assert_false(object_key_valid("abc"));
    key[3] = 'G';
    assert_false(object_key_valid(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_only_signs_is_left_out),
        cmocka_unit_test(test_the_list_can_be_another_one),
        cmocka_unit_test(test_url_size_and_validator_make_the_key),
        cmocka_unit_test(test_signatures_count_unless_the_etag_is_strong),
        cmocka_unit_test(test_what_has_no_name),
        cmocka_unit_test(test_the_key_is_a_digest_of_known_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
