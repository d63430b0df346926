/* SPDX-License-Identifier: MIT */
/* Files and streams, their end, and how they are closed. */
#include "sink_fixture.h"

#include <pthread.h>

static void open_file(struct fixture *f, const char *hex, bool replace)
{
    struct sink_checksum checksum = { "sha-256", hex };
    struct sink_config config = file_config(f);
    config.replace = replace;
    config.checksums = &checksum;
    config.checksum_count = hex ? 1 : 0;
    assert_int_equal(open_sink(f, &config), 0);
}

static void test_a_file(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct sink_config config = file_config(f);
    config.modified = 1000000000;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_NEW);
    assert_int_equal(access(f->path, F_OK), -1);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    end(f);
}

static void test_a_file_with_its_checksum(void **state)
{
    struct fixture *f = *state;
    open_file(f, f->hex, false);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f);
}

static void test_an_empty_file(void **state)
{
    struct fixture *f = *state;
    char hex[DIGEST_HEX_SIZE];
    digest_once("sha-256", "", 0, hex, sizeof hex);
    struct sink_checksum checksum = { "sha-256", hex };
    struct sink_config config = { .path = f->path, .checksums = &checksum, .checksum_count = 1 };
    assert_int_equal(open_sink(f, &config), 0);
    sink_finish(f->s, 0);
    while (!f->finished)
        loop_run(f->loop);
    assert_int_equal(f->error.code, DDM_OK);
    assert_int_equal(access(f->path, F_OK), 0);
    end(f);
}

static void test_a_wrong_checksum_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    f->hex[3] ^= 1;
    open_file(f, f->hex, false);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->part, F_OK), 0);
    end(f);
}

static void test_missing_bytes_are_no_file(void **state)
{
    struct fixture *f = *state;
    open_file(f, NULL, false);
    write_at(f, 0, SIZE - 1);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_FAIL);
    assert_int_equal(access(f->path, F_OK), -1);
    end(f);
}

/* An interrupt while the digest catches up ends it soon, and publishes nothing. */
static void test_an_interrupt_at_the_end(void **state)
{
    struct fixture *f = *state;
    open_file(f, f->hex, false);
    write_at(f, 0, SIZE);
    sink_finish(f->s, SIZE);
    end(f);
    assert_int_equal(f->finished, 1);
    assert_int_equal(f->error.code, DDM_E_INTERRUPTED);
    assert_int_equal(access(f->path, F_OK), -1);
}

/* At any moment on the way to its name: it has it and is done, or has it not and is interrupted. */
static void test_an_interrupt_at_any_moment(void **state)
{
    struct fixture *f = *state;
    struct loop_defer *pass;
    assert_int_equal(loop_defer_new(&pass, f->loop, (loop_timer_fn *)loop_stop, f->loop), 0);
    for (int passes = 0; passes < 40; passes++) {
        open_file(f, f->hex, false);
        fill(f);
        f->finished = 0;
        sink_finish(f->s, SIZE);
        for (int i = 0; i < passes; i++) {
            loop_defer_call(pass);
            loop_run(f->loop);
        }
        close_sink(f);
        assert_int_equal(f->finished, 1);
        assert_int_equal(f->error.code == DDM_OK, access(f->path, F_OK) == 0);
        if (f->error.code != DDM_OK) {
            assert_int_equal(f->error.code, DDM_E_INTERRUPTED);
            open_file(f, f->hex, false); /* and can be gone on with */
            assert_int_equal(f->start, SINK_RESUMED);
            assert_int_equal(rangeset_total(sink_there(f->s)), SIZE);
            finish(f);
            assert_int_equal(f->error.code, DDM_OK);
            close_sink(f);
        }
        check_file(f);
        unlink(f->path);
    }
    loop_defer_free(pass);
    loop_free(f->loop);
}

static void test_an_existing_file_stays(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(open_sink(f, &config), -DDM_E_USAGE);
    assert_int_equal(access(f->part, F_OK), -1);
    unlink(f->path);
    open_file(f, NULL, false); /* it comes to be there during the download */
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_DISK);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    close_sink(f);
    unlink(f->path); /* what was loaded is not lost */
    open_file(f, NULL, false);
    assert_int_equal(f->start, SINK_RESUMED);
    finish(f);
    check_file(f);
    end(f);
}

static void test_force_replaces(void **state)
{
    struct fixture *f = *state;
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    open_file(f, NULL, true);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f);
}

static void test_the_second_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    open_file(f, NULL, false);
    struct sink *first = TAKE(f->s);
    assert_int_equal(open_sink(f, &config), -DDM_E_DISK);
    assert_non_null(strstr(f->error.message, "another download"));
    f->s = first;
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    config.object.size = (uint64_t)1 << 62;
    assert_int_equal(open_sink(f, &config), -DDM_E_DISK);
    assert_non_null(strstr(f->error.message, "needs"));
    assert_int_equal(access(f->part, F_OK), -1);
    f->loop = loop_free(f->loop);
}

