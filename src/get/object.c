/* SPDX-License-Identifier: MIT */
/* What the file is: its name, size and version, as the first right reply says; and what is there of
 * it already, finished or begun. */
#include "base/error.h"
#include "base/filename.h"
#include "base/str.h"
#include "get/job.h"
#include "io/head.h"
#include "io/http_date.h"

#include <stdio.h>
#include <string.h>

static char *choose_path(const struct job *job, const struct fetch_head *head, const char *url)
{
    char name[FILENAME_SIZE];
    if (job->output && strcmp(job->output, "-") == 0)
        return strdup("-");
    if (!job->output && filename_from_disposition(name, head->disposition) < 0)
        filename_from_url(name, url);
    const char *file = job->output ? job->output : name;
    if (!job->directory || file[0] == '/')
        return strdup(file);
    return str_format("%s/%s", job->directory, file);
}

int object_check_output(const struct job *job, struct ddm_error *err)
{
    enum sink_found found;
    uint64_t size;
    int64_t date;
    if (!job->output || strcmp(job->output, "-") == 0)
        return 0;
    _cleanup_free_ char *path = choose_path(job, NULL, NULL);
    return path ? sink_look(path, &found, &size, &date, err) : error_memory(err);
}

/* ---- it is there already ---- */

static void on_verified(void *arg, const struct ddm_error *error)
{
    struct job *job = arg;
    job->verify = NULL;
    struct ddm_error mine = *error;
    if (error->code == DDM_E_CHECKSUM)
        error_set(&mine, DDM_E_CHECKSUM, "%s exists, and its %s (--force replaces it)", job->path,
                  error->message);
    job_fail_error(job, &mine); /* code 0: done */
}

void object_end_already(struct job *job)
{
    struct sink_checksum sums[JOB_MAX_CHECKSUMS];
    struct ddm_error err = { 0 };
    for (size_t i = 0; i < job->checksum_count; i++)
        sums[i] = (struct sink_checksum){ job->checksums[i].algorithm, job->checksums[i].hex };
    if (job->checksum_count == 0 && job->doubt)
        job_fail(job, DDM_E_USAGE, "%s exists already, and %s (--force replaces it)", job->path,
                 job->doubt);
    else if (job->checksum_count == 0 ||
             sink_verify_file(&job->verify, job->loop, job->path, sums, job->checksum_count,
                              on_verified, job, &err) < 0)
        job_fail_error(job, &err);
}

/* Why what stands at the path is not to be taken for the file; NULL: it is. A date must be equal
 * (finished files get the origin's), unless checksums will tell. */
static const char *why_not(const struct job *job, uint64_t size, int64_t date, int64_t modified)
{
    if (job->size == DDM_SIZE_UNKNOWN)
        return "the origin tells no size";
    if (size != job->size)
        return "it has another size";
    if (job->only_newer)
        return modified == 0 || date < modified ? "the origin's is newer" : NULL;
    if (job->checksum_count > 0)
        return NULL;
    if (modified == 0 || job->piece_count > 0)
        return "nothing tells whether it is the same";
    return date != modified ? "it has another date" : NULL;
}

/* 1: the file is there, and the job ends soon; 0: it is to be downloaded; negative: failed. */
static int look_for_it(struct job *job, int64_t modified)
{
    struct ddm_error err;
    enum sink_found found;
    uint64_t size;
    int64_t date;
    if (strcmp(job->path, "-") == 0)
        return 0;
    int r = sink_look(job->path, &found, &size, &date, &err);
    if (r < 0) {
        job_fail_error(job, &err);
        return r;
    }
    if (found == SINK_FOUND_NOTHING || job->force)
        return 0;
    const char *why = why_not(job, size, date, modified);
    if (why && job->only_newer)
        return 0;
    job->doubt = why;
    if (why && (size != job->size || !job->checksum_auto)) { /* else a checksum may tell */
        job_fail(job, DDM_E_USAGE, "%s exists already, and %s (--force replaces it)", job->path,
                 why);
        return -DDM_E_USAGE;
    }
    job->already = true;
    job->state = JOB_FINISHING;
    return 1;
}

