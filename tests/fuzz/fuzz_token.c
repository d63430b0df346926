/* SPDX-License-Identifier: MIT */
/* Tokens: the input is one, or behind a '=' the bytes of one, which get a right checksum, for no
 * fuzzer would find it. What is taken comes back the same. */
#include "io/digest.h"
#include "swarm/token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 4096, CHECKSUM_SIZE = 4 };

static void require(bool what)
{
    if (!what)
        abort();
}

static void check(const char *text)
{
    struct token token, again;
    struct ddm_error error = { 0 };
    int r = token_parse(&token, text, &error);
    if (r < 0) {
        require(r == -DDM_E_USAGE && error.code == DDM_E_USAGE && error.message[0]);
        return;
    }
    char *same = token_format(&token);
    require(same && strlen(same) <= TOKEN_MAX);
    require(strstr(text, same) || strpbrk(text, " \t\r\n\v\f"));
    require(token_parse(&again, same, NULL) == 0);
    char *twice = token_format(&again);
    require(twice && strcmp(same, twice) == 0);
    require(token_compare(&token, &again) == TOKEN_SAME);
    free(same);
    free(twice);
}

static char *encode(const uint8_t *data, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = malloc(sizeof TOKEN_PREFIX + size * 2), *out = text;
    require(text);
    out = stpcpy(out, TOKEN_PREFIX);
    for (size_t bit = 0; bit < 8 * size; bit += 6) {
        unsigned pair = data[bit / 8] << 8 | (bit / 8 + 1 < size ? data[bit / 8 + 1] : 0);
        *out++ = alphabet[pair >> (10 - bit % 8) & 63];
    }
    *out = '\0';
    return text;
}

static void check_bytes(const uint8_t *data, size_t size)
{
    uint8_t bytes[BYTES_MAX + CHECKSUM_SIZE];
    struct digest *digest = NULL;
    if (size > BYTES_MAX)
        return;
    memcpy(bytes, data, size);
    require(digest_new(&digest, "sha-256") == 0 && digest_update(digest, data, size) == 0);
    digest_final_raw(digest, bytes + size, CHECKSUM_SIZE);
    digest_free(digest);
    char *text = encode(bytes, size + CHECKSUM_SIZE);
    check(text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '=') {
        check_bytes(data + 1, size - 1);
        return 0;
    }
    char *text = malloc(size + 1);
    require(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check(text);
    free(text);
    return 0;
}
