/* SPDX-License-Identifier: MIT */
/* One request to one source: a lease, or the one stream. */
#include "base/error.h"
#include "base/str.h"
#include "get/job.h"
#include "swarm/member.h"

#include <stdio.h>
#include <string.h>

struct transfer *transfer_of(struct job *job, plan_lease lease)
{
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t->lease == lease)
            return t;
    return NULL;
}

void transfer_free(struct transfer *transfer)
{
    fetch_cancel(transfer->fetch);
    list_remove(&transfer->link);
    free(transfer);
}

/* ---- a lease ---- */

/* The planner hears how it ended; the transfer is gone then. */
static void end_lease(struct transfer *t, enum plan_failure failure)
{
    struct job *job = t->job;
    int64_t now = loop_now();
    bool shorter = t->started && t->position == t->end; /* all of a reply to a part of the range */
    bool moved = !t->started && mirror_target_failed(t, t->source->status);
    if (moved)
        t->source->refused = t->source->unreachable = false;
    if (shorter || moved || plan_lease_complete(job->plan, t->lease)) {
        plan_done(job->plan, t->lease, now);
    } else {
        t->source->failed = true;
        if (t->source->kind == DDM_SOURCE_PEER) { /* another mirror may do better */
            t->source->turn++;
            if (job->primary && !t->mirror->known)
                mirror_refuse(t->source, t->mirror);
        }
        plan_fail(job->plan, t->lease, failure, t->retry_after, now);
    }
    transfer_free(t);
    job_changed(job);
}

static int lease_head(struct transfer *t, const struct fetch_head *head)
{
    struct job *job = t->job;
    if (job->state == JOB_PROBE && t->source->kind == DDM_SOURCE_ORIGIN) {
        if ((head->status == 200 || !head->http) && !head->encoded)
            return object_identify(job, t, head, false); /* this reply is the one stream */
        bool no_range = head->status == 206 && (!head->range || head->encoded || head->multipart);
        if (no_range || (head->status == 200 && head->encoded) || head->status == 416) {
            stream_fall_back(job);
            return -DDM_E_FAIL;
        }
    }
    bool right = reply_check(t, head);
    if (t->source->kind == DDM_SOURCE_PEER && (right || t->failure != PLAN_WRONG))
        sources_meet_uplinks(job, t->source, head->uplinks);
    if (t->source->kind == DDM_SOURCE_PEER && right)
        share_hear(t, head);
    if (!right)
        return 0; /* the body may say more */
    if (job->state == JOB_PROBE) {
        int r = object_identify(job, t, head, true);
        if (r < 0)
            return r;
    }
    if (t->source->kind == DDM_SOURCE_ORIGIN)
        mirror_learn_target(t);
    t->end = head->end;
    t->started = true;
    plan_started(job->plan, t->lease, loop_now());
    return 0;
}

static int keep_body(struct transfer *t, const char *data, size_t length)
{
    size_t n = MIN(length, sizeof t->body - t->body_length);
    memcpy(t->body + t->body_length, data, n);
    t->body_length += n;
    return n < length ? -DDM_E_NETWORK : 0;
}

/* Writes what of a block is not there yet: of two that fetch one range the first counts, and what
 * was verified stays as it is. */
static int write_new(struct transfer *t, uint64_t offset, const char *data, size_t length)
{
    struct job *job = t->job;
    struct ddm_error err;
    struct range gap;
    for (uint64_t at = offset; rangeset_next_gap(sink_there(job->sink), at, offset + length, &gap);
         at = gap.end) {
        const char *from = data + (gap.begin - offset);
        size_t n = (size_t)range_length(gap);
        if (sink_write(job->sink, gap.begin, from, n, &err) < 0) {
            job_fail_error(job, &err);
            return -DDM_E_DISK;
        }
        spot_see(t->source, gap.begin, from, n);
        if (blame_note(t->source, gap) < 0) {
            job_fail(job, DDM_E_FAIL, "out of memory");
            return -DDM_E_FAIL;
        }
    }
    return 0;
}

