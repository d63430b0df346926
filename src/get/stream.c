/* SPDX-License-Identifier: MIT */
/* The one stream: what is left where the origin gives no ranges, or gives them no longer. It comes
 * over the own uplink, from the beginning; when it breaks off it is tried again, and what is there
 * already is passed over. */
#include "base/str.h"
#include "get/job.h"

#define STREAM_SILENCE (20 * SEC) /* after which the one stream is given up, and tried again */
#define STREAM_FIRST   (60 * SEC) /* the same before its first byte */
#define STREAM_ROOM    MIB /* less in the window of the output: its reader holds the stream back */
#define STREAM_PAUSE   SEC /* before the one stream is tried again, times the tries */

/* What is there stays, if a validator can tell that the stream is of the same version, byte for
 * byte: a strong ETag, or else a date. */
static bool keep_beginning(struct job *job)
{
    bool strong = job->etag[0] && !str_starts_with(job->etag, "W/");
    bool versioned = strong || job->last_modified[0];
    if (versioned && !job->streaming)
        job->stream_done = rangeset_run_end(plan_done_set(job->plan), 0);
    else if (!versioned)
        job->stream_done = job->sources[0]->stream_bytes = 0;
    return versioned || !job->sink || sink_restart(job->sink);
}

void stream_fall_back(struct job *job)
{
    struct source *own = job->sources[0];
    job_stop_transfers(job);
    bool kept = keep_beginning(job);
    job->state = JOB_STREAM;
    job->streaming = true;
    if (!kept)
        job_fail(job, DDM_E_NETWORK,
                 "it broke off, and nothing tells whether a second try would be "
                 "of the same version: %s",
                 own->why);
    else if (transfer_start_stream(job, own) < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
}

void stream_ended(struct job *job, bool whole, bool refused)
{
    struct source *own = job->sources[0];
    if (whole)
        job_finish(job);
    else if (refused || ++job->stream_tries > job->retries)
        job_fail_stuck(job);
    else if (!own->status && !job->path)
        job_fail(job, DDM_E_NETWORK, "%s", own->why);
    else
        job->stream_again = loop_now() + job->stream_tries * STREAM_PAUSE;
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
    str_copy(t->source->why, sizeof t->source->why, "no data came for a while");
    transfer_free(t);
    stream_ended(job, false, false);
}
