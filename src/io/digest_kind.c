/* SPDX-License-Identifier: MIT */
#include "io/digest_kind.h"

#include "base/util.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t digits;
    const char *others[4];
} kinds[DIGEST_KINDS] = {
    { "sha-512", 128, { "sha512", "sha2-512" } },
    { "sha-256", 64, { "sha256", "sha2-256" } },
    { "sha-1", 40, { "sha1", "sha" } },
    { "md5", 32, { "md-5" } },
};

static bool same(const char *word, size_t length, const char *name)
{
    return name && length == strlen(name) && strncasecmp(word, name, length) == 0;
}

int digest_kind(const char *word, size_t length)
{
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        if (same(word, length, kinds[kind].name))
            return kind;
        for (size_t i = 0; i < ARRAY_SIZE(kinds[kind].others); i++)
            if (same(word, length, kinds[kind].others[i]))
                return kind;
    }
    return -1;
}

int digest_kind_of_digits(size_t digits)
{
    for (int kind = 0; kind < DIGEST_KINDS; kind++)
        if (kinds[kind].digits == digits)
            return kind;
    return -1;
}

const char *digest_kind_name(int kind)
{
    return kinds[kind].name;
}

bool digest_kind_hex(int kind, const char *text, size_t length, char hex[static DIGEST_HEX_SIZE])
{
    char lower[DIGEST_HEX_SIZE];
    if (kind < 0 || length != kinds[kind].digits)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
        lower[i] = (char)tolower((unsigned char)text[i]);
    }
    memcpy(hex, lower, length);
    hex[length] = '\0';
    return true;
}
