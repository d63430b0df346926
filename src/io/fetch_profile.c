/* SPDX-License-Identifier: MIT */
#include "io/fetch_profile.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- headers ---- */

/* The length of a header's name: a token (RFC 9110, 5.6.2) before ':' or ';'. 0: it has none. */
static size_t name_length(const char *line)
{
    size_t n = strcspn(line, ":;");
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)line[i]) && !strchr("!#$%&'*+-.^_`|~", line[i]))
            return 0;
    return line[n] ? n : 0;
}

static bool is_one_of(const char *line, const char *const *names)
{
    size_t n = name_length(line);
    for (; *names; names++)
        if (strlen(*names) == n && strncasecmp(line, *names, n) == 0)
            return true;
    return false;
}

int fetch_check_header(const char *line, struct ddm_error *err)
{
    /* What DDM and libcurl say themselves; another word for it would break ranges or replies. */
    static const char *const ours[] = {
        "Range",      "If-Range", "Accept-Encoding", "Content-Length", "Transfer-Encoding",
        "Connection", "TE",       "Upgrade",         "Expect",         NULL
    };
    size_t n = name_length(line);
    for (const char *p = line; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return error_set(err, DDM_E_USAGE, "header '%.*s': it has a control character", (int)n,
                             line);
    if (n == 0)
        return error_set(
            err, DDM_E_USAGE,
            "a header has no name: write it as 'Name: value', 'Name:' to leave it out, "
            "or 'Name;' for an empty one"); /* not shown: it may be a secret */
    if (line[n] == ';' && line[n + 1 + strspn(line + n + 1, " \t")])
        return error_set(err, DDM_E_USAGE, "header '%.*s': a colon stands behind the name", (int)n,
                         line);
    if (is_one_of(line, ours))
        return error_set(err, DDM_E_USAGE, "header '%.*s': ddm sets that one itself", (int)n, line);
    return 0;
}

bool fetch_header_is_secret(const char *line)
{
    /* Any other may hold a key; there is no end to their names. */
    static const char *const harmless[] = {
        "Accept", "Accept-Charset", "Accept-Language", "Cache-Control", "DNT",
        "From",   "Pragma",         "Referer",         "User-Agent",    NULL
    };
    size_t n = name_length(line);
    bool says_nothing = n > 0 && !line[n + 1 + strspn(line + n + 1, " \t")];
    return !says_nothing && !is_one_of(line, harmless);
}

/* ---- proxies ---- */

int fetch_check_proxy(const char *url, struct ddm_error *err)
{
    return *url ? url_check_proxy(url, err) : 0;
}

/* Lower case first; HTTP_PROXY in upper case is what a CGI gets from its client. */
static const char *from_environment(const char *scheme, bool upper)
{
    char name[32];
    snprintf(name, sizeof name, "%s_proxy", scheme);
    const char *value = getenv(name);
    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return value || !upper ? value : getenv(name);
}

/* Whether `no_proxy` may mean a host. Says yes rather too often: its words may be endings of names,
 * networks, or "*". */
static bool may_be_excepted(const char *host)
{
    const char *list = from_environment("no", true);
    if (!list || !*list)
        return false;
    bool number = strchr(host, ':') || !host[strspn(host, "0123456789.")];
    size_t length = strlen(host);
    while (length > 0 && host[length - 1] == '.')
        length--;
    for (const char *p = list; *p;) {
        p += strspn(p, " \t,.");
        size_t word = strcspn(p, " \t,");
        const char *next = p + word;
        while (word > 0 && p[word - 1] == '.')
            word--;
        if (word > 0 && (number || *p == '*' ||
                         (word <= length && strncasecmp(host + length - word, p, word) == 0)))
            return true;
        p = next;
    }
    return false;
}

const char *fetch_profile_proxy(const struct fetch_profile *profile, const char *url)
{
    char scheme[16], host[ADDRESS_HOST_SIZE];
    const char *proxy = profile ? profile->proxy : NULL;
    if (!url_parts(url, scheme, sizeof scheme, host, sizeof host) || may_be_excepted(host))
        return NULL;
    if (!proxy)
        proxy = from_environment(scheme, strcmp(scheme, "http") != 0);
    if (!proxy)
        proxy = from_environment("all", true);
    return proxy && *proxy ? proxy : NULL;
}
