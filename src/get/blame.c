/* SPDX-License-Identifier: MIT */
/* Who gave what, and what happens when it was wrong.
 *
 *     a spot check differs ───────────────▶ the source lied
 *     a piece is wrong ─ one gave it ─────▶ the source lied (an own uplink: the second time)
 *                      └ several did ─────▶ suspicion: the digest of each one's part is kept; when
 *                                           the piece is right, the part that differs tells
 *     what was there before is wrong ─────▶ all of that is fetched again
 *     the checksum of the whole differs ──▶ what others gave is fetched again, without them
 *
 * A source that lied is excluded, the trackers are told, and what it gave is taken back. */
#include "base/str.h"
#include "get/job.h"
#include "io/digest.h"

#include <string.h>

#define READ_SIZE      ((size_t)64 * 1024)
#define WRONG_PIECES   2 /* of an own uplink: the first may be a fault of the way */
#define MAX_SUSPICIONS 4096

struct suspicion {
    struct list link;
    struct source *source;
    struct range piece, part;
    char hex[DIGEST_HEX_SIZE];
};

int blame_note(struct source *source, struct range range)
{
    return rangeset_add(&source->given, range.begin, range.end, NULL);
}

/* ---- taking back ---- */

/* A stream may have given it away: then there is nothing to save. */
static bool take_back(struct job *job, uint64_t begin, uint64_t end)
{
    for (size_t i = 0; i < job->source_count; i++)
        rangeset_remove(&job->sources[i]->given, begin, end, NULL); /* fails: stays in its name */
    if (!sink_forget(job->sink, begin, end)) {
        job_fail(job, DDM_E_CHANGED, "wrong bytes were found out when they had been given away");
        return false;
    }
    if (plan_take_back(job->plan, begin, end) < 0) {
        job_fail(job, DDM_E_FAIL, "out of memory");
        return false;
    }
    return true;
}

/* All but what is in `trusted`. */
static bool take_back_except(struct job *job, const struct rangeset *trusted)
{
    struct range gap, run;
    for (uint64_t at = 0; rangeset_next_gap(trusted, at, job->size, &gap); at = gap.end)
        while (rangeset_next_run(sink_there(job->sink), gap.begin, gap.end, &run))
            if (!take_back(job, run.begin, run.end))
                return false;
    return true;
}

static int add_given(struct rangeset *to, const struct source *source)
{
    for (size_t i = 0; i < source->given.count; i++)
        if (rangeset_add(to, source->given.ranges[i].begin, source->given.ranges[i].end, NULL) < 0)
            return -1;
    return 0;
}

/* What others gave stays; not what is left of runs before this one: nobody knows how much of that
 * is the liar's. With hashes of pieces all stays: each piece has to be right by itself. */
