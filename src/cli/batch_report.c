/* SPDX-License-Identifier: MIT */
#include "cli/batch_report.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FILES_MAX = 16 /* that are shown at a time */ };

static const struct term plain = { .utf8 = true };

void batch_report_init(struct batch_report *ret, const struct get_style *style, size_t count)
{
    *ret = (struct batch_report){ .style = style, .count = count };
    if (style->log_json)
        log_setup(style->quiet ? LOG_ERROR : style->verbose ? LOG_DEBUG : LOG_INFO, true);
    else if (!style->quiet && !style->json)
        ret->progress = progress_new((enum progress_mode)style->progress, style->verbose);
}

/* --- lines that stay ----------------------------------------------------------------------------
 */

/* The file's name is known from the start on. */
static const char *name_of(const struct batch_file *file, const struct ddm_event *event)
{
    return display_name(event->path || !file->last ? event : &file->last->event);
}

struct line {
    const char *name;
    const struct ddm_event *event;
};

static void draw_line(struct text *out, const struct term *term, const void *arg)
{
    const struct line *line = arg;
    const struct ddm_event *event = line->event;
    if (event->type == DDM_EVENT_DONE) {
        display_sentence(out, term, event);
        return;
    }
    if (event->type == DDM_EVENT_NOTICE)
        text_color(out, term, COLOR_YELLOW);
    text_add_clipped(out, term, line->name, 4096);
    text_add(out, ": ");
    if (event->type == DDM_EVENT_NOTICE) {
        text_add_clipped(out, term, event->text, 4096);
        text_color(out, term, COLOR_NONE);
    } else {
        text_add_clipped(out, term, event->source->name, 4096);
        text_add(out, ": ");
        display_source_state(out, term, event->source, 4096);
    }
}

static void tell(struct batch_report *report, const struct batch_file *file,
                 const struct ddm_event *event)
{
    struct line line = { name_of(file, event), event };
    struct text text = { 0 };
    if (event->type == DDM_EVENT_SOURCE && !report->style->verbose)
        return;
    if (report->progress)
        progress_line(report->progress, draw_line, &line);
    if (!report->style->log_json)
        return;
    draw_line(&text, &plain, &line);
    log_line(event->type == DDM_EVENT_NOTICE   ? LOG_WARN
             : event->type == DDM_EVENT_SOURCE ? LOG_DEBUG
                                               : LOG_INFO,
             "get", "%s", text.bytes ? text.bytes : "");
    text_release(&text);
}

/* `name` is put before it, unless it is a URL that is in the message anyway; NULL: none. */
static void tell_error(struct batch_report *report, const char *name, const struct ddm_error *error)
{
    struct ddm_error named;
    if (report->keep) {
        *report->keep = *error;
        return;
    }
    if (name && !(strstr(name, "://") && strstr(error->message, name)))
        error_set(&named, error->code, "%s: %s", name, error->message);
    else
        named = *error;
    if (report->style->log_json) {
        log_error("get", "%s", named.message);
        return;
    }
    if (report->progress)
        progress_clear(report->progress);
    command_error(&named);
}

/* --- events -------------------------------------------------------------------------------------
 */

/* The event as it is, with the number of its download and of its line before the rest. */
static void pass_on(const struct batch_report *report, const struct batch_file *file,
                    const char *line, size_t length)
{
    if (!report->style->json || report->keep || length < 2 || line[0] != '{')
        return;
    printf("{\"file\":%zu,\"line\":%u,%.*s\n", file->index + 1, file->line, (int)(length - 1),
           line + 1);
    fflush(stdout);
}

static void take_error(struct batch_report *report, struct batch_file *file,
                       const struct ddm_event *event)
{
    struct ddm_error error;
    display_error(&error, event);
    file->failed = true;
    /* Who interrupted all is told once, at the end. */
    if (error.code != DDM_E_INTERRUPTED || interrupt_count() == 0)
        tell_error(report, name_of(file, event), &error);
}

void batch_report_line(struct batch_report *report, struct batch_file *file, const char *line,
                       size_t length)
{
    struct event_copy *copy = event_decode(line, length);
    if (!copy)
        return;
    pass_on(report, file, line, length);
    switch (copy->event.type) {
    case DDM_EVENT_ERROR:
        take_error(report, file, &copy->event);
        break;
    case DDM_EVENT_NOTICE:
    case DDM_EVENT_SOURCE:
        tell(report, file, &copy->event);
        break;
    case DDM_EVENT_DONE:
        tell(report, file, &copy->event);
        __attribute__((fallthrough));
    case DDM_EVENT_START:
    case DDM_EVENT_PROGRESS:
        event_copy_free(file->last);
        file->last = TAKE(copy);
        break;
    }
    event_copy_free(copy);
}

void batch_report_failure(struct batch_report *report, struct batch_file *file,
                          const struct request *request, const struct ddm_error *error)
{
    _cleanup_free_ char *shown = str_url_public(request->options.url);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    _cleanup_free_ char *line = event_encode_error(shown, error, now.tv_sec * SEC + now.tv_nsec);
    if (line)
        batch_report_line(report, file, line, strlen(line));
    report->failed++;
}

void batch_report_end(struct batch_report *report, struct batch_file *file,
                      const struct request *request, enum ddm_code code, int number)
{
    struct ddm_error error;
    if (number)
        error_set(&error, DDM_E_FAIL, "its process was ended by signal %d", number);
    else
        error_set(&error, code, "its process ended without a word");
    if (code == DDM_OK)
        report->done++;
    else if (file->failed)
        report->failed++;
    else
        batch_report_failure(report, file, request, &error);
    file->last = event_copy_free(file->last);
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static void draw_frame(struct text *out, const struct term *term, const void *state)
{
    display_batch_frame(out, term, state);
}

static void draw_plain(struct text *out, const struct term *term, const void *state)
{
    display_batch_plain(out, term, state);
}

void batch_report_progress(struct batch_report *report, int64_t now,
                           const struct batch_file *const *files, size_t count)
{
    const struct ddm_event *events[FILES_MAX];
    struct batch_state state = {
        .count = report->count, .done = report->done, .failed = report->failed, .events = events
    };
    if (!report->progress)
        return;
    for (size_t i = 0; i < count && state.running < FILES_MAX; i++)
        if (files[i]->last && files[i]->last->event.path)
            events[state.running++] = &files[i]->last->event;
    progress_show(report->progress, now, draw_frame, draw_plain, &state);
}

enum ddm_code batch_report_finish(struct batch_report *report, enum ddm_code code)
{
    struct ddm_error error;
    if (report->progress)
        progress_clear(report->progress);
    if (code == DDM_OK && report->style->json && ferror(stdout))
        code = (enum ddm_code) -
               error_set(&error, DDM_E_DISK, "standard output: not all events could be written");
    else if (code == DDM_E_INTERRUPTED && interrupt_count() > 0)
        error_set(&error, code,
                  "interrupted: %zu of %zu files are done; the same command goes on from there",
                  report->done, report->count);
    else if (code != DDM_OK)
        error_set(&error, code, "%zu of %zu downloads failed", report->failed, report->count);
    if (code != DDM_OK && !report->keep)
        tell_error(report, NULL, &error);
    report->progress = progress_free(report->progress);
    return code;
}
