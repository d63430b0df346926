/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/job.h"
#include "io/digest.h"
#include "io/url.h"
#include "swarm/identity.h"
#include "swarm/policy.h"

#include <stdio.h>
#include <string.h>

static int add_to_plan(struct source *s)
{
    struct plan_source_config config = { .slots = s->job->connections,
                                         .own = s->kind == DDM_SOURCE_ORIGIN,
                                         .node = s->id[0] ? s->id : NULL,
                                         .cache = s->cache };
    if (plan_add_source(s->job->plan, &config, &s->plan) < 0)
        return -1;
    if (config.own && s->job->local_node[0])
        plan_set_spare(s->job->plan, s->plan, s->job->local_node);
    return 0;
}

static struct source *add(struct job *job, const struct source *as)
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
    if (!s)
        return NULL;
    *s = *as;
    s->job = job;
    if (add_to_plan(s) < 0) {
        free(s);
        return NULL;
    }
    s->shown = DDM_SOURCE_EXCLUDED; /* so that its first state is news */
    job->sources[job->source_count++] = s;
    job_changed(job);
    return s;
}

/* "you", "you (eth0)", "you (mirror.example)", "you (eth0, mirror.example)" */
static void name_own(struct source *s)
{
    char host[ADDRESS_HOST_SIZE] = "";
    if (s->mirror != s->job->mirrors[0])
        url_host(host, s->mirror->url);
    const char *interface = s->interface ? s->interface : "";
    bool both = interface[0] && host[0], any = interface[0] || host[0];
    snprintf(s->name, sizeof s->name, "you%s%s%s%s%s", any ? " (" : "", interface, both ? ", " : "",
             host, any ? ")" : "");
}

static int add_own(struct job *job, const char *interface, struct mirror *mirror)
{
    struct source as = { .kind = DDM_SOURCE_ORIGIN, .interface = interface, .mirror = mirror };
    struct source *s = add(job, &as);
    if (!s)
        return -DDM_E_FAIL;
    name_own(s);
    return 0;
}

int sources_add_mirror(struct job *job, struct mirror *mirror)
{
    const char *const *interface = job->interfaces;
    do { /* without any: the kernel's choice */
        if (add_own(job, *interface, mirror) < 0)
            return -DDM_E_FAIL;
    } while (*interface && *++interface);
    return 0;
}

static int add_peer(struct job *job, const struct address *at, const char *id, unsigned uplink)
{
    char text[ADDRESS_TEXT_SIZE];
    struct source as = { .kind = DDM_SOURCE_PEER, .at = *at, .uplink = uplink };
    str_copy(as.id, sizeof as.id, id);
    struct source *s = add(job, &as);
    if (!s)
        return -DDM_E_FAIL;
    snprintf(s->name, sizeof s->name, uplink ? "%s/%u" : "%s", address_format(text, at), uplink);
    return 0;
}

struct source *sources_add_cache(const struct source *peer)
{
    char text[ADDRESS_TEXT_SIZE];
    struct source as = { .kind = DDM_SOURCE_PEER, .at = peer->at, .cache = true };
    str_copy(as.id, sizeof as.id, peer->id);
    struct source *s = add(peer->job, &as);
    if (s)
        snprintf(s->name, sizeof s->name, "%s cache", address_format(text, &peer->at));
    return s;
}

static struct source *find_peer(const struct job *job, const struct address *at, unsigned uplink)
{
    for (size_t i = job->source_count; i-- > 0;) { /* the last of that address counts */
        struct source *s = job->sources[i];
        if (s->kind == DDM_SOURCE_PEER && !s->cache && s->uplink == uplink &&
            s->at.port == at->port && strcmp(s->at.host, at->host) == 0)
            return s;
    }
    return NULL;
}

/* One that is known is worth a new try where it was given up, and is another process now. */
static void meet_uplink(struct job *job, const struct address *at, const char *id, unsigned uplink)
{
    struct source *known = find_peer(job, at, uplink);
    if (known) {
        struct plan_source_info info;
        plan_source_get(job->plan, known->plan, loop_now(), &info);
        bool anew = known->id[0] && strcmp(known->id, id) != 0;
        str_copy(known->id, sizeof known->id, id);
        if (!anew || info.state != PLAN_SOURCE_EXCLUDED)
            return;
    }
    add_peer(job, at, id, uplink);
}

void sources_meet_uplinks(struct job *job, const struct source *source, unsigned count)
{
    for (unsigned uplink = 1; uplink < count && source->uplink == 0; uplink++)
        meet_uplink(job, &source->at, source->id, uplink);
}

