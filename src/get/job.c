/* SPDX-License-Identifier: MIT */
#include "get/job.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/digest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TICK (100 * MSEC) /* stalls are looked for, progress is told */

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
    if (!job->already)
        job->size = job_done_bytes(job);
    job_stop_transfers(job);
    if (hints_pending(job)) /* they call again */
        return;
    if (job->already)
        object_end_already(job);
    else
        sink_finish(job->sink, job->size);
}

void job_finished(struct job *job)
{
    job_fail_error(job, &(struct ddm_error){ .code = DDM_OK });
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

/* ---- what the sink says ---- */

static void on_consumed(void *arg, uint64_t consumed)
{
    struct job *job = arg;
    plan_set_frontier(job->plan, consumed);
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t->lease == 0 && t->fetch && !job->held)
            fetch_resume(t->fetch);
    job_changed(job);
}

static void on_wrong_piece(void *arg, struct range piece)
{
    blame_wrong_piece(arg, piece);
}

static void on_right_piece(void *arg, struct range piece)
{
    blame_right_piece(arg, piece);
}

static void on_sink_error(void *arg, const struct ddm_error *error)
{
    job_fail_error(arg, error);
}

/* What came stays: it may be the checksum that is wrong. */
static void fail_checksum(struct job *job, const struct ddm_error *error)
{
    const char *by = "";
    for (size_t i = 0; i < job->checksum_count; i++)
        if (strstr(error->message, job->checksums[i].hex))
            by = job->checksums[i].said_by;
    job_fail(job, error->code, "%s%s%s%s", error->message, by[0] ? " (" : "", by,
             by[0] ? " says so)" : "");
}

/* What nobody asked for by its value is worth a line. */
static void tell_verified(struct job *job)
{
    for (size_t i = job->asked_count; i < job->checksum_count; i++)
        if (strcmp(job->checksums[i].said_by, "the origin") != 0)
            report_notice(job, "its %s is that of %s", job->checksums[i].algorithm,
                          job->checksums[i].said_by);
}

static void on_finished(void *arg, const struct ddm_error *error)
{
    struct job *job = arg;
    if (error->code == DDM_OK) {
        tell_verified(job);
        if (job->state != JOB_FINISHING || job->closing || !seed_begin(job))
            job_finished(job);
    } else if (error->code != DDM_E_CHECKSUM || job->state != JOB_FINISHING) {
        job_fail_error(job, error);
    } else if (blame_recover(job)) {
        job_changed(job);
    } else {
        fail_checksum(job, error);
    }
}

static void on_closed(void *arg)
{
    struct job *job = arg;
    job->closed = true;
    job_fail(job, DDM_E_INTERRUPTED, "interrupted"); /* unless it has ended otherwise */
    job_changed(job);
}

const struct sink_ops job_sink_ops = {
    on_consumed, on_wrong_piece, on_right_piece, on_sink_error, on_finished, on_closed,
};

/* ---- starting over ---- */

static int new_plan(struct job *job)
{
    struct plan_config config = { .size = PLAN_SIZE_UNKNOWN, .max_failures = job->retries };
    if (job->output && strcmp(job->output, "-") == 0)
        config.window = SINK_WINDOW;
    config.probe = share_probe(job);
    digest_random(&config.seed, sizeof config.seed); /* without it pauses are not jittered */
    return plan_new(&job->plan, &config);
}

void job_start_over(struct job *job, const char *why)
{
    uint64_t end = job->size == DDM_SIZE_UNKNOWN ? job->stream_done : job->size;
    if (job->changed || job->state == JOB_ENDED)
        return;
    if (job->reopened)
        job_fail(job, DDM_E_CHANGED, "%s again", why);
    else if (job->sink && !sink_forget(job->sink, 0, end))
        job_fail(job, DDM_E_CHANGED, "%s, and some of it has been given away", why);
    if (job->state == JOB_ENDED)
        return;
    job->changed = job->reopened = true;
    if (why[0])
        report_notice(job, "%s: starting over", why);
    job_changed(job);
}

static void forget_object(struct job *job)
{
    for (size_t i = 0; i < job->mirror_count; i++) {
        struct mirror *m = job->mirrors[i];
        m->known = m->expires = m->proved = m->reserve = false;
        m->given_up |= m->linked != NULL; /* by what the file was */
        m->etag[0] = m->last_modified[0] = '\0';
        free(m->redirected);
        m->redirected = NULL;
    }
    job->primary = NULL;
    job->checksum_count = job->asked_count;
    job->size = DDM_SIZE_UNKNOWN;
    job->stream_done = job->stream_best = job->restored = 0;
    job->stream_again = 0;
    job->stream_tries = 0;
    job->streaming = job->encoded = job->recovered = false;
}

