/* SPDX-License-Identifier: MIT */
#include "io/fetch_ftp.h"

#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void fetch_ftp_clear(struct fetch_ftp *ftp)
{
    *ftp = (struct fetch_ftp){ .size = FETCH_UNKNOWN };
}

/* The reply to a login that came in vain says in words which of both it means. */
static bool says_too_many(const char *text, size_t length)
{
    static const char *const words[] = { "too many", "maximum", "limit" };
    for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
        size_t size = strlen(words[w]);
        for (size_t i = 0; i + size <= length; i++)
            if (strncasecmp(text + i, words[w], size) == 0)
                return true;
    }
    return false;
}

void fetch_ftp_line(struct fetch_ftp *ftp, const char *line, size_t length)
{
    uint64_t code, number;
    if (length < 4 || str_to_u64_n(line, 3, &code) < 0 || line[3] != ' ')
        return; /* the last line of a reply is what counts */
    const char *text = line + 4;
    size_t size = length - 4;
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) && text[size - 1])
        size--;
    if (code >= 227 && code <= 229) {
        ftp->passive = true;
        ftp->size = FETCH_UNKNOWN;
    } else if (code == 213 && ftp->passive) {
        ftp->size = str_to_u64_n(text, size, &number) == 0 ? number : FETCH_UNKNOWN;
    } else if (code == 350) {
        ftp->positions = true;
    } else if (code == 421 || (code == 530 && says_too_many(text, size))) {
        ftp->busy = true;
    }
}

void fetch_ftp_modified(struct fetch_head *head, int64_t modified)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct tm at;
    time_t when = (time_t)modified;
    if (modified < 0 || !gmtime_r(&when, &at))
        return;
    snprintf(head->last_modified, sizeof head->last_modified, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[at.tm_wday], at.tm_mday, months[at.tm_mon], at.tm_year + 1900, at.tm_hour,
             at.tm_min, at.tm_sec);
}

bool fetch_ftp_range(const struct fetch_ftp *ftp, uint64_t begin, uint64_t end, int64_t modified,
                     struct fetch_head *head)
{
    if (ftp->size == FETCH_UNKNOWN || (ftp->size > 0 && begin < ftp->size && !ftp->positions))
        return false;
    head->http = true;
    head->total = ftp->size;
    fetch_ftp_modified(head, modified);
    if (begin >= ftp->size) {
        head->status = 416;
        head->length = 0;
        return true;
    }
    head->status = 206;
    head->range = true;
    head->begin = begin;
    head->end = MIN(end, ftp->size);
    head->length = head->end - begin;
    return true;
}
