/* SPDX-License-Identifier: MIT */
/* Log lines of the daemons, to standard error. Only programs decide what to log; the library of a
 * download reports through events instead. Text: `12:00:01 info peer: message`; JSON: one object a
 * line with time, level, object and message. The object says what a line is about. */
#ifndef DDM_BASE_LOG_H
#define DDM_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Once, at the start of the program. The default is text and LOG_INFO. */
void log_setup(enum log_level level, bool json);

bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG))                                                                \
            log_line(LOG_DEBUG, __VA_ARGS__);                                                      \
    } while (0)

#endif
