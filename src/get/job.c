/* SPDX-License-Identifier: MIT */
#include "get/job.h"

#include "base/error.h"
#include "base/filename.h"
#include "base/str.h"
#include "base/util.h"
#include "io/head.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TICK        (100 * MSEC) /* stalls are looked for, progress is told */
#define PROBE_TRIES 3            /* of a source that answers, but with a server error */

/* ---- how it ends ---- */

void job_changed(struct job *job)
{
    loop_defer_call(job->schedule);
}

void job_fail_error(struct job *job, const struct ddm_error *error)
{
    if (job->state == JOB_ENDED)
        return;
    job->error = *error;
    job->state = JOB_ENDED; /* the rest is done from the loop: we are inside somebody's callback */
    job_changed(job);
}

void job_fail(struct job *job, enum ddm_code code, const char *format, ...)
{
    struct ddm_error error = { .code = code };
    va_list ap;
    va_start(ap, format);
    vsnprintf(error.message, sizeof error.message, format, ap);
    va_end(ap);
    job_fail_error(job, &error);
}

void job_stop_transfers(struct job *job)
{
    list_foreach (t, &job->transfers, struct transfer, link)
        transfer_free(t);
}

void job_finish(struct job *job)
{
    job->state = JOB_FINISHING;
    job->size = job_done_bytes(job);
    job_stop_transfers(job);
    sink_finish(job->sink, job->size);
}

/* Nobody can bring any more: say what an own uplink met, or else a peer. */
void job_fail_stuck(struct job *job)
{
    const struct source *worst = job->sources[0];
    for (size_t i = 1; i < job->source_count && !worst->why[0]; i++)
        worst = job->sources[i];
    for (size_t i = 0; i < job->uplink_count; i++) {
        const struct source *own = job->sources[i];
        if (own->refused || own->status >= 400)
            job_fail(job, DDM_E_REFUSED, "the origin refused: %s: %.300s", own->why,
                     job->shown_url);
    }
    job_fail(job, DDM_E_NETWORK, "%s", worst->why[0] ? worst->why : "no source is left");
}

/* ---- what the file is ---- */

static char *choose_path(const struct job *job, const struct fetch_head *head)
{
    char name[FILENAME_SIZE];
    if (job->output && strcmp(job->output, "-") == 0)
        return strdup("-");
    if (!job->output && filename_from_disposition(name, head->disposition) < 0)
        filename_from_url(name, job->url);
    const char *file = job->output ? job->output : name;
    if (!job->directory || file[0] == '/')
        return strdup(file);
    return str_format("%s/%s", job->directory, file);
}

static void on_consumed(void *arg, uint64_t consumed)
{
    struct job *job = arg;
    plan_set_frontier(job->plan, consumed);
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t->lease == 0 && t->fetch)
            fetch_resume(t->fetch);
    job_changed(job);
}

static void on_sink_error(void *arg, const struct ddm_error *error)
{
    job_fail_error(arg, error);
}

static void on_finished(void *arg, const struct ddm_error *error)
{
    job_fail_error(arg, error); /* code 0: done */
}

static void on_piece(void *arg, struct range piece)
{
}

static void end_now(struct job *job);

static void on_closed(void *arg)
{
    struct job *job = arg;
    job->sink_closed = true;
    if (job->state == JOB_ENDED)
        end_now(job);
}

static const struct sink_ops sink_ops = { on_consumed,   on_piece,    on_piece,
                                          on_sink_error, on_finished, on_closed };

struct sink_object job_object(const struct job *job)
{
    return (struct sink_object){ .url = job->shown_url,
                                 .size = job->size,
                                 .etag = job->etag,
                                 .last_modified = job->last_modified,
                                 .resumable = !job->streaming };
}

