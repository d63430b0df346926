/* SPDX-License-Identifier: MIT */
/* Spot checks: small ranges of what peers (and mirrors) gave are fetched once more from the primary
 * over an own uplink, and compared.
 *
 *     its bytes, in the order in which they came:
 *     ├───── window ─────┼───── window ─────┼──      a window has SPOT_SIZE / share bytes;
 *         [sample]                  [sample]         where in it, nobody can foretell
 *
 * So each byte has the same odds, whatever the leases, and a peer cannot tell which. The first one
 * is taken out of the first SPOT_SIZE bytes already, so that there is at least one of each. What is
 * kept of a sample is its digest. Nothing is published before all are compared. */
#include "base/str.h"
#include "get/job.h"
#include "io/digest.h"

#include <string.h>

#define SPOT_SIZE     (16 * KIB)
#define SPOT_LARGE    MIB        /* where a tenth or more is compared */
#define SPOT_TRIES    8          /* in a row, then what is left is not compared; */
#define SPOT_LAST     2          /* so many where nothing else is waited for */
#define SPOT_PATIENCE (3 * SEC)  /* for a connection */
#define SPOT_PAUSE    SEC        /* between two */
#define SPOT_SILENCE  (20 * SEC) /* of one */

/* A part of a sample that is in one piece in the file. */
struct sample {
    struct list link;
    struct source *source;
    struct range range;
    struct digest *digest; /* while it is being made */
    char hex[DIGEST_HEX_SIZE];
};

struct spot_check {
    struct job *job;
    struct sample *sample;
    struct transfer as; /* what mirror_allows and mirror_target look at */
    struct fetch *fetch;
    struct digest *digest;
    uint64_t position;
    bool right; /* the head was */
};

static struct sample *sample_free(struct sample *s)
{
    if (s) {
        list_remove(&s->link);
        digest_free(s->digest);
        free(s);
    }
    return NULL;
}

/* ---- choosing ---- */

static bool is_checked(const struct source *source)
{
    const struct job *job = source->job;
    bool other = source->kind == DDM_SOURCE_PEER || source->mirror != job->primary;
    return other && job->spot_check > 0 && job->piece_count == 0 && !job->streaming;
}

static uint64_t random_below(uint64_t limit)
{
    uint64_t random = 0;
    if (digest_random(&random, sizeof random) < 0)
        return 0;
    return limit > 0 ? random % limit : 0;
}

/* Where in the next window the sample lies. */
static void choose(struct source *source)
{
    struct spot_state *s = &source->spot;
    uint64_t share = MIN(source->job->spot_check, 1000000U);
    uint64_t size = share >= 100000 ? SPOT_LARGE : SPOT_SIZE;
    uint64_t window = MAX(size * 1000000 / share, size);
    s->from = s->window_end +
              random_below(s->samples == 0 && share < 100000 ? SPOT_SIZE / 2 : window - size + 1);
    s->to = s->from + size;
    s->window_end += window;
    s->samples++;
}

static void close_sample(struct spot_state *s)
{
    if (!s->open)
        return;
    digest_final(s->open->digest, s->open->hex);
    s->open->digest = digest_free(s->open->digest);
    s->open = NULL;
}

/* Goes on with the open sample, or begins the next part of it. */
static void take(struct source *source, uint64_t offset, const char *data, size_t length)
{
    struct spot_state *s = &source->spot;
    if (s->open && s->open->range.end != offset)
        close_sample(s);
    if (!s->open) {
        struct sample *new = calloc(1, sizeof *new);
        if (!new || digest_new(&new->digest, "sha-256") < 0) {
            free(new);
            return;
        }
        new->source = source;
        new->range = (struct range){ offset, offset };
        list_push_back(&source->job->samples, &new->link);
        s->open = new;
    }
    digest_update(s->open->digest, data, length);
    s->open->range.end += length;
}

void spot_see(struct source *source, uint64_t offset, const char *data, size_t length)
{
    struct spot_state *s = &source->spot;
    if (!is_checked(source))
        return;
    uint64_t begin = s->given, end = s->given + length;
    for (;;) {
        if (s->samples == 0 || begin >= s->to) {
            close_sample(s);
            choose(source);
        }
        uint64_t from = MAX(begin, s->from), to = MIN(end, s->to);
        if (from < to)
            take(source, offset + (from - s->given), data + (from - s->given), (size_t)(to - from));
        if (end < s->to)
            break;
        begin = s->to;
    }
    s->given = end;
}

void spot_forget_source(struct source *source)
{
    struct job *job = source->job;
    source->spot.open = NULL;
    list_foreach (s, &job->samples, struct sample, link)
        if (s->source == source && !(job->spot && job->spot->sample == s))
            sample_free(s);
}

