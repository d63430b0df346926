/* SPDX-License-Identifier: MIT */
/* A token is read in three steps, so that what is wrong with it can be told apart: its characters,
 * the lengths of its parts, its checksum. What was cut off runs out of bytes in the second one. */
#include "swarm/token.h"

#include "base/error.h"
#include "base/util.h"
#include "io/digest.h"

#include <ctype.h>
#include <string.h>

enum {
    CHECKSUM_SIZE = 4,
    ENDS_SIZE = 8,
    BYTES_MAX = 1 + TLS_KEYS * (TLS_SECRET_SIZE + ENDS_SIZE) + 1 +
                TOKEN_TRACKERS * (1 + TOKEN_ADDRESS_MAX) + CHECKSUM_SIZE,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- writing ---- */

struct writer {
    unsigned char bytes[BYTES_MAX];
    size_t length;
};

static void put_byte(struct writer *w, size_t value)
{
    w->bytes[w->length++] = (unsigned char)value;
}

static void put(struct writer *w, const void *data, size_t length)
{
    memcpy(w->bytes + w->length, data, length);
    w->length += length;
}

static int checksum(unsigned char out[static CHECKSUM_SIZE], const void *data, size_t length)
{
    struct digest *digest = NULL;
    if (digest_new(&digest, "sha-256") < 0)
        return -1;
    int r = digest_update(digest, data, length);
    digest_final_raw(digest, out, CHECKSUM_SIZE);
    digest_free(digest);
    return r;
}

static int write_token(struct writer *w, const struct token *token)
{
    char text[ADDRESS_TEXT_SIZE];
    if (token->key_count < 1 || token->key_count > TLS_KEYS ||
        token->tracker_count > TOKEN_TRACKERS)
        return -1;
    put_byte(w, token->key_count);
    for (size_t i = 0; i < token->key_count; i++) {
        put(w, token->keys[i].secret, TLS_SECRET_SIZE);
        for (unsigned shift = 0; shift < 8 * ENDS_SIZE; shift += 8)
            put_byte(w, ((uint64_t)token->keys[i].ends >> shift) & 0xff);
    }
    put_byte(w, token->tracker_count);
    for (size_t i = 0; i < token->tracker_count; i++) {
        size_t length = strlen(address_format(text, &token->trackers[i]));
        if (length > TOKEN_ADDRESS_MAX)
            return -1;
        put_byte(w, length);
        put(w, text, length);
    }
    unsigned char sum[CHECKSUM_SIZE];
    if (checksum(sum, w->bytes, w->length) < 0)
        return -1;
    put(w, sum, sizeof sum);
    return 0;
}

/* base64url without padding (RFC 4648, 5). */
static char *encode(char *out, const unsigned char *bytes, size_t length)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < length; i++) {
        held = (held << 8 | bytes[i]) & 0xffff;
        for (bits += 8; bits >= 6; bits -= 6)
            *out++ = alphabet[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        *out++ = alphabet[held << (6 - bits) & 63];
    *out = '\0';
    return out;
}

char *token_format(const struct token *token)
{
    struct writer w = { .length = 0 };
    char *text = NULL;
    if (write_token(&w, token) == 0)
        text = malloc(sizeof TOKEN_PREFIX + (w.length * 4 + 2) / 3);
    if (text) {
        strcpy(text, TOKEN_PREFIX);
        encode(text + strlen(TOKEN_PREFIX), w.bytes, w.length);
    }
    explicit_bzero(&w, sizeof w);
    return text;
}

/* ---- reading ---- */

enum verdict { FINE, CUT, WRONG };

struct reader {
    unsigned char bytes[BYTES_MAX];
    size_t length;
    bool surplus; /* bits that say nothing are set: another character would mean the same */
    size_t at;
    size_t keys, keys_at; /* how many, and where the first one is */
    size_t trackers, trackers_at;
};

/* The text without white space, which a terminal, a mail or a shell may have put there. */
static int squeeze(char out[static TOKEN_MAX + 1], const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        if (isascii((unsigned char)*text) && isspace((unsigned char)*text))
            continue;
        if (n == TOKEN_MAX)
            return -1;
        out[n++] = *text;
    }
    out[n] = '\0';
    return 0;
}

