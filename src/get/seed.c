/* SPDX-License-Identifier: MIT */
/* A finished file, whole and right, for all that want it next: it goes into the cache of the
 * peer on this machine, as a clone that shares its blocks (swarm/cache_folder.h), and that peer is
 * asked what it holds of it, so that it looks.
 *
 * Only what digests have proved: what was only compared here and there may have a wrong byte, and
 * this machine's peer would answer for it. Where it cannot be done nobody needs to know. */
#include "base/util.h"
#include "get/job.h"
#include "swarm/cache_folder.h"
#include "swarm/exchange.h"
#include "swarm/member.h"

#include <stdio.h>
#include <string.h>

#define SEED_ANSWER  (512 * 1024) /* bytes */
#define SEED_TIMEOUT SEC

struct seed {
    struct job *job; /* NULL: it has gone, and this goes when the work has ended */
    struct exchange *question;
    char *folder, *path;
    char key[OBJECT_KEY_SIZE];
    bool cloned;
};

static void seed_free(struct seed *seed)
{
    exchange_free(seed->question);
    free(seed->folder);
    free(seed->path);
    free(seed);
}

static const struct source *local_peer(const struct job *job)
{
    for (size_t i = 0; job->local_node[0] && i < job->source_count; i++) {
        const struct source *s = job->sources[i];
        if (!s->cache && s->uplink == 0 && strcmp(s->id, job->local_node) == 0)
            return s;
    }
    return NULL;
}

static bool is_for_others(const struct job *job)
{
    bool proved = job->checksum_count + job->piece_count > 0;
    return proved && !job->already && !job->encoded && !job->has_secrets && job->object_key[0] &&
           !sink_is_stream(job->sink) && local_peer(job);
}

static void on_told(void *arg, const struct exchange_reply *reply)
{
    struct seed *seed = arg;
    struct job *job = seed->job;
    seed_stop(job);
    job_finished(job);
}

static int tell(struct seed *seed)
{
    struct job *job = seed->job;
    const struct source *peer = local_peer(job);
    char path[OBJECT_KEY_SIZE + 16];
    struct member_request member;
    if (!peer)
        return -1;
    snprintf(path, sizeof path, "/v1/objects/%s", seed->key);
    member_request(&member, job->inside, &peer->at, peer->id, path);
    member.request.timeout = SEED_TIMEOUT;
    return exchange_get(&seed->question, job->inside, &member.request, SEED_ANSWER, on_told, seed,
                        NULL);
}

static void run_clone(void *arg)
{
    struct seed *seed = arg;
    struct ddm_error unused;
    _cleanup_close_ int folder = cache_folder_open(seed->folder, false, &unused);
    seed->cloned = folder >= 0 && cache_clone(folder, seed->key, seed->path) == 0;
}

static void clone_done(void *arg)
{
    struct seed *seed = arg;
    struct job *job = seed->job;
    if (!job) {
        seed_free(seed);
    } else if (!seed->cloned || tell(seed) < 0) {
        job->seed = NULL;
        seed_free(seed);
        job_finished(job);
    }
}

bool seed_begin(struct job *job)
{
    struct seed *seed = is_for_others(job) ? calloc(1, sizeof *seed) : NULL;
    if (!seed)
        return false;
    seed->job = job;
    seed->folder = job->cache_folder ? strdup(job->cache_folder) : cache_folder_default();
    seed->path = strdup(job->path);
    memcpy(seed->key, job->object_key, sizeof seed->key);
    if (!seed->folder || !seed->path || loop_work(job->loop, run_clone, clone_done, seed) < 0) {
        seed_free(seed);
        return false;
    }
    job->seed = seed;
    return true;
}

void seed_stop(struct job *job)
{
    struct seed *seed = TAKE(job->seed);
    if (seed && seed->question)
        seed_free(seed);
    else if (seed)
        seed->job = NULL;
}
