/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of "abc"; _D of "abd". */
#define SHA512                                                                                     \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                             \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define SHA256   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_D "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"
#define SHA1     "a9993e364706816aba3e25717850c26c9cd0d89d"
#define MD5      "900150983cd24fb0d6963f7d28e17f72"

/* "sha-256=HEX", or "none". */
static const char *find_hinted(const char *text, const char *name, const char *hint)
{
    static char out[200];
    char algorithm[16] = "as it was", hex[2 * 64 + 1] = "as it was";
    if (sums_find(text, strlen(text), name, hint, algorithm, hex)) {
        snprintf(out, sizeof out, "%s=%s", algorithm, hex);
        return out;
    }
    assert_string_equal(algorithm, "as it was");
    assert_string_equal(hex, "as it was");
    return "none";
}

static const char *find(const char *text)
{
    return find_hinted(text, "f.iso", NULL);
}

static void test_gnu(void **state)
{
    assert_string_equal(find(SHA256_D "  e.iso\n" SHA256 "  f.iso\n" SHA256_D "  g.iso\n"),
                        "sha-256=" SHA256);
    assert_string_equal(find(SHA256 " *f.iso\r\n"), "sha-256=" SHA256);
    assert_string_equal(find(MD5 " f.iso"), "md5=" MD5);
    assert_string_equal(find(SHA1 "\tf.iso\n"), "sha-1=" SHA1);
    assert_string_equal(find(SHA512 "  f.iso\n"), "sha-512=" SHA512);
    assert_string_equal(find("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD  "
                             "f.iso\n"),
                        "sha-256=" SHA256);
    assert_string_equal(find("\xef\xbb\xbf" MD5 "  f.iso\n"), "md5=" MD5);
    assert_string_equal(find("# sums\n\n   \n#" SHA256_D "  f.iso\n" SHA256 "  f.iso\n"),
                        "sha-256=" SHA256);
}

static void test_bsd_and_openssl(void **state)
{
    assert_string_equal(find("SHA256 (e.iso) = " SHA256_D "\nSHA256 (f.iso) = " SHA256 "\n"),
                        "sha-256=" SHA256);
    assert_string_equal(find("SHA2-256(f.iso)= " SHA256 "\r\n"), "sha-256=" SHA256);
    assert_string_equal(find("MD5(f.iso)= " MD5), "md5=" MD5);
    assert_string_equal(find("SHA1(dir/f.iso)= " SHA1), "sha-1=" SHA1);
    assert_string_equal(find_hinted("SHA1 (a) = (b)) = " SHA1, "a) = (b)", NULL), "sha-1=" SHA1);
    assert_string_equal(find("SHA512/256 (f.iso) = " SHA256), "none");
    assert_string_equal(find("SHA3-256(f.iso)= " SHA256), "none");
    assert_string_equal(find("SHA512 (f.iso) = " SHA256), "none");
    assert_string_equal(find("SHA256 (f.iso) " SHA256), "none");
    assert_string_equal(find("SHA256 )f.iso( = " SHA256), "none");
    assert_string_equal(find("SHA256 (f.iso) = " SHA256 " x"), "none");
}

static void test_what_is_too_short_or_too_long(void **state)
{
    assert_string_equal(find(MD5 "0  f.iso\n"), "none");
    assert_string_equal(find("g" MD5 "  f.iso\n"), "none");
    assert_string_equal(find(MD5 "f.iso\n"), "none");
    assert_string_equal(find("00  f.iso\n"), "none");
    assert_string_equal(find(MD5 "0\n"), "none");
    assert_string_equal(find(""), "none");
    assert_string_equal(find("\n"), "none");
    assert_string_equal(find("<html>not found</html>\n"), "none");
}

static void test_folders(void **state)
{
    assert_string_equal(find(SHA256 "  ./f.iso\n"), "sha-256=" SHA256);
    assert_string_equal(find(SHA256 "  images/x/f.iso\n"), "sha-256=" SHA256);
    assert_string_equal(find_hinted(SHA256 "  f.iso\n", "a/b/f.iso", NULL), "sha-256=" SHA256);
    assert_string_equal(find(SHA256_D "  old/f.iso\n" SHA256 "  f.iso\n" SHA256_D "  new/f.iso\n"),
                        "sha-256=" SHA256);
    assert_string_equal(find(SHA256_D "  old/f.iso\n" SHA256 "  new/f.iso\n"), "none");
    assert_string_equal(find(SHA256 "  f.iso/g\n" SHA256 "  xf.iso\n" SHA256 "  f.iso.sig\n"),
                        "none");
    assert_string_equal(find_hinted(SHA256 "  dir/\n", "dir/", NULL), "none");
}

