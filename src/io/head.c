/* SPDX-License-Identifier: MIT */
#include "io/head.h"

#include "base/str.h"
#include "base/util.h"
#include "io/digest.h"
#include "io/head_digest.h"
#include "io/http_date.h"
#include "io/link.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_MAX 3600 /* s: as long as anybody should wait */
#define BROKEN_LINKS    16   /* of one header; the rest of it is not looked at then */

struct span {
    const char *text;
    size_t length;
};

static struct span trim(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) && text[length - 1])
        length--;
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    return (struct span){ text, length };
}

static bool span_is(struct span s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.text, word, s.length) == 0;
}

static bool span_begins(struct span s, const char *word)
{
    return s.length >= strlen(word) && strncasecmp(s.text, word, strlen(word)) == 0;
}

/* Copies a value that fits and has no control bytes. */
static bool keep(char *out, size_t size, struct span value)
{
    out[0] = '\0';
    if (value.length >= size)
        return false;
    for (size_t i = 0; i < value.length; i++)
        if ((unsigned char)value.text[i] < 0x20 || value.text[i] == 0x7f)
            return false;
    memcpy(out, value.text, value.length);
    out[value.length] = '\0';
    return true;
}

/* A validator that cannot be kept must still tell versions apart: its digest stands for it. */
static void keep_validator(char *out, size_t size, struct span value)
{
    char hex[41];
    if (keep(out, size, value) || digest_once("sha-256", value.text, value.length, hex, sizeof hex))
        return;
    snprintf(out, size, "%s\"%s\"", span_begins(value, "W/") ? "W/" : "", hex);
}

void fetch_head_clear(struct fetch_head *head)
{
    *head = (struct fetch_head){ .length = FETCH_UNKNOWN, .total = FETCH_UNKNOWN };
}

/* "bytes 0-99/1234", "bytes * /1234" (RFC 9110, 14.4). A total of "*" is no range to us. */
static void parse_content_range(struct fetch_head *head, struct span value)
{
    struct fetch_head was = *head;
    bool seen = was.range || was.total != FETCH_UNKNOWN;
    head->range = false;
    head->begin = head->end = 0;
    head->total = FETCH_UNKNOWN;
    if (!span_begins(value, "bytes "))
        return;
    struct span rest = trim(value.text + 6, value.length - 6);
    const char *slash = memchr(rest.text, '/', rest.length);
    if (!slash)
        return;
    size_t before = (size_t)(slash - rest.text);
    uint64_t first, last, total;
    if (str_to_u64_n(slash + 1, rest.length - before - 1, &total) < 0 || total == FETCH_UNKNOWN)
        return;
    if (before == 1 && *rest.text == '*') {
        head->total = total;
        return;
    }
    const char *dash = memchr(rest.text, '-', before);
    if (!dash)
        return;
    size_t width = (size_t)(dash - rest.text);
    if (str_to_u64_n(rest.text, width, &first) < 0 ||
        str_to_u64_n(dash + 1, before - width - 1, &last) < 0 || first > last || last >= total)
        return;
    if (seen && (!was.range || was.begin != first || was.end != last + 1 || was.total != total))
        return; /* two that differ: trust neither */
    head->range = true;
    head->begin = first;
    head->end = last + 1;
    head->total = total;
}

static void parse_status_line(struct fetch_head *head, struct span line)
{
    fetch_head_clear(head);
    head->http = true;
    const char *space = memchr(line.text, ' ', line.length);
    uint64_t status;
    size_t after = space ? line.length - (size_t)(space - line.text) - 1 : 0;
    if (after >= 3 && str_to_u64_n(space + 1, 3, &status) == 0)
        head->status = (long)status;
}

/* 1..8; two that differ are none. */
static void parse_uplinks(struct fetch_head *head, struct span value)
{
    uint64_t number;
    bool ok = str_to_u64_n(value.text, value.length, &number) == 0 && number >= 1 &&
              number <= DDM_INTERFACES_MAX && (head->uplinks == 0 || head->uplinks == number);
    head->uplinks = ok ? (unsigned)number : 0;
}

