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

void digest_final(struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[64];
    gnutls_hash_output(digest->handle, raw);
    for (unsigned i = 0; i < digest->length; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * digest->length] = '\0';
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
