/* SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "get/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SILENCE (2 * SEC)

static bool streams(const struct job *job, const struct source *source)
{
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t->source == source && t->lease == 0)
            return true;
    return false;
}

static enum ddm_source_state state_of(const struct job *job, const struct source *source,
                                      const struct plan_source_info *p)
{
    if (job->streaming && source->kind == DDM_SOURCE_ORIGIN)
        return streams(job, source)                  ? DDM_SOURCE_LOADING
               : job->stream_again && source->failed ? DDM_SOURCE_WAITING
                                                     : DDM_SOURCE_IDLE;
    if (p->state == PLAN_SOURCE_EXCLUDED || p->state == PLAN_SOURCE_REMOVED)
        return DDM_SOURCE_EXCLUDED;
    if (p->state == PLAN_SOURCE_PARKED)
        return DDM_SOURCE_PARKED;
    if (p->leases > 0)
        return p->started ? DDM_SOURCE_LOADING : DDM_SOURCE_CONNECTING;
    if (p->state == PLAN_SOURCE_PAUSED)
        return p->stalled ? DDM_SOURCE_STALLED : DDM_SOURCE_WAITING;
    return DDM_SOURCE_IDLE;
}

/* Of all together; nothing after a while of silence, where the mean would still fade. */
static uint64_t rate_now(const struct job *job, int64_t now)
{
    return now - job->heard_at > SILENCE ? 0 : (uint64_t)rate_get(&job->rate, now);
}

static void describe(const struct job *job, const struct source *source, int64_t now,
                     struct ddm_source_info *ret)
{
    struct plan_source_info p;
    plan_source_get(job->plan, source->plan, now, &p);
    bool stream = streams(job, source);
    enum ddm_source_state state = state_of(job, source, &p);
    uint64_t rate = stream ? rate_now(job, now) : (uint64_t)p.rate;
    *ret = (struct ddm_source_info){
        .name = source->name,
        .kind = source->kind,
        .state = state,
        .bytes = rangeset_total(&source->given),
        .rate = state == DDM_SOURCE_LOADING ? rate : 0,
        .leases = stream ? 1 : p.leases,
        .shares_own = state == DDM_SOURCE_PARKED && p.shares_own,
        .why = source->why[0] ? source->why : NULL,
    };
}

/* What people see as one: a peer and its cache; the peer of this machine and its own uplink, "you".
 */
static const struct source *shown_as(const struct job *job, const struct source *source)
{
    bool local = job->local_node[0] && strcmp(source->id, job->local_node) == 0;
    if (local)
        return job->sources[0];
    for (size_t i = 0; source->cache && i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        if (!s->cache && s->uplink == 0 && strcmp(s->id, source->id) == 0 &&
            s->at.port == source->at.port && strcmp(s->at.host, source->at.host) == 0)
            return s;
    }
    return source;
}

static void add_to(struct ddm_source_info *info, const struct ddm_source_info *other)
{
    bool busy = info->state == DDM_SOURCE_LOADING || info->state == DDM_SOURCE_CONNECTING;
    if (!busy && other->leases > 0)
        info->state = other->state;
    info->bytes += other->bytes;
    info->rate += other->rate;
    info->leases += other->leases;
}

/* Fills job->infos; returns how many there are. */
static size_t describe_all(struct job *job, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (shown_as(job, s) == s) {
            s->line = count;
            describe(job, s, now, &job->infos[count++]);
        }
    }
    for (size_t i = 0; i < job->source_count; i++) {
        const struct source *s = job->sources[i], *as = shown_as(job, s);
        struct ddm_source_info info;
        if (as != s) {
            describe(job, s, now, &info);
            add_to(&job->infos[as->line], &info);
        }
    }
    return count;
}

static void emit(struct job *job, enum ddm_event_type type, const struct ddm_source_info *source,
                 const char *text)
{
    int64_t now = loop_now();
    size_t count = describe_all(job, now);
    struct ddm_event event = {
        .type = type,
        .url = (job->primary ? job->primary : job->mirrors[0])->shown,
        .path = job->path,
        .part = job->sink ? sink_part(job->sink) : NULL,
        .size = job->size,
        .done = job_done_bytes(job),
        .restored = job->restored,
        .already = job->already,
        .resumable = job->sink && sink_resumable(job->sink) && job->error.code != DDM_E_CHECKSUM,
        .wasted = job->plan ? plan_wasted_bytes(job->plan) : 0,
        .rate = rate_now(job, now),
        .elapsed = now - job->started,
        .sources = job->infos,
        .source_count = count,
        .source = source,
        .text = text,
        .error = type == DDM_EVENT_ERROR ? &job->error : NULL,
    };
    if (job->on_event)
        job->on_event(job->event_arg, &event);
}

void report(struct job *job, enum ddm_event_type type)
{
    emit(job, type, NULL, NULL);
}

void report_notice(struct job *job, const char *format, ...)
{
    char text[480];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    emit(job, DDM_EVENT_NOTICE, NULL, text);
}

/* What somebody who waits should know without asking: why the own uplink brings nothing, and that a
 * peer will not help. Once each, and for the first peer only: others mostly have the same reason.
 */
static void tell_failure(struct job *job, struct source *source, const struct ddm_source_info *info)
{
    bool out = info->state == DDM_SOURCE_EXCLUDED;
    bool waits = info->state == DDM_SOURCE_WAITING &&
                 (source->unreachable || job->state == JOB_PROBE); /* else others go on */
    bool own = source->kind == DDM_SOURCE_ORIGIN;
    if (source->told || !info->why || job->state == JOB_ENDED || !(out || waits) ||
        (!own && job->told_peer))
        return;
    source->told = true;
    job->told_peer |= !own;
    if (own && sources_own(job) > 1)
        report_notice(job, "%.300s: %s; %s", source_label(source), info->why,
                      out ? "going on with the others" : "trying again");
    else if (own)
        report_notice(job, "%s; %s", info->why, out ? "going on with the peers" : "trying again");
    else if (str_starts_with(info->why, source->name))
        report_notice(job, "peer %s; %s", info->why, out ? "it is left out" : "trying again");
    else
        report_notice(job, "peer %s: %s; %s", source->name, info->why,
                      out ? "it is left out" : "trying again");
}

void report_sources(struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *source = job->sources[i];
        struct ddm_source_info info;
        describe(job, source, loop_now(), &info);
        tell_failure(job, source, &info);
        if (info.state == source->shown)
            continue;
        source->shown = info.state;
        if (shown_as(job, source) == source)
            emit(job, DDM_EVENT_SOURCE, &job->infos[source->line], NULL);
    }
}
