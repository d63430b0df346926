/* SPDX-License-Identifier: MIT */
#include "io/sparse.h"

#include "base/util.h"
#include "io/sparse_internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
static void run_once(struct fixture *f)
{
    loop_timer_start(f->tick, MSEC, false);
    loop_run(f->loop);
}

static int reopen(struct fixture *f)
{
    return sparse_open(&f->s, f->loop, f->path, f->journal, &ops, f, &f->found, &f->error);
}

static void begin(struct fixture *f)
{
    assert_int_equal(reopen(f), 0);
    assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
}

static void write_at(struct fixture *f, uint64_t begin, uint64_t end)
{
    assert_int_equal(sparse_write(f->s, begin, f->data + begin, (size_t)(end - begin), &f->error),
                     0);
}

static void run_turn(struct fixture *f)
{
    sparse_turn(f->s);
    while (f->s->turn.step != TURN_NONE)
        run_once(f);
}

/* Runs a turn up to where this step is on the pool. */
static void run_until(struct fixture *f, enum turn_step step)
{
    sparse_turn(f->s);
    while (f->s->turn.step != step) {
        assert_int_not_equal(f->s->turn.step, TURN_NONE);
        loop_defer_call(f->pass); /* one pass of the loop: one step at most */
        loop_run(f->loop);
    }
}

static void close_it(struct fixture *f)
{
    f->done = false;
    sparse_close(f->s, on_done, f);
    while (!f->done)
        run_once(f);
    f->s = sparse_free(f->s);
}

static void copy_file(const char *from, const char *to)
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

static void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, data, length), length);
    close(fd);
}

/* What a next process would find, were this one killed now. */
static enum sparse_found look(struct fixture *f, struct rangeset *ret)
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

static uint64_t recorded(struct fixture *f)
{
    struct rangeset set;
    look(f, &set);
    uint64_t total = rangeset_total(&set);
    rangeset_release(&set);
    return total;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void test_what_is_closed_is_gone_on_with(void **state)
{
    struct fixture *f = *state;
    char back[1000];
    begin(f);
    assert_int_equal(f->found, SPARSE_EMPTY);
    assert_int_equal(sparse_add_origin(f->s, "http://o/f", "\"1\"", NULL), 0);
    assert_int_equal(sparse_add_checksum(f->s, "md5", "aa"), 0);
    write_at(f, 1000, 70000);
    write_at(f, 500000, SIZE);
    close_it(f);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_RECORDED);
    assert_int_equal(sparse_identity(f->s)->size, SIZE);
    assert_int_equal(sparse_identity(f->s)->origin_count, 1);
    assert_string_equal(sparse_identity(f->s)->origins[0].url, "http://o/f");
    assert_int_equal(sparse_identity(f->s)->checksum_count, 1);
    assert_int_equal(sparse_there(f->s)->count, 2);
    assert_true(rangeset_contains(sparse_there(f->s), 1000, 70000));
    assert_true(rangeset_contains(sparse_there(f->s), 500000, SIZE));
    assert_int_equal(sparse_read(f->s, 60000, back, sizeof back), 0);
    assert_memory_equal(back, f->data + 60000, sizeof back);
    assert_int_equal(sparse_read(f->s, 69500, back, sizeof back), -1);
    sparse_keep(f->s);
    write_at(f, 0, 1000);
    close_it(f);
    assert_int_equal(recorded(f), 70000 + 500000);
}

static void test_a_kill_loses_what_came_since_the_last_turn(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 100);
    assert_int_equal(recorded(f), 0);
    run_turn(f);
    assert_int_equal(recorded(f), 100);
    write_at(f, 100, 300);
    assert_int_equal(recorded(f), 100);
    run_turn(f);
    assert_int_equal(recorded(f), 300);
    close_it(f);
}

/* By itself, without a call: about a second after it was written. */
static void test_turns_come_by_themselves(void **state)
{
    struct fixture *f = *state;
    begin(f);
    int64_t from = loop_now();
    write_at(f, 0, 100);
    while (recorded(f) < 100)
        run_once(f);
    assert_true(loop_now() - from > SPARSE_PAUSE / 2);
    write_at(f, 100, 200);
    while (recorded(f) < 200)
        run_once(f);
    close_it(f);
}