/* Several headers are one list (RFC 9110, 5.3). What is not closed could swallow the next link. */
static void gather_links(struct fetch_head *head, struct span value)
{
    unsigned broken = 0;
    while (value.length > 0 && broken < BROKEN_LINKS) {
        bool closed;
        size_t n = link_length(value.text, value.length, &closed);
        struct span link = trim(value.text, n);
        size_t used = strlen(head->links), comma = used > 0;
        char *out = head->links + used;
        if (closed && link.length > 0 && used + comma < sizeof head->links &&
            keep(out + comma, sizeof head->links - used - comma, link) && comma)
            *out = ',';
        broken += !closed;
        n += n < value.length;
        value.text += n;
        value.length -= n;
    }
}

static void parse_retry_after(struct fetch_head *head, struct span value)
{
    uint64_t seconds;
    if (str_to_u64_n(value.text, value.length, &seconds) == 0) {
        head->retry_after = (int64_t)MIN(seconds, (uint64_t)RETRY_AFTER_MAX) * SEC;
        head->retry_at = 0;
    } else {
        head->retry_at = http_date_parse(value.text, value.length);
        fetch_head_at(head, 0);
    }
}

void fetch_head_at(struct fetch_head *head, int64_t now)
{
    int64_t from = head->date ? head->date : now;
    if (head->retry_at && from)
        head->retry_after =
            MAX(MIN(head->retry_at - from, (int64_t)RETRY_AFTER_MAX), (int64_t)0) * SEC;
}

void fetch_head_line(struct fetch_head *head, const char *line, size_t length)
{
    struct span all = trim(line, length);
    if (span_begins(all, "HTTP/")) {
        parse_status_line(head, all);
        return;
    }
    const char *colon = memchr(all.text, ':', all.length);
    if (!colon)
        return;
    size_t width = (size_t)(colon - all.text);
    struct span name = { all.text, width };
    struct span value = trim(colon + 1, all.length - width - 1);
    uint64_t number;
    if (span_is(name, "Content-Range")) {
        parse_content_range(head, value);
    } else if (span_is(name, "Content-Length")) {
        bool ok = str_to_u64_n(value.text, value.length, &number) == 0 &&
                  (head->length == FETCH_UNKNOWN || head->length == number) && !head->chunked;
        head->length = ok ? number : FETCH_UNKNOWN;
    } else if (span_is(name, "Transfer-Encoding")) {
        head->chunked = true; /* the length does not count then (RFC 9112, 6.3) */
        head->length = FETCH_UNKNOWN;
    } else if (span_is(name, "ETag")) {
        keep_validator(head->etag, sizeof head->etag, value);
    } else if (span_is(name, "Last-Modified")) {
        keep_validator(head->last_modified, sizeof head->last_modified, value);
    } else if (span_is(name, "Content-Disposition")) {
        keep(head->disposition, sizeof head->disposition, value);
    } else if (span_is(name, "Content-Encoding")) {
        head->encoded |= value.length > 0 && !span_is(value, "identity");
    } else if (span_is(name, "Content-Type")) {
        head->multipart = span_begins(value, "multipart/byteranges");
    } else if (span_is(name, "DDM-Uplinks")) {
        parse_uplinks(head, value);
    } else if (span_is(name, "DDM-Held")) {
        keep(head->held, sizeof head->held, value);
    } else if (span_is(name, "DDM-Others")) {
        head->tells_others = str_to_u64_n(value.text, value.length, &head->others) == 0;
    } else if (span_is(name, "DDM-Rate")) {
        str_to_u64_n(value.text, value.length, &head->uplink_rate);
    } else if (span_is(name, "Retry-After")) {
        parse_retry_after(head, value);
    } else if (span_is(name, "Date")) {
        head->date = http_date_parse(value.text, value.length);
        fetch_head_at(head, 0);
    } else if (span_is(name, "Link")) {
        gather_links(head, value);
    } else {
        head_digest_line(head, name.text, name.length, value.text, value.length);
    }
}

bool fetch_is_strong(const char *etag)
{
    return etag[0] && strncmp(etag, "W/", 2) != 0;
}

bool fetch_same_version(const char *etag_a, const char *modified_a, const char *etag_b,
                        const char *modified_b)
{
    if (fetch_is_strong(etag_a) && fetch_is_strong(etag_b))
        return strcmp(etag_a, etag_b) == 0;
    if (modified_a[0] && modified_b[0])
        return strcmp(modified_a, modified_b) == 0;
    if (etag_a[0] && etag_b[0])
        return strcmp(etag_a, etag_b) == 0;
    return !etag_a[0] && !etag_b[0] && !modified_a[0] && !modified_b[0];
}
