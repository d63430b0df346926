/* SPDX-License-Identifier: MIT */
/* The one stream: what is left where the origin gives no ranges, or gives them no longer. It comes
 * over an own uplink, from the beginning; when it breaks off it is tried again, over another one
 * where there is one, and what is there already is passed over. */
#include "base/str.h"
#include "get/job.h"
#include "io/head.h"

#define STREAM_SILENCE (20 * SEC) /* after which the one stream is given up, and tried again */
#define STREAM_FIRST   (60 * SEC) /* the same before its first byte */
#define STREAM_ROOM    MIB /* less in the window of the output: its reader holds the stream back */
#define STREAM_PAUSE   SEC /* before the one stream is tried again, times the tries */

static bool is_better(struct job *job, const struct source *a, const struct source *b)
{
    bool a_fails = a->failed && !a->no_ranges, b_fails = b->failed && !b->no_ranges;
    struct plan_source_info at, bt;
    if (a->refused != b->refused)
        return b->refused;
    if (a->broken != b->broken)
        return a->broken < b->broken;
    if (a_fails != b_fails)
        return b_fails;
    plan_source_get(job->plan, a->plan, loop_now(), &at);
    plan_source_get(job->plan, b->plan, loop_now(), &bt);
    return at.rate > bt.rate;
}

/* The own uplink that works, as far as is known; the fastest of these. Once there is a primary, it
 * is an uplink to it. */
static struct source *best_uplink(struct job *job)
{
    struct source *best = NULL;
    own_foreach (own, job)
        if ((!job->primary || own->mirror == job->primary) && !own->mirror->given_up &&
            (!best || is_better(job, own, best)))
            best = own;
    return best ? best : job->sources[0];
}

/* What is there stays, if a validator can tell that the stream is of the same version, byte for
 * byte: a strong ETag, or else a date. */
static bool keep_beginning(struct job *job)
{
    const struct mirror *m = job->primary;
    bool versioned = m && (fetch_is_strong(m->etag) || m->last_modified[0]);
    if (versioned && !job->streaming)
        job->stream_done = rangeset_run_end(plan_done_set(job->plan), 0);
    if (versioned || !job->sink)
        return true;
    uint64_t end = MAX(job->stream_done, job->size == DDM_SIZE_UNKNOWN ? 0 : job->size);
    job->stream_done = 0;
    own_foreach (own, job)
        own->stream_bytes = 0;
    return sink_forget(job->sink, 0, end);
}

void stream_fall_back(struct job *job)
{
    const struct source *last = job->sources[0];
    own_foreach (own, job)
        if (own->broken > last->broken)
            last = own;
    job_stop_transfers(job);
    spot_clear(job); /* what the stream brings is compared as it comes */
    bool kept = keep_beginning(job);
    job->state = JOB_STREAM;
    job->streaming = true;
    if (!kept)
        job_fail(job, DDM_E_NETWORK,
                 "it broke off, and nothing tells whether a second try would be "
                 "of the same version: %s",
                 last->why);
    else if (transfer_start_stream(job, best_uplink(job)) < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
}

void stream_ended(struct job *job, struct source *source, bool whole, bool refused)
{
    if (whole) {
        job_finish(job);
        return;
    }
    if (source->broken == 0 && !refused && job->path)
        report_notice(job, "the stream broke off (%s): trying again", source->why);
    source->failed = true;
    source->broken++;
    source->refused |= refused;
    job->stream_tries += !refused;
    const struct source *next = best_uplink(job);
    bool untried = next->broken == 0;
    bool hopeless = job->stream_tries > job->retries || (!source->status && !job->path);
    if ((next->refused || (hopeless && !untried)) && !mirror_promote(job))
        lend_fail_stuck(job);
    else if (job->state == JOB_STREAM && !job->changed)
        job->stream_again = loop_now() + (untried ? 0 : job->stream_tries * STREAM_PAUSE);
}

/* The planner looks after leases only. Silence while the reader of the output is slow is ours. */
void stream_watch(struct job *job, int64_t now)
{
    struct transfer *t = transfer_of(job, 0);
    if (job->stream_again && now >= job->stream_again) {
        job->stream_again = 0;
        stream_fall_back(job);
    }
    if (!t || !t->fetch)
        return;
    if (job->sink && sink_room(job->sink, job->stream_done) < STREAM_ROOM)
        job->heard_at = now;
    if (now - MAX(job->heard_at, t->begun) <= (t->position > 0 ? STREAM_SILENCE : STREAM_FIRST))
        return;
    struct source *source = t->source;
    str_copy(source->why, sizeof source->why, "no data came for a while");
    transfer_free(t);
    stream_ended(job, source, false, false);
}