static bool take_back_lies(struct job *job)
{
    struct rangeset trusted = { 0 };
    int r = 0;
    if (job->piece_count > 0)
        return true;
    for (size_t i = 0; i < job->source_count && r == 0; i++)
        if (!job->sources[i]->lied)
            r = add_given(&trusted, job->sources[i]);
    if (r < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
    bool good = r == 0 && take_back_except(job, &trusted);
    rangeset_release(&trusted);
    return good;
}

void blame_compare(struct job *job, uint64_t offset, const char *data, size_t length)
{
    struct range run;
    char buf[4096];
    for (uint64_t at = offset; rangeset_next_run(sink_there(job->sink), at, offset + length, &run);
         at = run.end) {
        run.end = MIN(run.end, run.begin + sizeof buf);
        size_t n = (size_t)range_length(run);
        bool differs = sink_read(job->sink, run.begin, buf, n) == 0 &&
                       memcmp(buf, data + (run.begin - offset), n) != 0;
        for (size_t i = 0; i < job->source_count && differs; i++)
            rangeset_remove(&job->sources[i]->given, run.begin, run.end, NULL);
        if (differs && !sink_forget(job->sink, run.begin, run.end))
            job_fail(job, DDM_E_CHANGED,
                     "wrong bytes were found out when they had been given away");
    }
}

static bool same_machine(const struct source *a, const struct source *b)
{
    return a == b || (a->kind == DDM_SOURCE_PEER && b->kind == DDM_SOURCE_PEER &&
                      a->at.port == b->at.port && strcmp(a->at.host, b->at.host) == 0);
}

static void forget_suspicions(struct job *job, const struct source *source)
{
    list_foreach (s, &job->suspicions, struct suspicion, link)
        if (s->source == source) {
            list_remove(&s->link);
            free(s);
        }
}

void blame_source(struct job *job, struct source *source, const char *what)
{
    char bytes[32];
    uint64_t given = 0;
    if (source->lied || job->state == JOB_ENDED)
        return;
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (!same_machine(s, source))
            continue;
        s->lied = s->failed = s->told = true;
        given += rangeset_total(&s->given);
        str_copy(s->why, sizeof s->why, what);
        plan_exclude_source(job->plan, s->plan);
        spot_forget_source(s);
        forget_suspicions(job, s);
    }
    const char *prefix = source->kind == DDM_SOURCE_PEER ? "peer " : "";
    if (job->piece_count > 0)
        report_notice(job, "%s%.300s %s: it is left out", prefix, source_label(source), what);
    else
        report_notice(job, "%s%.300s %s: it is left out, and the %s that it gave are fetched again",
                      prefix, source_label(source), what, str_bytes(bytes, sizeof bytes, given));
    if (source->kind == DDM_SOURCE_PEER)
        sources_report(job, source);
    if (take_back_lies(job) && job->state == JOB_FINISHING)
        job->state = JOB_RANGES;
    job_changed(job);
}

void blame_restored(struct job *job)
{
    struct rangeset trusted = { 0 };
    int r = 0;
    for (size_t i = 0; i < job->source_count && r == 0; i++)
        r = add_given(&trusted, job->sources[i]);
    report_notice(job,
                  "what was there from before is not what the origin has: it is fetched again");
    if (r < 0)
        job_fail(job, DDM_E_FAIL, "out of memory");
    else
        take_back_except(job, &trusted);
    rangeset_release(&trusted);
    job->restored = 0;
    job_changed(job);
}

/* ---- pieces ---- */

/* False where it cannot be read any more. */
static bool digest_part(struct job *job, struct range part, char hex[static DIGEST_HEX_SIZE])
{
    struct digest *digest = NULL;
    char *buf = malloc(READ_SIZE);
    bool good = buf && digest_new(&digest, "sha-256") == 0;
    for (uint64_t at = part.begin; good && at < part.end;) {
        size_t n = (size_t)MIN(part.end - at, (uint64_t)READ_SIZE);
        good = sink_read(job->sink, at, buf, n) == 0 && digest_update(digest, buf, n) == 0;
        at += n;
    }
    if (good)
        digest_final(digest, hex);
    digest_free(digest);
    free(buf);
    return good;
}

static unsigned count_suspicions(const struct job *job, struct range piece, bool of_piece)
{
    unsigned count = 0;
    list_foreach (s, &job->suspicions, struct suspicion, link)
        count += !of_piece || s->piece.begin == piece.begin;
    return count;
}

static void suspect(struct job *job, struct source *source, struct range piece)
{
    struct range part;
    for (uint64_t at = piece.begin; rangeset_next_run(&source->given, at, piece.end, &part);
         at = part.end) {
        if (count_suspicions(job, piece, false) >= MAX_SUSPICIONS)
            return;
        struct suspicion *s = calloc(1, sizeof *s);
        if (!s || !digest_part(job, part, s->hex)) {
            free(s);
            return;
        }
        s->source = source;
        s->piece = piece;
        s->part = part;
        list_push_back(&job->suspicions, &s->link);
    }
}

/* It was wrong before, and whoever did it was not found: nobody who took part both times stays, but
 * for the primary itself. */
static void blame_all(struct job *job, struct range piece)
{
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (s->mirror != job->primary &&
            rangeset_count_within(&s->given, piece.begin, piece.end) > 0)
            blame_source(job, s, "had a part in a piece that was wrong twice");
    }
}

