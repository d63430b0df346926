/* SPDX-License-Identifier: MIT */
/* What else can be known of the file: checksum files that lie beside it (--checksum auto), and what
 * the origin links to (RFC 6249): other mirrors, a Metalink. One small document after the other,
 * while the file comes; nothing is published before they are there or given up. */
#include "base/error.h"
#include "base/filename.h"
#include "base/str.h"
#include "get/job.h"
#include "io/link.h"
#include "io/metalink.h"
#include "io/sums.h"
#include "io/url.h"
#include "swarm/exchange.h"

#include <stdio.h>
#include <string.h>

#define HINT_SIZE    ((size_t)1024 * 1024) /* of a checksum file */
#define HINT_TIMEOUT (10 * SEC)
#define MAX_LINKED   16 /* mirrors that are taken from links */

/* Where checksums lie, best first: behind the URL, or in its folder. */
static const struct place {
    const char *name;
    bool sibling;
    const char *algorithm;
} places[] = {
    { ".sha256", false, "sha-256" },    { ".sha512", false, "sha-512" },
    { "SHA256SUMS", true, "sha-256" },  { "SHA512SUMS", true, "sha-512" },
    { ".sha256sum", false, "sha-256" }, { "sha256sum.txt", true, "sha-256" },
    { "CHECKSUM", true, NULL },         { ".sha1", false, "sha-1" },
    { ".md5", false, "md5" },           { "SHA1SUMS", true, "sha-1" },
    { "MD5SUMS", true, "md5" },
};

struct hints {
    struct job *job;
    struct exchange *exchange;
    char *metalink;     /* to be fetched; NULL: none, or done */
    bool asks_metalink; /* the exchange is about it */
    size_t place;       /* next one to look at */
    bool unsure;        /* one of them could not be fetched, and may be there */
    bool looks, found;  /* for checksum files */
};

static void next(struct hints *h);

/* ---- what is learned ---- */

void hints_expect(struct job *job, const char *algorithm, const char *hex, const char *said_by)
{
    for (size_t i = 0; i < job->checksum_count; i++)
        if (strcmp(job->checksums[i].algorithm, algorithm) == 0 &&
            strcmp(job->checksums[i].hex, hex) == 0)
            return;
    if (job->checksum_count == JOB_MAX_CHECKSUMS)
        return;
    struct checksum *c = &job->checksums[job->checksum_count];
    str_copy(c->algorithm, sizeof c->algorithm, algorithm);
    str_copy(c->hex, sizeof c->hex, hex);
    str_copy(c->said_by, sizeof c->said_by, said_by);
    if (job->sink && job->state != JOB_PROBE && !sink_expect(job->sink, algorithm, hex))
        report_notice(job, "the %s checksum came too late: some bytes have been given away",
                      algorithm);
    else
        job->checksum_count++;
}

static void add_mirror(struct job *job, const char *base, const char *url)
{
    struct mirror *mirror = NULL;
    unsigned linked = 0;
    for (size_t i = 0; i < job->mirror_count; i++)
        linked += job->mirrors[i]->linked != NULL;
    _cleanup_free_ char *whole = url_resolve(base, url);
    bool safe = whole && (!str_starts_with(base, "https:") || str_starts_with(whole, "https:"));
    if (linked >= MAX_LINKED || !safe || url_check(whole, NULL) < 0)
        return;
    if (mirror_add(job, whole, job->primary, &mirror) == 0 && mirror)
        sources_add_mirror(job, mirror); /* not needed: without memory it is left out */
}

/* The file in a Metalink that is this one: of its name, or the only one. */
static const struct metalink_file *find_file(const struct job *job, const struct metalink *metalink)
{
    const char *slash = strrchr(job->path, '/');
    const char *name = slash ? slash + 1 : job->path;
    for (size_t i = 0; i < metalink->count; i++)
        if (strcmp(metalink->files[i].name, name) == 0)
            return &metalink->files[i];
    return metalink->count == 1 ? &metalink->files[0] : NULL;
}

static void read_metalink(struct hints *h, const struct exchange_reply *reply)
{
    struct job *job = h->job;
    struct metalink *metalink = NULL;
    if (reply->why || metalink_parse(&metalink, reply->body, reply->length, NULL) < 0)
        return;
    const struct metalink_file *file = find_file(job, metalink);
    bool same = file && (file->size == 0 || file->size == job->size);
    for (size_t i = 0; same && i < file->hash_count; i++)
        hints_expect(job, file->hashes[i].algorithm, file->hashes[i].hex, "the linked Metalink");
    for (size_t i = 0; same && i < file->url_count; i++)
        add_mirror(job, job->primary->url, file->urls[i]);
    metalink_free(metalink);
}