static void start_over(struct job *job)
{
    job->changed = false;
    job_stop_transfers(job);
    hints_stop(job);
    spot_clear(job);
    blame_clear(job);
    plan_free(job->plan);
    job->plan = NULL;
    forget_object(job);
    job->state = JOB_PROBE;
    if (new_plan(job) < 0 || sources_renew(job) < 0 || share_renew(job) < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
}

/* ---- what comes next ---- */

static void schedule_ranges(struct job *job)
{
    bool waits = spot_run(job);
    if (!plan_complete(job->plan))
        lend_ranges(job);
    else if (!waits)
        job_finish(job);
}

static void tell_if_alone(struct job *job)
{
    if (job->told_alone || job->no_peers || job->source_count > sources_own(job) ||
        !sources_all_asked(job) || job->state != JOB_RANGES)
        return;
    job->told_alone = true;
    report_notice(job, "no peers: downloading over this machine's uplink only");
}

/* What came is recorded first; then the last event. */
static void end(struct job *job)
{
    job_stop_transfers(job);
    hints_stop(job);
    spot_clear(job);
    job->verify = sink_verify_cancel(job->verify);
    if (job->sink && !job->closing) {
        job->closing = true;
        sink_close(job->sink);
    }
    if (job->sink && !job->closed)
        return;
    report_sources(job);
    report(job, job->error.code ? DDM_EVENT_ERROR : DDM_EVENT_DONE);
    loop_stop(job->loop);
}

static void on_schedule(void *arg)
{
    struct job *job = arg;
    if (job->changed && job->state != JOB_ENDED)
        start_over(job);
    if (job->state != JOB_ENDED)
        lend_drop_cancelled(job);
    if (job->state == JOB_PROBE)
        lend_probe(job);
    share_ask(job);
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
    if (job->max_time > 0 && now - job->started >= job->max_time &&
        (job->state != JOB_FINISHING || hints_pending(job)))
        job_fail(job, DDM_E_NETWORK, "not done within the time that it was given (--max-time)");
    if (job->membership && now - job->membership_seen >= MEMBERSHIP_LOOK) {
        job->membership_seen = now;
        (void)membership_update(job->membership, NULL); /* what counted goes on counting */
    }
    pace_tick(job, now);
    plan_tick(job->plan, now);
    if (job->state == JOB_STREAM)
        stream_watch(job, now);
    report(job, DDM_EVENT_PROGRESS);
    job_changed(job);
}

static void on_wake(void *arg)
{
    struct job *job = arg;
    if (job->seed) { /* the file has its name already */
        seed_stop(job);
        job_finished(job);
    } else if (job->state == JOB_FINISHING && job->sink && !sink_is_stream(job->sink)) {
        if (!job->closing)
            sink_close(job->sink); /* on_finished tells whether it was too late */
        job->closing = true;
    } else {
        job_fail(job, DDM_E_INTERRUPTED, "interrupted");
    }
}

void job_cancel(struct job *job)
{
    atomic_store(&job->cancelled, true);
    struct loop_wake *wake = atomic_load(&job->wake);
    if (wake)
        loop_wake_send(wake);
}

/* ---- the whole ---- */

static int prepare(struct job *job)
{
    struct loop_wake *wake;
    if (new_plan(job) < 0 || loop_defer_new(&job->schedule, job->loop, on_schedule, job) < 0 ||
        loop_wake_new(&wake, job->loop, on_wake, job) < 0)
        return -DDM_E_FAIL;
    atomic_store(&job->wake, wake);
    if (atomic_load(&job->cancelled)) /* before there was anything to wake */
        loop_wake_send(wake);
    return 0;
}

static int start(struct job *job, struct ddm_error *err)
{
    int r = object_check_output(job, err);
    if (r < 0)
        return r;
    if (fetcher_new(&job->outside, job->loop) < 0 || fetcher_new(&job->inside, job->loop) < 0 ||
        loop_timer_new(&job->timer, job->loop, on_tick, job) < 0 || pace_start(job) < 0)
        return error_memory(err);
    if (job->membership)
        fetcher_set_tls(job->inside, tls_node_files(membership_tls(job->membership)));
    r = sources_start(job, err);
    if (r < 0)
        return r;
    loop_timer_start(job->timer, TICK, true);
    return 0;
}

static void stop(struct job *job)
{
    job_stop_transfers(job);
    hints_stop(job);
    seed_stop(job);
    spot_clear(job);
    blame_clear(job);
    sources_stop(job);
    fetcher_free(job->outside);
    fetcher_free(job->inside);
    atomic_store(&job->wake, NULL);
    loop_defer_free(job->schedule);
    loop_free(job->loop);
    sink_free(job->sink);
    sources_free(job);
    plan_free(job->plan);
    free(job->path);
}

enum ddm_code job_run(struct job *job)
{
    struct ddm_error err;
    list_init(&job->transfers);
    list_init(&job->samples);
    list_init(&job->suspicions);
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
