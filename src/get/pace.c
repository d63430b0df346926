/* SPDX-License-Identifier: MIT */
/* A limit of the rate: when more came than it allows, nothing is read from any socket until that is
 * paid for. What is sent meanwhile waits in the kernel's buffers, and then at the other side. */
#include "get/job.h"

#define BLOCKS     16          /* a second, at least */
#define PACE_GRAIN (20 * MSEC) /* less than that is not worth a pause */

static void switch_all(struct job *job, bool held)
{
    job->held = held;
    list_foreach (t, &job->transfers, struct transfer, link)
        if (t->fetch)
            (held ? fetch_pause : fetch_resume)(t->fetch);
}

static void on_paid(void *arg)
{
    struct job *job = arg;
    plan_held(job->plan, loop_now());
    switch_all(job, false);
}

int pace_start(struct job *job)
{
    if (job->bucket.rate > 0) { /* little at a time, so that what is paid for is not long */
        fetcher_set_block(job->outside, (size_t)MIN(job->bucket.rate / BLOCKS, (uint64_t)MIB));
        fetcher_set_block(job->inside, (size_t)MIN(job->bucket.rate / BLOCKS, (uint64_t)MIB));
    }
    return loop_timer_new(&job->pace_timer, job->loop, on_paid, job);
}

void pace_take(struct transfer *transfer, size_t bytes)
{
    struct job *job = transfer->job;
    int64_t wait = bucket_take(&job->bucket, bytes, loop_now());
    if (wait < PACE_GRAIN)
        return;
    list_remove(&transfer->link); /* they take turns: the first to be resumed are served first */
    list_push_back(&job->transfers, &transfer->link);
    switch_all(job, true); /* those, too, that began while it was held */
    loop_timer_start(job->pace_timer, wait, false);
}

void pace_tick(struct job *job, int64_t now)
{
    if (!job->held)
        return;
    plan_held(job->plan, now);
    job->heard_at = now;
}
