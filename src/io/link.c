/* SPDX-License-Identifier: MIT */
#include "io/link.h"

#include "base/str.h"
#include "base/util.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define PRIORITY_LAST 999999

struct span {
    const char *text;
    size_t length;
};

/* One link that is read from its front on. */
struct reader {
    const char *p, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

size_t link_length(const char *text, size_t length, bool *ret_closed)
{
    char within = 0; /* what closes it: '>' or '"' */
    size_t i = 0;
    for (; i < length && (within || text[i] != ','); i++) {
        if (within == '>' && text[i] == '<')
            break; /* no URL has one */
        if (within == '"' && text[i] == '\\')
            i++;
        else if (within)
            within = text[i] == within ? 0 : within;
        else if (text[i] == '<' || text[i] == '"')
            within = text[i] == '<' ? '>' : '"';
    }
    if (ret_closed)
        *ret_closed = !within;
    if (!within)
        return MIN(i, length);
    for (i = 0; i < length; i++) {
        size_t next = i + 1;
        while (text[i] == ',' && next < length && is_space(text[next]))
            next++;
        if (text[i] == ',' && next < length && text[next] == '<')
            return i;
    }
    return length;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && is_space(*r->p))
        r->p++;
}

static bool skip(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    skip_space(r);
    return true;
}

/* Up to one of `ends`. */
static struct span until(struct reader *r, const char *ends)
{
    const char *begin = r->p;
    while (r->p < r->end && !(*r->p && strchr(ends, *r->p)))
        r->p++;
    return (struct span){ begin, (size_t)(r->p - begin) };
}

/* A token or a quoted string (RFC 9110, 5.6.4), cut to `size`; false if it was cut. */
static bool value(struct reader *r, char *out, size_t size)
{
    size_t n = 0;
    bool quoted = r->p < r->end && *r->p == '"', fits = true;
    r->p += quoted;
    while (r->p < r->end && (quoted ? *r->p != '"' : *r->p != ';' && !is_space(*r->p))) {
        r->p += quoted && *r->p == '\\' && r->p + 1 < r->end;
        fits = n + 1 < size;
        if (fits)
            out[n++] = *r->p;
        r->p++;
    }
    out[n] = '\0';
    if (quoted)
        until(r, ";");
    return fits;
}

static bool is(struct span s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.text, word, s.length) == 0;
}

static void take_relation(struct link *link, const char *list)
{
    static const char *const wanted[] = { "duplicate", "describedby" };
    while (*list) {
        struct span word = { list, strcspn(list, " \t") };
        for (size_t i = 0; i < ARRAY_SIZE(wanted) && !link->relation[0]; i++)
            if (is(word, wanted[i]))
                str_copy(link->relation, sizeof link->relation, wanted[i]);
        list += word.length;
        list += strspn(list, " \t");
    }
}

static void take_priority(struct link *link, const char *text)
{
    uint64_t number;
    if (str_to_u64(text, &number) == 0 && number >= 1 && number <= PRIORITY_LAST)
        link->priority = (unsigned)number;
}

/* What was said before: of parameters that come twice the first one counts (RFC 8288, 3.3). */
struct seen {
    bool relation, type, priority, anchor;
};

static bool first(bool *seen)
{
    bool was = *seen;
    *seen = true;
    return !was;
}

static void take_parameter(struct link *link, struct seen *seen, struct span name, const char *text)
{
    if (is(name, "rel") && first(&seen->relation)) {
        take_relation(link, text);
    } else if (is(name, "pri") && first(&seen->priority)) {
        take_priority(link, text);
    } else if (is(name, "type") && first(&seen->type)) {
        str_copy(link->type, sizeof link->type, text);
        for (char *c = link->type; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    } else if (is(name, "anchor")) {
        seen->anchor = true;
    }
}

static bool take_url(struct link *link, struct reader *r)
{
    if (!skip(r, '<'))
        return false;
    struct span url = until(r, ">");
    if (r->p == r->end || url.length == 0 || url.length >= sizeof link->url)
        return false;
    for (size_t i = 0; i < url.length; i++)
        if ((unsigned char)url.text[i] <= ' ' || url.text[i] == 0x7f)
            return false;
    memcpy(link->url, url.text, url.length);
    link->url[url.length] = '\0';
    r->p++;
    return true;
}

static bool parse(struct link *link, struct span text)
{
    struct reader r = { text.text, text.text + text.length };
    struct seen seen = { 0 };
    char buffer[512];
    *link = (struct link){ .priority = PRIORITY_LAST };
    if (!take_url(link, &r))
        return false;
    while (skip(&r, ';')) {
        struct span name = until(&r, "=; \t");
        bool has_value = skip(&r, '=');
        buffer[0] = '\0';
        if (has_value)
            value(&r, buffer, sizeof buffer);
        take_parameter(link, &seen, name, buffer);
        until(&r, ";"); /* whatever else stands there */
    }
    return link->relation[0] && !seen.anchor;
}

bool link_next(const char **cursor, struct link *ret)
{
    while (**cursor) {
        size_t rest = strlen(*cursor);
        struct span text = { *cursor, link_length(*cursor, rest, NULL) };
        struct link link;
        *cursor += text.length + (text.length < rest);
        if (parse(&link, text)) {
            *ret = link;
            return true;
        }
    }
    return false;
}
