/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int str_to_u64_n(const char *text, size_t length, uint64_t *ret)
{
    uint64_t value = 0;
    if (length == 0)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return -1;
    }
    *ret = value;
    return 0;
}

int str_to_u64(const char *text, uint64_t *ret)
{
    return str_to_u64_n(text, strlen(text), ret);
}

/* Digits, then a unit out of a table; the product in *ret. The first name of a unit is tried first;
 * an empty name stands for no unit. */
struct unit {
    const char *name;
    uint64_t factor;
};

static int number_with_unit(const char *text, const struct unit *units, size_t count, bool fold,
                            uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t value;
    if (str_to_u64_n(text, digits, &value) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *rest = text + digits;
        if ((fold ? strcasecmp(rest, units[i].name) : strcmp(rest, units[i].name)) != 0)
            continue;
        if (__builtin_mul_overflow(value, units[i].factor, &value))
            return -1;
        *ret = value;
        return 0;
    }
    return -1;
}

int str_to_size(const char *text, uint64_t *ret)
{
    static const struct unit units[] = {
        { "", 1 },
        { "k", KIB },
        { "kb", KIB },
        { "kib", KIB },
        { "m", MIB },
        { "mb", MIB },
        { "mib", MIB },
        { "g", GIB },
        { "gb", GIB },
        { "gib", GIB },
        { "t", 1024 * GIB },
        { "tb", 1024 * GIB },
        { "tib", 1024 * GIB },
    };
    return number_with_unit(text, units, ARRAY_SIZE(units), true, ret);
}

int str_to_duration(const char *text, int64_t *ret)
{
    static const struct unit units[] = {
        { "", SEC },       { "ms", MSEC },      { "s", SEC },
        { "m", 60 * SEC }, { "h", 3600 * SEC }, { "d", 24 * 3600 * SEC },
    };
    uint64_t ns;
    if (number_with_unit(text, units, ARRAY_SIZE(units), false, &ns) < 0 || ns > INT64_MAX)
        return -1;
    *ret = (int64_t)ns;
    return 0;
}

char *str_bytes(char *buf, size_t size, uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    if (bytes < KIB) {
        snprintf(buf, size, "%u B", (unsigned)bytes);
        return buf;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    /* What would be rounded to 1024 is 1.0 of the next unit. */
    for (; value >= 1023.5 && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1024;
    snprintf(buf, size, "%.*f %s", value < 99.95 ? 1 : 0, value, units[unit]);
    return buf;
}

char *str_duration(char *buf, size_t size, int64_t ns)
{
    double seconds = ns > 0 ? (double)ns / (double)SEC : 0;
    uint64_t whole = (uint64_t)(seconds + 0.5);
    if (seconds < 9.995)
        snprintf(buf, size, "%.2f s", seconds);
    else if (seconds < 59.95)
        snprintf(buf, size, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(buf, size, "%u:%02u", (unsigned)(whole / 60), (unsigned)(whole % 60));
    else
        snprintf(buf, size, "%llu:%02u:%02u", (unsigned long long)(whole / 3600),
                 (unsigned)(whole / 60 % 60), (unsigned)(whole % 60));
    return buf;
}

size_t str_utf8_next(const char *bytes, size_t length, uint32_t *ret_code)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (length == 0)
        return 0;
    const unsigned char *b = (const unsigned char *)bytes;
    size_t n = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > length)
        return 0;
    uint32_t code = n == 1 ? b[0] : b[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (b[i] & 0x3fu);
    }
    if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (ret_code)
        *ret_code = code;
    return n;
}

bool str_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Copies text character by character through `map`, which writes what a valid one becomes (at most
 * 7 bytes with NUL) and returns its length; what is not UTF-8 becomes '?'. */
static char *copy_mapped(char *out, size_t size, const char *text,
                         size_t (*map)(char piece[static 8], const char *bytes, size_t length,
                                       uint32_t code))
{
    size_t position = 0, left = strlen(text);
    if (size == 0)
        return out;
    while (left > 0) {
        char piece[8] = "?";
        uint32_t code = 0;
        size_t n = str_utf8_next(text, left, &code);
        size_t length = n > 0 ? map(piece, text, n, code) : 1;
        if (length >= size - position)
            break;
        memcpy(out + position, piece, length);
        position += length;
        n += n == 0;
        text += n;
        left -= n;
    }
    out[position] = '\0';
    return out;
}

static size_t map_json(char piece[static 8], const char *bytes, size_t length, uint32_t code)
{
    if (code < 0x20)
        return (size_t)snprintf(piece, 8, "\\u%04x", (unsigned)code);
    if (code == '"' || code == '\\')
        return (size_t)snprintf(piece, 8, "\\%c", (char)code);
    memcpy(piece, bytes, length);
    return length;
}

static size_t map_printable(char piece[static 8], const char *bytes, size_t length, uint32_t code)
{
    if (str_is_control(code))
        return 1; /* the '?' that is there */
    memcpy(piece, bytes, length);
    return length;
}

char *str_json_escape(char *out, size_t size, const char *text)
{
    return copy_mapped(out, size, text, map_json);
}

char *str_printable(char *out, size_t size, const char *text)
{
    return copy_mapped(out, size, text, map_printable);
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

char *str_format(const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

bool str_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (size == 0)
        return false;
    size_t n = MIN(length, size - 1);
    memcpy(out, text, n);
    out[n] = '\0';
    return n == length;
}

char *str_url_public(const char *url)
{
    const char *colon = strstr(url, "://");
    const char *authority = colon ? colon + 3 : url;
    authority += strspn(authority, "/\\");
    size_t user = strcspn(authority, "/?#"); /* up to the last '@' of the authority */
    while (user > 0 && authority[user - 1] != '@')
        user--;
    return str_format("%.*s%s", (int)(authority - url), url, authority + user);
}

char *str_url_brief(const char *url)
{
    char *text = str_url_public(url);
    size_t path = text ? strcspn(text, "?#") : 0;
    if (!text || text[path] != '?') {
        if (text)
            text[path] = '\0';
        return text;
    }
    char *brief = str_format("%.*s?…", (int)path, text);
    free(text);
    return brief;
}