static void test_nothing_written_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    open_file(f, NULL, false);
    assert_null(sink_part(f->s));
    assert_true(sink_resumable(f->s));
    end(f);
    assert_int_equal(access(f->part, F_OK), -1);
    assert_int_equal(access(f->journal, F_OK), -1);
}

/* A file that cannot be gone on with keeps what it has, for whoever wants to look at it. */
static void test_what_cannot_be_gone_on_with(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    config.object.resumable = false;
    config.object.size = DDM_SIZE_UNKNOWN;
    assert_int_equal(open_sink(f, &config), 0);
    assert_false(sink_resumable(f->s));
    write_at(f, 0, 100000);
    assert_string_equal(sink_part(f->s), f->part);
    close_sink(f);
    assert_int_equal(access(f->part, F_OK), 0);
    assert_int_equal(open_sink(f, &config), 0); /* it does not stand in the way of the next one */
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "nothing of it was recorded");
    end(f);
}

static void test_what_stands_there(void **state)
{
    struct fixture *f = *state;
    enum sink_found found;
    uint64_t size;
    int64_t modified;
    assert_int_equal(sink_look(f->path, &found, &size, &modified, &f->error), 0);
    assert_int_equal(found, SINK_FOUND_NOTHING);
    int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
    struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1234567890 } };
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(sink_look(f->path, &found, &size, &modified, &f->error), 0);
    assert_int_equal(found, SINK_FOUND_FILE);
    assert_int_equal(size, 3);
    assert_int_equal(modified, 1234567890);
    assert_int_equal(sink_look(f->directory, &found, &size, &modified, &f->error), -DDM_E_USAGE);
    assert_int_equal(sink_look("/dev/null", &found, &size, &modified, &f->error), -DDM_E_USAGE);
    f->loop = loop_free(f->loop);
}

struct pipe_reader {
    int fd;
    struct fixture *fixture;
    uint64_t got;
    bool same;
};

static void *read_pipe(void *arg)
{
    struct pipe_reader *r = arg;
    char buf[10000];
    ssize_t n;
    r->same = true;
    while ((n = read(r->fd, buf, sizeof buf)) > 0) {
        r->same &= memcmp(buf, r->fixture->data + r->got, (size_t)n) == 0;
        r->got += (uint64_t)n;
    }
    return NULL;
}

static void pass_stream(struct fixture *f, bool pieces)
{
    int fds[2];
    pthread_t thread;
    assert_int_equal(pipe(fds), 0);
    struct pipe_reader reader = { .fd = fds[0], .fixture = f };
    pthread_create(&thread, NULL, read_pipe, &reader);
    struct sink_checksum checksum = { "sha-256", f->hex };
    struct sink_config config = {
        .fd = fds[1], .object = { .size = SIZE }, .checksums = &checksum, .checksum_count = 1
    };
    if (pieces)
        add_pieces(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
    assert_true(sink_is_stream(f->s));
    assert_int_equal(sink_write(f->s, SINK_WINDOW - 10, f->data, 11, &f->error), -DDM_E_FAIL);
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    end(f);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    assert_true(reader.same);
    assert_int_equal(reader.got, SIZE);
}

static void test_a_stream_comes_in_order(void **state)
{
    pass_stream(*state, false);
}

static void test_a_stream_with_hashes_of_pieces(void **state)
{
    pass_stream(*state, true);
}

/* Nobody reads: the window fills up, and an interrupt still gets through. */
static void test_a_stuck_reader_holds_nothing_up(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct sink_config config = { .fd = fds[1], .object = { .size = SIZE } };
    assert_int_equal(open_sink(f, &config), 0);
    write_at(f, 0, SIZE);
    assert_int_equal(sink_room(f->s, SIZE), SINK_WINDOW - SIZE);
    end(f); /* returns */
    close(fds[0]);
    close(fds[1]);
}

static void test_a_reader_that_went_away(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct sink_config config = { .fd = fds[1], .object = { .size = SIZE } };
    assert_int_equal(open_sink(f, &config), 0);
    close(fds[0]);
    write_at(f, 0, SIZE);
    while (!f->failed)
        loop_run(f->loop);
    assert_int_equal(f->error.code, DDM_E_DISK);
    end(f);
    assert_int_equal(f->failed, 1);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file),
        TEST(test_a_file_with_its_checksum),
        TEST(test_an_empty_file),
        TEST(test_a_wrong_checksum_publishes_nothing),
        TEST(test_missing_bytes_are_no_file),
        TEST(test_an_interrupt_at_the_end),
        TEST(test_an_interrupt_at_any_moment),
        TEST(test_an_existing_file_stays),
        TEST(test_force_replaces),
        TEST(test_the_second_writer_is_refused),
        TEST(test_what_does_not_fit_is_refused),
        TEST(test_nothing_written_leaves_nothing),
        TEST(test_what_cannot_be_gone_on_with),
        TEST(test_what_stands_there),
        TEST(test_a_stream_comes_in_order),
        TEST(test_a_stream_with_hashes_of_pieces),
        TEST(test_a_stuck_reader_holds_nothing_up),
        TEST(test_a_reader_that_went_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
