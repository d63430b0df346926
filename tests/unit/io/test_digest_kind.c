/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/digest_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *named(const char *word)
{
    int kind = digest_kind(word, strlen(word));
    return kind < 0 ? "none" : digest_kind_name(kind);
}

static void test_spellings(void **state)
{
    assert_string_equal(named("sha-256"), "sha-256");
    assert_string_equal(named("SHA256"), "sha-256");
    assert_string_equal(named("SHA2-512"), "sha-512");
    assert_string_equal(named("SHA"), "sha-1");
    assert_string_equal(named("sha1"), "sha-1");
    assert_string_equal(named("Md5"), "md5");
    assert_string_equal(named("MD-5"), "md5");
    static const char *const others[] = { "",     "s",          "sha3-256", "sha-384", "crc32c",
                                          "sha2", "SHA512/256", "sha-2560", "sha-512 " };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_string_equal(named(others[i]), "none");
}

static void test_each_kind_is_what_digest_knows(void **state)
{
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        char hex[DIGEST_HEX_SIZE], copy[DIGEST_HEX_SIZE];
        assert_int_equal(digest_once(digest_kind_name(kind), "abc", 3, hex, sizeof hex), 0);
        assert_int_equal(digest_kind_of_digits(strlen(hex)), kind);
        assert_true(digest_kind_hex(kind, hex, strlen(hex), copy));
        assert_string_equal(copy, hex);
        assert_false(digest_kind_hex(kind, hex, strlen(hex) - 1, copy));
    }
    assert_int_equal(digest_kind_of_digits(0), -1);
    assert_int_equal(digest_kind_of_digits(96), -1);
}

static void test_hex(void **state)
{
    char hex[DIGEST_HEX_SIZE] = "same";
    int md5 = digest_kind("md5", 3);
    assert_false(digest_kind_hex(md5, "900150983CD24FB0d6963f7d28e17f7g", 32, hex));
    assert_false(digest_kind_hex(-1, "900150983CD24FB0d6963f7d28e17f72", 32, hex));
    assert_string_equal(hex, "same");
    assert_true(digest_kind_hex(md5, "900150983CD24FB0d6963f7d28e17f72", 32, hex));
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_each_kind_is_what_digest_knows),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
