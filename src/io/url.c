/* SPDX-License-Identifier: MIT */
#include "io/url.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A URL of any scheme, or NULL. */
static CURLU *parse(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        return u;
    curl_url_cleanup(u);
    return NULL;
}

/* A part, or NULL; to be freed with curl_free(). */
static char *get(CURLU *u, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return u && curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

void url_host(char out[static ADDRESS_HOST_SIZE], const char *url)
{
    CURLU *u = curl_url();
    out[0] = '\0';
    if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ==
                 CURLUE_OK) {
        char *host = get(u, CURLUPART_HOST, 0), *port = get(u, CURLUPART_PORT, 0);
        if (host)
            snprintf(out, ADDRESS_HOST_SIZE, "%s%s%s", host, port ? ":" : "", port ? port : "");
        curl_free(host);
        curl_free(port);
    }
    curl_url_cleanup(u);
}

/* A host without the brackets and the zone of IPv6. A name with a % is none: it would be looked up
 * as it stands there, whatever part of it is taken for its name here. */
static bool put_bare(char *out, size_t size, const char *host)
{
    bool v6 = *host == '[';
    if ((!v6 && strchr(host, '%')) || !str_copy(out, size, host + v6))
        return false;
    if (v6)
        out[strcspn(out, "]%")] = '\0';
    return true;
}

bool url_parts(const char *url, char *scheme, size_t scheme_size, char *host, size_t host_size)
{
    CURLU *u = parse(url);
    char *a = get(u, CURLUPART_SCHEME, 0), *b = get(u, CURLUPART_HOST, 0);
    bool ok = a && str_copy(scheme, scheme_size, a);
    ok = ok && put_bare(host, host_size, b ? b : "");
    curl_free(a);
    curl_free(b);
    curl_url_cleanup(u);
    return ok;
}

/* The host's name; ASCII only: libcurl makes xn--… of others in its own way when it looks them up,
 * and leaks memory where it is asked for that and the locale knows no such characters (7.88). */
static bool put_host(char out[static ADDRESS_HOST_SIZE], const char *host)
{
    if (!put_bare(out, ADDRESS_HOST_SIZE, host))
        return false;
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == '.')
        out[--length] = '\0';
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            return false;
        *c = (char)tolower((unsigned char)*c);
    }
    return length > 0;
}

bool url_place(struct url_place *ret, const char *url)
{
    struct url_place place;
    uint64_t number = 0;
    CURLU *u = parse(url);
    char *scheme = get(u, CURLUPART_SCHEME, 0), *host = get(u, CURLUPART_HOST, 0);
    char *port = get(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    bool ok = scheme && host && port && str_copy(place.scheme, sizeof place.scheme, scheme) &&
              put_host(place.host, host) && str_to_u64(port, &number) == 0 && number <= UINT16_MAX;
    place.port = (uint16_t)number;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    if (ok)
        *ret = place;
    return ok;
}

bool url_login(const char *url, char *user, size_t size)
{
    CURLU *u = parse(url);
    char *name = get(u, CURLUPART_USER, CURLU_URLDECODE);
    bool found = name != NULL;
    if (found)
        str_copy(user, size, name);
    curl_free(name);
    curl_url_cleanup(u);
    return found;
}

bool url_same_host(const char *a, const char *b)
{
    static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
    CURLU *first = parse(a), *second = parse(b);
    bool same = first && second;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        char *one = get(first, parts[i], CURLU_DEFAULT_PORT);
        char *other = get(second, parts[i], CURLU_DEFAULT_PORT);
        same = same && one && other && strcasecmp(one, other) == 0;
        curl_free(one);
        curl_free(other);
    }
    curl_url_cleanup(first);
    curl_url_cleanup(second);
    return same;
}

/* ---- made from others ---- */

/* The whole of it, malloc'ed; the handle is gone then. */
static char *finish(CURLU *u, bool ok)
{
    char *text = ok ? get(u, CURLUPART_URL, 0) : NULL;
    char *result = text ? strdup(text) : NULL;
    curl_free(text);
    curl_url_cleanup(u);
    return result;
}

char *url_resolve(const char *base, const char *relative)
{
    CURLU *u = parse(base);
    return finish(u, u && curl_url_set(u, CURLUPART_URL, relative, CURLU_NON_SUPPORT_SCHEME) ==
                              CURLUE_OK);
}

/* Puts text behind the first `keep` bytes of the path. */
static char *with_path(CURLU *u, const char *path, size_t keep, const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    _cleanup_free_ char *whole = escaped ? str_format("%.*s%s", (int)keep, path, escaped) : NULL;
    bool ok = whole && curl_url_set(u, CURLUPART_PATH, whole, 0) == CURLUE_OK &&
              curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK;
    curl_free(escaped);
    return finish(u, ok);
}