/* What comes while the data are being synced is not recorded with them. */
static void test_only_what_was_synced_is_recorded(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 100);
    run_until(f, TURN_DATA);
    write_at(f, 100, 200);
    while (f->s->turn.step != TURN_NONE)
        run_once(f);
    assert_int_equal(recorded(f), 100);
    write_at(f, 200, 300);
    run_until(f, TURN_DATA);
    write_at(f, 300, 400);
    run_until(f, TURN_JOURNAL);
    assert_int_equal(recorded(f), 300);
    close_it(f);
    assert_int_equal(recorded(f), 400);
}

static void test_what_is_forgotten_is_so_at_once(void **state)
{
    struct fixture *f = *state;
    struct rangeset set;
    begin(f);
    write_at(f, 0, 1000);
    run_turn(f);
    assert_int_equal(sparse_forget(f->s, 100, 200), 0);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 900);
    look(f, &set);
    assert_int_equal(rangeset_total(&set), 900);
    assert_false(rangeset_contains(&set, 199, 200));
    rangeset_release(&set);
    write_at(f, 100, 150);
    run_turn(f);
    assert_int_equal(recorded(f), 950);
    close_it(f);
    assert_int_equal(recorded(f), 950);
}

/* Forgotten at any step of a turn, of both kinds, with what is written anew after it. */
static void test_what_is_forgotten_during_a_turn(void **state)
{
    struct fixture *f = *state;
    static const enum turn_step steps[] = { TURN_DATA, TURN_IMAGE, TURN_FOLDER, TURN_DATA,
                                            TURN_JOURNAL };
    begin(f);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        bool image = i < 3;
        uint64_t at = i * 10000;
        if (image) { /* begin anew, so that there is no journal */
            assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
            at = 0;
        }
        write_at(f, at, at + 1000);
        run_until(f, steps[i]);
        uint64_t before = rangeset_total(sparse_there(f->s));
        assert_int_equal(sparse_forget(f->s, at + 100, at + 300), 0);
        write_at(f, at + 100, at + 110);
        while (f->s->turn.step != TURN_NONE)
            run_once(f);
        assert_int_equal(rangeset_total(sparse_there(f->s)), before - 190);
        assert_int_equal(recorded(f), before - 200);
        run_turn(f);
        assert_int_equal(recorded(f), before - 190);
    }
    close_it(f);
}

/* Another version: at any step nothing of the old one is recorded any more, nor comes later. */
static void test_begin_anew_during_a_turn(void **state)
{
    struct fixture *f = *state;
    static const enum turn_step steps[] = { TURN_DATA, TURN_IMAGE, TURN_FOLDER, TURN_JOURNAL };
    begin(f);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        write_at(f, 0, 1000);
        if (steps[i] == TURN_JOURNAL) {
            run_turn(f);
            write_at(f, 1000, 1100);
        }
        run_until(f, steps[i]);
        assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
        assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
        assert_int_equal(recorded(f), 0);
        write_at(f, 5000, 5010);
        assert_int_equal(sparse_add_origin(f->s, "http://new/", "", ""), 0);
        while (f->s->turn.step != TURN_NONE)
            run_once(f);
        assert_int_equal(recorded(f), 0);
        run_turn(f);
        assert_int_equal(recorded(f), 10);
        assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
    }
    close_it(f);
    assert_int_equal(f->failures, 0);
}

static void test_what_is_learned_later_is_recorded(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 1000);
    run_until(f, TURN_IMAGE);
    assert_int_equal(sparse_add_origin(f->s, "http://a/", "\"1\"", ""), 0);
    while (f->s->turn.step != TURN_NONE)
        run_once(f);
    assert_int_equal(sparse_add_checksum(f->s, "md5", "aa"), 0);
    close_it(f);
    assert_int_equal(reopen(f), 0);
    sparse_keep(f->s);
    assert_int_equal(sparse_add_origin(f->s, "http://b/", "\"2\"", ""), 0); /* no journal yet */
    close_it(f);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(sparse_identity(f->s)->origin_count, 2);
    assert_int_equal(sparse_identity(f->s)->checksum_count, 1);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 1000);
    sparse_keep(f->s);
    close_it(f);
}

static void test_a_journal_that_has_grown_is_made_anew(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (uint64_t i = 0; i < 6000; i++)
        write_at(f, i * 100, i * 100 + 10);
    run_turn(f);
    uint64_t grown = size_of(f->journal);
    assert_true(grown > 6000 * 16);
    assert_int_equal(recorded(f), 60000);
    assert_int_equal(sparse_forget(f->s, 100, SIZE), 0);
    f->s->image_size = 100; /* as if it had begun small */
    write_at(f, 200, 220);
    run_turn(f);
    assert_true(size_of(f->journal) < 1000);
    assert_int_equal(recorded(f), 30);
    write_at(f, 300, 330); /* and it goes on */
    run_turn(f);
    assert_int_equal(recorded(f), 60);
    assert_int_equal(access(f->new, F_OK), -1);
    close_it(f);
}