static int lease_data(struct transfer *t, const char *data, size_t length)
{
    struct job *job = t->job;
    if (!t->started)
        return keep_body(t, data, length);
    size_t said = (size_t)MIN((uint64_t)length, t->end - t->position);  /* not past its own range */
    uint64_t rest = range_length(plan_lease_rest(job->plan, t->lease)); /* not past a cut */
    int r = write_new(t, t->position, data, (size_t)MIN((uint64_t)said, rest));
    if (r < 0)
        return r;
    int64_t n = plan_progress(job->plan, t->lease, said, loop_now());
    if (n < 0) {
        job_fail(job, DDM_E_FAIL, "out of memory");
        return -DDM_E_FAIL;
    }
    t->position += (uint64_t)n;
    t->source->failed = t->source->unreachable = false;
    job_received(job, (uint64_t)n);
    if ((t->position == t->end && !t->open_ended) || !plan_lease_complete(job->plan, t->lease))
        return (size_t)n == length ? 0 : -DDM_E_NETWORK; /* more than was asked for */
    return -DDM_E_INTERRUPTED; /* the lease was cut: the rest of the reply is not wanted */
}

static void lease_done(struct transfer *t, const struct fetch_result *result)
{
    t->source->unreachable = !result->connected && result->status == 0;
    t->source->status = result->status;
    if (t->bad)
        reply_read_error(t);
    else if (result->code == -DDM_E_REFUSED || result->code == -DDM_E_USAGE ||
             result->code == -DDM_E_PERMISSION) /* too many redirects, or to nothing good */
        reply_refused(t, result->message);
    else if (!plan_lease_complete(t->job->plan, t->lease))
        str_copy(t->source->why, sizeof t->source->why,
                 result->message[0] ? result->message : "closed the connection early");
    end_lease(t, t->bad ? t->failure : PLAN_GONE);
}

/* ---- the one stream ---- */

static int stream_head(struct transfer *t, const struct fetch_head *head)
{
    if (head->http && head->status != 200) {
        reply_check(t, head); /* says why */
        t->bad = true;
        return -DDM_E_REFUSED;
    }
    return object_identify(t->job, t, head, false);
}

/* The beginning may be there already, from ranges or from a stream that broke off: it is passed
 * over (job_identify has seen that the version is the same). */
static int stream_data(struct transfer *t, const char *data, size_t length)
{
    struct job *job = t->job;
    if (job->size != DDM_SIZE_UNKNOWN && length > job->size - t->position)
        return -DDM_E_NETWORK;
    job->heard_at = loop_now();
    uint64_t known = job->stream_done - t->position;
    size_t skip = (size_t)MIN((uint64_t)length, known), n = length - skip;
    if (n > sink_room(job->sink, job->stream_done))
        return FETCH_PAUSE;
    blame_compare(job, t->position, data, length);
    int r = write_new(t, t->position, data, length);
    t->position += length;
    if (n == 0 || r < 0)
        return r;
    t->source->stream_bytes += n;
    job->stream_done += n;
    if (job->stream_done > job->stream_best) { /* it gets on: a new row of tries */
        job->stream_best = job->stream_done;
        job->stream_tries = t->source->broken = 0;
        t->source->failed = false;
    }
    job_received(job, n);
    return 0;
}

static void stream_done(struct transfer *t, const struct fetch_result *result)
{
    struct job *job = t->job;
    bool whole = result->code == 0 && (job->size == DDM_SIZE_UNKNOWN || t->position == job->size);
    t->source->status = result->status;
    if (whole)
        t->source->why[0] = '\0';
    else if ((result->code == -DDM_E_REFUSED || result->code == -DDM_E_PERMISSION) && !t->bad)
        reply_refused(t, result->message);
    else if (!t->bad)
        str_copy(t->source->why, sizeof t->source->why,
                 result->message[0] ? result->message : "closed the connection early");
    bool refused = t->bad && t->failure == PLAN_REFUSED;
    bool shrunk = whole && t->position < job->stream_done;
    struct source *source = t->source;
    transfer_free(t);
    if (shrunk)
        job_fail(job, DDM_E_CHANGED, "the file at the origin has become shorter");
    else
        stream_ended(job, source, whole, refused);
}