static void test_escaped_names(void **state)
{
    assert_string_equal(find_hinted("\\" MD5 "  a\\\\b\\nc\\r\n", "a\\b\nc\r", NULL), "md5=" MD5);
    assert_string_equal(find_hinted("\\MD5 (a\\nb) = " MD5 "\n", "a\nb", NULL), "md5=" MD5);
    assert_string_equal(find_hinted(MD5 "  a\\nb\n", "a\\nb", NULL), "md5=" MD5);
    assert_string_equal(find_hinted("\\" MD5 "  a\\xb\n", "a\\xb", NULL), "none");
    assert_string_equal(find_hinted("\\" MD5 "  a\\\n", "a\\", NULL), "none");
    char text[6000] = "\\" MD5 "  dir/";
    memset(text + strlen(text), 'x', 5000);
    strcat(text, "/f.iso\n" SHA1 "  f.iso");
    assert_string_equal(find(text), "sha-1=" SHA1);
}

static void test_nothing_but_the_hex(void **state)
{
    assert_string_equal(find(SHA256), "sha-256=" SHA256);
    assert_string_equal(find("\n# of f.iso\n  " SHA256 " \r\n\r\n"), "sha-256=" SHA256);
    assert_string_equal(find(SHA256 "  -\n"), "sha-256=" SHA256);
    assert_string_equal(find(SHA256 "\n" SHA256_D "\n"), "none");
    assert_string_equal(find(SHA256 "\n" SHA256_D "  g.iso\n"), "none");
    assert_string_equal(find("<p>\n" SHA256 "\n</p>\n"), "none");
    assert_string_equal(find(SHA256_D "\n" SHA256 "  f.iso\n"), "sha-256=" SHA256);
}

static void test_contradictions(void **state)
{
    assert_string_equal(find(SHA256 "  f.iso\n" SHA256 "  f.iso\n"), "sha-256=" SHA256);
    assert_string_equal(find(SHA256 "  f.iso\n" SHA256_D "  f.iso\n" SHA256 "  f.iso\n"), "none");
    assert_string_equal(find(SHA256 "  f.iso\n" SHA256_D "  f.iso\n" SHA256_D "  f.iso\n"), "none");
    assert_string_equal(find(SHA256 "  f.iso\nSHA256 (f.iso) = " SHA256_D "\n"), "none");
    assert_string_equal(find(SHA256 "  f.iso\n" SHA256_D "  f.iso\n" SHA1 "  f.iso\n"),
                        "sha-1=" SHA1);
    assert_string_equal(find(SHA256 "  f.iso\n" SHA256_D "  f.iso\n" SHA1 "  old/f.iso\n"), "none");
}

static void test_the_strongest_and_the_hint(void **state)
{
    const char *several = MD5 "  f.iso\n" SHA512 "  f.iso\n" SHA256 "  f.iso\n";
    assert_string_equal(find(several), "sha-512=" SHA512);
    assert_string_equal(find_hinted(several, "f.iso", "sha-256"), "sha-256=" SHA256);
    assert_string_equal(find_hinted(several, "f.iso", "SHA1"), "none");
    assert_string_equal(find_hinted(several, "f.iso", "sha3-256"), "none");
    assert_string_equal(find_hinted(SHA256, "f.iso", "sha3-256"), "none");
    assert_string_equal(find_hinted("MD5 (f.iso) = " MD5, "f.iso", "sha-256"), "md5=" MD5);
}

static void test_clear_signed(void **state)
{
    assert_string_equal(find("-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n" SHA256
                             "  f.iso\r\n- -----not armor\r\n"
                             "-----BEGIN PGP SIGNATURE-----\r\n\r\n" SHA256_D "  f.iso\r\n"
                             "=abcd\r\n-----END PGP SIGNATURE-----\r\n"),
                        "sha-256=" SHA256);
    assert_string_equal(find("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" SHA256 "\n"
                             "-----BEGIN PGP SIGNATURE-----\niQ\n-----END PGP SIGNATURE-----\n"),
                        "sha-256=" SHA256);
    assert_string_equal(
        find_hinted("-----BEGIN PGP SIGNED MESSAGE-----\n\n- \\" MD5 "  -a\\nb\n", "-a\nb", NULL),
        "md5=" MD5);
    assert_string_equal(find("-----BEGIN PGP SIGNED MESSAGE-----\n" SHA256 "  f.iso\n"), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gnu),
        cmocka_unit_test(test_bsd_and_openssl),
        cmocka_unit_test(test_what_is_too_short_or_too_long),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_escaped_names),
        cmocka_unit_test(test_nothing_but_the_hex),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_the_strongest_and_the_hint),
        cmocka_unit_test(test_clear_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