/* ---- comparing ---- */

static void check_free(struct spot_check *c)
{
    c->job->spot = NULL;
    fetch_cancel(c->fetch);
    digest_free(c->digest);
    free(c);
}

void spot_clear(struct job *job)
{
    if (job->spot)
        check_free(job->spot);
    list_foreach (s, &job->samples, struct sample, link)
        sample_free(s);
    for (size_t i = 0; i < job->source_count; i++)
        job->sources[i]->spot = (struct spot_state){ 0 };
}

static int on_head(void *arg, const struct fetch_head *head)
{
    struct spot_check *c = arg;
    struct job *job = c->job;
    if (head->status != 206 || !head->range || head->encoded ||
        head->begin != c->sample->range.begin || head->end != c->sample->range.end)
        return -DDM_E_NETWORK;
    enum mirror_match match = mirror_compare(&c->as, head, head->total);
    if (match == MIRROR_CHANGED)
        job_start_over(job, "the file at the origin changed during the download");
    c->right = match == MIRROR_SAME;
    return c->right ? 0 : -DDM_E_CHANGED;
}

static int on_data(void *arg, const char *data, size_t length)
{
    struct spot_check *c = arg;
    uint64_t left = c->sample->range.end - c->position;
    if (!c->right || length > left || digest_update(c->digest, data, length) < 0)
        return -DDM_E_NETWORK;
    c->position += length;
    return 0;
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct spot_check *c = arg;
    struct job *job = c->job;
    struct sample *sample = c->sample;
    struct source *source = sample->source;
    bool whole = c->right && c->position == sample->range.end;
    char hex[DIGEST_HEX_SIZE];
    digest_final(c->digest, hex);
    bool same = whole && strcmp(hex, sample->hex) == 0;
    c->fetch = NULL;
    bool at_once = !whole && mirror_target_failed(&c->as, result->status);
    check_free(c);
    if (job->state == JOB_ENDED)
        return;
    if (!whole && !at_once) {
        job->spot_failures++;
        job->spot_again = loop_now() + SPOT_PAUSE;
    } else if (whole) {
        job->spot_failures = 0;
        sample_free(sample);
        if (!same)
            blame_source(job, source, "gave wrong bytes");
    }
    job_changed(job);
}

/* The own uplink that works, as far as is known. */
static struct source *reference(struct job *job)
{
    struct source *best = NULL;
    own_foreach (s, job) {
        bool usable = s->mirror == job->primary && !s->lied && !s->refused && !sources_excluded(s);
        if (usable && (!best || (best->failed && !s->failed)))
            best = s;
    }
    return best;
}

static bool allows(void *arg, const struct sockaddr *address, unsigned redirects)
{
    struct spot_check *c = arg;
    return mirror_allows(&c->as, address, redirects);
}

static void start(struct job *job, struct sample *sample, struct source *by)
{
    static const struct fetch_ops ops = { on_head, on_data, on_done };
    struct spot_check *c = calloc(1, sizeof *c);
    if (!c)
        return;
    c->job = job;
    c->sample = sample;
    c->as = (struct transfer){ .job = job, .source = by, .mirror = by->mirror };
    c->position = sample->range.begin;
    struct fetch_request request = { .url = mirror_target(&c->as),
                                     .begin = sample->range.begin,
                                     .end = sample->range.end,
                                     .interface = by->interface,
                                     .patience = SPOT_PATIENCE,
                                     .timeout = SPOT_SILENCE,
                                     .allow = allows,
                                     .profile = &job->profile };
    job->spot = c;
    if (digest_new(&c->digest, "sha-256") < 0 ||
        fetch_start(&c->fetch, job->outside, &request, &ops, c, NULL) < 0) {
        check_free(c);
        job->spot_failures++;
    }
}

static struct sample *next_sample(struct job *job, bool last)
{
    list_foreach (s, &job->samples, struct sample, link) {
        if (!s->digest)
            return s;
        if (last) {
            close_sample(&s->source->spot);
            return s;
        }
    }
    return NULL;
}

bool spot_run(struct job *job)
{
    if (job->spot)
        return true;
    bool last = plan_complete(job->plan);
    struct sample *sample = next_sample(job, last);
    if (!sample)
        return false;
    struct source *by = reference(job);
    if (!by || job->spot_failures >= (last ? SPOT_LAST : SPOT_TRIES)) {
        if (!job->told_spot)
            report_notice(job, "no uplink of this machine can be used to compare what peers gave: "
                               "it stays unchecked");
        job->told_spot = true;
        spot_clear(job);
        return false;
    }
    if (loop_now() >= job->spot_again)
        start(job, sample, by);
    return true;
}
