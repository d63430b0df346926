/* SPDX-License-Identifier: MIT */
#include "io/digest.h"

#include "base/error.h"
#include "base/util.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

struct digest {
    gnutls_hash_hd_t handle;
    unsigned length; /* bytes */
};

static const struct algorithm {
    const char *name, *short_name;
    gnutls_digest_algorithm_t id;
} algorithms[] = {
    { "sha-256", "sha256", GNUTLS_DIG_SHA256 },
    { "sha-512", "sha512", GNUTLS_DIG_SHA512 },
    { "sha-1", "sha1", GNUTLS_DIG_SHA1 },
    { "md5", "md-5", GNUTLS_DIG_MD5 },
};

static const struct algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (strcasecmp(name, algorithms[i].name) == 0 ||
            strcasecmp(name, algorithms[i].short_name) == 0)
            return &algorithms[i];
    return NULL;
}

const char *digest_name(const char *algorithm)
{
    const struct algorithm *a = find_algorithm(algorithm);
    return a ? a->name : NULL;
}

int digest_new(struct digest **ret, const char *algorithm)
{
    const struct algorithm *a = find_algorithm(algorithm);
    if (!a)
        return -1;
    struct digest *d = calloc(1, sizeof *d);
    if (!d)
        return -1;
    if (gnutls_hash_init(&d->handle, a->id) < 0) {
        free(d);
        return -1;
    }
    d->length = gnutls_hash_get_len(a->id);
    *ret = d;
    return 0;
}

int digest_update(struct digest *digest, const void *data, size_t length)
{
    return gnutls_hash(digest->handle, data, length) < 0 ? -1 : 0;
}

static void to_hex(char *hex, const unsigned char *raw, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * length] = '\0';
}

void digest_final(struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    unsigned char raw[64];
    gnutls_hash_output(digest->handle, raw);
    to_hex(hex, raw, digest->length);
}

void digest_final_raw(struct digest *digest, unsigned char *raw, size_t length)
{
    unsigned char whole[64] = { 0 };
    gnutls_hash_output(digest->handle, whole);
    memset(raw, 0, length);
    memcpy(raw, whole, MIN(length, sizeof whole));
}

void digest_reset(struct digest *digest)
{
    char unused[DIGEST_HEX_SIZE];
    digest_final(digest, unused);
}

struct digest *digest_free(struct digest *digest)
{
    if (digest) {
        gnutls_hash_deinit(digest->handle, NULL);
        free(digest);
    }
    return NULL;
}

int digest_once(const char *algorithm, const void *data, size_t length, char *hex, size_t size)
{
    struct digest *d = NULL;
    char whole[DIGEST_HEX_SIZE];
    if (size == 0 || digest_new(&d, algorithm) < 0)
        return -1;
    int r = digest_update(d, data, length);
    digest_final(d, whole);
    digest_free(d);
    size_t n = MIN(strlen(whole), size - 1);
    memcpy(hex, whole, n);
    hex[n] = '\0';
    return r;
}

/* GnuTLS passes over white space and much else; a header has no such thing. */
static bool is_base64(const char *text, size_t length)
{
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < length - padding; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
            return false;
    return true;
}

int digest_base64_to_hex(const char *algorithm, const char *text, size_t length, char *hex,
                         size_t size)
{
    const struct algorithm *a = find_algorithm(algorithm);
    size_t want = a ? gnutls_hash_get_len(a->id) : 0;
    if (!a || length != (want + 2) / 3 * 4 || size < 2 * want + 1 || !is_base64(text, length))
        return -1;
    gnutls_datum_t base64 = { .data = (unsigned char *)text, .size = (unsigned)length }, raw;
    if (gnutls_base64_decode2(&base64, &raw) < 0)
        return -1;
    bool fits = raw.size == want;
    if (fits)
        to_hex(hex, raw.data, want);
    gnutls_free(raw.data);
    return fits ? 0 : -1;
}

int digest_random(void *data, size_t length)
{
    return gnutls_rnd(GNUTLS_RND_NONCE, data, length) < 0 ? -1 : 0;
}

int digest_parse(const char *text, char algorithm[static 16], char hex[static DIGEST_HEX_SIZE],
                 struct ddm_error *err)
{
    const char *equals = strchr(text, '=');
    char name[16];
    size_t n = equals ? (size_t)(equals - text) : 0;
    if (n == 0 || n >= sizeof name)
        return error_set(err, DDM_E_USAGE, "checksum '%.80s': expected ALGO=HEX, like sha-256=…",
                         text);
    memcpy(name, text, n);
    name[n] = '\0';
    const struct algorithm *a = find_algorithm(name);
    if (!a)
        return error_set(err, DDM_E_USAGE,
                         "checksum: unknown algorithm '%s' (sha-256, sha-512, sha-1, md5)", name);
    const char *digits = equals + 1;
    size_t want = 2 * (size_t)gnutls_hash_get_len(a->id);
    if (strlen(digits) != want || strspn(digits, "0123456789abcdefABCDEF") != want)
        return error_set(err, DDM_E_USAGE, "checksum: %s takes %zu hex digits", a->name, want);
    for (size_t i = 0; i <= want; i++)
        hex[i] = (char)tolower((unsigned char)digits[i]);
    strcpy(algorithm, a->name);
    return 0;
}