static void test_stop_and_go(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 100);
    sparse_turn(f->s);
    f->done = false;
    sparse_stop(f->s, on_done, f);
    assert_false(f->done); /* the turn comes to its end first */
    while (!f->done)
        run_once(f);
    assert_int_equal(recorded(f), 100);
    write_at(f, 100, 200);
    assert_false(f->s->armed);
    sparse_go(f->s);
    assert_true(f->s->armed);
    close_it(f);
    assert_int_equal(recorded(f), 200);
}

static void test_nothing_new_is_closed_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f);
    f->done = false;
    sparse_close(f->s, on_done, f);
    assert_true(f->done);
    sparse_remove(f->s);
    f->s = sparse_free(f->s);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->journal, F_OK), -1);
    begin(f);
    write_at(f, 0, 10);
    close_it(f);
    assert_int_equal(reopen(f), 0);
    sparse_keep(f->s);
    f->done = false;
    sparse_close(f->s, on_done, f);
    assert_true(f->done);
    f->s = sparse_free(f->s);
}

static void test_without_a_journal(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(reopen(f), 0);
    assert_int_equal(sparse_begin(f->s, SIZE, false, &f->error), 0);
    write_at(f, 0, 1000);
    assert_int_equal(sparse_forget(f->s, 10, 20), 0);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 990);
    close_it(f);
    assert_int_equal(access(f->journal, F_OK), -1);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_UNRECORDED);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);
}

static void test_only_one_has_it(void **state)
{
    struct fixture *f = *state;
    struct sparse *other = NULL;
    enum sparse_found found;
    begin(f);
    write_at(f, 0, 1000);
    assert_int_equal(sparse_open(&other, f->loop, f->path, f->journal, &ops, f, &found, &f->error),
                     -DDM_E_DISK);
    assert_non_null(strstr(f->error.message, "another"));
    assert_null(other);
    close_it(f);
    assert_int_equal(recorded(f), 1000);
    assert_int_equal(reopen(f), 0);
    close_it(f);
}

/* A process that is killed holds no lock. */
static void test_the_lock_ends_with_the_process(void **state)
{
    struct fixture *f = *state;
    int ready[2], status;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = reopen(f) == 0;
        _exit(write(ready[1], ok ? "y" : "n", 1) == 1 ? pause() : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(reopen(f), -DDM_E_DISK);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(reopen(f), 0);
    close_it(f);
    close(ready[0]);
    close(ready[1]);
}

static void test_journals_that_are_none(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 1000);
    close_it(f);
    copy_file(f->journal, f->copy_journal); /* a good one */

    write_file(f->journal, "no journal", 10);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_BROKEN);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);

    write_file(f->journal, "", 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_BROKEN);
    close_it(f);

    unlink(f->journal);
    assert_int_equal(mkdir(f->journal, 0700), 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_BROKEN);
    assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), -DDM_E_DISK);
    close_it(f);
    rmdir(f->journal);

    copy_file(f->copy_journal, f->journal); /* the file is shorter than it says */
    assert_int_equal(truncate(f->path, 600), 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_RECORDED);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 600);
    close_it(f);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_EMPTY);
    close_it(f);
}

static void test_begin_removes_the_old_journal(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 1000);
    close_it(f);
    write_file(f->new, "of a turn that was killed", 25);
    begin(f);
    assert_int_equal(f->found, SPARSE_RECORDED);
    assert_int_equal(access(f->journal, F_OK), -1);
    assert_int_equal(access(f->new, F_OK), -1);
    assert_int_equal(size_of(f->path), 0);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);
}

