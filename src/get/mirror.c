/* SPDX-License-Identifier: MIT */
/* The URLs of one file. The primary's reply says what the file is; another mirror is used besides
 * it only where it can be told that it gives the same: an equal strong ETag or date (mirrors that
 * copy files keep their dates), or checksums that will tell. Else it is kept for when the others
 * fail.
 *
 * A mirror that redirects is asked directly where it led to, which saves a round trip for each
 * lease; when that stops working (signed URLs expire) it is asked itself, from then on each time.
 */
#include "base/error.h"
#include "base/str.h"
#include "get/job.h"
#include "io/head.h"

#include <string.h>

static struct mirror *mirror_free(struct mirror *m)
{
    if (m) {
        free(m->url);
        free(m->shown);
        free(m->brief);
        free(m->redirected);
        free(m);
    }
    return NULL;
}

int mirror_add(struct job *job, const char *url, const struct mirror *linked, struct mirror **ret)
{
    for (size_t i = 0; i < job->mirror_count; i++)
        if (strcmp(job->mirrors[i]->url, url) == 0)
            return 0;
    if (job->mirror_count == JOB_MAX_MIRRORS || strlen(url) >= MESSAGE_URL_SIZE)
        return 0;
    struct mirror *m = calloc(1, sizeof *m);
    if (!m)
        return -1;
    m->url = strdup(url);
    m->shown = str_url_public(url);
    m->brief = str_url_brief(url);
    m->linked = linked;
    if (!m->url || !m->shown || !m->brief) {
        mirror_free(m);
        return -1;
    }
    job->mirrors[job->mirror_count++] = m;
    if (ret)
        *ret = m;
    return 0;
}

void mirrors_free(struct job *job)
{
    while (job->mirror_count > 0)
        mirror_free(job->mirrors[--job->mirror_count]);
}

static bool is_refused(const struct source *source, size_t number)
{
    return source->refused_mirrors >> number & 1;
}

/* Under another URL it is another object to a peer, and others would not find it. */
static bool has_to_be_primary(const struct source *source)
{
    const struct job *job = source->job;
    if (!job->primary || source->cache || share_is_alone(job))
        return source->cache && job->primary;
    for (size_t i = 0; i < job->mirror_count; i++)
        if (job->mirrors[i] == job->primary)
            return !is_refused(source, i);
    return false;
}

/* Peers take turns, where nobody else loads the file; before there is a primary, they try one after
 * the other. */
struct mirror *mirror_for(struct source *source)
{
    const struct job *job = source->job;
    if (source->mirror)
        return source->mirror;
    if (has_to_be_primary(source))
        return job->primary;
    size_t first = job->primary ? source->plan + source->turn++ : source->turn;
    for (size_t i = 0; i < job->mirror_count; i++) {
        struct mirror *m = job->mirrors[(first + i) % job->mirror_count];
        bool refused = is_refused(source, (first + i) % job->mirror_count);
        if (!m->reserve && !m->given_up && !refused && (m->proved || !m->known))
            return m;
    }
    return job->primary ? job->primary : job->mirrors[0];
}

bool mirror_refuse(struct source *source, const struct mirror *mirror)
{
    const struct job *job = source->job;
    bool others = false;
    for (size_t i = 0; i < job->mirror_count; i++) {
        if (job->mirrors[i] == mirror)
            source->refused_mirrors |= (uint32_t)1 << i;
        others |= !job->mirrors[i]->reserve && !job->mirrors[i]->given_up &&
                  !(source->refused_mirrors >> i & 1);
    }
    return others;
}

/* ---- is it the same file? ---- */

static void learn(struct mirror *m, const struct fetch_head *head)
{
    m->known = true;
    str_copy(m->etag, sizeof m->etag, head->etag);
    str_copy(m->last_modified, sizeof m->last_modified, head->last_modified);
}

/* Two servers: their ETags may differ though the file is the same, but not the other way round. */
static bool is_proved(const struct mirror *a, const struct fetch_head *b)
{
    bool tags =
        fetch_is_strong(a->etag) && fetch_is_strong(b->etag) && strcmp(a->etag, b->etag) == 0;
    return tags || (a->last_modified[0] && strcmp(a->last_modified, b->last_modified) == 0);
}

