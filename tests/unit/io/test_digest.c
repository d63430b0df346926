/* SPDX-License-Identifier: MIT */
#include "io/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4 and RFC 1321: the digests of "abc". */
static const char *const of_abc[][2] = {
    { "md5", "900150983cd24fb0d6963f7d28e17f72" },
    { "sha-1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "sha-512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

static void test_known_digests_in_pieces(void **state)
{
    for (size_t i = 0; i < sizeof of_abc / sizeof of_abc[0]; i++) {
        struct digest *d = NULL;
        char hex[DIGEST_HEX_SIZE];
        assert_int_equal(digest_new(&d, of_abc[i][0]), 0);
        for (int round = 0; round < 2; round++) { /* ready for a new message after the first */
            digest_update(d, "a", 1);
            digest_update(d, "bc", 2);
            digest_final(d, hex);
            assert_string_equal(hex, of_abc[i][1]);
        }
        digest_free(d);
    }
}

static void test_unknown_algorithm(void **state)
{
    struct digest *d = NULL;
    assert_int_equal(digest_new(&d, "crc32"), -1);
    assert_null(d);
}

static void test_once_is_cut_to_its_room(void **state)
{
    char hex[9];
    assert_int_equal(digest_once("md5", "abc", 3, hex, sizeof hex), 0);
    assert_string_equal(hex, "90015098");
}

static void test_parse(void **state)
{
    char algorithm[16] = "same", hex[DIGEST_HEX_SIZE];
    struct ddm_error err;
    assert_int_equal(digest_parse("MD5=900150983CD24FB0d6963f7d28e17f72", algorithm, hex, &err), 0);
    assert_string_equal(algorithm, "md5");
    assert_string_equal(hex, of_abc[0][1]);
    static const char *const wrong[] = { "",
                                         "md5",
                                         "=00",
                                         "md5=",
                                         "md5=00",
                                         "md5=zz",
                                         "crc32=00000000",
                                         "sha-256-and-a-long-name=00",
                                         "md5=900150983CD24FB0d6963f7d28e17f7g",
                                         "md5=900150983CD24FB0d6963f7d28e17f72 " };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(digest_parse(wrong[i], algorithm, hex, &err), -DDM_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_digests_in_pieces),
        cmocka_unit_test(test_unknown_algorithm),
        cmocka_unit_test(test_once_is_cut_to_its_room),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