static int open_sink(struct job *job)
{
    struct ddm_error err;
    bool stream = strcmp(job->path, "-") == 0;
    int r = stream || !job->directory ? 0 : sink_make_directory(job->directory, &err);
    struct sink_checksum checksum = { job->algorithm, job->hex };
    struct sink_config config = { .path = stream ? NULL : job->path,
                                  .fd = 1,
                                  .force = job->force,
                                  .object = job_object(job),
                                  .checksums = &checksum,
                                  .checksum_count = job->algorithm[0] ? 1 : 0 };
    const char *why = NULL;
    if (r == 0)
        r = sink_new(&job->sink, job->loop, &config, &sink_ops, job, &job->sink_start, &why, &err);
    if (r < 0)
        job_fail_error(job, &err);
    return r;
}

/* The reply becomes the one stream: everything else ends. */
static void become_stream(struct job *job, struct transfer *stream)
{
    job->state = JOB_STREAM;
    job->streaming = true;
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t != stream)
            transfer_free(t);
    if (stream->lease)
        plan_fail(job->plan, stream->lease, PLAN_REFUSED, 0, loop_now());
    stream->lease = 0;
}

static int same_object(struct job *job, struct transfer *stream, const struct fetch_head *head)
{
    bool same = (job->size == DDM_SIZE_UNKNOWN || head->length == FETCH_UNKNOWN || head->encoded ||
                 head->length == job->size) &&
                fetch_same_version(job->etag, job->last_modified, head->etag, head->last_modified);
    if (!same && reply_speaks_for_origin(stream->source))
        job_fail(job, DDM_E_CHANGED, "the file at the origin changed during the download");
    else if (!same)
        reply_refused(stream, "gave another version of the file");
    return same ? 0 : -DDM_E_CHANGED;
}

/* What whoever waits should know about this file, once each. */
static void tell_object(struct job *job, bool ranges)
{
    bool versioned = job->etag[0] || job->last_modified[0];
    if (!ranges && job->size > 0)
        report_notice(job, "the origin gives no ranges%s: one stream over this machine's uplink",
                      job->size == DDM_SIZE_UNKNOWN ? " and no length" : "");
    if (ranges && job->has_credentials)
        report_notice(job, "the URL holds a password, which stays on this machine: no peers");
    if (ranges && !versioned && !job->algorithm[0] && job->size > 0)
        report_notice(job, "the origin gives neither an ETag nor a date: a change during the "
                           "download could go unnoticed (--checksum would tell)");
}

int job_identify(struct job *job, struct transfer *transfer, const struct fetch_head *head,
                 bool ranges)
{
    if (!ranges)
        become_stream(job, transfer);
    if (job->path) {
        if (!job->told_stream && !ranges)
            tell_object(job, false); /* it gave ranges before */
        job->told_stream |= !ranges;
        return same_object(job, transfer, head);
    }
    job->path = choose_path(job, head);
    if (!job->path) {
        job_fail(job, DDM_E_FAIL, "out of memory");
        return -DDM_E_FAIL;
    }
    str_copy(job->etag, sizeof job->etag, head->etag);
    str_copy(job->last_modified, sizeof job->last_modified, head->last_modified);
    if (ranges)
        job->size = head->total;
    int r = open_sink(job);
    if (r < 0)
        return r;
    if (ranges) {
        plan_set_size(job->plan, job->size);
        if (job->sink_start == SINK_RESUMED)
            plan_restore(job->plan, sink_there(job->sink));
        job->state = JOB_RANGES;
    } else if (!head->encoded && head->length != FETCH_UNKNOWN) {
        job->size = head->length;
    }
    job->told_stream = !ranges;
    report(job, DDM_EVENT_START);
    tell_object(job, ranges);
    job_changed(job);
    return 0;
}

uint64_t job_done_bytes(const struct job *job)
{
    return job->streaming ? job->stream_done : plan_done_bytes(job->plan);
}

void job_received(struct job *job, uint64_t bytes)
{
    job->heard_at = loop_now();
    rate_add(&job->rate, bytes, job->heard_at);
    if (!job->streaming && plan_complete(job->plan))
        job_changed(job);
}

/* ---- handing out leases ---- */

static void drop_cancelled(struct job *job)
{
    plan_lease lease;
    while (plan_take_cancelled(job->plan, &lease)) {
        struct transfer *t = transfer_of(job, lease);
        struct plan_source_info info;
        if (!t)
            continue;
        plan_source_get(job->plan, t->source->plan, loop_now(), &info);
        if (info.stalled) {
            t->source->failed = true;
            str_copy(t->source->why, sizeof t->source->why, "no data came for a while");
        }
        transfer_free(t);
    }
}