/* What was written before the disk refused is there and recorded. */
static void test_a_full_disk_leaves_what_was_recorded(void **state)
{
    struct fixture *f = *state;
    struct rlimit was, small = { 50000, 50000 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    begin(f);
    write_at(f, 0, 10000);
    run_turn(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    write_at(f, 10000, 20000);
    assert_int_equal(sparse_write(f->s, 40000, f->data + 40000, 20000, &f->error), -DDM_E_DISK);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 30000); /* up to the limit */
    close_it(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(recorded(f), 30000);
    assert_int_equal(f->failures, 0);
}

/* A journal that cannot grow: told once, and what it said before holds. */
static void test_a_journal_that_cannot_grow(void **state)
{
    struct fixture *f = *state;
    struct rlimit was, small = { 1000, 1000 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    begin(f);
    write_at(f, 0, 10);
    run_turn(f);
    for (uint64_t i = 1; i < 40; i++)
        write_at(f, i * 20, i * 20 + 10);
    run_turn(f);
    assert_int_equal(recorded(f), 400);
    uint64_t length = size_of(f->journal);
    for (uint64_t i = 40; i < 49; i++)
        write_at(f, i * 20, i * 20 + 10);
    assert_true(length + 9 * 16 > 850);
    small.rlim_cur = length + 50; /* in the middle of the next record */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    run_turn(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(f->failures, 1);
    assert_int_equal(f->error.code, DDM_E_DISK);
    assert_int_equal(size_of(f->journal), length);
    assert_int_equal(recorded(f), 400);
    write_at(f, 2000, 2010);
    close_it(f);
    assert_int_equal(f->failures, 1);
}

static void test_what_cannot_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_int_equal(sparse_reserve(f->s, SIZE, &f->error), 0);
    assert_int_equal(sparse_reserve(f->s, (uint64_t)1 << 62, &f->error), -DDM_E_DISK);
    assert_non_null(strstr(f->error.message, "needs"));
    assert_non_null(strstr(f->error.message, "free"));
    assert_int_equal(sparse_reserve(f->s, 16 * MIB, &f->error), 0); /* on the pool, where cheap */
    write_at(f, 0, 1000);
    close_it(f);
    assert_int_equal(f->failures, 0);
    assert_int_equal(size_of(f->path), 1000); /* it is as long as what is in it */
}

/* Anything in any order: what a kill at that moment would leave is never more than what is there.
 */
static void test_random_lives(void **state)
{
    struct fixture *f = *state;
    unsigned seed = 20261122;
    begin(f);
    for (int i = 0; i < 600; i++) {
        uint64_t at = (uint64_t)rand_r(&seed) % (SIZE - 5000);
        uint64_t n = (uint64_t)rand_r(&seed) % 5000 + 1;
        struct range gap;
        switch (rand_r(&seed) % 8) {
        case 0:
            assert_int_equal(sparse_forget(f->s, at, at + 3 * n), 0);
            break;
        case 1:
            sparse_turn(f->s);
            break;
        case 2:
            run_once(f);
            break;
        case 3:
            if (rand_r(&seed) % 16 == 0)
                assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
            break;
        case 4:
            if (rand_r(&seed) % 8 != 0)
                break;
            close_it(f);
            assert_int_equal(reopen(f), 0);
            if (f->found == SPARSE_RECORDED)
                sparse_keep(f->s);
            else
                assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
            break;
        default:
            if (rangeset_next_gap(sparse_there(f->s), at, at + n, &gap))
                write_at(f, gap.begin, gap.end);
        }
        struct rangeset left;
        look(f, &left);
        /* While a first or a new journal is on its way the old one cannot be told. */
        bool told = f->s->turn.step != TURN_IMAGE && (f->s->journal >= 0 || !f->s->on_disk);
        for (size_t k = 0; told && k < left.count; k++)
            assert_true(
                rangeset_contains(sparse_there(f->s), left.ranges[k].begin, left.ranges[k].end));
        rangeset_release(&left);
    }
    uint64_t total = rangeset_total(sparse_there(f->s));
    close_it(f);
    assert_int_equal(recorded(f), total);
    assert_int_equal(f->failures, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_closed_is_gone_on_with),
        TEST(test_a_kill_loses_what_came_since_the_last_turn),
        TEST(test_turns_come_by_themselves),
        TEST(test_only_what_was_synced_is_recorded),
        TEST(test_what_is_forgotten_is_so_at_once),
        TEST(test_what_is_forgotten_during_a_turn),
        TEST(test_begin_anew_during_a_turn),
        TEST(test_what_is_learned_later_is_recorded),
        TEST(test_a_journal_that_has_grown_is_made_anew),
        TEST(test_stop_and_go),
        TEST(test_nothing_new_is_closed_at_once),
        TEST(test_without_a_journal),
        TEST(test_only_one_has_it),
        TEST(test_the_lock_ends_with_the_process),
        TEST(test_journals_that_are_none),
        TEST(test_begin_removes_the_old_journal),
        TEST(test_a_full_disk_leaves_what_was_recorded),
        TEST(test_a_journal_that_cannot_grow),
        TEST(test_what_cannot_fit_is_refused),
        TEST(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
