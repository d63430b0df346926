/* SPDX-License-Identifier: MIT */
#include "io/tls_ca.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>

#define SEED_SIZE   32
#define SERIAL_SIZE 16
#define CA_BEGINS   1577836800 /* 2020-01-01 */
#define DAY         (24 * 3600)

static const char info[] = "ddm swarm ca ed25519 v1";

static int derive_seed(unsigned char seed[static SEED_SIZE], const unsigned char *secret)
{
    unsigned char prk[32];
    gnutls_datum_t key = { (unsigned char *)secret, TLS_SECRET_SIZE };
    gnutls_datum_t prk_datum = { prk, sizeof prk };
    gnutls_datum_t info_datum = { (unsigned char *)info, sizeof info - 1 };
    int r = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key, NULL, prk);
    if (r >= 0)
        r = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &prk_datum, &info_datum, seed, SEED_SIZE);
    explicit_bzero(prk, sizeof prk);
    return r;
}

/* As PKCS #8 (RFC 8410): from a seed alone GnuTLS works out the public key. */
static int import_seed(gnutls_x509_privkey_t key, const unsigned char *seed)
{
    unsigned char der[16 + SEED_SIZE] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                          0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
    gnutls_datum_t datum = { der, sizeof der };
    memcpy(der + 16, seed, SEED_SIZE);
    int r =
        gnutls_x509_privkey_import_pkcs8(key, &datum, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN);
    explicit_bzero(der, sizeof der);
    return r;
}

/* Positive (RFC 5280, 4.1.2.2). */
static int set_serial(gnutls_x509_crt_t crt, unsigned char serial[static SERIAL_SIZE])
{
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
    return gnutls_x509_crt_set_serial(crt, serial, SERIAL_SIZE);
}

static int set_name(gnutls_x509_crt_t crt, const char *name)
{
    return gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                         (unsigned)strlen(name));
}

static int set_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    unsigned char id[32];
    size_t size = sizeof id;
    int r = gnutls_x509_crt_set_version(crt, 3);
    if (r >= 0)
        r = gnutls_x509_crt_set_key(crt, key);
    if (r >= 0)
        r = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id, &size);
    return r >= 0 ? gnutls_x509_crt_set_subject_key_id(crt, id, 20) : r;
}

static int make_ca(struct tls_ca *ca)
{
    unsigned char id[32] = { 0 };
    char name[64] = "DDM swarm ";
    size_t used = strlen(name);
    int r = tls_ca_key_id(ca, id, sizeof id);
    for (size_t i = 0; i < 8; i++)
        snprintf(name + used + 2 * i, 3, "%02x", id[i]);
    if (r >= 0)
        r = set_key(ca->certificate, ca->key);
    if (r >= 0)
        r = set_serial(ca->certificate, id);
    if (r >= 0)
        r = set_name(ca->certificate, name);
    if (r >= 0)
        r = gnutls_x509_crt_set_activation_time(ca->certificate, CA_BEGINS);
    if (r >= 0)
        r = gnutls_x509_crt_set_expiration_time(ca->certificate,
                                                GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(ca->certificate, 1, 0);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_usage(ca->certificate, GNUTLS_KEY_KEY_CERT_SIGN);
    return r >= 0 ? gnutls_x509_crt_sign2(ca->certificate, ca->certificate, ca->key,
                                          GNUTLS_DIG_SHA512, 0)
                  : r;
}

/* Read back, for what GnuTLS makes itself it cannot compare with an issuer's name. */
static int read_back(gnutls_x509_crt_t *crt)
{
    gnutls_datum_t der;
    gnutls_x509_crt_t fresh;
    int r = gnutls_x509_crt_export2(*crt, GNUTLS_X509_FMT_DER, &der);
    if (r < 0)
        return r;
    r = gnutls_x509_crt_init(&fresh);
    if (r >= 0 && (r = gnutls_x509_crt_import(fresh, &der, GNUTLS_X509_FMT_DER)) < 0)
        gnutls_x509_crt_deinit(fresh);
    gnutls_free(der.data);
    if (r < 0)
        return r;
    gnutls_x509_crt_deinit(*crt);
    *crt = fresh;
    return 0;
}

int tls_ca_derive(struct tls_ca *ret, const unsigned char secret[static TLS_SECRET_SIZE])
{
    unsigned char seed[SEED_SIZE];
    struct tls_ca ca = { 0 };
    int r = derive_seed(seed, secret);
    if (r >= 0)
        r = gnutls_x509_privkey_init(&ca.key);
    if (r >= 0)
        r = gnutls_x509_crt_init(&ca.certificate);
    if (r >= 0)
        r = import_seed(ca.key, seed);
    if (r >= 0)
        r = make_ca(&ca);
    if (r >= 0)
        r = read_back(&ca.certificate);
    explicit_bzero(seed, sizeof seed);
    if (r < 0) {
        tls_ca_release(&ca);
        return r;
    }
    *ret = ca;
    return 0;
}

void tls_ca_release(struct tls_ca *ca)
{
    if (ca->key)
        gnutls_x509_privkey_deinit(ca->key);
    if (ca->certificate)
        gnutls_x509_crt_deinit(ca->certificate);
    *ca = (struct tls_ca){ 0 };
}

int tls_ca_key_id(const struct tls_ca *ca, unsigned char *ret, size_t size)
{
    unsigned char id[32];
    size_t length = sizeof id;
    int r = gnutls_x509_privkey_get_key_id(ca->key, GNUTLS_KEYID_USE_SHA256, id, &length);
    if (r >= 0)
        memcpy(ret, id, MIN(size, sizeof id));
    return r;
}

static int describe_node(gnutls_x509_crt_t crt, const char *node_id)
{
    static const char *const purposes[] = { GNUTLS_KP_TLS_WWW_SERVER, GNUTLS_KP_TLS_WWW_CLIENT };
    const char *const names[] = { node_id, TLS_ANY_MEMBER };
    int r = set_name(crt, node_id);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(names); i++)
        r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, names[i],
                                                 (unsigned)strlen(names[i]),
                                                 i ? GNUTLS_FSAN_APPEND : GNUTLS_FSAN_SET);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(purposes); i++)
        r = gnutls_x509_crt_set_key_purpose_oid(crt, purposes[i], 0);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
    return r >= 0 ? gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) : r;
}

int tls_ca_issue(gnutls_x509_crt_t *ret, const struct tls_ca *ca, gnutls_x509_privkey_t node_key,
                 const char *node_id, int64_t now, int64_t ends)
{
    unsigned char serial[SERIAL_SIZE], issuer[32];
    gnutls_x509_crt_t crt;
    int r = gnutls_x509_crt_init(&crt);
    if (r < 0)
        return r;
    r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    if (r >= 0)
        r = set_key(crt, node_key);
    if (r >= 0)
        r = set_serial(crt, serial);
    if (r >= 0)
        r = describe_node(crt, node_id);
    if (r >= 0)
        r = gnutls_x509_crt_set_activation_time(crt, (time_t)(now - DAY));
    if (r >= 0)
        r = gnutls_x509_crt_set_expiration_time(crt, (time_t)ends);
    if (r >= 0)
        r = tls_ca_key_id(ca, issuer, sizeof issuer);
    if (r >= 0)
        r = gnutls_x509_crt_set_authority_key_id(crt, issuer, 20);
    if (r >= 0)
        r = gnutls_x509_crt_sign2(crt, ca->certificate, ca->key, GNUTLS_DIG_SHA512, 0);
    if (r < 0) {
        gnutls_x509_crt_deinit(crt);
        return r;
    }
    *ret = crt;
    return 0;
}
