/* SPDX-License-Identifier: MIT */
#include "get/sink_verify.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/digest.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define TURN_PIECES 1024                 /* at most */
#define BLOCK       ((size_t)128 * 1024) /* read at once: stays in the cache of a core */
#define WHOLES_MAX  8                    /* more than there are algorithms */

struct whole {
    char algorithm[16], hex[DIGEST_HEX_SIZE];
    struct digest *digest;
    uint64_t position; /* all before it is in the digest */
    bool in_turn, earlier;
};

struct verify {
    struct loop *loop;
    const struct verify_ops *ops;
    void *arg;
    unsigned char *block;

    struct whole wholes[WHOLES_MAX];
    size_t whole_count;
    bool contradicted;          /* two digests of one algorithm */
    atomic_uint_fast64_t limit; /* how far they may go now; it grows while a turn runs */
    atomic_uint_fast64_t claim; /* how far the turn is reading: see pass_wholes */

    const char *const *pieces;
    size_t piece_count; /* 0: none */
    uint64_t piece_length, size;
    struct digest *piece_digest;
    struct rangeset ready, right; /* of numbers of pieces */
    bool misfit, no_memory;

    /* The turn: the pool reads this and writes `end`, `wrong` and `error`. */
    struct {
        bool busy, pieces;
        atomic_bool vain;
        bool orphaned; /* nobody else has its digests any more */
        struct digest *digests[WHOLES_MAX];
        size_t digest_count;
        uint64_t begin, end;  /* bytes; of digests of the whole: what came of it */
        uint64_t most;        /* and where it ends at the latest */
        uint64_t first, last; /* pieces */
        bool wrong[TURN_PIECES];
        int error;
    } turn;
    uint64_t turn_bytes;
    bool ordered_next;
    atomic_bool cancelled;
};

int verify_new(struct verify **ret, struct loop *loop, uint64_t turn_bytes,
               const struct verify_ops *ops, void *arg)
{
    struct verify *v = calloc(1, sizeof *v);
    if (!v || !(v->block = malloc(BLOCK))) {
        free(v);
        return -1;
    }
    v->loop = loop;
    v->ops = ops;
    v->arg = arg;
    v->size = DDM_SIZE_UNKNOWN;
    v->turn_bytes = turn_bytes;
    *ret = v;
    return 0;
}

struct verify *verify_free(struct verify *verify)
{
    if (!verify)
        return NULL;
    for (size_t i = 0; i < verify->whole_count; i++)
        digest_free(verify->wholes[i].digest);
    digest_free(verify->piece_digest);
    rangeset_release(&verify->ready);
    rangeset_release(&verify->right);
    free(verify->block);
    free(verify);
    return NULL;
}

/* ---- what is expected ---- */

bool verify_expects(const struct verify *verify, const char *algorithm, const char *hex)
{
    const char *name = digest_name(algorithm);
    for (size_t i = 0; name && i < verify->whole_count; i++)
        if (strcmp(verify->wholes[i].algorithm, name) == 0 &&
            strcasecmp(verify->wholes[i].hex, hex) == 0)
            return true;
    return false;
}

bool verify_expected(const struct verify *verify, size_t number, const char **ret_algorithm,
                     const char **ret_hex)
{
    if (number >= verify->whole_count)
        return false;
    *ret_algorithm = verify->wholes[number].algorithm;
    *ret_hex = verify->wholes[number].hex;
    return true;
}

