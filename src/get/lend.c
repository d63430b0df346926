/* SPDX-License-Identifier: MIT */
/* Who is asked next: the plan's leases become transfers; and what it means when nobody is left. */
#include "base/str.h"
#include "get/job.h"

#define PROBE_TRIES 3 /* of a source that answers, but with a server error */

void lend_drop_cancelled(struct job *job)
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
            if (!t->started)
                mirror_target_failed(t, 0);
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

/* ---- the probe ---- */

/* It cannot succeed: everybody there is has tried and come back with nothing. */
static bool probe_is_hopeless(const struct job *job)
{
    struct plan_source_info info;
    if (!sources_all_asked(job))
        return false;
    for (size_t i = 0; i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        plan_source_get(job->plan, s->plan, loop_now(), &info);
        bool excluded = sources_excluded(s);
        bool tried = excluded || (s->failed && info.leases == 0);
        bool given_up = excluded || s->unreachable ||
                        (s->status >= 500 && s->status != 503 && info.failures >= PROBE_TRIES);
        if (!tried || !given_up)
            return false;
    }
    return true;
}

/* It is one lease at a time. The next own uplink (and mirror) has its turn when those before it
 * have failed, and peers when all have; of these whoever failed least often, so that none waits
 * behind another. */
static void ask_next(struct job *job)
{
    struct plan_source_info info;
    size_t tried = 0, own = 0;
    own_foreach (s, job) {
        own++;
        tried += tried == own - 1 && (s->failed || sources_excluded(s));
    }
    bool peers_too = tried == own;
    unsigned most = 0;
    for (unsigned failures = 0; failures <= most; failures++) {
        size_t turn = 0;
        for (size_t i = 0; i < job->source_count; i++) {
            struct source *s = job->sources[i];
            if (s->kind == DDM_SOURCE_ORIGIN ? turn++ > tried : !peers_too)
                continue;
            plan_source_get(job->plan, s->plan, loop_now(), &info);
            most = MAX(most, info.failures);
            if (info.failures == failures)
                lend(job, s);
        }
    }
}

void lend_probe(struct job *job)
{
    bool refused = true;
    own_foreach (own, job) {
        if (sources_excluded(own) && own->no_ranges) {
            stream_fall_back(job);
            return;
        }
        refused &= sources_excluded(own) && (own->refused || own->mirror->given_up);
    }
    if (refused) {
        lend_fail_stuck(job); /* 404 and the like: it is not the way there that is wrong */
        return;
    }
    ask_next(job);
    if (probe_is_hopeless(job))
        lend_fail_stuck(job);
}

/* ---- ranges ---- */

static bool sees_other_version(const struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++)
        if (job->sources[i]->other_version)
            return true;
    return false;
}

void lend_ranges(struct job *job)
{
    if (share_waits(job)) /* the next tick asks again */
        return;
    for (size_t i = 0; i < job->source_count; i++)
        lend(job, job->sources[i]);
    lend_drop_cancelled(job);
    if (!plan_stuck(job->plan))
        return;
    own_foreach (own, job)
        if (own->no_ranges && own->mirror == job->primary && !own->lied) {
            stream_fall_back(job);
            return;
        }
    if (mirror_promote(job))
        return;
    if (sees_other_version(job) && !job->reopened)
        job_start_over(job, "the file at the origin changed during the download");
    else
        lend_fail_stuck(job);
}

static void fail_by_network(struct job *job, const struct source *worst, const struct source *peer)
{
    const char *why = worst->why[0] ? worst->why : "no source is left";
    if (!peer || worst->kind != DDM_SOURCE_ORIGIN)
        job_fail(job, DDM_E_NETWORK, "%s", why);
    else if (str_starts_with(peer->why, peer->name)) /* as what goes wrong between members does */
        job_fail(job, DDM_E_NETWORK, "%.200s; peer %.200s", why, peer->why);
    else
        job_fail(job, DDM_E_NETWORK, "%.200s; peer %s: %.140s", why, peer->name, peer->why);
}

/* Says what an own uplink met, and a peer. */
void lend_fail_stuck(struct job *job)
{
    const struct source *worst = job->sources[0], *refused = NULL, *lied = NULL, *peer = NULL;
    for (size_t i = job->source_count; i-- > 0;) { /* the first that says something */
        const struct source *s = job->sources[i];
        bool own = s->kind == DDM_SOURCE_ORIGIN;
        worst = s->why[0] && (!worst->why[0] || i == 0) ? s : worst;
        refused = s->refused || (own && s->status >= 400) ? s : refused;
        lied = s->lied ? s : lied;
        peer = !own && s->why[0] ? s : peer;
    }
    const char *url = (job->primary ? job->primary : job->mirrors[0])->brief;
    if (lied)
        job_fail(job, DDM_E_CHECKSUM, "%.200s %s, and nobody else has it: %.200s",
                 source_label(lied), lied->why, url);
    else if (refused)
        job_fail(job, DDM_E_REFUSED, "the origin refused: %s: %.300s", refused->why,
                 refused->mirror ? refused->mirror->brief : url);
    else if (sees_other_version(job))
        job_fail(job, DDM_E_CHANGED, "the file at the origin changed, or servers disagree: %.300s",
                 url);
    else
        fail_by_network(job, worst, peer);
}
