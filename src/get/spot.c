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
 * kept of a sample is its digest. A few are compared side by side, since each takes a round trip to
 * the origin. Nothing is published before all are compared. */
#include "base/str.h"
#include "get/job.h"
#include "io/digest.h"

#include <stdio.h>
#include <string.h>

#define SPOT_SIZE     (16 * KIB)
#define SPOT_LARGE    MIB        /* where a tenth or more is compared */
#define SPOT_SMALL    (2 * KIB)  /* where a thousandth or less is: many may download at once */
#define SPOT_SIDE     4          /* compared at a time, while that works */
#define SPOT_DEAD     2          /* tries of an uplink that has no way to the origin */
#define SPOT_RESTORED 64         /* samples of what a run before left, at most */
#define SPOT_PATIENCE (3 * SEC)  /* for a connection */
#define SPOT_PAUSE    SEC        /* behind a failure */
#define SPOT_SILENCE  (20 * SEC) /* of one */
#define SPOT_LINGER   (200 * MSEC)

/* A part of a sample that is in one piece in the file. */
struct sample {
    struct list link;
    struct source *source;
    struct range range;
    struct digest *digest;    /* while it is being made */
    struct spot_check *check; /* while it is being compared */
    char hex[DIGEST_HEX_SIZE];
};

struct spot_check {
    struct job *job;
    struct sample *sample;
    struct transfer as; /* what mirror_allows and mirror_target look at */
    struct fetch *fetch;
    struct digest *digest;
    uint64_t position;
    int64_t came_at; /* the last byte */
    bool right;      /* the head was */
    int64_t retry_after;
};

static void check_free(struct spot_check *c)
{
    if (!c)
        return;
    c->sample->check = NULL;
    fetch_cancel(c->fetch);
    digest_free(c->digest);
    free(c);
}