static void lend(struct job *job, struct source *source)
{
    plan_lease lease;
    struct range range;
    while (plan_next(job->plan, source->plan, loop_now(), &lease, &range))
        if (transfer_start(job, source, lease, range) < 0) {
            source->failed = true;
            str_copy(source->why, sizeof source->why, "no request could be started");
            plan_fail(job->plan, lease, PLAN_GONE, 0, loop_now());
            break;
        }
}

/* The probe cannot succeed: everybody there is has tried and come back with nothing. */
static bool probe_is_hopeless(const struct job *job)
{
    struct plan_source_info info;
    if (!sources_all_asked(job))
        return false;
    for (size_t i = 0; i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        plan_source_get(job->plan, s->plan, loop_now(), &info);
        bool tried = s->failed && info.leases == 0;
        bool given_up = info.state == PLAN_SOURCE_EXCLUDED || info.state == PLAN_SOURCE_REMOVED ||
                        s->unreachable ||
                        (s->status >= 500 && s->status != 503 && info.failures >= PROBE_TRIES);
        if (!tried || !given_up)
            return false;
    }
    return true;
}

/* It is one lease at a time. The next own uplink has its turn when those before it have failed, and
 * peers when all have; of these whoever failed least often, so that none waits behind another. */
static void lend_probe(struct job *job)
{
    struct plan_source_info info;
    size_t count = 0;
    while (count < job->uplink_count && job->sources[count]->failed)
        count++;
    count = count < job->uplink_count ? count + 1 : job->source_count;
    unsigned most = 0;
    for (unsigned failures = 0; failures <= most; failures++)
        for (size_t i = 0; i < count; i++) {
            plan_source_get(job->plan, job->sources[i]->plan, loop_now(), &info);
            most = MAX(most, info.failures);
            if (info.failures == failures)
                lend(job, job->sources[i]);
        }
}

static void schedule_probe(struct job *job)
{
    struct plan_source_info info;
    bool refused = true;
    for (size_t i = 0; i < job->uplink_count; i++) {
        const struct source *own = job->sources[i];
        plan_source_get(job->plan, own->plan, loop_now(), &info);
        if (info.state == PLAN_SOURCE_EXCLUDED && own->no_ranges) {
            stream_fall_back(job);
            return;
        }
        refused &= info.state == PLAN_SOURCE_EXCLUDED && own->refused;
    }
    if (refused) {
        job_fail_stuck(job); /* 404 and the like: it is not the way there that is wrong */
        return;
    }
    lend_probe(job);
    if (probe_is_hopeless(job))
        job_fail_stuck(job);
}

static void schedule_ranges(struct job *job)
{
    if (plan_complete(job->plan)) {
        job_finish(job);
        return;
    }
    for (size_t i = 0; i < job->source_count; i++)
        lend(job, job->sources[i]);
    drop_cancelled(job);
    if (!plan_stuck(job->plan))
        return;
    for (size_t i = 0; i < job->uplink_count; i++)
        if (job->sources[i]->no_ranges) {
            stream_fall_back(job);
            return;
        }
    job_fail_stuck(job);
}

static void tell_if_alone(struct job *job)
{
    if (job->told_alone || job->no_peers || job->source_count > job->uplink_count ||
        !sources_all_asked(job) || job->state != JOB_RANGES)
        return;
    job->told_alone = true;
    report_notice(job, "no peers: downloading over this machine's uplink only");
}

static void end(struct job *job)
{
    job_stop_transfers(job);
    if (job->sink && !job->sink_closed)
        sink_close(job->sink);
    else
        end_now(job);
}

static void end_now(struct job *job)
{
    report_sources(job);
    report(job, job->error.code ? DDM_EVENT_ERROR : DDM_EVENT_DONE);
    loop_stop(job->loop);
}