/* ---- what the fetcher calls; after job_fail there is nothing more to do ---- */

static int on_head(void *arg, const struct fetch_head *head)
{
    struct transfer *t = arg;
    if (t->job->state == JOB_ENDED || t->job->changed)
        return -DDM_E_FAIL;
    return t->lease ? lease_head(t, head) : stream_head(t, head);
}

static int on_data(void *arg, const char *data, size_t length)
{
    struct transfer *t = arg;
    if (t->job->state == JOB_ENDED || t->job->changed)
        return -DDM_E_FAIL;
    if (t->job->held) /* libcurl empties a socket once it has begun */
        return FETCH_PAUSE;
    int r = t->lease ? lease_data(t, data, length) : stream_data(t, data, length);
    if (r != FETCH_PAUSE)
        pace_take(t, length);
    return r;
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct transfer *t = arg;
    t->fetch = NULL;
    if (t->job->state == JOB_ENDED)
        return;
    if (t->lease)
        lease_done(t, result);
    else
        stream_done(t, result);
}

static const struct fetch_ops ops = { on_head, on_data, on_done };

/* ---- requests ---- */

static struct fetch_request origin_request(const struct transfer *t, const char *url)
{
    return (struct fetch_request){ .url = url,
                                   .interface = t->source->interface,
                                   .fresh = t->source->interface && t->source->failed,
                                   .patience = sources_patience(t->source),
                                   .allow = mirror_allows,
                                   .profile = mirror_profile(t) };
}

static int request_origin(struct transfer *t, struct ddm_error *err)
{
    struct fetch_request request = origin_request(t, mirror_target(t));
    request.begin = t->position;
    request.end = t->end;
    return fetch_start(&t->fetch, t->job->outside, &request, &ops, t, err);
}

/* What it holds of the file, please; see share.c. */
static const char *const tell_held[] = { "DDM-Held: ?", NULL };

static int request_peer(struct transfer *t, struct ddm_error *err)
{
    struct job *job = t->job;
    struct message_fetch wanted = {
        .begin = t->position, .end = t->end, .size = job->size, .uplink = t->source->uplink
    };
    str_copy(wanted.url, sizeof wanted.url, t->mirror->url);
    if (t->mirror->known) {
        str_copy(wanted.etag, sizeof wanted.etag, t->mirror->etag);
        str_copy(wanted.last_modified, sizeof wanted.last_modified, t->mirror->last_modified);
    }
    str_copy(wanted.headers, sizeof wanted.headers, job->peer_headers);
    struct member_request member;
    _cleanup_free_ char *body = message_fetch_encode(&wanted);
    if (!body)
        return error_memory(err);
    member_request(&member, job->inside, &t->source->at, t->source->id, "/v1/fetch");
    member.request.method = "POST";
    member.request.headers = tell_held;
    member.request.body = body;
    return fetch_start(&t->fetch, job->inside, &member.request, &ops, t, err);
}

static struct transfer *transfer_new(struct job *job, struct source *source)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (t) {
        t->job = job;
        t->source = source;
        t->mirror = mirror_for(source);
        t->begun = loop_now();
        list_push_back(&job->transfers, &t->link);
    }
    return t;
}

int transfer_start(struct job *job, struct source *source, plan_lease lease, struct range range)
{
    struct ddm_error err = { 0 };
    struct transfer *t = transfer_new(job, source);
    if (!t)
        return -DDM_E_FAIL;
    t->lease = lease;
    t->position = range.begin;
    t->end = range.end;
    int r = source->kind == DDM_SOURCE_ORIGIN ? request_origin(t, &err) : request_peer(t, &err);
    if (r < 0)
        transfer_free(t);
    return r;
}

int transfer_start_stream(struct job *job, struct source *source)
{
    struct ddm_error err = { 0 };
    struct transfer *t = transfer_new(job, source);
    if (!t)
        return -DDM_E_FAIL;
    struct fetch_request request = origin_request(t, t->mirror->url);
    request.decode = true;
    int r = fetch_start(&t->fetch, job->outside, &request, &ops, t, &err);
    if (r < 0)
        transfer_free(t);
    return r;
}
