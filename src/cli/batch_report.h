/* SPDX-License-Identifier: MIT */
/* What people and programs see of a batch: the events of all its downloads in one place. */
#ifndef DDM_CLI_BATCH_REPORT_H
#define DDM_CLI_BATCH_REPORT_H

#include "cli/events.h"
#include "cli/get_one.h"

#include <stddef.h>

struct progress;

/* One download of the batch. */
struct batch_file {
    size_t index;
    unsigned line;
    struct event_copy *last; /* START, PROGRESS or DONE; NULL: none yet */
    bool failed;             /* its error was told */
};

struct batch_report {
    const struct get_style *style;
    struct progress *progress; /* NULL: errors only, or log lines, or JSON */
    size_t count, done, failed;
    struct ddm_error *keep; /* errors go there and are not printed; NULL: they are */
};

void batch_report_init(struct batch_report *ret, const struct get_style *style, size_t count);

/* One event as the child wrote it, without its newline. What is none is left out. */
void batch_report_line(struct batch_report *report, struct batch_file *file, const char *line,
                       size_t length);

/* The child ended, with this code; `number`: by this signal, or 0. */
void batch_report_end(struct batch_report *report, struct batch_file *file,
                      const struct request *request, enum ddm_code code, int number);

/* There was no child. */
void batch_report_failure(struct batch_report *report, struct batch_file *file,
                          const struct request *request, const struct ddm_error *error);

/* Those that run; `now` in ns since the start. */
void batch_report_progress(struct batch_report *report, int64_t now,
                           const struct batch_file *const *files, size_t count);

/* The last line, where something went wrong. Returns `code`, or what went wrong at the end. */
enum ddm_code batch_report_finish(struct batch_report *report, enum ddm_code code);

#endif