static int error_wrong(struct ddm_error *err)
{
    return error_set(err, DDM_E_USAGE,
                     "the token is mistyped: a character of it is wrong, missing or too much");
}

static int error_cut(struct ddm_error *err)
{
    return error_set(err, DDM_E_USAGE,
                     "the token is cut off: its end, or a character of it, is missing");
}

static int check_prefix(const char *text, struct ddm_error *err)
{
    size_t length = strlen(text), digits = 0;
    if (length == 0)
        return error_set(err, DDM_E_USAGE, "no token was given");
    if (strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0)
        return 0;
    if (length < strlen(TOKEN_PREFIX) && strncmp(text, TOKEN_PREFIX, length) == 0)
        return error_cut(err);
    if (strncmp(text, "ddm", 3) == 0)
        digits = strspn(text + 3, "0123456789");
    if (digits > 0 && digits < 4 && text[3 + digits] == '_' && text[3] != '0')
        return error_set(err, DDM_E_USAGE,
                         "the token is of a newer version (%.*s): this ddm is too old for it",
                         (int)digits + 3, text);
    return error_set(err, DDM_E_USAGE,
                     "that is not a token, or its beginning is missing: one begins with '%s'",
                     TOKEN_PREFIX);
}

/* False for what is not base64url, or longer than any token. */
static bool decode(struct reader *reader, const char *text)
{
    unsigned held = 0, bits = 0;
    for (; *text; text++) {
        const char *found = strchr(alphabet, *text);
        if (!found || reader->length == BYTES_MAX)
            return false;
        held = (held << 6 | (unsigned)(found - alphabet)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            reader->bytes[reader->length++] = (unsigned char)(held >> bits);
        }
    }
    reader->surplus = bits == 6 || (held & ((1u << bits) - 1)) != 0;
    return true;
}

static bool skip(struct reader *reader, size_t length)
{
    if (reader->length - reader->at < length)
        return false;
    reader->at += length;
    return true;
}

/* Finds the parts. */
static enum verdict measure(struct reader *reader)
{
    if (!skip(reader, 1))
        return CUT;
    reader->keys = reader->bytes[0];
    if (reader->keys < 1 || reader->keys > TLS_KEYS)
        return WRONG;
    reader->keys_at = reader->at;
    if (!skip(reader, reader->keys * (TLS_SECRET_SIZE + ENDS_SIZE) + 1))
        return CUT;
    reader->trackers = reader->bytes[reader->at - 1];
    reader->trackers_at = reader->at;
    if (reader->trackers > TOKEN_TRACKERS)
        return WRONG;
    for (size_t i = 0; i < reader->trackers; i++)
        if (!skip(reader, 1) || !skip(reader, reader->bytes[reader->at - 1]))
            return CUT;
    if (!skip(reader, CHECKSUM_SIZE))
        return CUT;
    return reader->at == reader->length ? FINE : WRONG;
}

static bool check_sum(const struct reader *reader)
{
    unsigned char sum[CHECKSUM_SIZE];
    size_t length = reader->length - CHECKSUM_SIZE;
    return checksum(sum, reader->bytes, length) == 0 &&
           memcmp(sum, reader->bytes + length, CHECKSUM_SIZE) == 0;
}

static int read_keys(const struct reader *reader, struct token *ret, struct ddm_error *err)
{
    const unsigned char *at = reader->bytes + reader->keys_at;
    ret->key_count = reader->keys;
    for (size_t i = 0; i < reader->keys; i++) {
        uint64_t ends = 0;
        memcpy(ret->keys[i].secret, at, TLS_SECRET_SIZE);
        at += TLS_SECRET_SIZE;
        for (unsigned shift = 0; shift < 8 * ENDS_SIZE; shift += 8)
            ends |= (uint64_t)*at++ << shift;
        if (ends > INT64_MAX || (i == 0) != (ends == 0))
            return error_set(err, DDM_E_USAGE, "the token's key has an end that cannot be");
        ret->keys[i].ends = (int64_t)ends;
    }
    if (reader->keys == 2 && memcmp(ret->keys[0].secret, ret->keys[1].secret, TLS_SECRET_SIZE) == 0)
        return error_set(err, DDM_E_USAGE, "the token has one key twice");
    return 0;
}