static int expect(struct verify *verify, const char *algorithm, const char *hex, bool earlier)
{
    if (verify_expects(verify, algorithm, hex))
        return 0;
    const char *name = digest_name(algorithm);
    if (name && verify->whole_count == WHOLES_MAX) {
        verify->contradicted = true;
        return 0;
    }
    struct whole w = { .earlier = earlier };
    if (!name || digest_new(&w.digest, name) < 0)
        return -1;
    str_copy(w.algorithm, sizeof w.algorithm, name);
    str_copy(w.hex, sizeof w.hex, hex);
    for (char *c = w.hex; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    verify->wholes[verify->whole_count++] = w;
    return 0;
}

int verify_expect(struct verify *verify, const char *algorithm, const char *hex)
{
    return expect(verify, algorithm, hex, false);
}

int verify_expect_earlier(struct verify *verify, const char *algorithm, const char *hex)
{
    return expect(verify, algorithm, hex, true);
}

int verify_set_pieces(struct verify *verify, const char *algorithm, uint64_t length,
                      const char *const *pieces, size_t count)
{
    if (length == 0 || count > INT64_MAX / length ||
        digest_new(&verify->piece_digest, algorithm) < 0)
        return -1;
    verify->pieces = pieces;
    verify->piece_length = length;
    verify->piece_count = count;
    return 0;
}

bool verify_set_size(struct verify *verify, uint64_t size)
{
    uint64_t length = verify->piece_length;
    verify->size = size;
    verify->misfit = verify->piece_count > 0 && size != DDM_SIZE_UNKNOWN && size > 0 &&
                     verify->piece_count != (size - 1) / length + 1;
    return !verify->misfit;
}

/* An empty file has no pieces, whatever else was said. */
static uint64_t count_pieces(const struct verify *v)
{
    return v->size == 0 || v->misfit ? 0 : v->piece_count;
}

static struct range piece_at(const struct verify *v, uint64_t number)
{
    uint64_t begin = number * v->piece_length, end = begin + v->piece_length;
    if (v->size != DDM_SIZE_UNKNOWN)
        end = MIN(end, v->size);
    else if (number + 1 == v->piece_count)
        end = DDM_SIZE_UNKNOWN;
    return (struct range){ begin, end };
}

/* ---- what is there ---- */

void verify_there(struct verify *verify, const struct rangeset *there, uint64_t begin, uint64_t end)
{
    uint64_t count = count_pieces(verify);
    if (count == 0 || begin >= end)
        return;
    for (uint64_t i = begin / verify->piece_length; i < count && i * verify->piece_length < end;
         i++) {
        struct range piece = piece_at(verify, i);
        if (!rangeset_contains(&verify->right, i, i + 1) &&
            rangeset_contains(there, piece.begin, piece.end) &&
            rangeset_add(&verify->ready, i, i + 1, NULL) < 0)
            verify->no_memory = true;
    }
}

static void back_to_the_beginning(struct whole *w)
{
    w->position = 0;
    digest_reset(w->digest);
}

/* Those of the turn go back when it has ended; if it has not come that far, it will not. */
static void rewind_wholes(struct verify *v, uint64_t passed)
{
    atomic_store(&v->limit, MIN(atomic_load(&v->limit), passed));
    for (size_t i = 0; i < v->whole_count; i++) {
        struct whole *w = &v->wholes[i];
        if (w->in_turn && atomic_load(&v->claim) > passed)
            atomic_store(&v->turn.vain, true);
        else if (!w->in_turn && w->position > passed)
            back_to_the_beginning(w);
    }
}

int verify_forget(struct verify *verify, uint64_t begin, uint64_t end)
{
    if (begin >= end)
        return 0;
    if (rangeset_reserve(&verify->ready, verify->ready.count + 1) < 0 ||
        rangeset_reserve(&verify->right, verify->right.count + 1) < 0)
        return -1;
    if (verify->piece_count > 0) {
        uint64_t first = begin / verify->piece_length, last = (end - 1) / verify->piece_length + 1;
        rangeset_remove(&verify->ready, first, last, NULL);
        rangeset_remove(&verify->right, first, last, NULL);
        if (verify->turn.busy && verify->turn.pieces && first < verify->turn.last &&
            verify->turn.first < last)
            atomic_store(&verify->turn.vain, true);
    }
    rewind_wholes(verify, begin);
    return 0;
}

void verify_restart(struct verify *verify)
{
    rangeset_release(&verify->ready);
    rangeset_release(&verify->right);
    atomic_store(&verify->limit, 0);
    atomic_store(&verify->turn.vain, verify->turn.busy);
    verify->turn.orphaned |= verify->turn.busy && !verify->turn.pieces;
    for (size_t i = 0; i < verify->whole_count; i++)
        if (!verify->wholes[i].in_turn) /* else they are the turn's now */
            digest_free(verify->wholes[i].digest);
    verify->whole_count = 0;
    verify->contradicted = false;
}

uint64_t verify_frontier(const struct verify *verify, const struct rangeset *there)
{
    if (count_pieces(verify) == 0)
        return rangeset_run_end(there, 0);
    uint64_t right = rangeset_run_end(&verify->right, 0);
    return right > 0 ? piece_at(verify, right - 1).end : 0;
}

uint64_t verify_passed(const struct verify *verify)
{
    uint64_t passed = UINT64_MAX;
    for (size_t i = 0; i < verify->whole_count; i++)
        passed = MIN(passed, verify->wholes[i].position);
    return passed;
}

/* ---- a turn, on the pool ---- */

static bool is_over(struct verify *v)
{
    return atomic_load(&v->cancelled) || atomic_load(&v->turn.vain);
}

/* Reads [begin, end), a block at most, into the digests of the turn. */
static int pass_block(struct verify *v, uint64_t begin, uint64_t end)
{
    size_t n = (size_t)(end - begin);
    int error = v->ops->read(v->arg, begin, v->block, n);
    for (size_t i = 0; i < v->turn.digest_count && !error; i++)
        digest_update(v->turn.digests[i], v->block, n);
    return error;
}

/* Up to the limit, wherever it is by then: the loop may be busy for many a millisecond, and hashing
 * must not wait for it. What is forgotten lowers the limit. Each side says first what it is about
 * to do and then looks at what the other one said, so that a block that is being forgotten is
 * either not read, or known to have been read. */
static void pass_wholes(struct verify *v)
{
    uint64_t at = v->turn.begin;
    while (!is_over(v) && !v->turn.error) {
        uint64_t limit = MIN((uint64_t)atomic_load(&v->limit), v->turn.most);
        uint64_t end = MIN(limit, at + BLOCK);
        if (end <= at)
            break;
        atomic_store(&v->claim, end);
        if (atomic_load(&v->limit) < end)
            continue;
        v->turn.error = pass_block(v, at, end);
        at = end;
    }
    v->turn.end = at;
}

static void pass_piece(struct verify *v, uint64_t number)
{
    char hex[DIGEST_HEX_SIZE];
    uint64_t begin = number * v->piece_length, end = MIN(begin + v->piece_length, v->turn.end);
    for (uint64_t at = begin; at < end && !v->turn.error && !is_over(v); at += BLOCK)
        v->turn.error = pass_block(v, at, MIN(at + BLOCK, end));
    digest_final(v->piece_digest, hex);
    v->turn.wrong[number - v->turn.first] = strcasecmp(hex, v->pieces[number]) != 0;
}

static void run_turn(void *arg)
{
    struct verify *v = arg;
    v->turn.error = 0;
    if (!v->turn.pieces)
        pass_wholes(v);
    for (uint64_t i = v->turn.first; v->turn.pieces && i < v->turn.last; i++)
        pass_piece(v, i);
}

/* ---- turns, on the loop ---- */

static bool choose_pieces(struct verify *v)
{
    struct range run;
    if (!rangeset_next_run(&v->ready, 0, UINT64_MAX, &run))
        return false;
    uint64_t fit = MAX(v->turn_bytes / v->piece_length, (uint64_t)1);
    uint64_t most = MIN(fit, (uint64_t)TURN_PIECES);
    v->turn.pieces = true;
    v->turn.first = run.begin;
    v->turn.last = MIN(run.end, run.begin + most);
    v->turn.digests[0] = v->piece_digest;
    v->turn.digest_count = 1;
    v->turn.begin = piece_at(v, v->turn.first).begin;
    v->turn.end = piece_at(v, v->turn.last - 1).end;
    return true;
}

/* Those that are furthest behind, until they have caught up with the next ones. */
static bool choose_ordered(struct verify *v)
{
    uint64_t begin = verify_passed(v), most = begin + v->turn_bytes;
    if (v->whole_count == 0 || begin >= atomic_load(&v->limit))
        return false;
    for (size_t i = 0; i < v->whole_count; i++)
        if (v->wholes[i].position > begin)
            most = MIN(most, v->wholes[i].position);
    v->turn.digest_count = 0;
    for (size_t i = 0; i < v->whole_count; i++) {
        v->wholes[i].in_turn = v->wholes[i].position == begin;
        if (v->wholes[i].in_turn)
            v->turn.digests[v->turn.digest_count++] = v->wholes[i].digest;
    }
    v->turn.pieces = false;
    v->turn.begin = begin;
    v->turn.most = most;
    atomic_store(&v->claim, begin);
    return true;
}

static void turn_done(void *arg);

void verify_go(struct verify *verify, uint64_t limit)
{
    struct verify *v = verify;
    atomic_store(&v->limit, limit);
    if (v->turn.busy || atomic_load(&v->cancelled))
        return;
    bool ordered = v->ordered_next && choose_ordered(v);
    if (!ordered && !choose_pieces(v) && !choose_ordered(v))
        return;
    v->ordered_next = v->turn.pieces;
    v->turn.busy = true;
    atomic_store(&v->turn.vain, false);
    if (loop_work(v->loop, run_turn, turn_done, v) < 0) {
        v->turn.error = ENOMEM;
        v->turn.end = v->turn.begin;
        turn_done(v);
    }
}

static void end_ordered(struct verify *v, bool vain)
{
    for (size_t i = 0; i < v->whole_count; i++) {
        struct whole *w = &v->wholes[i];
        if (!w->in_turn)
            continue;
        w->in_turn = false;
        w->position = v->turn.end;
        if (vain)
            back_to_the_beginning(w);
    }
}

/* All of them count before the first is told: who is told may change anything. */
static void end_pieces(struct verify *v)
{
    uint64_t first = v->turn.first, last = v->turn.last;
    for (uint64_t i = first; i < last; i++) {
        bool right = !v->turn.wrong[i - first];
        if (rangeset_remove(&v->ready, i, i + 1, NULL) < 0 ||
            (right && rangeset_add(&v->right, i, i + 1, NULL) < 0))
            v->no_memory = true;
    }
    for (uint64_t i = first; i < last; i++) {
        bool right = !v->turn.wrong[i - first];
        if (!right || rangeset_contains(&v->right, i, i + 1))
            v->ops->on_piece(v->arg, piece_at(v, i), right);
    }
}

static void turn_done(void *arg)
{
    struct verify *v = arg;
    bool forgotten = atomic_load(&v->turn.vain);
    bool vain = forgotten || v->turn.error || atomic_load(&v->cancelled);
    int error = forgotten ? 0 : v->turn.error;
    v->turn.busy = false;
    for (size_t i = 0; i < v->turn.digest_count && v->turn.orphaned; i++)
        digest_free(v->turn.digests[i]);
    if (v->turn.orphaned)
        v->turn.orphaned = false;
    else if (!v->turn.pieces)
        end_ordered(v, vain);
    else if (!vain)
        end_pieces(v);
    v->ops->on_turn(v->arg, error ? error : v->no_memory ? ENOMEM : 0);
}

bool verify_busy(const struct verify *verify)
{
    return verify->turn.busy;
}

void verify_cancel(struct verify *verify)
{
    atomic_store(&verify->cancelled, true);
}

/* ---- the end ---- */

bool verify_done(const struct verify *verify, uint64_t size)
{
    if (verify->turn.busy || rangeset_total(&verify->right) < count_pieces(verify))
        return false;
    for (size_t i = 0; i < verify->whole_count; i++)
        if (verify->wholes[i].position != size)
            return false;
    return true;
}

int verify_result(struct verify *verify, struct ddm_error *err)
{
    int r = 0;
    char hex[DIGEST_HEX_SIZE];
    for (size_t i = 0; i < verify->whole_count; i++) {
        struct whole *w = &verify->wholes[i];
        digest_final(w->digest, hex);
        w->position = 0;
        if (strcmp(hex, w->hex) != 0 && r == 0)
            r = error_set(err, DDM_E_CHECKSUM, "%s does not match: expected %s%s, the file has %s",
                          w->algorithm, w->hex,
                          w->earlier ? ", which an earlier run was given" : "", hex);
    }
    if (r == 0 && verify->contradicted)
        r = error_set(err, DDM_E_CHECKSUM, "the checksums contradict each other");
    if (r == 0 && verify->misfit)
        r = error_set(err, DDM_E_CHECKSUM, "the hashes of pieces are of a file of another size");
    return r;
}