/* Whoever gave the version that is being downloaded, and now gives another one, tells that the file
 * at the origin changed; so does the only own uplink. Else it is just another server behind the
 * name that this source came to. */
static bool speaks_for_origin(const struct source *source)
{
    struct plan_source_info info;
    plan_source_get(source->job->plan, source->plan, loop_now(), &info);
    return source->kind == DDM_SOURCE_ORIGIN &&
           (sources_own(source->job) == 1 || info.bytes + source->stream_bytes > 0);
}

enum mirror_match mirror_compare(struct transfer *t, const struct fetch_head *head, uint64_t size)
{
    struct job *job = t->job;
    struct mirror *m = t->mirror;
    bool same_size = job->size == DDM_SIZE_UNKNOWN || size == DDM_SIZE_UNKNOWN || size == job->size;
    if (m->known) {
        if (same_size &&
            fetch_same_version(m->etag, m->last_modified, head->etag, head->last_modified))
            return MIRROR_SAME;
        return speaks_for_origin(t->source) && m == job->primary ? MIRROR_CHANGED : MIRROR_OTHER;
    }
    if (!same_size)
        return MIRROR_OTHER;
    /* What is in a pipe cannot be taken back when the checksum turns out wrong. */
    bool told = job->piece_count > 0 || (job->checksum_count > 0 && !sink_is_stream(job->sink));
    bool proved = is_proved(job->primary, head);
    if (!proved && (!told || t->source->kind == DDM_SOURCE_PEER))
        return MIRROR_UNSURE;
    learn(m, head);
    m->proved = proved;
    sink_add_origin(job->sink, m->shown, m->etag, m->last_modified, proved);
    return MIRROR_SAME;
}

bool mirror_promote(struct job *job)
{
    for (size_t i = 0; i < job->mirror_count; i++) {
        struct mirror *m = job->mirrors[i];
        if (!m->reserve || m->given_up || m->linked) /* the origin's links end with its version */
            continue;
        for (size_t k = 0; k < job->mirror_count; k++)
            job->mirrors[k]->given_up |= !job->mirrors[k]->reserve;
        m->reserve = false;
        job->reopened = false; /* another file, as far as is known: it may change once, too */
        report_notice(job, "the others have failed: starting over with %.300s", m->brief);
        job_start_over(job, "");
        return true;
    }
    return false;
}

/* ---- where it leads ---- */

const struct fetch_profile *mirror_profile(const struct transfer *t)
{
    return t->mirror->linked ? &t->job->linked : &t->job->profile;
}

const char *mirror_target(struct transfer *t)
{
    t->redirected = t->mirror->redirected && !t->mirror->expires;
    return t->redirected ? t->mirror->redirected : t->mirror->url;
}

void mirror_learn_target(struct transfer *t)
{
    struct mirror *m = t->mirror;
    const char *url = fetch_effective_url(t->fetch);
    /* Logins are for the host that was named; only libcurl knows when to leave them out. */
    if (t->redirected || m->expires || m->redirected || t->job->has_logins || !url[0] ||
        strcmp(url, m->url) == 0)
        return;
    m->redirected = strdup(url); /* without memory it is asked itself */
}

bool mirror_target_failed(struct transfer *t, long status)
{
    bool gone = status == 0 || status == 401 || status == 403 || status == 404 || status == 410 ||
                (status >= 500 && status != 503);
    if (!t->redirected || !gone)
        return false;
    t->mirror->expires = true;
    return true;
}

bool mirror_is_public(const struct job *job, const struct fetch_way *way)
{
    struct policy_target to = { way->url, way->address };
    enum policy_verdict verdict = policy_judge(job->redirects, &to);
    return verdict == POLICY_ALLOWED ||
           (verdict == POLICY_URL && policy_allows(job->redirects, way->address));
}

bool mirror_allows(void *arg, const struct fetch_way *way)
{
    struct transfer *t = arg;
    struct mirror *m = t->mirror;
    if (!way->address) /* what a proxy knows alone is the proxy's to judge */
        return true;
    bool good = mirror_is_public(t->job, way);
    if (way->redirects == 0 && !t->redirected)
        m->is_public |= good;
    bool led = way->redirects > 0 || t->redirected || m->linked;
    bool from_public = m->linked ? m->linked->is_public : m->is_public;
    return good || !led || !from_public;
}