char *url_append(const char *url, const char *suffix)
{
    CURLU *u = parse(url);
    char *path = get(u, CURLUPART_PATH, 0);
    char *result = path ? with_path(u, path, strlen(path), suffix) : finish(u, false);
    curl_free(path);
    return result;
}

char *url_sibling(const char *url, const char *name)
{
    CURLU *u = parse(url);
    char *path = get(u, CURLUPART_PATH, 0);
    const char *slash = path ? strrchr(path, '/') : NULL;
    char *result = slash ? with_path(u, path, (size_t)(slash - path) + 1, name) : finish(u, false);
    curl_free(path);
    return result;
}

/* ---- checks ---- */

bool url_knows_sftp(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    for (const char *const *p = info->protocols; p && *p; p++)
        if (strcmp(*p, "sftp") == 0)
            return true;
    return false;
}

static bool can_fetch(const char *scheme)
{
    static const char *const schemes[] = { "http", "https", "ftp", "ftps" };
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    return strcmp(scheme, "sftp") == 0 && url_knows_sftp();
}

/* What libcurl would list is no file, and what it would convert as text not the file's bytes. */
static bool is_folder_or_text(const char *scheme, const char *path)
{
    size_t length = strlen(path);
    const char *type = strstr(path, ";type=");
    return strncmp(scheme, "http", 4) != 0 &&
           ((length > 0 && path[length - 1] == '/') || (type && strcasecmp(type, ";type=i") != 0));
}

static int error_url(const char *shown, const char *why, struct ddm_error *err)
{
    return error_set(err, DDM_E_USAGE, "URL '%.200s': %s", shown, why);
}

/* What libcurl has no objection to. */
static int check_parts(CURLU *u, const char *shown, struct ddm_error *err)
{
    int r = 0;
    char bare[ADDRESS_HOST_SIZE];
    char *scheme = get(u, CURLUPART_SCHEME, 0), *host = get(u, CURLUPART_HOST, 0);
    char *path = get(u, CURLUPART_PATH, 0);
    if (!scheme || !can_fetch(scheme))
        r = error_url(shown, "only http, https, ftp, ftps and sftp can be fetched", err);
    else if (!host || !*host)
        r = error_url(shown, "no host", err);
    else if (!put_bare(bare, sizeof bare, host))
        r = error_url(shown, "that is no name of a host", err);
    else if (path && is_folder_or_text(scheme, path))
        r = error_url(shown, "that is a folder, or text to be converted", err);
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    return r;
}

int url_check(const char *url, struct ddm_error *err)
{
    CURLU *u = curl_url();
    if (!u)
        return error_memory(err);
    int r = 0;
    _cleanup_free_ char *shown = str_url_brief(url);
    const char *colon = url + strcspn(url, ":/?#@");
    CURLUcode c = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (!shown)
        r = error_memory(err);
    else if (c == CURLUE_BAD_SCHEME || strncmp(colon, "://", 3) != 0)
        r = error_url(shown, "write it with http:// or https://", err);
    else if (strchr(url, ' '))
        r = error_url(shown, "write a space as %20", err);
    else if (colon[3] == '/' || colon[3] == '\\')
        r = error_url(shown, "no host", err);
    else if (c != CURLUE_OK)
        r = error_url(shown, curl_url_strerror(c), err);
    else
        r = check_parts(u, shown, err);
    curl_url_cleanup(u);
    return r;
}

static bool can_pass(const char *scheme)
{
    static const char *const schemes[] = { "http", "socks4", "socks4a", "socks5", "socks5h" };
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    return strcmp(scheme, "https") == 0 &&
           (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTPS_PROXY);
}

int url_check_proxy(const char *url, struct ddm_error *err)
{
    _cleanup_free_ char *whole = str_format("%s%s", strstr(url, "://") ? "" : "http://", url);
    _cleanup_free_ char *shown = str_url_public(url);
    if (!whole || !shown)
        return error_memory(err);
    CURLU *u = parse(whole);
    char *scheme = get(u, CURLUPART_SCHEME, 0), *host = get(u, CURLUPART_HOST, 0);
    int r = 0;
    if (!scheme || !host || !*host)
        r = error_set(err, DDM_E_USAGE, "proxy '%.200s': write it as http://HOST:PORT", shown);
    else if (!can_pass(scheme))
        r = error_set(err, DDM_E_USAGE,
                      "proxy '%.200s': only http, https, socks4, socks4a, socks5 and socks5h",
                      shown);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return r;
}