/* Only what token_format() would write. */
static int read_trackers(const struct reader *reader, struct token *ret, struct ddm_error *err)
{
    const unsigned char *at = reader->bytes + reader->trackers_at;
    ret->tracker_count = reader->trackers;
    for (size_t i = 0; i < reader->trackers; i++) {
        char text[TOKEN_ADDRESS_MAX + 1], again[ADDRESS_TEXT_SIZE];
        size_t length = *at++;
        memcpy(text, at, length);
        text[length] = '\0';
        at += length;
        struct address *address = &ret->trackers[i];
        if (strlen(text) != length || address_parse(address, text, 0, NULL) < 0 ||
            !address->host[0] || address->port == 0 ||
            strcmp(address_format(again, address), text) != 0)
            return error_set(err, DDM_E_USAGE, "the token names a tracker that cannot be");
    }
    return 0;
}

static int read_token(struct reader *reader, struct token *ret, const char *text,
                      struct ddm_error *err)
{
    enum verdict parts = decode(reader, text) ? measure(reader) : WRONG;
    if (parts == CUT)
        return error_cut(err);
    if (parts == WRONG || reader->surplus || !check_sum(reader))
        return error_wrong(err);
    int r = read_keys(reader, ret, err);
    return r < 0 ? r : read_trackers(reader, ret, err);
}

int token_parse(struct token *ret, const char *text, struct ddm_error *err)
{
    char clean[TOKEN_MAX + 1];
    struct reader reader = { .length = 0 };
    struct token token = { 0 };
    int r = squeeze(clean, text);
    if (r < 0)
        r = error_set(err, DDM_E_USAGE, "that is not a token: it is too long for one");
    else
        r = check_prefix(clean, err);
    if (r == 0)
        r = read_token(&reader, &token, clean + strlen(TOKEN_PREFIX), err);
    if (r == 0)
        *ret = token;
    explicit_bzero(clean, sizeof clean);
    explicit_bzero(&reader, sizeof reader);
    token_clear(&token);
    return r;
}

void token_clear(struct token *token)
{
    explicit_bzero(token, sizeof *token);
}

/* ---- keys ---- */

int token_new_key(struct tls_key *ret, struct ddm_error *err)
{
    struct tls_key key = { .ends = 0 };
    if (getentropy(key.secret, sizeof key.secret) < 0)
        return error_set(err, DDM_E_FAIL, "the system gives no random numbers");
    *ret = key;
    explicit_bzero(&key, sizeof key);
    return 0;
}

int token_rotate(struct token *token, int64_t ends, struct ddm_error *err)
{
    struct tls_key key;
    int r = token_new_key(&key, err);
    if (r < 0)
        return r;
    token->keys[1] = token->keys[0];
    token->keys[1].ends = MAX(ends, 1); /* 0 would be never */
    token->keys[0] = key;
    token->key_count = 2;
    explicit_bzero(&key, sizeof key);
    return 0;
}

static bool same_key(const struct token *a, size_t i, const struct token *b, size_t k)
{
    return i < a->key_count && k < b->key_count &&
           memcmp(a->keys[i].secret, b->keys[k].secret, TLS_SECRET_SIZE) == 0;
}

enum token_kin token_compare(const struct token *own, const struct token *other)
{
    if (same_key(own, 0, other, 0))
        return TOKEN_SAME;
    if (same_key(own, 0, other, 1))
        return TOKEN_NEWER;
    if (same_key(own, 1, other, 0))
        return TOKEN_OLDER;
    return TOKEN_FOREIGN;
}
