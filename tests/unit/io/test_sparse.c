/* SPDX-License-Identifier: MIT */
/* Opening, locking, journals that are none, full disks. */
#include "sparse_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
    assert_int_equal(access(f->journal, F_OK), 0); /* and it says that nothing is there */
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_EMPTY);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);
}

/* Bytes of ours are never there without one, at no step: who finds some knows that they are not. */
static void test_a_journal_before_the_first_byte(void **state)
{
    struct fixture *f = *state;
    struct rangeset set;
    assert_int_equal(reopen(f), 0);
    assert_int_equal(access(f->journal, F_OK), -1); /* opening alone writes nothing */
    assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
    assert_int_equal(access(f->journal, F_OK), 0);
    assert_int_equal(access(f->new, F_OK), -1);
    write_at(f, 0, 1000);
    assert_int_equal(look(f, &set), SPARSE_EMPTY);
    close_it(f);
    unlink(f->journal);
    assert_int_equal(look(f, &set), SPARSE_UNRECORDED);
    write_file(f->journal, "", 0); /* nobody's */
    assert_int_equal(look(f, &set), SPARSE_UNRECORDED);
}

/* Nothing of it is changed before sparse_begin or sparse_keep. */
static void test_what_is_refused_stays(void **state)
{
    struct fixture *f = *state;
    write_file(f->journal, "no journal", 10);
    write_file(f->new, "nor that", 8);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_FOREIGN); /* though the file is empty */
    sparse_remove(f->s);
    close_it(f);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(size_of(f->journal), 10);
    assert_int_equal(size_of(f->new), 8);
    unlink(f->new);
}

static void test_what_is_unproved_is_so_for_good(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_int_equal(sparse_add_checksum(f->s, "md5", "aa"), 0);
    assert_int_equal(sparse_add_checksum(f->s, "md5", "bb"), 0);
    write_at(f, 0, 1000);
    run_turn(f);
    assert_int_equal(sparse_set_unproved(f->s), 0); /* a record */
    close_it(f);
    assert_int_equal(reopen(f), 0);
    assert_true(sparse_identity(f->s)->unproved);
    sparse_keep(f->s);
    sparse_drop_checksum(f->s, 0);
    close_it(f); /* a new journal */
    assert_int_equal(reopen(f), 0);
    assert_true(sparse_identity(f->s)->unproved);
    assert_int_equal(sparse_identity(f->s)->checksum_count, 1);
    assert_string_equal(sparse_identity(f->s)->checksums[0].hex, "bb");
    assert_int_equal(rangeset_total(sparse_there(f->s)), 1000);
    assert_int_equal(sparse_begin(f->s, SIZE, true, &f->error), 0);
    assert_false(sparse_identity(f->s)->unproved);
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
    assert_int_equal(f->found, SPARSE_FOREIGN);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);

    write_file(f->journal, "DDMjrnl\n and no more", 20);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_BROKEN);
    assert_int_equal(rangeset_total(sparse_there(f->s)), 0);
    close_it(f);

    unlink(f->journal);
    assert_int_equal(symlink("c.ddm", f->journal),
                     0); /* a good one, but it is not ours to follow */
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_FOREIGN);
    close_it(f);

    unlink(f->journal);
    assert_int_equal(mkdir(f->journal, 0700), 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(f->found, SPARSE_FOREIGN);
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

static void test_begin_replaces_the_old_journal(void **state)
{
    struct fixture *f = *state;
    begin(f);
    write_at(f, 0, 1000);
    close_it(f);
    write_file(f->new, "of a turn that was killed", 25);
    begin(f);
    assert_int_equal(f->found, SPARSE_RECORDED);
    assert_int_equal(recorded(f), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_closed_is_gone_on_with),
        TEST(test_nothing_new_is_closed_at_once),
        TEST(test_without_a_journal),
        TEST(test_only_one_has_it),
        TEST(test_the_lock_ends_with_the_process),
        TEST(test_journals_that_are_none),
        TEST(test_begin_replaces_the_old_journal),
        TEST(test_a_journal_before_the_first_byte),
        TEST(test_what_is_refused_stays),
        TEST(test_what_is_unproved_is_so_for_good),
        TEST(test_a_full_disk_leaves_what_was_recorded),
        TEST(test_a_journal_that_cannot_grow),
        TEST(test_what_cannot_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
