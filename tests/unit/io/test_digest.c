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
    assert_null(digest_name("crc32"));
    assert_string_equal(digest_name("SHA1"), "sha-1");
}

static void test_once_is_cut_to_its_room(void **state)
{
    char hex[9];
    assert_int_equal(digest_once("md5", "abc", 3, hex, sizeof hex), 0);
    assert_string_equal(hex, "90015098");
}

static void test_raw(void **state)
{
    struct digest *d = NULL;
    unsigned char raw[18];
    assert_int_equal(digest_new(&d, "md5"), 0);
    for (int round = 0; round < 2; round++) {
        digest_update(d, "abc", 3);
        digest_final_raw(d, raw, sizeof raw);
        assert_memory_equal(raw, "\x90\x01\x50\x98\x3c\xd2\x4f\xb0", 8);
        assert_memory_equal(raw + 14, "\x7f\x72\0\0", 4);
    }
    digest_free(d);
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

/* The same digests of "abc", as a header states them (RFC 9530, Repr-Digest). */
static void test_base64(void **state)
{
    static const char *const base64[] = {
        "kAFQmDzST7DWlj99KOF/cg==",
        "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
    };
    char hex[DIGEST_HEX_SIZE];
    for (size_t i = 0; i < sizeof base64 / sizeof base64[0]; i++) {
        const char *algorithm = of_abc[i][0];
        size_t length = strlen(base64[i]);
        assert_int_equal(digest_base64_to_hex(algorithm, base64[i], length, hex, sizeof hex), 0);
        assert_string_equal(hex, of_abc[i][1]);
        size_t exact = strlen(of_abc[i][1]) + 1;
        assert_int_equal(digest_base64_to_hex(algorithm, base64[i], length, hex, exact), 0);
        assert_int_equal(digest_base64_to_hex(algorithm, base64[i], length, hex, exact - 1), -1);
        assert_int_equal(digest_base64_to_hex(algorithm, base64[i], length - 1, hex, exact), -1);
    }
}

static void test_what_is_no_base64(void **state)
{
    static const char *const wrong[] = {
        "",
        "kAFQmDzST7DWlj99KOF_cg==",                     /* the alphabet of URLs */
        "kAFQmDzST7DWlj99KOF/cg=",                      /* cut */
        "kAFQmDzST7DWlj99KOF/cg",                       /* no padding */
        "kAFQmDzST7DWlj99KO =cg==",                     /* something in between */
        "kAFQmDzST7DWlj99KOF/====",                     /* shorter */
        "kAFQmDzST7DWlj99KOF/cg8=",                     /* longer */
        "kAFQmDzST7DW\r\n99KOF/cg==",                   /* lines */
        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", /* of another algorithm */
    };
    char hex[DIGEST_HEX_SIZE] = "same";
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(digest_base64_to_hex("md5", wrong[i], strlen(wrong[i]), hex, sizeof hex),
                         -1);
    assert_int_equal(digest_base64_to_hex("crc32c", "AAAAAA==", 8, hex, sizeof hex), -1);
    assert_string_equal(hex, "same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_digests_in_pieces),
        cmocka_unit_test(test_unknown_algorithm),
        cmocka_unit_test(test_once_is_cut_to_its_room),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_what_is_no_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