static void on_schedule(void *arg)
{
    struct job *job = arg;
    drop_cancelled(job);
    if (job->state == JOB_PROBE)
        schedule_probe(job);
    if (job->state == JOB_RANGES)
        schedule_ranges(job);
    tell_if_alone(job);
    report_sources(job);
    if (job->state == JOB_ENDED)
        end(job);
}

static void on_tick(void *arg)
{
    struct job *job = arg;
    int64_t now = loop_now();
    if (job->state == JOB_ENDED)
        return;
    plan_tick(job->plan, now);
    if (job->state == JOB_STREAM)
        stream_watch(job, now);
    report(job, DDM_EVENT_PROGRESS);
    job_changed(job);
}

static void on_wake(void *arg)
{
    struct job *job = arg;
    if (job->state == JOB_FINISHING && !sink_is_stream(job->sink))
        sink_close(job->sink); /* on_finished tells whether it was too late */
    else
        job_fail(job, DDM_E_INTERRUPTED, "interrupted");
}

void job_cancel(struct job *job)
{
    atomic_store(&job->cancelled, true);
    struct loop_wake *wake = atomic_load(&job->wake);
    if (wake)
        loop_wake_send(wake);
}

/* ---- the whole ---- */

static int check_output(struct job *job, struct ddm_error *err)
{
    if (!job->output || strcmp(job->output, "-") == 0)
        return 0;
    _cleanup_free_ char *path = choose_path(job, NULL);
    enum sink_found found;
    uint64_t size;
    int64_t modified;
    int r = path ? sink_look(path, &found, &size, &modified, err) : error_memory(err);
    if (r == 0 && found == SINK_FOUND_FILE && !job->force)
        r = error_set(err, DDM_E_USAGE, "%s exists already (--force replaces it)", path);
    return r;
}

static int prepare(struct job *job)
{
    struct plan_config config = { .size = PLAN_SIZE_UNKNOWN, .max_failures = job->retries };
    struct loop_wake *wake;
    if (job->output && strcmp(job->output, "-") == 0)
        config.window = SINK_WINDOW;
    if (plan_new(&job->plan, &config) < 0 ||
        loop_defer_new(&job->schedule, job->loop, on_schedule, job) < 0 ||
        loop_wake_new(&wake, job->loop, on_wake, job) < 0)
        return -DDM_E_FAIL;
    atomic_store(&job->wake, wake);
    if (atomic_load(&job->cancelled)) /* before there was anything to wake */
        loop_wake_send(wake);
    return 0;
}

static int start(struct job *job, struct ddm_error *err)
{
    bool ftp = str_starts_with(job->url, "ftp");
    int r = check_output(job, err);
    if (r < 0)
        return r;
    if (fetcher_new(&job->outside, job->loop) < 0 || fetcher_new(&job->inside, job->loop) < 0 ||
        loop_timer_new(&job->timer, job->loop, on_tick, job) < 0)
        return error_memory(err);
    r = sources_start(job, err);
    if (r < 0)
        return r;
    loop_timer_start(job->timer, TICK, true);
    if (ftp)
        stream_fall_back(job);
    return 0;
}

static void stop(struct job *job)
{
    job_stop_transfers(job);
    sources_stop(job);
    fetcher_free(job->outside);
    fetcher_free(job->inside);
    atomic_store(&job->wake, NULL);
    loop_defer_free(job->schedule);
    loop_free(job->loop);
    sink_free(job->sink);
    for (size_t i = 0; i < job->source_count; i++)
        free(job->sources[i]);
    free(job->sources);
    free(job->infos);
    plan_free(job->plan);
    free(job->path);
}

enum ddm_code job_run(struct job *job)
{
    struct ddm_error err;
    list_init(&job->transfers);
    job->size = DDM_SIZE_UNKNOWN;
    job->started = loop_now();
    if (loop_new(&job->loop) < 0)
        return DDM_E_FAIL;
    if (prepare(job) < 0) {
        error_memory(&job->error);
    } else {
        if (start(job, &err) < 0)
            job_fail_error(job, &err);
        job_changed(job);
        loop_run(job->loop);
    }
    stop(job);
    return job->error.code;
}
