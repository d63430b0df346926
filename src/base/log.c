/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static enum log_level log_max = LOG_INFO;
static bool log_json;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_setup(enum log_level level, bool json)
{
    log_max = level;
    log_json = json;
}

bool log_enabled(enum log_level level)
{
    return level <= log_max;
}

void log_line(enum log_level level, const char *object, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char raw[1024], text[2 * sizeof raw];
    va_list ap;
    va_start(ap, format);
    vsnprintf(raw, sizeof raw, format, ap);
    va_end(ap);

    struct timespec now;
    struct tm tm;
    char stamp[40];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    if (log_json) {
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", &tm);
        str_json_escape(text, sizeof text, raw);
        fprintf(stderr, "{\"time\":\"%s\",\"level\":\"%s\",\"object\":\"%s\",\"message\":\"%s\"}\n",
                stamp, level_names[level], object, text);
    } else {
        strftime(stamp, sizeof stamp, "%H:%M:%S", &tm);
        str_printable(text, sizeof text, raw);
        fprintf(stderr, "%s %s %s: %s\n", stamp, level_names[level], object, text);
    }
}