static void blame_givers(struct job *job, struct range piece)
{
    size_t only = 0; /* whose index that is, where there is one giver */
    uint64_t known = 0;
    unsigned givers = 0;
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        uint64_t bytes = rangeset_count_within(&s->given, piece.begin, piece.end);
        known += bytes;
        givers += bytes > 0;
        only = bytes > 0 ? i : only;
    }
    bool sole = givers == 1 && known == range_length(piece); /* else a run before took part */
    if (sole) {
        struct source *giver = job->sources[only];
        if (giver->kind == DDM_SOURCE_PEER || ++giver->wrong_pieces >= WRONG_PIECES) {
            blame_source(job, giver, "gave a piece that does not match its hash");
            return;
        }
    }
    if (count_suspicions(job, piece, true) > 0)
        blame_all(job, piece);
    for (size_t i = 0; i < job->source_count && !sole; i++)
        suspect(job, job->sources[i], piece);
}

void blame_wrong_piece(struct job *job, struct range piece)
{
    if (job->state == JOB_ENDED)
        return;
    if (job->streaming) {
        job_fail(job, DDM_E_CHECKSUM, "the piece at %llu does not match its hash",
                 (unsigned long long)piece.begin);
        return;
    }
    blame_givers(job, piece);
    if (job->state != JOB_ENDED)
        take_back(job, piece.begin, piece.end);
    if (job->state == JOB_FINISHING)
        job->state = JOB_RANGES;
    job_changed(job);
}

void blame_right_piece(struct job *job, struct range piece)
{
    char hex[DIGEST_HEX_SIZE];
    struct source *liar = NULL;
    list_foreach (s, &job->suspicions, struct suspicion, link) {
        if (s->piece.begin != piece.begin)
            continue;
        if (digest_part(job, s->part, hex) && strcmp(hex, s->hex) != 0)
            liar = s->source;
        list_remove(&s->link);
        free(s);
    }
    if (liar)
        blame_source(job, liar, "gave wrong bytes");
}

/* ---- the whole ---- */

/* The one stream, and nobody else, from its beginning. */
static bool stream_again(struct job *job)
{
    if (!take_back(job, 0, job->size))
        return false;
    report_notice(job, "the checksum does not match: all is fetched again from %s",
                  job->primary->brief);
    job->stream_done = job->restored = 0;
    stream_fall_back(job);
    return true;
}

static void leave_out_others(struct job *job)
{
    for (size_t i = 0; i < job->source_count; i++) {
        struct source *s = job->sources[i];
        if (s->mirror == job->primary)
            continue;
        plan_exclude_source(job->plan, s->plan);
        spot_forget_source(s);
        str_copy(s->why, sizeof s->why, "the checksum did not match");
        s->told = true;
    }
}

bool blame_recover(struct job *job)
{
    struct rangeset trusted = { 0 };
    int r = 0;
    if (job->recovered || sink_is_stream(job->sink) || sources_own(job) == 0)
        return false;
    job->recovered = true;
    own_foreach (own, job)
        if (own->mirror == job->primary && r == 0)
            r = add_given(&trusted, own); /* without memory more is fetched again */
    bool doubtful = rangeset_total(&trusted) < job->size;
    if (doubtful && job->streaming) {
        doubtful = stream_again(job);
    } else if (doubtful) {
        leave_out_others(job);
        report_notice(job,
                      "the checksum does not match: what others or an earlier run gave is "
                      "fetched again from %s",
                      job->primary->brief);
        doubtful = take_back_except(job, &trusted);
        job->state = JOB_RANGES;
    }
    rangeset_release(&trusted);
    return doubtful;
}

void blame_clear(struct job *job)
{
    list_foreach (s, &job->suspicions, struct suspicion, link) {
        list_remove(&s->link);
        free(s);
    }
    for (size_t i = 0; i < job->source_count; i++)
        rangeset_release(&job->sources[i]->given);
}