int64_t sources_patience(const struct source *source)
{
    struct plan_source_info info;
    if (sources_own(source->job) < 2)
        return 0; /* what peers bring does not depend on it, and the planner sees its silence */
    plan_source_get(source->job->plan, source->plan, loop_now(), &info);
    return JOB_PATIENCE << MIN(info.failures + source->broken, 4U);
}

static bool is_own_uplink(const struct job *job, const struct message_peer *peer)
{
    return strcmp(peer->announce.host_id, job->host_id) == 0 &&
           (policy_host_is_loopback(peer->at.host) || identity_is_local(peer->at.host));
}

/* A peer on this machine is asked instead of the own uplinks, which are the same: so what is
 * fetched is there for others, too. Where --interface says which uplinks are for this download, it
 * is left alone, for it may have others. */
static bool join_own(struct job *job, const struct message_peer *peer)
{
    if (job->interfaces[0])
        return false;
    if (job->local_node[0])
        return strcmp(job->local_node, peer->id) == 0;
    str_copy(job->local_node, sizeof job->local_node, peer->id);
    own_foreach (s, job)
        plan_set_spare(job->plan, s->plan, peer->id);
    return true;
}

static void meet_peer(struct job *job, const struct message_peer *peer)
{
    if (is_own_uplink(job, peer) && !join_own(job, peer))
        return;
    if (!job->membership && !job->insecure && !policy_host_is_loopback(peer->at.host)) {
        if (!job->told_insecure)
            report_notice(job,
                          "peers beyond this machine are left out: this one has no swarm key (ddm "
                          "swarm join)");
        job->told_insecure = true;
        return;
    }
    meet_uplink(job, &peer->at, peer->id, 0);
}

static void on_peers(void *arg, const struct message_peer *peers, size_t count)
{
    struct tracker *tracker = arg;
    tracker->answered = true;
    for (size_t i = 0; i < count; i++)
        meet_peer(tracker->job, &peers[i]);
    share_meet(tracker->job, (size_t)(tracker - tracker->job->trackers), peers, count);
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

int sources_renew(struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (add_to_plan(s) < 0)
            return -DDM_E_FAIL;
        if (s->lied || (s->mirror && s->mirror->given_up))
            plan_exclude_source(job->plan, s->plan);
        s->failed = s->no_ranges = s->unreachable = s->refused = s->other_version = false;
        s->status = 0;
        s->refused_mirrors = 0;
        s->stream_bytes = 0;
        s->broken = s->wrong_pieces = 0;
    }
    return 0;
}

const char *source_label(const struct source *source)
{
    return source->mirror && source->job->mirror_count > 1 ? source->mirror->brief : source->name;
}

size_t sources_own(const struct job *job)
{
    size_t count = 0;
    own_foreach (s, job)
        count += !s->mirror->given_up;
    return count;
}

bool sources_excluded(const struct source *source)
{
    struct plan_source_info info;
    plan_source_get(source->job->plan, source->plan, loop_now(), &info);
    return info.state == PLAN_SOURCE_EXCLUDED || info.state == PLAN_SOURCE_REMOVED;
}

void sources_report(struct job *job, const struct source *source)
{
    struct message_report said = { .reason = "wrong_bytes" };
    str_copy(said.reporter, sizeof said.reporter, job->host_id);
    for (size_t i = 0; i < job->tracker_count && source->id[0]; i++)
        report_send(job->inside, &job->trackers[i].at, source->id, &said);
}

int sources_start(struct job *job, struct ddm_error *err)
{
    for (size_t i = 0; i < job->mirror_count; i++)
        if (sources_add_mirror(job, job->mirrors[i]) < 0)
            return error_memory(err);
    if (job->no_peers)
        return 0;
    for (size_t i = 0; i < job->peer_count; i++)
        if (!find_peer(job, &job->peers[i], 0) && add_peer(job, &job->peers[i], "", 0) < 0)
            return error_memory(err);
    _cleanup_free_ char *url = object_url(job->mirrors[0]->url, job->signing);
    char *key = job->object_text;
    if (!url || digest_once("sha-256", url, strlen(url), key, sizeof job->object_text) < 0)
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
    share_stop(job);
    for (size_t i = 0; i < job->tracker_count; i++)
        job->trackers[i].lister = lister_free(job->trackers[i].lister);
}

void sources_free(struct job *job)
{
    share_free(job);
    for (size_t i = 0; i < job->source_count; i++)
        free(job->sources[i]);
    free(job->sources);
    free(job->infos);
}
