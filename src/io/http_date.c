/* SPDX-License-Identifier: MIT */
#include "io/http_date.h"

#include "base/util.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct date {
    int year, month, day, hour, minute, second; /* month: 0 to 11 */
};

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const days[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                    "Friday", "Saturday", "Sunday" };

/* What is still to be read of a text that ends with NUL. */
struct reader {
    const char *p;
    bool ok;
};

static void expect(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    r->ok = r->ok && strncasecmp(r->p, word, n) == 0;
    if (r->ok)
        r->p += n;
}

static int number(struct reader *r, int digits)
{
    int value = 0;
    for (int i = 0; i < digits && r->ok; i++) {
        r->ok = isdigit((unsigned char)*r->p) != 0;
        if (r->ok)
            value = value * 10 + (*r->p++ - '0');
    }
    return value;
}

static int month(struct reader *r)
{
    for (int i = 0; i < (int)ARRAY_SIZE(months) && r->ok; i++)
        if (strncasecmp(r->p, months[i], 3) == 0) {
            r->p += 3;
            return i;
        }
    r->ok = false;
    return 0;
}

/* Its whole name goes before the three letters that it begins with. */
static void day_name(struct reader *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(days); i++) {
        size_t n = strlen(days[i]);
        bool whole = strncasecmp(r->p, days[i], n) == 0;
        if (whole || strncasecmp(r->p, days[i], 3) == 0) {
            r->p += whole ? n : 3;
            return;
        }
    }
    r->ok = false;
}

static void time_of_day(struct reader *r, struct date *d)
{
    d->hour = number(r, 2);
    expect(r, ":");
    d->minute = number(r, 2);
    expect(r, ":");
    d->second = number(r, 2);
}

/* "06 Nov 1994 08:49:37 GMT", "06-Nov-94 08:49:37 GMT" */
static void after_comma(struct reader *r, struct date *d)
{
    d->day = number(r, 2);
    bool old = *r->p == '-';
    expect(r, old ? "-" : " ");
    d->month = month(r);
    expect(r, old ? "-" : " ");
    d->year = number(r, 2);
    if (isdigit((unsigned char)*r->p))
        d->year = d->year * 100 + number(r, 2);
    else
        d->year += d->year < 70 ? 2000 : 1900;
    expect(r, " ");
    time_of_day(r, d);
    expect(r, " ");
    expect(r, *r->p == 'U' ? "UTC" : "GMT");
}

/* "Nov  6 08:49:37 1994" */
static void as_asctime(struct reader *r, struct date *d)
{
    d->month = month(r);
    expect(r, " ");
    bool one = *r->p == ' ';
    expect(r, one ? " " : "");
    d->day = number(r, one ? 1 : 2);
    expect(r, " ");
    time_of_day(r, d);
    expect(r, " ");
    d->year = number(r, 4);
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_valid(const struct date *d)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int length = lengths[d->month] + (d->month == 1 && is_leap(d->year));
    return d->year >= 1970 && d->day >= 1 && d->day <= length && d->hour < 24 && d->minute < 60 &&
           d->second <= 60; /* a leap second is one */
}

static int64_t since_epoch(const struct date *d)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    int past = d->year - 1; /* the last year that is over */
    int64_t leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    int64_t count = (int64_t)(d->year - 1970) * 365 + leaps + before[d->month] + d->day - 1 +
                    (d->month > 1 && is_leap(d->year));
    return ((count * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

int64_t http_date_parse(const char *text, size_t length)
{
    char copy[64];
    struct date d = { 0 };
    if (length >= sizeof copy)
        return 0;
    memcpy(copy, text, length);
    copy[length] = '\0';
    struct reader r = { .p = copy, .ok = true };
    day_name(&r);
    if (*r.p == ',') {
        expect(&r, ", ");
        after_comma(&r, &d);
    } else {
        expect(&r, " ");
        as_asctime(&r, &d);
    }
    return r.ok && r.p == copy + length && is_valid(&d) ? since_epoch(&d) : 0;
}
