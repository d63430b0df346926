/* SPDX-License-Identifier: MIT */
/* The CA of a key is the same everywhere, and what it issues says what it must and no more. */
#include "io/tls_ca.h"

#include "tls_fixture.h"

/* Of the key 00 01 02 … 1f; to be changed only with the format's version. */
static const char known_key_id[] =
    "baf59dfb58e58d0579bde8ff91ffd58107df1668660d63a4810b0dc99af7fe97";
static const char known_certificate[] =
    "76d8d7119148af5d524b9a465cf1155229248f9a929c5914a159ac70a85c7482";

static void known_secret(unsigned char out[static TLS_SECRET_SIZE])
{
    for (unsigned i = 0; i < TLS_SECRET_SIZE; i++)
        out[i] = (unsigned char)i;
}

static char *hex(char *out, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

static void fingerprint_of(gnutls_x509_crt_t crt, char out[static 65])
{
    unsigned char digest[32];
    size_t size = sizeof digest;
    assert_int_equal(gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, digest, &size), 0);
    hex(out, digest, size);
}

static void test_it_is_the_same_for_the_same_key_to_the_byte(void **state)
{
    unsigned char secret[TLS_SECRET_SIZE], id[32];
    char text[65];
    struct tls_ca ca, again;
    gnutls_datum_t a, b;
    known_secret(secret);
    assert_int_equal(tls_ca_derive(&ca, secret), 0);
    now += 365 * 24 * HOUR;
    assert_int_equal(tls_ca_derive(&again, secret), 0);
    assert_int_equal(gnutls_x509_crt_export2(ca.certificate, GNUTLS_X509_FMT_DER, &a), 0);
    assert_int_equal(gnutls_x509_crt_export2(again.certificate, GNUTLS_X509_FMT_DER, &b), 0);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    gnutls_free(a.data);
    gnutls_free(b.data);
    assert_int_equal(tls_ca_key_id(&ca, id, sizeof id), 0);
    assert_string_equal(hex(text, id, sizeof id), known_key_id);
    fingerprint_of(ca.certificate, text);
    assert_string_equal(text, known_certificate);
    tls_ca_release(&ca);
    tls_ca_release(&again);
    tls_ca_release(&again); /* of nothing */
}

static void test_one_bit_of_the_key_makes_another_one(void **state)
{
    unsigned char secret[TLS_SECRET_SIZE], one[32], other[32];
    struct tls_ca ca;
    for (unsigned i = 0; i < TLS_SECRET_SIZE; i++) {
        known_secret(secret);
        assert_int_equal(tls_ca_derive(&ca, secret), 0);
        assert_int_equal(tls_ca_key_id(&ca, one, sizeof one), 0);
        tls_ca_release(&ca);
        secret[i] ^= 0x80;
        assert_int_equal(tls_ca_derive(&ca, secret), 0);
        assert_int_equal(tls_ca_key_id(&ca, other, sizeof other), 0);
        tls_ca_release(&ca);
        assert_memory_not_equal(one, other, sizeof one);
    }
}

static gnutls_x509_crt_t issued(struct tls_ca *ca, int64_t ends)
{
    unsigned char secret[TLS_SECRET_SIZE];
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt, read;
    gnutls_datum_t pem;
    known_secret(secret);
    assert_int_equal(tls_ca_derive(ca, secret), 0);
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    assert_int_equal(tls_ca_issue(&crt, ca, key, ID_A, now, ends), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    read = read_certificate((const char *)pem.data);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return read;
}

static void test_a_nodes_certificate_has_its_names_and_purposes_and_is_no_ca(void **state)
{
    struct tls_ca ca;
    gnutls_x509_crt_t crt = issued(&ca, TODAY + HOUR);
    char text[128];
    size_t size = sizeof text;
    unsigned critical, is_ca, usage, names = 0;
    int length;
    assert_int_equal(
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size), 0);
    assert_string_equal(text, ID_A);
    for (size = sizeof text;
         gnutls_x509_crt_get_subject_alt_name(crt, names, text, &size, NULL) == GNUTLS_SAN_DNSNAME;
         size = sizeof text)
        assert_string_equal(text, names++ == 0 ? ID_A : TLS_ANY_MEMBER);
    assert_int_equal(names, 2);
    assert_true(gnutls_x509_crt_check_hostname(crt, ID_A));
    assert_true(gnutls_x509_crt_check_hostname(crt, TLS_ANY_MEMBER));
    assert_false(gnutls_x509_crt_check_hostname(crt, ID_B));
    assert_int_equal(gnutls_x509_crt_get_basic_constraints(crt, &critical, &is_ca, &length), 0);
    assert_false(is_ca);
    assert_int_equal(gnutls_x509_crt_get_key_usage(crt, &usage, &critical), 0);
    assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    assert_true(gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    assert_true(gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    assert_false(gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_CODE_SIGNING, 0));
    assert_int_equal(gnutls_x509_crt_get_version(crt), 3);
    assert_int_equal(gnutls_x509_crt_get_signature_algorithm(crt), GNUTLS_SIGN_EDDSA_ED25519);
    gnutls_x509_crt_deinit(crt);
    tls_ca_release(&ca);
}

static unsigned problems_at(gnutls_x509_crt_t crt, struct tls_ca *ca, int64_t when)
{
    unsigned problems = 0;
    now = when;
    assert_int_equal(gnutls_x509_crt_verify(crt, &ca->certificate, 1, 0, &problems), 0);
    return problems;
}

static void test_it_counts_from_a_day_before_until_its_end(void **state)
{
    struct tls_ca ca;
    gnutls_x509_crt_t crt = issued(&ca, TODAY + HOUR);
    assert_int_equal(problems_at(crt, &ca, TODAY), 0);
    assert_int_equal(problems_at(crt, &ca, TODAY - 24 * HOUR), 0);
    assert_int_not_equal(problems_at(crt, &ca, TODAY - 24 * HOUR - 1), 0);
    assert_int_equal(problems_at(crt, &ca, TODAY + HOUR - 1), 0);
    assert_int_not_equal(problems_at(crt, &ca, TODAY + HOUR + 1), 0);
    gnutls_x509_crt_deinit(crt);
    tls_ca_release(&ca);
}

static void test_the_ca_may_sign_nodes_and_nothing_below(void **state)
{
    struct tls_ca ca;
    gnutls_x509_crt_t crt = issued(&ca, TODAY + HOUR);
    unsigned critical, is_ca, usage;
    int length;
    assert_true(gnutls_x509_crt_get_basic_constraints(ca.certificate, &critical, &is_ca, &length) >=
                0);
    assert_true(is_ca && critical);
    assert_int_equal(length, 0);
    assert_int_equal(gnutls_x509_crt_get_key_usage(ca.certificate, &usage, &critical), 0);
    assert_int_equal(usage, GNUTLS_KEY_KEY_CERT_SIGN);
    assert_true(gnutls_x509_crt_check_issuer(crt, ca.certificate));
    gnutls_x509_crt_deinit(crt);
    tls_ca_release(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_the_same_for_the_same_key_to_the_byte, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_bit_of_the_key_makes_another_one, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_nodes_certificate_has_its_names_and_purposes_and_is_no_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_counts_from_a_day_before_until_its_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_ca_may_sign_nodes_and_nothing_below, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
