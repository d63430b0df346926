/* SPDX-License-Identifier: MIT */
#include "swarm/object_key.h"

#include "base/str.h"
#include "base/util.h"
#include "ddm/ddm.h"
#include "io/digest.h"
#include "io/head.h"
#include "io/url.h"

#include <string.h>
#include <strings.h>

/* Whether a name fits one of the list's. */
static bool fits(const char *pattern, size_t pattern_length, const char *name, size_t length)
{
    bool prefix = pattern_length > 0 && pattern[pattern_length - 1] == '*';
    pattern_length -= prefix;
    return strncasecmp(pattern, name, MIN(pattern_length, length)) == 0 &&
           (prefix ? length >= pattern_length : length == pattern_length);
}

static bool is_signing(const char *name, size_t length, const char *const *signing)
{
    for (; signing && *signing; signing++)
        if (fits(*signing, strlen(*signing), name, length))
            return true;
    if (signing)
        return false;
    const char *at = OBJECT_SIGNING_PARAMETERS;
    for (size_t n; *at; at += n + (at[n] == ',')) {
        n = strcspn(at, ",");
        if (fits(at, n, name, length))
            return true;
    }
    return false;
}

char *object_url(const char *url, const char *const *signing)
{
    size_t length = strcspn(url, "#"), path = strcspn(url, "?#");
    char *out = malloc(length + 1);
    if (!out)
        return NULL;
    memcpy(out, url, path);
    char *to = out + path;
    char before = '?';
    for (size_t at = path; at < length;) {
        const char *parameter = url + at + 1;
        size_t n = strcspn(parameter, "&#"), name = MIN(n, strcspn(parameter, "="));
        if (!is_signing(parameter, name, signing)) {
            *to++ = before;
            memcpy(to, parameter, n);
            to += n;
            before = '&';
        }
        at += 1 + n;
    }
    *to = '\0';
    return out;
}

bool object_key(char ret[static OBJECT_KEY_SIZE], const char *url, uint64_t size, const char *etag,
                const char *last_modified, const char *const *signing)
{
    static const char *const none[] = { NULL };
    char user[2], key[OBJECT_KEY_SIZE];
    bool strong = fetch_is_strong(etag);
    if (size == DDM_SIZE_UNKNOWN || (!strong && !*last_modified) || url_login(url, user, 1))
        return false;
    _cleanup_free_ char *plain = object_url(url, strong ? signing : none);
    _cleanup_free_ char *text =
        plain ? str_format("ddm object 1\n%s\n%llu\n%s\n%s\n", plain, (unsigned long long)size,
                           strong ? "etag" : "date", strong ? etag : last_modified)
              : NULL;
    if (!text || digest_once("sha-256", text, strlen(text), key, sizeof key) < 0)
        return false;
    memcpy(ret, key, sizeof key);
    return true;
}

bool object_key_valid(const char *text)
{
    size_t length = strspn(text, "0123456789abcdef");
    return length == OBJECT_KEY_SIZE - 1 && text[length] == '\0';
}
