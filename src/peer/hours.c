/* SPDX-License-Identifier: MIT */
#include "peer/hours.h"

#include "base/error.h"

#include <string.h>

/* "06:30" or "6:30", up to 24:00. */
static bool read_time(const char **text, unsigned *ret)
{
    unsigned part[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        size_t digits = strspn(*text, "0123456789");
        if (digits == 0 || digits > 2 || (i == 1 && digits != 2))
            return false;
        for (; digits > 0; digits--, ++*text)
            part[i] = part[i] * 10 + (unsigned)(**text - '0');
        if (i == 0 && *(*text)++ != ':')
            return false;
    }
    *ret = part[0] * 60 + part[1];
    return part[1] < 60 && *ret <= HOURS_DAY;
}

int hours_parse(struct hours *ret, const char *text, struct ddm_error *err)
{
    struct hours h = { .count = 0 };
    for (const char *at = text; at && *at; at += *at == ',') {
        const char *part = at;
        unsigned begin, end;
        if (h.count == HOURS_SPANS)
            return error_set(err, DDM_E_USAGE, "more than %d spans of hours", HOURS_SPANS);
        if (!read_time(&at, &begin) || *at++ != '-' || !read_time(&at, &end) ||
            (*at && (*at != ',' || !at[1])) || begin == HOURS_DAY || begin == end)
            return error_set(err, DDM_E_USAGE, "'%.40s' are no hours (such as 22:00-06:00)", part);
        h.spans[h.count].begin = begin;
        h.spans[h.count++].end = end % HOURS_DAY;
    }
    *ret = h;
    return 0;
}

bool hours_contain(const struct hours *hours, unsigned minute)
{
    for (unsigned i = 0; i < hours->count; i++) {
        unsigned begin = hours->spans[i].begin, end = hours->spans[i].end;
        bool after = minute >= begin, before = minute < end;
        if (begin < end ? after && before : after || before)
            return true;
    }
    return hours->count == 0;
}

unsigned hours_until(const struct hours *hours, unsigned minute)
{
    unsigned n = 0;
    while (n < HOURS_DAY && !hours_contain(hours, (minute + n) % HOURS_DAY))
        n++;
    return n;
}