static void sample_free(struct sample *s)
{
    check_free(s->check);
    list_remove(&s->link);
    digest_free(s->digest);
    free(s);
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

/* Where in the next window the sample lies. Before the first window there is one more, early, so
 * that there is at least one of each. */
static void choose(struct source *source)
{
    struct spot_state *s = &source->spot;
    uint64_t share = MIN(source->job->spot_check, 1000000U);
    uint64_t size = share >= 100000 ? SPOT_LARGE : share > 1000 ? SPOT_SIZE : SPOT_SMALL;
    uint64_t window = MAX(size * 1000000 / share, size);
    if (s->samples++ == 0 && window > size) {
        s->from = 0; /* of who gives little, all is compared */
    } else {
        s->from = s->window_end + random_below(window - size + 1);
        s->window_end += window;
    }
    s->to = s->from + size;
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
    for (;;) { /* a sample may begin before the end of the early one: what is over is over */
        if (s->samples == 0 || begin >= s->to) {
            close_sample(s);
            choose(source);
        }
        uint64_t from = MAX(begin, s->from), to = MIN(end, s->to);
        if (from < to)
            take(source, offset + (from - s->given), data + (from - s->given), (size_t)(to - from));
        if (end < s->to)
            break;
        begin = MAX(begin, s->to);
    }
    s->given = end;
}

/* A byte of a set, by its number in it; and what follows it in one piece, up to SPOT_SIZE. */
static struct range pick(const struct rangeset *set, uint64_t number)
{
    size_t i = 0;
    while (number >= range_length(set->ranges[i]))
        number -= range_length(set->ranges[i++]);
    uint64_t begin = set->ranges[i].begin + number;
    return (struct range){ begin, MIN(begin + SPOT_SIZE, set->ranges[i].end) };
}

void spot_see_restored(struct job *job)
{
    const struct rangeset *there = sink_there(job->sink);
    uint64_t total = rangeset_total(there), count = total / SPOT_SIZE * job->spot_check / 1000000;
    if (job->spot_check == 0 || total == 0 || job->checksum_count + job->piece_count > 0)
        return;
    char *buf = malloc(SPOT_SIZE);
    for (uint64_t i = 0; buf && i < MIN(MAX(count, (uint64_t)1), (uint64_t)SPOT_RESTORED); i++) {
        struct sample *s = calloc(1, sizeof *s);
        if (!s)
            break;
        s->range = pick(there, random_below(total));
        size_t n = (size_t)range_length(s->range);
        if (sink_read(job->sink, s->range.begin, buf, n) < 0 ||
            digest_once("sha-256", buf, n, s->hex, sizeof s->hex) < 0) {
            free(s);
            break;
        }
        list_push_back(&job->samples, &s->link);
    }
    free(buf);
}

void spot_forget_source(struct source *source)
{
    struct job *job = source->job;
    source->spot.open = NULL;
    list_foreach (s, &job->samples, struct sample, link)
        if (s->source == source)
            sample_free(s);
}

/* ---- comparing ---- */

void spot_clear(struct job *job)
{
    list_foreach (s, &job->samples, struct sample, link)
        sample_free(s);
    for (size_t i = 0; i < job->source_count; i++)
        job->sources[i]->spot = (struct spot_state){ 0 };
}

static int on_head(void *arg, const struct fetch_head *head)
{
    struct spot_check *c = arg;
    struct job *job = c->job;
    c->retry_after = head->retry_after;
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
    c->came_at = loop_now();
    return 0;
}

/* Whether an own uplink goes on with a mirror that is known to have the same file. */
static bool mirror_goes_on(const struct job *job)
{
    own_foreach (s, job)
        if (s->mirror != job->primary && s->mirror->proved && !s->lied && !sources_excluded(s))
            return true;
    return false;
}

static void note_failure(struct source *by, const struct fetch_result *result)
{
    bool refuses = result->status >= 400 && result->status < 500 && result->status != 429;
    if (result->message[0])
        str_copy(by->why, sizeof by->why, result->message);
    else
        snprintf(by->why, sizeof by->why, "HTTP %ld", result->status);
    by->refused = refuses && mirror_goes_on(by->job); /* as if it had been lent a range */
}

/* May free c. */
static void judge(struct spot_check *c, const struct fetch_result *result)
{
    struct job *job = c->job;
    struct sample *sample = c->sample;
    struct source *source = sample->source;
    bool whole = c->right && c->position == sample->range.end;
    char hex[DIGEST_HEX_SIZE];
    digest_final(c->digest, hex);
    bool same = whole && strcmp(hex, sample->hex) == 0;
    int64_t now = loop_now(),
            pause = MAX(c->retry_after, MIN(job->spot_failures + 1, 3U) * SPOT_PAUSE);
    bool at_once = !whole && mirror_target_failed(&c->as, result->status);
    c->as.source->unreachable = !whole && !result->connected && result->status == 0;
    struct source *by = c->as.source;
    check_free(c);
    if (job->state == JOB_ENDED)
        return;
    if (!whole && !at_once) {
        note_failure(by, result);
        job->spot_failures += now >= job->spot_again; /* those that fail together are one */
        job->spot_again = MAX(job->spot_again, now + pause);
    } else if (whole) {
        job->spot_failures = 0;
        sample_free(sample);
        if (!same && source)
            blame_source(job, source, "gave wrong bytes");
        else if (!same)
            blame_restored(job);
    }
    job_changed(job);
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct spot_check *c = arg;
    c->fetch = NULL;
    judge(c, result);
}

/* All of it came, but the reply does not end: that is not waited for. One at a time: what comes out
 * of it may end others. */
static void finish_one_whole(struct job *job)
{
    list_foreach (s, &job->samples, struct sample, link) {
        struct spot_check *c = s->check;
        bool whole = c && c->right && c->position == s->range.end;
        if (whole && loop_now() - c->came_at > SPOT_LINGER) {
            judge(c, &(struct fetch_result){ .status = 206, .connected = true, .message = "" });
            return;
        }
    }
}

static unsigned side_by_side(const struct job *job)
{
    unsigned count = 0;
    list_foreach (s, &job->samples, struct sample, link)
        count += s->check != NULL;
    return count;
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

static bool allows(void *arg, const struct fetch_way *way)
{
    struct spot_check *c = arg;
    return mirror_allows(&c->as, way);
}

static bool start(struct job *job, struct sample *sample, struct source *by)
{
    static const struct fetch_ops ops = { on_head, on_data, on_done };
    struct spot_check *c = calloc(1, sizeof *c);
    if (!c)
        return false;
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
                                     .profile = mirror_profile(&c->as) };
    sample->check = c;
    if (digest_new(&c->digest, "sha-256") < 0 ||
        fetch_start(&c->fetch, job->outside, &request, &ops, c, NULL) < 0) {
        check_free(c);
        job->spot_failures++;
        return false;
    }
    return true;
}

static struct sample *next_sample(struct job *job, bool last)
{
    list_foreach (s, &job->samples, struct sample, link) {
        if (s->check)
            continue;
        if (!s->digest)
            return s;
        if (last) {
            close_sample(&s->source->spot);
            return s;
        }
    }
    return NULL;
}

/* An uplink that answers must be able to compare; one that has no way there cannot help. */
static void give_up(struct job *job, const struct source *by)
{
    if (by && !by->unreachable) {
        job_fail(job, DDM_E_NETWORK,
                 "what peers gave could not be compared with the origin "
                 "(--spot-check 0 does without): %s",
                 by->why);
        return;
    }
    if (!job->told_spot)
        report_notice(job, "no uplink of this machine can be used to compare what peers gave: it "
                           "stays unchecked");
    job->told_spot = true;
    spot_clear(job);
}

bool spot_run(struct job *job)
{
    finish_one_whole(job);
    if (job->state == JOB_ENDED)
        return true;
    unsigned side = side_by_side(job), most = job->spot_failures > 0 ? 1 : SPOT_SIDE;
    for (; side < most; side++) {
        struct sample *sample = next_sample(job, plan_complete(job->plan));
        if (!sample)
            return side > 0;
        struct source *by = reference(job);
        if (side > 0 && (!by || job->spot_failures > 0))
            break; /* what those under way say comes first */
        if (!by || job->spot_failures >= (by->unreachable ? SPOT_DEAD : job->retries)) {
            give_up(job, by);
            return job->state == JOB_ENDED;
        }
        if (loop_now() < job->spot_again || !start(job, sample, by))
            break;
    }
    return true;
}
