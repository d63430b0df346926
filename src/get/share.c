/* SPDX-License-Identifier: MIT */
/* A file that many want crosses the internet once: who owns its pieces (plan/owner.h), and what
 * peers hold of it already.
 *
 *     trackers' lists ──▶ owners: all clients of the object compute the same
 *     GET /v1/objects/KEY, once for each peer ─▶ what it holds: a source of its own, its cache
 *     heads of replies ─▶ DDM-Held the same; DDM-Rate of its uplink; DDM-Others: am I alone?
 *
 * A peer on this machine is an uplink like others, so that what this download fetches is kept for
 * the next one; the own uplinks are its spares then. */
#include "base/error.h"
#include "base/str.h"
#include "get/job.h"
#include "swarm/exchange.h"
#include "swarm/member.h"
#include "swarm/message_held.h"

#include <stdio.h>
#include <string.h>

#define HELD_MAX       (512 * 1024) /* bytes of an answer */
#define HELD_TIMEOUT   (5 * SEC)
#define SHARE_PATIENCE (1500 * MSEC) /* for the trackers, before going on alone */
#define HELD_PATIENCE  (300 * MSEC)  /* for what peers hold, before uplinks are asked */

/* A peer that a tracker has listed. */
struct share_node {
    char id[MESSAGE_ID_SIZE];
    uint64_t rate;     /* as it was announced when it was first seen: owners must not waver */
    uint32_t trackers; /* a bit for each that lists it */
};

/* ---- owners ---- */

/* Among those that share a file on purpose nobody fetches more of it alone than it takes to know
 * what it is. */
uint64_t share_probe(const struct job *job)
{
    bool shared = !job->no_peers && job->tracker_count > 0 && !job->quiet_tracker;
    return shared ? PLAN_PROBE_SHARED : 0;
}

/* Who comes late finds it all on the LAN, if it asks before it fetches. */
static bool waits_for_held(const struct job *job)
{
    bool answered = true;
    for (size_t i = 0; i < job->source_count; i++)
        answered &= !job->sources[i]->question;
    return !answered && loop_now() - job->held_asked < HELD_PATIENCE;
}

/* What each of many fetches alone before it knows of the others, all of them fetch. */
bool share_waits(const struct job *job)
{
    bool listed = share_probe(job) == 0 || sources_all_asked(job) ||
                  loop_now() - job->started >= SHARE_PATIENCE;
    return !listed || waits_for_held(job);
}

int share_set_owners(struct job *job)
{
    _cleanup_free_ struct plan_owner *owners = calloc(job->node_count + 1, sizeof *owners);
    if (!owners)
        return -1;
    for (size_t i = 0; i < job->node_count; i++)
        owners[i] = (struct plan_owner){ job->nodes[i].id, job->nodes[i].rate };
    return plan_set_owners(job->plan, job->object_text, owners, job->node_count);
}

static struct share_node *find_node(struct job *job, const char *id)
{
    for (size_t i = 0; i < job->node_count; i++)
        if (strcmp(job->nodes[i].id, id) == 0)
            return &job->nodes[i];
    return NULL;
}