static void read_sums(struct hints *h, const struct place *place,
                      const struct exchange_reply *reply)
{
    struct job *job = h->job;
    char name[FILENAME_SIZE], algorithm[16], hex[2 * 64 + 1];
    h->unsure |= reply->why && reply->status != 401 && reply->status != 403 &&
                 reply->status != 404 && reply->status != 410;
    if (reply->why)
        return;
    filename_from_url(name, job->primary->url);
    h->found = sums_find(reply->body, reply->length, name, place->algorithm, algorithm, hex);
    char said_by[FILENAME_SIZE + 16];
    snprintf(said_by, sizeof said_by, "%s%s", place->sibling ? "" : name, place->name);
    if (h->found)
        hints_expect(job, algorithm, hex, said_by);
}

/* ---- asking ---- */

static void finish(struct hints *h)
{
    struct job *job = h->job;
    if (h->looks && !h->found && h->unsure)
        job_fail(job, DDM_E_NETWORK, "checksum files beside the file could not be looked at");
    else if (h->looks && !h->found)
        report_notice(job, "no checksum file lies beside the file: it is not verified");
    hints_stop(job);
    if (job->state == JOB_FINISHING)
        job_finish(job);
}

static void on_reply(void *arg, const struct exchange_reply *reply)
{
    struct hints *h = arg;
    if (h->job->state != JOB_ENDED && h->asks_metalink)
        read_metalink(h, reply);
    else if (h->job->state != JOB_ENDED)
        read_sums(h, &places[h->place - 1], reply);
    h->exchange = exchange_free(h->exchange);
    if (h->job->state != JOB_ENDED)
        next(h);
}

/* A public origin shall not make us look into private networks. */
static bool allows(void *arg, const struct fetch_way *way)
{
    const struct hints *h = arg;
    return !h->job->primary->is_public || !way->address || mirror_is_public(h->job, way);
}

static bool ask(struct hints *h, const char *url, size_t limit)
{
    const struct job *job = h->job;
    bool same = url && url_same_host(url, job->primary->url);
    struct fetch_request request = { .url = url,
                                     .timeout = HINT_TIMEOUT,
                                     .allow = allows,
                                     .profile = same ? &job->profile : &job->linked };
    return url && exchange_get(&h->exchange, job->outside, &request, limit, on_reply, h, NULL) == 0;
}

static void next(struct hints *h)
{
    const char *url = h->job->primary->url;
    h->asks_metalink = h->metalink != NULL;
    if (h->metalink) {
        _cleanup_free_ char *wanted = h->metalink;
        h->metalink = NULL;
        if (ask(h, wanted, METALINK_MAX_SIZE))
            return;
        h->asks_metalink = false;
    }
    while (h->looks && !h->found && h->place < ARRAY_SIZE(places)) {
        const struct place *place = &places[h->place++];
        _cleanup_free_ char *wanted =
            place->sibling ? url_sibling(url, place->name) : url_append(url, place->name);
        if (ask(h, wanted, HINT_SIZE))
            return;
    }
    finish(h);
}

void hints_start(struct job *job, const struct fetch_head *head)
{
    struct link link;
    const char *cursor = head ? head->links : "";
    struct hints *h = calloc(1, sizeof *h);
    if (!h)
        return;
    h->job = job;
    h->looks = job->checksum_auto;
    job->hints = h;
    while (link_next(&cursor, &link)) {
        if (strcmp(link.relation, "duplicate") == 0)
            add_mirror(job, job->primary->url, link.url);
        else if (!h->metalink && str_starts_with(link.type, "application/metalink"))
            h->metalink = url_resolve(job->primary->url, link.url);
    }
    if (h->metalink || h->looks) {
        if (job->sink)
            sink_hold(job->sink, true); /* a pipe gets nothing that cannot be checked any more */
        next(h);
    } else {
        hints_stop(job);
    }
}

bool hints_pending(const struct job *job)
{
    return job->hints != NULL;
}

void hints_stop(struct job *job)
{
    struct hints *h = job->hints;
    if (!h)
        return;
    exchange_free(h->exchange);
    free(h->metalink);
    free(h);
    job->hints = NULL;
    if (job->sink && job->state != JOB_ENDED)
        sink_hold(job->sink, false);
}
