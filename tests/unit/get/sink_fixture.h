/* SPDX-License-Identifier: MIT */
/* What the tests of the sink share: a folder, a loop, content, and what was called back. */
#ifndef DDM_TEST_SINK_FIXTURE_H
#define DDM_TEST_SINK_FIXTURE_H

#include "get/sink.h"

#include "base/util.h"
#include "io/digest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SIZE   ((uint64_t)5 * 1000 * 1000)
#define PIECE  ((uint64_t)300 * 1000)
#define PIECES ((SIZE + PIECE - 1) / PIECE)
#define URL    "http://origin.example/f"
#define THERE  1000000 /* of what a run before left */

struct fixture {
    char directory[64], path[80], part[96], journal[96];
    struct loop *loop;
    struct sink *s;
    enum sink_start start;
    const char *why;
    struct ddm_error error;
    unsigned finished, failed, closed;
    uint64_t consumed;
    struct rangeset right, wrong; /* pieces */
    char *data;
    char hex[DIGEST_HEX_SIZE];
    char piece_hex[PIECES][DIGEST_HEX_SIZE];
    const char *pieces[PIECES];
};

static void on_consumed(void *arg, uint64_t consumed)
{
    struct fixture *f = arg;
    f->consumed = consumed;
    loop_stop(f->loop);
}

static void on_wrong_piece(void *arg, struct range piece)
{
    struct fixture *f = arg;
    char first;
    assert_int_equal(sink_read(f->s, piece.begin, &first, 1), 0); /* to see who gave what */
    assert_true(sink_forget(f->s, piece.begin, piece.end));
    rangeset_add(&f->wrong, piece.begin, piece.end, NULL);
    rangeset_remove(&f->right, piece.begin, piece.end, NULL);
    loop_stop(f->loop);
}

static void on_right_piece(void *arg, struct range piece)
{
    struct fixture *f = arg;
    rangeset_add(&f->right, piece.begin, piece.end, NULL);
    rangeset_remove(&f->wrong, piece.begin, piece.end, NULL);
    loop_stop(f->loop);
}

static void on_error(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    f->failed++;
    f->error = *error;
    loop_stop(f->loop);
}

static void on_finished(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    f->finished++;
    f->error = *error;
    loop_stop(f->loop);
}

static void on_closed(void *arg)
{
    struct fixture *f = arg;
    f->closed++;
    loop_stop(f->loop);
}

static const struct sink_ops ops = { on_consumed, on_wrong_piece, on_right_piece,
                                     on_error,    on_finished,    on_closed };

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->directory, sizeof f->directory, "%.40s/ddm-sink-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/file", f->directory);
    snprintf(f->part, sizeof f->part, "%s.part", f->path);
    snprintf(f->journal, sizeof f->journal, "%s.ddm", f->path);
    assert_int_equal(loop_new(&f->loop), 0);
    f->data = malloc(SIZE);
    for (uint64_t i = 0; i < SIZE; i++)
        f->data[i] = (char)(i * 13 + i / 997);
    digest_once("sha-256", f->data, SIZE, f->hex, sizeof f->hex);
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t length = MIN(PIECE, SIZE - i * PIECE);
        digest_once("sha-1", f->data + i * PIECE, length, f->piece_hex[i], sizeof f->piece_hex[i]);
        f->pieces[i] = f->piece_hex[i];
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    unlink(f->part);
    unlink(f->journal);
    assert_int_equal(rmdir(f->directory), 0); /* nothing else is left */
    rangeset_release(&f->right);
    rangeset_release(&f->wrong);
    free(f->data);
    free(f);
    return 0;
}

/* A file that can be gone on with. */
static inline struct sink_config file_config(const struct fixture *f)
{
    return (struct sink_config){
        .path = f->path, .object = { .url = URL, .size = SIZE, .etag = "\"v1\"", .resumable = true }
    };
}

static inline void add_pieces(const struct fixture *f, struct sink_config *config)
{
    config->piece_algorithm = "sha-1";
    config->piece_length = PIECE;
    config->pieces = f->pieces;
    config->piece_count = PIECES;
}

static inline int open_sink(struct fixture *f, const struct sink_config *config)
{
    return sink_new(&f->s, f->loop, config, &ops, f, &f->start, &f->why, &f->error);
}

/* The sink ends, and is gone; the loop stays. */
static inline void close_sink(struct fixture *f)
{
    unsigned closed = f->closed;
    sink_close(f->s);
    assert_int_equal(f->closed, closed); /* not from within the call */
    while (f->closed == closed)
        loop_run(f->loop);
    assert_int_equal(f->closed, closed + 1);
    f->s = sink_free(f->s);
}

static inline void end(struct fixture *f)
{
    close_sink(f);
    f->loop = loop_free(f->loop);
}

static inline void write_at(struct fixture *f, uint64_t begin, uint64_t end)
{
    assert_int_equal(sink_write(f->s, begin, f->data + begin, (size_t)(end - begin), &f->error), 0);
}

/* The loop, for so long at most. */
static inline void run_for(struct fixture *f, int64_t ns)
{
    struct loop_timer *t;
    assert_int_equal(loop_timer_new(&t, f->loop, (loop_timer_fn *)loop_stop, f->loop), 0);
    loop_timer_start(t, ns, false);
    loop_run(f->loop);
    loop_timer_free(t);
}

/* What is missing, in blocks from the end to the beginning, so that the frontier moves last. */
static inline void fill(struct fixture *f)
{
    struct range gap;
    for (uint64_t at = SIZE; at > 0;) {
        uint64_t begin = at - MIN(at, (uint64_t)70000);
        for (; rangeset_next_gap(sink_there(f->s), begin, at, &gap); begin = gap.end)
            write_at(f, gap.begin, gap.end);
        at -= MIN(at, (uint64_t)70000);
    }
}

static inline void finish(struct fixture *f)
{
    unsigned finished = f->finished;
    sink_finish(f->s, SIZE);
    while (f->finished == finished)
        loop_run(f->loop);
}

static inline void wait_for_pieces(struct fixture *f, uint64_t right, uint64_t wrong)
{
    while (rangeset_total(&f->right) < right || rangeset_total(&f->wrong) < wrong)
        loop_run(f->loop);
    assert_int_equal(rangeset_total(&f->right), right);
    assert_int_equal(rangeset_total(&f->wrong), wrong);
}

static inline void check_file(struct fixture *f)
{
    _cleanup_free_ char *back = malloc(SIZE);
    int fd = open(f->path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, back, SIZE), SIZE);
    close(fd);
    assert_memory_equal(back, f->data, SIZE);
    assert_int_equal(access(f->part, F_OK), -1);
    assert_int_equal(access(f->journal, F_OK), -1);
}

/* A run that ends with some of the file there. */
static inline void leave(struct fixture *f, const struct sink_config *config)
{
    unlink(f->part);
    unlink(f->journal);
    assert_int_equal(open_sink(f, config), 0);
    assert_int_equal(f->start, SINK_NEW);
    write_at(f, 0, THERE / 2);
    write_at(f, SIZE - THERE / 2, SIZE);
    close_sink(f);
}

/* The whole of what it should be, after `config`. */
static inline void go_on(struct fixture *f, const struct sink_config *config)
{
    assert_int_equal(open_sink(f, config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    assert_int_equal(rangeset_total(sink_there(f->s)), THERE);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    close_sink(f);
    unlink(f->path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