/* ---- the output ---- */

static struct sink_object describe(const struct job *job)
{
    const struct mirror *m = job->primary;
    return (struct sink_object){ .url = m->shown,
                                 .size = job->size,
                                 .etag = m->etag,
                                 .last_modified = m->last_modified,
                                 .resumable = !job->encoded && job->size != DDM_SIZE_UNKNOWN };
}

static int restore(struct job *job, enum sink_start start, const char *why)
{
    char bytes[32];
    const struct rangeset *there = sink_there(job->sink);
    if (start == SINK_ANEW)
        report_notice(job, "%s: starting over", why);
    if (start != SINK_RESUMED)
        return 0;
    job->restored = rangeset_total(there);
    if (job->streaming)
        job->stream_done = rangeset_run_end(there, 0);
    else if (plan_restore(job->plan, there) < 0)
        return -DDM_E_FAIL;
    if (!job->streaming)
        spot_see_restored(job);
    report_notice(
        job, "going on: %s were there already",
        str_bytes(bytes, sizeof bytes, job->streaming ? job->stream_done : job->restored));
    return 0;
}

static int open_sink(struct job *job, int64_t modified)
{
    struct ddm_error err;
    struct sink_checksum sums[JOB_MAX_CHECKSUMS];
    enum sink_start start = SINK_NEW;
    const char *why = NULL;
    bool stream = strcmp(job->path, "-") == 0;
    for (size_t i = 0; i < job->checksum_count; i++)
        sums[i] = (struct sink_checksum){ job->checksums[i].algorithm, job->checksums[i].hex };
    struct sink_config config = { .path = stream ? NULL : job->path,
                                  .fd = 1,
                                  .replace = job->force || job->only_newer,
                                  .force = job->force,
                                  .object = describe(job),
                                  .checksums = sums,
                                  .checksum_count = job->checksum_count,
                                  .piece_algorithm = job->piece_algorithm,
                                  .piece_length = job->piece_length,
                                  .pieces = job->pieces,
                                  .piece_count = job->piece_count,
                                  .modified = modified };
    int r = stream || !job->directory ? 0 : sink_make_directory(job->directory, &err);
    if (r == 0)
        r = sink_new(&job->sink, job->loop, &config, &job_sink_ops, job, &start, &why, &err);
    if (r < 0) {
        job_fail_error(job, &err);
        return r;
    }
    if (restore(job, start, why) < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
    return job->state == JOB_ENDED ? -DDM_E_FAIL : 0;
}

/* ---- what the first right reply says ---- */

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

/* What whoever waits should know about this file, once each. */
static void tell_object(struct job *job, bool ranges)
{
    bool versioned = job->primary->etag[0] || job->primary->last_modified[0];
    if (!ranges && job->size > 0)
        report_notice(job, "the origin gives no ranges%s: one stream over this machine's uplink%s",
                      job->size == DDM_SIZE_UNKNOWN ? " and no length" : "",
                      job->encoded ? "; it is compressed on the way: what comes of it cannot be "
                                     "resumed"
                                   : "");
    if (ranges && job->has_secrets)
        report_notice(job, "%s on this machine: no peers",
                      strcmp(job->primary->url, job->primary->shown) != 0
                          ? "the URL holds a password, which stays"
                          : "the login stays");
    if (ranges && !versioned && job->checksum_count + job->piece_count == 0 && job->size > 0)
        report_notice(job, "the origin gives neither an ETag nor a date: a change during the "
                           "download could go unnoticed (--checksum would tell)");
}

static int same_object(struct job *job, struct transfer *stream, const struct fetch_head *head)
{
    uint64_t size =
        head->encoded || head->length == FETCH_UNKNOWN ? DDM_SIZE_UNKNOWN : head->length;
    enum mirror_match match = mirror_compare(stream, head, size);
    if (match == MIRROR_SAME)
        return 0;
    if (match == MIRROR_CHANGED)
        job_start_over(job, "the file at the origin changed during the download");
    else
        reply_refused(stream, "gave another version of the file");
    stream->source->other_version = true;
    return -DDM_E_CHANGED;
}

/* What the origin says that the file hashes to. A peer may say what it likes. */
static void take_digests(struct job *job, const struct transfer *t, const struct fetch_head *head,
                         bool ranges)
{
    if (t->source->kind != DDM_SOURCE_ORIGIN || head->encoded)
        return;
    for (size_t i = 0; i < head->digest_count; i++)
        if (!head->digests[i].of_body || !ranges)
            hints_expect(job, head->digests[i].algorithm, head->digests[i].hex, "the origin");
}

static void take_version(struct job *job, struct transfer *t, const struct fetch_head *head,
                         bool ranges)
{
    struct mirror *m = job->primary = t->mirror;
    m->known = m->proved = true;
    str_copy(m->etag, sizeof m->etag, head->etag);
    str_copy(m->last_modified, sizeof m->last_modified, head->last_modified);
    job->encoded = head->encoded;
    job->size = ranges ? head->total : head->encoded ? DDM_SIZE_UNKNOWN : head->length;
    if (job->size == FETCH_UNKNOWN)
        job->size = DDM_SIZE_UNKNOWN;
}

/* The path stays when it is started over. */
static int prepare_output(struct job *job, const struct fetch_head *head)
{
    int64_t modified = http_date_parse(head->last_modified, strlen(head->last_modified));
    if (job->sink) {
        struct sink_object object = describe(job);
        sink_set_modified(job->sink, MAX(modified, (int64_t)0));
        if (sink_restart(job->sink, &object)) {
            for (size_t i = 0; i < job->checksum_count; i++)
                sink_expect(job->sink, job->checksums[i].algorithm, job->checksums[i].hex);
            return 0;
        }
        job_fail(job, DDM_E_CHANGED, "the file at the origin changed during the download");
        return -DDM_E_CHANGED;
    }
    job->path = job->path ? job->path : choose_path(job, head, job->primary->url);
    if (!job->path) {
        job_fail(job, DDM_E_FAIL, "out of memory");
        return -DDM_E_FAIL;
    }
    int r = look_for_it(job, MAX(modified, (int64_t)0));
    return r != 0 ? -DDM_E_FAIL : open_sink(job, MAX(modified, (int64_t)0));
}

int object_identify(struct job *job, struct transfer *transfer, const struct fetch_head *head,
                    bool ranges)
{
    if (!ranges)
        become_stream(job, transfer);
    if (job->primary) {
        if (!job->told_stream && !ranges)
            tell_object(job, false); /* it gave ranges before */
        job->told_stream |= !ranges;
        return same_object(job, transfer, head);
    }
    take_version(job, transfer, head, ranges);
    if (job->wanted_size && job->size != DDM_SIZE_UNKNOWN && job->size != job->wanted_size) {
        job_fail(job, DDM_E_CHANGED, "the origin's file has %llu bytes, %llu are expected",
                 (unsigned long long)job->size, (unsigned long long)job->wanted_size);
        return -DDM_E_CHANGED;
    }
    take_digests(job, transfer, head, ranges);
    if (ranges)
        plan_set_size(job->plan, job->size);
    int r = prepare_output(job, head);
    if (job->already) { /* as soon as its checksums are known */
        hints_start(job, NULL);
        job_finish(job);
    }
    if (r < 0)
        return r;
    if (ranges)
        job->state = JOB_RANGES;
    job->told_stream = !ranges;
    report(job, DDM_EVENT_START);
    tell_object(job, ranges);
    hints_start(job, transfer->source->kind == DDM_SOURCE_ORIGIN ? head : NULL);
    job_changed(job);
    return 0;
}
