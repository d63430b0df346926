/* SPDX-License-Identifier: MIT */
#include "cli/get_one.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/events.h"
#include "cli/interrupt.h"
#include "cli/on_complete.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* JSON: time between two progress events. */
#define JSON_INTERVAL (250 * MSEC)

/* Where the events of a download go. */
struct report {
    struct progress *progress; /* for people; NULL: nothing but errors */
    bool log;                  /* as log lines in JSON, instead */
    bool json;                 /* for programs, on standard output */
    int64_t json_shown;        /* when the last progress event was written, since the start */
    struct ddm_error error;    /* and what is left of the download */
    char *path, *url;          /* DONE: what was loaded; NULL where it was there already */
    uint64_t size;
};

static int64_t wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SEC + now.tv_nsec;
}

/* Takes a malloc'ed line. */
static void print_json(char *line)
{
    if (line) {
        puts(line);
        fflush(stdout);
    }
    free(line);
}

static void log_event(const struct ddm_event *event)
{
    static const struct term plain = { .utf8 = true };
    struct text sentence = { 0 };
    if (event->type == DDM_EVENT_NOTICE) {
        log_warn("get", "%s", event->text);
    } else if (event->type == DDM_EVENT_SOURCE) {
        log_debug("get", "%s: %s%s%s", event->source->name,
                  ddm_source_state_name(event->source->state), event->source->why ? ": " : "",
                  event->source->why ? event->source->why : "");
    } else if (event->type == DDM_EVENT_DONE) {
        display_sentence(&sentence, &plain, event);
        log_info("get", "%s", sentence.bytes);
        text_release(&sentence);
    } else if (event->type == DDM_EVENT_ERROR) {
        log_error("get", "%s", event->error->message);
    }
}

static void on_event(void *arg, const struct ddm_event *event)
{
    struct report *report = arg;
    if (report->progress)
        progress_event(report->progress, event);
    if (report->log)
        log_event(event);
    if (event->type == DDM_EVENT_ERROR)
        display_error(&report->error, event);
    if (event->type == DDM_EVENT_DONE && !event->already) {
        report->path = strdup(event->path ? event->path : "");
        report->url = strdup(event->url ? event->url : "");
        report->size = event->done;
    }
    if (!report->json)
        return;
    if (event->type == DDM_EVENT_PROGRESS) {
        if (event->elapsed < report->json_shown + JSON_INTERVAL)
            return;
        report->json_shown = event->elapsed;
    }
    print_json(event_encode(event, wall_time()));
}

static void report_init(struct report *report, const struct request *request,
                        const struct get_style *style)
{
    enum progress_mode mode = (enum progress_mode)style->progress;
    const char *output = request->options.output;
    *report = (struct report){ .log = style->log_json, .json = style->json };
    if (report->log)
        log_setup(style->quiet ? LOG_ERROR : style->verbose ? LOG_DEBUG : LOG_INFO, true);
    /* The bytes of the file go to the same terminal. */
    if (mode == PROGRESS_AUTO && output && strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
        mode = PROGRESS_NONE;
    if (!style->quiet && !report->log && !report->json)
        report->progress = progress_new(mode, style->verbose);
}

static void report_release(struct report *report)
{
    progress_free(report->progress);
    free(report->path);
    free(report->url);
}

/* An error that is no event of the library. */
static void report_error(struct report *report, const char *url)
{
    _cleanup_free_ char *shown = str_url_public(url);
    if (report->json)
        print_json(event_encode_error(shown, &report->error, wall_time()));
    if (report->log)
        log_error("get", "%s", report->error.message);
}

static enum ddm_code download(const struct request *request, struct report *report)
{
    struct ddm_download *download = NULL;
    enum ddm_code code =
        ddm_download_new(&download, &request->options, on_event, report, &report->error);
    if (code != DDM_OK) {
        report_error(report, request->options.url);
        return code;
    }
    interrupt_ends(download);
    code = ddm_download_run(download);
    interrupt_ends(NULL);
    ddm_download_free(download);
    return code;
}

static enum ddm_code run_command(const struct request *request, const struct get_style *style,
                                 struct report *report)
{
    bool to_pipe = report->path && strcmp(report->path, "-") == 0;
    if (!request->on_complete || !report->path || !report->url)
        return DDM_OK;
    int r = on_complete_run(request->on_complete, report->path, report->url, report->size,
                            to_pipe ? STDERR_FILENO : style->output, &report->error);
    if (r == 0)
        return DDM_OK;
    report_error(report, request->options.url);
    return report->error.code;
}

void get_style_init(struct get_style *ret, const struct options *options)
{
    bool json = options_bool(options, OPTION_JSON);
    *ret = (struct get_style){
        .quiet = options_bool(options, OPTION_QUIET),
        .verbose = options_bool(options, OPTION_VERBOSE),
        .json = json,
        .log_json = options_number(options, OPTION_LOG_FORMAT) == 1,
        .progress = (int)options_number(options, OPTION_PROGRESS),
        .output = json ? STDERR_FILENO : STDOUT_FILENO,
    };
}

enum ddm_code get_one(const struct request *request, const struct get_style *style)
{
    struct report report;
    report_init(&report, request, style);
    enum ddm_code code = download(request, &report);
    if (code == DDM_OK)
        code = run_command(request, style, &report);
    if (code == DDM_OK && report.json && ferror(stdout))
        code = (enum ddm_code) - error_set(&report.error, DDM_E_DISK,
                                           "standard output: not all events could be written");
    if (code != DDM_OK && !report.log && !style->silent)
        command_error(&report.error);
    report_release(&report);
    return code;
}
