/* SPDX-License-Identifier: MIT */
/* `ddm get`: the options become a ddm_options, the events become a bar or JSON lines, the code of
 * the library becomes the exit status. Uses nothing but the public library. */
#include "cli/command.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/display.h"
#include "cli/events.h"
#include "cli/progress.h"
#include "ddm/ddm.h"

#include <signal.h>
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

/* The error as one line, with what is left. */
static void keep_error(struct ddm_error *ret, const struct ddm_event *event)
{
    char done[32], size[32];
    str_bytes(done, sizeof done, event->done);
    str_bytes(size, sizeof size, event->size);
    if (!event->part)
        *ret = *event->error;
    else if (event->size == DDM_SIZE_UNKNOWN)
        error_set(ret, event->error->code, "%s (%s stay in %s)", event->error->message, done,
                  event->part);
    else
        error_set(ret, event->error->code, "%s (%s of %s stay in %s)", event->error->message, done,
                  size, event->part);
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
        keep_error(&report->error, event);
    if (!report->json)
        return;
    if (event->type == DDM_EVENT_PROGRESS) {
        if (event->elapsed < report->json_shown + JSON_INTERVAL)
            return;
        report->json_shown = event->elapsed;
    }
    print_json(event_encode(event, wall_time()));
}

/* The first signal ends the download in good order, the second one at once. */
static struct ddm_download *volatile running;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    if (interrupted)
        _exit(DDM_E_INTERRUPTED);
    interrupted = 1;
    if (running)
        ddm_download_cancel(running);
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct sigaction old, action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        /* What the caller ignores (nohup) stays ignored. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue;
        sigaction(numbers[i], &action, NULL);
    }
}

static int check(const struct options *options, struct ddm_error *err)
{
    const char *output = options_text(options, OPTION_OUTPUT);
    if (options->operand_count == 0)
        return error_set(err, DDM_E_USAGE, "which URL? see 'ddm help get'");
    if (options->operand_count > 1)
        return error_set(err, DDM_E_USAGE, "one URL at a time: '%s' is too much",
                         options->operands[1]);
    if (output && strcmp(output, "-") == 0 && options_bool(options, OPTION_JSON))
        return error_set(err, DDM_E_USAGE,
                         "--json and -o - both want standard output: choose one of them");
    return 0;
}

static struct progress *make_progress(const struct options *options)
{
    enum progress_mode mode = (enum progress_mode)options_number(options, OPTION_PROGRESS);
    const char *output = options_text(options, OPTION_OUTPUT);
    /* The bytes of the file go to the same terminal. */
    if (mode == PROGRESS_AUTO && output && strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
        mode = PROGRESS_NONE;
    return progress_new(mode, options_bool(options, OPTION_VERBOSE));
}

static void report_init(struct report *report, const struct options *options)
{
    bool quiet = options_bool(options, OPTION_QUIET);
    bool verbose = options_bool(options, OPTION_VERBOSE);
    *report = (struct report){
        .log = options_number(options, OPTION_LOG_FORMAT) == 1,
        .json = options_bool(options, OPTION_JSON),
    };
    if (report->log)
        log_setup(quiet ? LOG_ERROR : verbose ? LOG_DEBUG : LOG_INFO, true);
    if (!quiet && !report->log && !report->json)
        report->progress = make_progress(options);
}

static enum ddm_code download(const struct ddm_options *wanted, struct report *report)
{
    struct ddm_download *download = NULL;
    enum ddm_code code = ddm_download_new(&download, wanted, on_event, report, &report->error);
    if (code != DDM_OK) {
        _cleanup_free_ char *shown = str_url_public(wanted->url);
        if (report->json)
            print_json(event_encode_error(shown, &report->error, wall_time()));
        if (report->log)
            log_error("get", "%s", report->error.message);
        return code;
    }
    running = download;
    if (interrupted)
        ddm_download_cancel(download);
    code = ddm_download_run(download);
    running = NULL;
    ddm_download_free(download);
    return code;
}

int get_command(const struct options *options)
{
    struct ddm_error error;
    if (check(options, &error) < 0)
        return command_error(&error);
    struct report report;
    report_init(&report, options);
    const struct ddm_options wanted = {
        .url = options->operands[0],
        .output = options_text(options, OPTION_OUTPUT),
        .directory = options_text(options, OPTION_DIRECTORY),
        .checksums = options_list(options, OPTION_CHECKSUM),
        .trackers = options_list(options, OPTION_TRACKER),
        .quiet_tracker = !options_given(options, OPTION_TRACKER),
        .peers = options_list(options, OPTION_PEER),
        .host_id = options_text(options, OPTION_HOST_ID),
        .interfaces = options_list(options, OPTION_INTERFACE),
        .connections = (unsigned)options_number(options, OPTION_CONNECTIONS),
        .retries = (unsigned)options_number(options, OPTION_RETRIES),
        .no_peers = options_bool(options, OPTION_NO_PEERS),
        .insecure = options_bool(options, OPTION_INSECURE),
        .force = options_bool(options, OPTION_FORCE),
    };
    catch_signals();
    enum ddm_code code = download(&wanted, &report);
    progress_free(report.progress);
    if (code == DDM_OK && report.json && ferror(stdout))
        code = (enum ddm_code) - error_set(&report.error, DDM_E_DISK,
                                           "standard output: not all events could be written");
    if (code != DDM_OK && !report.log)
        command_error(&report.error);
    return code;
}
