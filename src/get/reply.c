/* SPDX-License-Identifier: MIT */
/* What a reply means. For an origin its status says it; for a peer the status is that of the route
 * (see the design's table), and the JSON body names the origin's own. Before a byte is written the
 * reply must be the range that was asked for, of the object that the probe found. */
#include "base/error.h"
#include "base/str.h"
#include "get/job.h"
#include "io/head.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool bad(struct transfer *t, enum plan_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool bad(struct transfer *t, enum plan_failure failure, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(t->source->why, sizeof t->source->why, format, ap);
    va_end(ap);
    t->bad = true;
    t->failure = failure;
    return false;
}

/* A peer may do better with another mirror. */
static enum plan_failure refused_here(struct transfer *t)
{
    bool peer = t->source->kind == DDM_SOURCE_PEER;
    return peer && mirror_refuse(t->source, t->mirror) ? PLAN_GONE : PLAN_REFUSED;
}

/* What a status of the origin, seen by whoever asked it, means for that source. */
static bool bad_status(struct transfer *t, long status)
{
    if (status == 429 || status == 503)
        return bad(t, PLAN_BUSY, "HTTP %ld: busy", status);
    if (status == 408 || status >= 500)
        return bad(t, PLAN_GONE, "HTTP %ld", status);
    enum plan_failure failure = refused_here(t);
    t->source->refused = failure == PLAN_REFUSED;
    return bad(t, failure, "HTTP %ld", status);
}

void reply_refused(struct transfer *t, const char *why)
{
    t->source->refused = t->source->kind == DDM_SOURCE_ORIGIN;
    bad(t, PLAN_REFUSED, "%s", why);
}

/* Two servers that may have different files must not be mixed. */
static void keep_in_reserve(struct job *job, struct mirror *mirror)
{
    if (!mirror->reserve)
        report_notice(job,
                      "nothing tells that %.300s has the same file (no common ETag or date, no "
                      "checksum): it is kept for when the others fail",
                      mirror->brief);
    mirror->reserve = true;
}

/* A peer was sent to a mirror that nobody had seen yet: it is not the peer's fault. */
static bool is_peers_guess(const struct transfer *t)
{
    return t->source->kind == DDM_SOURCE_PEER && t->job->primary && !t->mirror->known;
}

static bool bad_guess(struct transfer *t)
{
    keep_in_reserve(t->job, t->mirror);
    return bad(t, PLAN_GONE, "nothing tells that it is the same file");
}

static bool peer_status(struct transfer *t, long status)
{
    switch (status) {
    case 409:
        t->source->other_version = !is_peers_guess(t);
        return bad(t, PLAN_WRONG, "sees another version of the file");
    case 429:
    case 503:
        return bad(t, PLAN_BUSY, "busy");
    case 403:
        return bad(t, PLAN_REFUSED, "its policy does not allow this origin");
    case 502:
    case 504:
        return bad(t, PLAN_GONE, "cannot reach the origin");
    default:
        return bad(t, PLAN_REFUSED, "answered with HTTP %ld", status);
    }
}

static bool check_version(struct transfer *t, const struct fetch_head *head)
{
    struct job *job = t->job;
    if (job->state == JOB_PROBE)
        return true;
    enum mirror_match match = mirror_compare(t, head, head->total);
    if (match != MIRROR_SAME && is_peers_guess(t))
        return bad_guess(t);
    switch (match) {
    case MIRROR_SAME:
        return true;
    case MIRROR_CHANGED:
        job_start_over(job, "the file at the origin changed during the download");
        return bad(t, PLAN_WRONG, "gave another version of the file");
    case MIRROR_UNSURE:
        keep_in_reserve(job, t->mirror);
        t->source->told = true;
        return bad(t, PLAN_WRONG, "nothing tells that it is the same file");
    case MIRROR_OTHER:
        break;
    }
    t->source->other_version = true;
    return bad(t, PLAN_WRONG, "gave another version of the file");
}

bool reply_check(struct transfer *t, const struct fetch_head *head)
{
    bool peer = t->source->kind == DDM_SOURCE_PEER;
    t->retry_after = head->retry_after;
    bool shorter =
        head->status == 416 && head->total != FETCH_UNKNOWN && head->total != t->job->size;
    if (shorter && t->job->state != JOB_PROBE)
        return check_version(t, head);
    if (head->http && (head->status >= 300 || head->status < 200))
        return peer ? peer_status(t, head->status) : bad_status(t, head->status);
    t->source->no_ranges = head->status != 206 || !head->range || head->encoded || head->multipart;
    if (t->source->no_ranges)
        return bad(t, peer ? PLAN_WRONG : PLAN_REFUSED, "did not answer with a range");
    if (!check_version(t, head))
        return false;
    bool in_vain = head->begin != t->position || head->end > t->end || /* less is allowed */
                   (head->length != FETCH_UNKNOWN && head->length != head->end - head->begin);
    t->source->no_ranges = in_vain;
    if (in_vain)
        return bad(t, PLAN_WRONG, "answered with another range");
    t->open_ended = head->length == FETCH_UNKNOWN;
    return true;
}

/* What the codes of a peer's errors mean, where its status alone does not say. */
static const struct {
    const char *code;
    enum plan_failure failure;
} peer_codes[] = {
    { "changed", PLAN_WRONG },  { "no_ranges", PLAN_REFUSED }, { "wrong_range", PLAN_REFUSED },
    { "policy", PLAN_REFUSED }, { "bad_url", PLAN_REFUSED },   { "busy", PLAN_BUSY },
    { "leaving", PLAN_GONE },
};

void reply_read_error(struct transfer *t)
{
    struct message_error error;
    if (t->source->kind != DDM_SOURCE_PEER || !t->bad || t->body_length == 0 ||
        !message_error_decode(&error, t->body, t->body_length))
        return;
    if (error.origin_status >= 400) {
        bad_status(t, error.origin_status);
        return;
    }
    str_copy(t->source->why, sizeof t->source->why, error.message);
    for (size_t i = 0; i < ARRAY_SIZE(peer_codes); i++)
        if (strcmp(error.code, peer_codes[i].code) == 0)
            t->failure = peer_codes[i].failure;
    if (t->failure == PLAN_WRONG && is_peers_guess(t))
        bad_guess(t);
    else if (t->failure == PLAN_REFUSED)
        t->failure = refused_here(t);
}
