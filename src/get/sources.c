/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/job.h"
#include "io/digest.h"
#include "swarm/identity.h"
#include "swarm/policy.h"

#include <stdio.h>
#include <string.h>

struct source *sources_add(struct job *job, enum ddm_source_kind kind, const struct address *at,
                           const char *id)
{
    size_t n = job->source_count;
    if (n == JOB_MAX_SOURCES)
        return NULL;
    if ((n & (n - 1)) == 0) { /* room for twice as many */
        size_t room = MAX(2 * n, (size_t)2);
        void *sources = realloc(job->sources, room * sizeof *job->sources);
        if (!sources)
            return NULL;
        job->sources = sources;
        void *infos = realloc(job->infos, room * sizeof *job->infos);
        if (!infos)
            return NULL;
        job->infos = infos;
    }
    struct source *s = calloc(1, sizeof *s);
    struct plan_source_config config = { .slots = job->connections,
                                         .own = kind == DDM_SOURCE_ORIGIN };
    if (!s || plan_add_source(job->plan, &config, &s->plan) < 0) {
        free(s);
        return NULL;
    }
    s->job = job;
    s->kind = kind;
    s->shown = DDM_SOURCE_EXCLUDED; /* so that its first state is news */
    str_copy(s->id, sizeof s->id, id);
    if (at) {
        s->at = *at;
        address_format(s->name, at);
    } else {
        str_copy(s->name, sizeof s->name, "you");
    }
    job->sources[job->source_count++] = s;
    job_changed(job);
    return s;
}

static struct source *find_peer(const struct job *job, const struct address *at)
{
    for (size_t i = job->source_count; i-- > 0;) /* the last of that address counts */
        if (job->sources[i]->kind == DDM_SOURCE_PEER && job->sources[i]->at.port == at->port &&
            strcmp(job->sources[i]->at.host, at->host) == 0)
            return job->sources[i];
    return NULL;
}

/* A peer on this machine stands behind the same uplink, which is in use already. */
static bool is_own_uplink(const struct job *job, const struct message_peer *peer)
{
    return strcmp(peer->announce.host_id, job->host_id) == 0 &&
           (policy_host_is_loopback(peer->at.host) || identity_is_local(peer->at.host));
}

static void meet_peer(struct job *job, const struct message_peer *peer)
{
    if (is_own_uplink(job, peer))
        return;
    if (!job->insecure && !policy_host_is_loopback(peer->at.host)) {
        if (!job->told_insecure)
            report_notice(job, "peers beyond this machine are left out: there is no swarm key, and "
                               "--insecure is off");
        job->told_insecure = true;
        return;
    }
    struct source *known = find_peer(job, &peer->at);
    if (known) {
        struct plan_source_info info;
        plan_source_get(job->plan, known->plan, loop_now(), &info);
        bool anew = known->id[0] && strcmp(known->id, peer->id) != 0;
        str_copy(known->id, sizeof known->id, peer->id);
        if (!anew || info.state != PLAN_SOURCE_EXCLUDED)
            return; /* it was given up, and is another process now: worth a new try */
    }
    sources_add(job, DDM_SOURCE_PEER, &peer->at, peer->id);
}

static void on_peers(void *arg, const struct message_peer *peers, size_t count)
{
    struct tracker *tracker = arg;
    tracker->answered = true;
    for (size_t i = 0; i < count; i++)
        meet_peer(tracker->job, &peers[i]);
    job_changed(tracker->job);
}

static void on_away(void *arg, const char *why)
{
    struct tracker *tracker = arg;
    struct job *job = tracker->job;
    tracker->failed = true;
    if (!job->quiet_tracker && !tracker->answered)
        report_notice(job, "going on without the tracker: %s", why);
    job_changed(job);
}

static const struct lister_ops lister_ops = { on_peers, on_away };

bool sources_all_asked(const struct job *job)
{
    for (size_t i = 0; i < job->tracker_count && !job->no_peers; i++)
        if (!job->trackers[i].answered && !job->trackers[i].failed)
            return false;
    return true;
}

int sources_start(struct job *job, struct ddm_error *err)
{
    if (!sources_add(job, DDM_SOURCE_ORIGIN, NULL, ""))
        return error_memory(err);
    if (job->no_peers)
        return 0;
    for (size_t i = 0; i < job->peer_count; i++)
        if (!find_peer(job, &job->peers[i]) &&
            !sources_add(job, DDM_SOURCE_PEER, &job->peers[i], ""))
            return error_memory(err);
    char key[33];
    if (digest_once("sha-256", job->url, strlen(job->url), key, sizeof key) < 0)
        return error_memory(err);
    for (size_t i = 0; i < job->tracker_count; i++) {
        struct tracker *t = &job->trackers[i];
        t->job = job;
        int r = lister_new(&t->lister, job->loop, job->inside, &t->at, key, &lister_ops, t, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void sources_stop(struct job *job)
{
    for (size_t i = 0; i < job->tracker_count; i++)
        job->trackers[i].lister = lister_free(job->trackers[i].lister);
}
