/* SPDX-License-Identifier: MIT */
/* What stands there when a download begins, and what becomes of it. */
#include "sink_fixture.h"

#include <sys/wait.h>

#define THAT "http://b/f"

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void overwrite(const char *path, off_t offset)
{
    char byte = 0; /* another one than it was: there are random ones */
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(pread(fd, &byte, 1, offset) >= 0);
    byte ^= 'x';
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

/* Refused, and as it was; with --force it is begun anew. `replace` is about something else. */
static void check_refused(struct fixture *f, struct sink_config *config, const char *named)
{
    uint64_t part = size_of(f->part), journal = size_of(f->journal);
    config->replace = true;
    assert_int_equal(open_sink(f, config), -DDM_E_USAGE);
    assert_non_null(strstr(f->error.message, named));
    assert_non_null(strstr(f->error.message, "--force"));
    assert_int_equal(size_of(f->part), part);
    assert_int_equal(size_of(f->journal), journal);
    assert_int_equal(access(f->part, F_OK), part > 0 ? 0 : -1);
    config->force = true;
    assert_int_equal(open_sink(f, config), 0);
    assert_int_equal(rangeset_total(sink_there(f->s)), 0);
    write_at(f, 0, 10);
    close_sink(f);
    config->force = false;
    assert_int_equal(open_sink(f, config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    close_sink(f);
    unlink(f->part);
    unlink(f->journal);
}

static void test_files_of_somebody_else(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    unlink(f->journal);
    check_refused(f, &config, f->part);
    overwrite(f->part, 5); /* any file of that name */
    close(open(f->journal, O_WRONLY | O_CREAT, 0600));
    check_refused(f, &config, f->part);
    leave(f, &config);
    overwrite(f->journal, 3);
    check_refused(f, &config, f->journal);
    overwrite(f->journal, 3); /* and no .part */
    check_refused(f, &config, f->journal);
    overwrite(f->part, 5); /* of another program that has both */
    overwrite(f->journal, 3);
    check_refused(f, &config, f->journal);
    leave(f, &config);
    config.object.url = THAT;
    config.object.etag = "\"other\"";
    check_refused(f, &config, URL);
    f->loop = loop_free(f->loop);
}

static void test_a_journal_that_is_broken(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    overwrite(f->journal, 20);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "its journal is broken");
    end(f);
}

/* Whoever is killed before the first turn leaves bytes, and a journal that says nothing of them. */
static void test_a_kill_within_the_first_second(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    pid_t child = fork();
    if (child == 0) {
        bool ok = open_sink(f, &config) == 0 && sink_write(f->s, 0, f->data, THERE, &f->error) == 0;
        _exit(!ok);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(size_of(f->part), THERE);
    config.object.url = THAT; /* and so it is of no file */
    config.object.etag = NULL;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "nothing of it was recorded");
    end(f);
}

static void test_a_journal_without_its_part(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    unlink(f->part);
    config.object.url = THAT;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_NEW);
    end(f);
    assert_int_equal(access(f->journal, F_OK), -1);
}

/* A journal with a header of version 2, whose checksum is right. */
static void test_a_journal_of_another_ddm(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    unsigned char header[36];
    struct digest *d = NULL;
    leave(f, &config);
    int fd = open(f->journal, O_RDWR);
    assert_int_equal(read(fd, header, sizeof header), sizeof header);
    header[8]++;
    assert_int_equal(digest_new(&d, "sha-256"), 0);
    digest_update(d, header + 12, 16);
    digest_update(d, header, 28);
    digest_final_raw(d, header + 28, 8);
    digest_free(d);
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    close(fd);
    assert_int_equal(open_sink(f, &config), -DDM_E_USAGE);
    assert_non_null(strstr(f->error.message, "another version of ddm"));
    assert_int_equal(access(f->part, F_OK), 0);
    assert_int_equal(access(f->journal, F_OK), 0);
    config.force = true;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    end(f);
}

/* An origin that gives no ranges: what is there is of no use. */
static void test_what_cannot_go_on_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    config.object.resumable = false;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    write_at(f, 0, 1000);
    close_sink(f);
    config.object.resumable = true;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    end(f);
}

static void test_force_does_not_drop_the_same(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    config.force = true;
    go_on(f, &config);
    f->loop = loop_free(f->loop);
}

/* Another version while it runs: the journal is of that one from then on. */
static void test_restart(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    struct sink_checksum checksum = { "sha-256", f->hex };
    struct sink_object other = config.object;
    other.etag = "\"v2\"";
    config.checksums = &checksum;
    config.checksum_count = 1;
    leave(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
    for (uint64_t i = 0; i < SIZE / 2; i++)
        f->data[i] ^= 1;
    assert_true(sink_restart(f->s, &other));
    assert_int_equal(rangeset_total(sink_there(f->s)), 0);
    write_at(f, 0, THERE);
    close_sink(f);
    config.checksum_count = 0;
    struct sink_config again = config;
    again.object = other;
    assert_int_equal(open_sink(f, &again), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    close_sink(f);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW); /* the first version again */
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_of_somebody_else),         TEST(test_a_journal_that_is_broken),
        TEST(test_a_kill_within_the_first_second), TEST(test_a_journal_without_its_part),
        TEST(test_a_journal_of_another_ddm),       TEST(test_what_cannot_go_on_begins_anew),
        TEST(test_force_does_not_drop_the_same),   TEST(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
