/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/digest.h"
#include "io/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of "abc" and of "abd". */
#define SHA256   "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define SHA256_D "pS0VnyYrLG3bckphhAvvw26zDIiHekAwtly+himESck="
#define SHA512                                                                                     \
    "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05oh"                                                 \
    "kpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
#define SHA1  "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
#define MD5   "kAFQmDzST7DWlj99KOF/cg=="
#define MD5_D "SRHlFuWqIdMnUS4Mixl2Fg=="

/* What head.digests is after these lines: "ALGORITHM=WHOSE" or "ALGORITHM=WHOSE (body)", with
 * commas; WHOSE is the text that was digested. */
static const char *digests(const char *lines)
{
    static char out[400];
    struct fetch_head head;
    size_t n = 0;
    fetch_head_clear(&head);
    for (; *lines; lines += strcspn(lines, "\n") + 1)
        fetch_head_line(&head, lines, strcspn(lines, "\n"));
    out[0] = '\0';
    for (size_t i = 0; i < head.digest_count; i++) {
        const struct fetch_digest *d = &head.digests[i];
        char abc[DIGEST_HEX_SIZE], abd[DIGEST_HEX_SIZE];
        assert_int_equal(digest_once(d->algorithm, "abc", 3, abc, sizeof abc), 0);
        assert_int_equal(digest_once(d->algorithm, "abd", 3, abd, sizeof abd), 0);
        const char *whose = strcmp(d->hex, abc) == 0   ? "abc"
                            : strcmp(d->hex, abd) == 0 ? "abd"
                                                       : "?";
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s=%s%s", i ? "," : "", d->algorithm,
                              whose, d->of_body ? " (body)" : "");
    }
    return out;
}

static void test_each_header(void **state)
{
    assert_string_equal(digests("Repr-Digest: sha-256=:" SHA256 ":\r\n"), "sha-256=abc");
    assert_string_equal(digests("content-digest:sha-512=:" SHA512 ":\n"), "sha-512=abc (body)");
    assert_string_equal(digests("Digest: SHA-256=" SHA256 ",MD5=" MD5 "\n"), "sha-256=abc,md5=abc");
    assert_string_equal(digests("Digest: SHA=" SHA1 "\n"), "sha-1=abc");
    assert_string_equal(digests("Content-MD5: " MD5 "\n"), "md5=abc (body)");
    assert_string_equal(digests("x-goog-hash: crc32c=n03x6A==\nx-goog-hash: md5=" MD5 "\n"),
                        "md5=abc");
    assert_string_equal(digests("X-Goog-Hash: crc32c=n03x6A==,md5=" MD5 "\n"), "md5=abc");
    assert_string_equal(digests("x-amz-checksum-sha256: " SHA256 "\n"), "sha-256=abc");
    assert_string_equal(
        digests("x-amz-checksum-sha1: " SHA1 "\nx-amz-checksum-type: FULL_OBJECT\n"), "sha-1=abc");
}

static void test_structured_fields(void **state)
{
    assert_string_equal(digests("Repr-Digest: unixsum=30637, sha-256=:" SHA256
                                ":;a=b ,\tsha-512=:" SHA512 ":, md5=:" MD5 ": ; x\n"),
                        "sha-256=abc,sha-512=abc,md5=abc");
    assert_string_equal(digests("Repr-Digest: sha=:" SHA1 ":\n"), "sha-1=abc");
    static const char *const wrong[] = {
        "sha-256=" SHA256,
        "sha-256=:" SHA256,
        "sha-256=" SHA256 ":",
        "sha-256=:" SHA256 ":x",
        "sha-256=\":" SHA256 ":\"",
        "sha-256=::",
        "sha-256=:",
        "sha-256=:" MD5 ":",
        "sha-256",
        "=:" SHA256 ":",
        "sha-384=:" SHA256 ":",
        "",
        ",,,",
        "sha-256=: " SHA256 ":",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char line[300];
        snprintf(line, sizeof line, "Repr-Digest: %s, md5=:" MD5 ":\n", wrong[i]);
        if (strcmp(digests(line), "md5=abc") != 0)
            fail_msg("'%s' gave '%s'", line, digests(line));
    }
}

static void test_two_that_differ_are_not_trusted(void **state)
{
    assert_string_equal(digests("Digest: SHA-256=" SHA256 "\nDigest: sha-256=" SHA256 "\n"),
                        "sha-256=abc");
    assert_string_equal(digests("Digest: SHA-256=" SHA256 ",MD5=" MD5 "\n"
                                "Repr-Digest: sha-256=:" SHA256_D ":\n"),
                        "md5=abc");
    /* Nor a third, whichever it agrees with. */
    assert_string_equal(digests("Digest: SHA-256=" SHA256 ",SHA-256=" SHA256_D ",SHA-256=" SHA256
                                "\nDigest: MD5=" MD5_D "\n"),
                        "md5=abd");
    /* The body of a part is not the file. */
    assert_string_equal(digests("Digest: MD5=" MD5 "\nContent-MD5: " MD5_D "\n"),
                        "md5=abc,md5=abd (body)");
}

static void test_digests_of_digests(void **state)
{
    static const char *const lines[] = {
        "x-amz-checksum-sha256: " SHA256 "-12\n",
        "x-amz-checksum-sha256: " SHA256 "\nx-amz-checksum-type: COMPOSITE\n",
        "x-amz-checksum-type: COMPOSITE\nx-amz-checksum-sha1: " SHA1
        "\nx-amz-checksum-sha256: " SHA256 "\n",
        "x-goog-hash: md5=" MD5 "\nx-goog-stored-content-encoding: gzip\n",
        "x-goog-stored-content-encoding: gzip\nx-goog-hash: md5=" MD5 "\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        assert_string_equal(digests(lines[i]), "");
    assert_string_equal(
        digests("x-goog-hash: md5=" MD5 "\nx-goog-stored-content-encoding: identity\n"), "md5=abc");
    /* What another header says, too, stays. */
    assert_string_equal(digests("x-amz-checksum-sha256: " SHA256 "\nDigest: sha-256=" SHA256
                                "\nx-amz-checksum-type: COMPOSITE\nx-goog-hash: md5=" MD5 "\n"),
                        "sha-256=abc,md5=abc");
}

static void test_digests_are_of_the_final_reply(void **state)
{
    assert_string_equal(digests("HTTP/1.1 302 Found\nDigest: md5=" MD5 ",md5=" MD5_D
                                "\nx-amz-checksum-type: COMPOSITE\nDigest: sha-256=" SHA256
                                "\n\nHTTP/1.1 200 OK\nDigest: md5=" MD5_D
                                "\nx-amz-checksum-sha1: " SHA1 "\n"),
                        "md5=abd,sha-1=abc");
}

static void test_all_that_there_can_be(void **state)
{
    assert_string_equal(digests("Digest: md5=" MD5 ",sha=" SHA1 ",sha-256=" SHA256
                                ",sha-512=" SHA512 "\nContent-Digest: md5=:" MD5 ":,sha=:" SHA1
                                ":,sha-256=:" SHA256 ":,sha-512=:" SHA512 ":\n"),
                        "md5=abc,sha-1=abc,sha-256=abc,sha-512=abc,md5=abc (body),sha-1=abc (body),"
                        "sha-256=abc (body),sha-512=abc (body)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_header),
        cmocka_unit_test(test_structured_fields),
        cmocka_unit_test(test_two_that_differ_are_not_trusted),
        cmocka_unit_test(test_digests_of_digests),
        cmocka_unit_test(test_digests_are_of_the_final_reply),
        cmocka_unit_test(test_all_that_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
