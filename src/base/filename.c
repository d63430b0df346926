/* SPDX-License-Identifier: MIT */
/* A name goes through the same steps, wherever it comes from:
 *
 *     bytes ─▶ last component ─▶ dots and spaces off ─▶ control characters and ─▶ cut to size,
 *              (by / and \)      both ends              what is no UTF-8: '_'     extension kept
 *                                                                                      │
 *                                    out ◀─ '_' before a device name, for a leading '-' ┘
 *
 * Replacing never makes text longer and never makes a dot, a space or a separator, so that the
 * steps on the left still hold on the right. */
#include "base/filename.h"

#include "base/str.h"
#include "base/util.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define FALLBACK      "download"
#define EXTENSION_MAX 16 /* with its dot; what is longer is part of the name */

struct span {
    const char *bytes;
    size_t length;
};

static bool is_edge(char c)
{
    return c == '.' || c == ' ';
}

static struct span last_component(struct span s)
{
    while (s.length > 0 && strchr("/\\", s.bytes[s.length - 1]) && s.bytes[s.length - 1])
        s.length--;
    size_t begin = s.length;
    while (begin > 0 && s.bytes[begin - 1] != '/' && s.bytes[begin - 1] != '\\')
        begin--;
    s = (struct span){ s.bytes + begin, s.length - begin };
    while (s.length > 0 && is_edge(s.bytes[s.length - 1]))
        s.length--;
    while (s.length > 0 && is_edge(s.bytes[0])) {
        s.bytes++;
        s.length--;
    }
    return s;
}

/* Appends what fits below `limit`, whole characters only; true if that was all. */
static bool append_clean(char *out, size_t *position, size_t limit, struct span s)
{
    while (s.length > 0) {
        uint32_t code = 0;
        size_t n = str_utf8_next(s.bytes, s.length, &code);
        bool bad = n == 0 || str_is_control(code);
        if (*position + (bad ? 1 : n) > limit)
            return false;
        if (bad)
            out[*position] = '_';
        else
            memcpy(out + *position, s.bytes, n);
        *position += bad ? 1 : n;
        n += n == 0;
        s.bytes += n;
        s.length -= n;
    }
    return true;
}

/* The extension of a name with its dot; empty where there is none, or none that is short. */
static struct span extension(struct span name)
{
    for (size_t n = 1; n < name.length && n <= EXTENSION_MAX; n++)
        if (name.bytes[name.length - n] == '.')
            return (struct span){ name.bytes + name.length - n, n };
    return (struct span){ name.bytes + name.length, 0 };
}

/* Writes the name, cut to FILENAME_SIZE; returns its length. */
static size_t fit(char out[static FILENAME_SIZE], struct span name)
{
    size_t position = 0;
    if (!append_clean(out, &position, FILENAME_SIZE - 1, name)) {
        struct span tail = extension(name);
        name.length -= tail.length;
        position = 0;
        append_clean(out, &position, FILENAME_SIZE - 1 - tail.length, name);
        while (position > 0 && is_edge(out[position - 1]))
            position--;
        append_clean(out, &position, FILENAME_SIZE - 1, tail);
    }
    out[position] = '\0';
    return position;
}

