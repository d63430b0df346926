/* SPDX-License-Identifier: MIT */
/* What the tests of sparse files share: a folder, a loop, a turn step by step, and what a next
 * process would find. */
#ifndef DDM_TEST_SPARSE_FIXTURE_H
#define DDM_TEST_SPARSE_FIXTURE_H

#include "io/sparse.h"

#include "base/util.h"
#include "io/sparse_internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SIZE ((uint64_t)1000 * 1000)

struct fixture {
    char directory[64], path[80], journal[80], new[96], copy[80], copy_journal[80];
    struct loop *loop;
    struct loop_timer *tick;
    struct loop_defer *pass;
    struct sparse *s;
    enum sparse_found found;
    struct ddm_error error;
    unsigned failures;
    bool done;
    char data[SIZE];
};

static void on_error(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    f->failures++;
    f->error = *error;
}

static const struct sparse_ops ops = { on_error };

static void on_tick(void *arg)
{
    struct fixture *f = arg;
    loop_stop(f->loop);
}

static void on_done(void *arg)
{
    struct fixture *f = arg;
    f->done = true;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->directory, sizeof f->directory, "%.40s/ddm-sparse-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/f", f->directory);
    snprintf(f->journal, sizeof f->journal, "%s/f.ddm", f->directory);
    snprintf(f->new, sizeof f->new, "%s/f.ddm.new", f->directory);
    snprintf(f->copy, sizeof f->copy, "%s/c", f->directory);
    snprintf(f->copy_journal, sizeof f->copy_journal, "%s/c.ddm", f->directory);
    for (size_t i = 0; i < SIZE; i++)
        f->data[i] = (char)(i * 7 + i / 1013 + 1);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(loop_timer_new(&f->tick, f->loop, on_tick, f), 0);
    assert_int_equal(loop_defer_new(&f->pass, f->loop, on_tick, f), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_defer_free(f->pass);
    loop_free(f->loop);
    unlink(f->path);
    unlink(f->journal);
    unlink(f->copy);
    unlink(f->copy_journal);
    assert_int_equal(rmdir(f->directory), 0); /* nothing else is left */
    free(f);
    return 0;
}

/* For a moment. */
static inline void run_once(struct fixture *f)
{
    loop_timer_start(f->tick, MSEC, false);
    loop_run(f->loop);
}

static inline int reopen(struct fixture *f)
{
    return sparse_open(&f->s, f->loop, f->path, f->journal, &ops, f, &f->found, &f->error);
}

static inline void begin(struct fixture *f)
{
    assert_int_equal(reopen(f), 0);
    assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
}

static inline void write_at(struct fixture *f, uint64_t begin, uint64_t end)
{
    assert_int_equal(sparse_write(f->s, begin, f->data + begin, (size_t)(end - begin), &f->error),
                     0);
}

static inline void run_turn(struct fixture *f)
{
    sparse_turn(f->s);
    while (f->s->turn.step != TURN_NONE)
        run_once(f);
}

/* Runs a turn up to where this step is on the pool. */
static inline void run_until(struct fixture *f, enum turn_step step)
{
    sparse_turn(f->s);
    while (f->s->turn.step != step) {
        assert_int_not_equal(f->s->turn.step, TURN_NONE);
        loop_defer_call(f->pass); /* one pass of the loop: one step at most */
        loop_run(f->loop);
    }
}

static inline void close_it(struct fixture *f)
{
    f->done = false;
    sparse_close(f->s, on_done, f);
    while (!f->done)
        run_once(f);
    f->s = sparse_free(f->s);
}

static inline void copy_file(const char *from, const char *to)
{
    char buf[65536];
    ssize_t n;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, buf, sizeof buf)) > 0)
        assert_int_equal(write(out, buf, (size_t)n), n);
    close(in);
    close(out);
}

static inline void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, data, length), length);
    close(fd);
}

/* What a next process would find, were this one killed now. */
static inline enum sparse_found look(struct fixture *f, struct rangeset *ret)
{
    struct sparse *s = NULL;
    enum sparse_found found;
    unlink(f->copy_journal);
    copy_file(f->path, f->copy);
    if (access(f->journal, F_OK) == 0)
        copy_file(f->journal, f->copy_journal);
    assert_int_equal(sparse_open(&s, f->loop, f->copy, f->copy_journal, &ops, f, &found, &f->error),
                     0);
    *ret = (struct rangeset){ 0 };
    for (size_t i = 0; i < sparse_there(s)->count; i++)
        rangeset_add(ret, sparse_there(s)->ranges[i].begin, sparse_there(s)->ranges[i].end, NULL);
    loop_timer_free(s->timer);
    sparse_free(s);
    return found;
}

static inline uint64_t recorded(struct fixture *f)
{
    struct rangeset set;
    look(f, &set);
    uint64_t total = rangeset_total(&set);
    rangeset_release(&set);
    return total;
}

static inline uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