static struct share_node *meet_node(struct job *job, const struct message_peer *peer)
{
    struct share_node *node = find_node(job, peer->id);
    if (node)
        return node;
    struct share_node *grown = reallocarray(job->nodes, job->node_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    job->nodes = grown;
    node = &job->nodes[job->node_count++];
    *node = (struct share_node){ .rate = peer->announce.rate };
    str_copy(node->id, sizeof node->id, peer->id);
    return node;
}

static void tell_rate(const struct job *job, const struct message_peer *peer)
{
    for (size_t i = 0; i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        if (!s->cache && s->uplink == 0 && strcmp(s->id, peer->id) == 0 && peer->announce.rate > 0)
            plan_tell_rate(job->plan, s->plan, peer->announce.rate);
    }
}

/* One that two trackers know is one, and goes when neither lists it any more. */
void share_meet(struct job *job, size_t tracker, const struct message_peer *peers, size_t count)
{
    uint32_t bit = (uint32_t)1 << tracker;
    size_t before = job->node_count, kept = 0;
    for (size_t i = 0; i < job->node_count; i++)
        job->nodes[i].trackers &= ~bit;
    for (size_t i = 0; i < count; i++) {
        struct share_node *node = meet_node(job, &peers[i]);
        if (node)
            node->trackers |= bit;
        tell_rate(job, &peers[i]);
    }
    bool changed = job->node_count != before;
    for (size_t i = 0; i < job->node_count; i++)
        if (job->nodes[i].trackers)
            job->nodes[kept++] = job->nodes[i];
    changed |= kept != job->node_count;
    job->node_count = kept;
    if (changed) /* without memory it stays as it was */
        share_set_owners(job);
}

/* ---- what peers hold ---- */

static bool is_peers_cache(const struct source *cache, const struct source *peer)
{
    return cache->cache && cache->at.port == peer->at.port &&
           strcmp(cache->at.host, peer->at.host) == 0;
}

static struct source *find_cache(const struct source *peer)
{
    const struct job *job = peer->job;
    for (size_t i = 0; i < job->source_count; i++)
        if (is_peers_cache(job->sources[i], peer))
            return job->sources[i];
    return NULL;
}

/* What is here already needs no cache. */
static bool is_of_use(const struct job *job, const struct rangeset *held)
{
    for (size_t i = 0; i < held->count; i++)
        if (!rangeset_contains(sink_there(job->sink), held->ranges[i].begin, held->ranges[i].end))
            return true;
    return false;
}

static void take_held(struct source *peer, const struct rangeset *held)
{
    struct job *job = peer->job;
    struct source *cache = peer->cache ? peer : find_cache(peer);
    if (job->state != JOB_RANGES || job->streaming || !job->sink || !is_of_use(job, held))
        return;
    if (!cache && !(cache = sources_add_cache(peer)))
        return;
    for (size_t i = 0; i < held->count; i++)
        plan_hold(job->plan, cache->plan, held->ranges[i].begin, held->ranges[i].end);
    job_changed(job);
}

/* Each peer says so that answers; who has not said anything may have others. */
bool share_is_alone(const struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        bool counts = s->kind == DDM_SOURCE_PEER && !s->cache && s->uplink == 0 && !s->failed;
        if (s->company == SHARE_COMPANY || (counts && s->company == SHARE_UNKNOWN))
            return false;
    }
    return true;
}

static bool is_joined(const struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++)
        if (job->sources[i]->company == SHARE_COMPANY)
            return true;
    return false;
}

void share_hear(const struct transfer *transfer, const struct fetch_head *head)
{
    struct source *source = transfer->source;
    struct job *job = transfer->job;
    bool of_object =
        transfer->mirror == job->primary; /* else of another one, of the mirror's URL */
    struct rangeset held = { 0 };
    if (!source->cache && source->uplink == 0 && head->uplink_rate > 0)
        plan_tell_rate(job->plan, source->plan, head->uplink_rate);
    if (head->tells_others) {
        source->company = head->others > 0 ? SHARE_COMPANY : SHARE_ALONE;
        plan_set_alone(job->plan, share_is_alone(job));
        plan_set_joined(job->plan, is_joined(job));
    }
    if (of_object && head->held[0] && message_held_short(&held, job->size, head->held) == 0)
        take_held(source, &held);
    rangeset_release(&held);
}

/* ---- asking ---- */

static void on_held(void *arg, const struct exchange_reply *reply)
{
    struct source *source = arg;
    struct rangeset held = { 0 };
    if (!reply->why &&
        message_held_decode(&held, source->job->size, reply->body, reply->length) == 0)
        take_held(source, &held);
    rangeset_release(&held);
    source->question = exchange_free(source->question);
    job_changed(source->job); /* see share_waits() */
}

static void ask(struct source *source)
{
    struct job *job = source->job;
    char path[OBJECT_KEY_SIZE + 16];
    struct member_request member;
    source->asked = true;
    if (job->held_asked == 0)
        job->held_asked = loop_now();
    snprintf(path, sizeof path, "/v1/objects/%s", job->object_key);
    member_request(&member, job->inside, &source->at, source->id, path);
    member.request.timeout = HELD_TIMEOUT;
    exchange_get(&source->question, job->inside, &member.request, HELD_MAX, on_held, source, NULL);
}

void share_ask(struct job *job)
{
    const struct mirror *m = job->primary;
    if (job->state != JOB_RANGES || !m || job->has_secrets)
        return;
    if (!job->object_key[0] &&
        !object_key(job->object_key, m->url, job->size, m->etag, m->last_modified, job->signing))
        return;
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (s->kind == DDM_SOURCE_PEER && !s->cache && s->uplink == 0 && !s->asked && !s->lied)
            ask(s);
    }
}

void share_stop(struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++)
        job->sources[i]->question = exchange_free(job->sources[i]->question);
}

int share_renew(struct job *job)
{
    share_stop(job);
    job->object_key[0] = '\0';
    job->held_asked = 0;
    for (size_t i = 0; i < job->source_count; i++) {
        job->sources[i]->asked = false;
        job->sources[i]->company = SHARE_UNKNOWN;
    }
    return job->node_count > 0 ? share_set_owners(job) : 0;
}

void share_free(struct job *job)
{
    free(job->nodes);
    job->nodes = NULL;
    job->node_count = 0;
}