/* The names that Windows keeps for devices, with any extension. */
static bool is_device(const char *name)
{
    static const char *const devices[] = { "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$" };
    size_t length = strcspn(name, ".");
    while (length > 0 && name[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
        if (length == strlen(devices[i]) && strncasecmp(name, devices[i], length) == 0)
            return true;
    return length == 4 && isdigit((unsigned char)name[3]) &&
           (strncasecmp(name, "COM", 3) == 0 || strncasecmp(name, "LPT", 3) == 0);
}

/* False, and `out` as it was, where nothing is left of the name. */
static bool clean(char out[static FILENAME_SIZE], struct span name)
{
    char first[FILENAME_SIZE];
    name = last_component(name);
    if (name.length == 0)
        return false;
    size_t length = fit(first, name);
    if (first[0] == '-')
        first[0] = '_';
    if (is_device(first)) {
        char longer[FILENAME_SIZE + 1] = "_";
        memcpy(longer + 1, first, length);
        length = fit(first, (struct span){ longer, length + 1 });
    }
    memcpy(out, first, length + 1);
    return true;
}

void filename_sanitize(char out[static FILENAME_SIZE], const char *bytes, size_t length)
{
    if (!clean(out, (struct span){ bytes, length }))
        memcpy(out, FALLBACK, sizeof FALLBACK);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Into a buffer of s.length bytes; returns how many it wrote. What is no escape stays as it is. */
static size_t percent_decode(char *out, struct span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.length; i++) {
        int high = i + 2 < s.length && s.bytes[i] == '%' ? hex_digit(s.bytes[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.bytes[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = s.bytes[i];
        }
    }
    return n;
}

void filename_from_url(char out[static FILENAME_SIZE], const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *path = scheme && !memchr(url, '/', (size_t)(scheme - url)) ? scheme + 3 : url;
    path += strcspn(path, "/?#");
    size_t end = strcspn(path, "?#"), begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    _cleanup_free_ char *decoded = malloc(end - begin + 1);
    size_t length = 0;
    if (decoded)
        length = percent_decode(decoded, (struct span){ path + begin, end - begin });
    filename_sanitize(out, decoded ? decoded : "", length);
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

/* One value of a parameter, from *p on: quoted (backslashes taken off) or up to the next ';'. Into
 * `out`, which has room for all of *p; moves *p behind it. */
static size_t parameter_value(const char **p, char *out)
{
    size_t n = 0;
    const char *c = *p;
    if (*c == '"') {
        for (c++; *c && *c != '"'; c++) {
            c += *c == '\\' && c[1];
            out[n++] = *c;
        }
        c += strcspn(c, ";");
    } else {
        n = strcspn(c, ";");
        memcpy(out, c, n);
        c += n;
        while (n > 0 && strchr(" \t", out[n - 1]) && out[n - 1])
            n--;
    }
    *p = c;
    return n;
}

/* charset'language'value of RFC 8187, decoded in place; 0 where it is not that or no UTF-8. */
static size_t extended_value(char *value, size_t length)
{
    static const char prefix[] = "UTF-8'";
    if (length < sizeof prefix || strncasecmp(value, prefix, sizeof prefix - 1) != 0)
        return 0;
    const char *quote = memchr(value + sizeof prefix - 1, '\'', length - (sizeof prefix - 1));
    if (!quote)
        return 0;
    size_t rest = length - (size_t)(quote + 1 - value);
    return percent_decode(value, (struct span){ quote + 1, rest });
}

static bool is_parameter(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

int filename_from_disposition(char out[static FILENAME_SIZE], const char *value)
{
    char plain[FILENAME_SIZE], extended[FILENAME_SIZE];
    bool has_plain = false, has_extended = false;
    _cleanup_free_ char *buffer = malloc(strlen(value) + 1);
    if (!buffer)
        return -1;
    for (const char *p = value; *p;) {
        p = skip_space(p);
        const char *name = p;
        size_t length = strcspn(p, "=; \t");
        p = skip_space(p + length);
        if (*p == '=') {
            p = skip_space(p + 1);
            size_t n = parameter_value(&p, buffer);
            if (!has_plain && is_parameter(name, length, "filename"))
                has_plain = clean(plain, (struct span){ buffer, n });
            else if (!has_extended && is_parameter(name, length, "filename*"))
                has_extended = clean(extended, (struct span){ buffer, extended_value(buffer, n) });
        }
        p += strcspn(p, ";");
        p += *p == ';';
    }
    if (!has_plain && !has_extended)
        return -1;
    memcpy(out, has_extended ? extended : plain, FILENAME_SIZE);
    return 0;
}
