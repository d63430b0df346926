/* SPDX-License-Identifier: MIT */
#include "get/sink.h"

#include "base/util.h"
#include "io/digest.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SIZE ((uint64_t)5 * 1000 * 1000)

struct fixture {
    char directory[64], path[80], part[96], journal[96];
    struct loop *loop;
    struct ddm_error error;
    bool finished, failed, closed;
    uint64_t consumed;
    char *data;
    char hex[DIGEST_HEX_SIZE];
};

static void on_consumed(void *arg, uint64_t consumed)
{
    struct fixture *f = arg;
    f->consumed = consumed;
    loop_stop(f->loop);
}

static void on_error(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    f->failed = true;
    f->error = *error;
    loop_stop(f->loop);
}

static void on_finished(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    f->finished = true;
    f->error = *error;
    loop_stop(f->loop);
}

static void on_closed(void *arg)
{
    struct fixture *f = arg;
    f->closed = true;
    loop_stop(f->loop);
}

static const struct sink_ops ops = { .on_consumed = on_consumed,
                                     .on_error = on_error,
                                     .on_finished = on_finished,
                                     .on_closed = on_closed };

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
    free(f->data);
    free(f);
    return 0;
}

static void end(struct fixture *f, struct sink *sink)
{
    bool closed = f->closed;
    sink_close(sink);
    assert_int_equal(f->closed, closed); /* not from within the call */
    while (!f->closed)
        loop_run(f->loop);
    loop_free(f->loop);
    sink_free(sink);
}

static int open_sink(struct fixture *f, struct sink **ret, const struct sink_config *config)
{
    enum sink_start start;
    const char *why;
    return sink_new(ret, f->loop, config, &ops, f, &start, &why, &f->error);
}

static struct sink *open_file(struct fixture *f, const char *hex, bool force)
{
    struct sink *s = NULL;
    struct sink_checksum checksum = { "sha-256", hex };
    struct sink_config config = { .path = f->path,
                                  .force = force,
                                  .object = { .url = "http://o/f", .size = SIZE },
                                  .checksums = &checksum,
                                  .checksum_count = hex ? 1 : 0 };
    assert_int_equal(open_sink(f, &s, &config), 0);
    return s;
}

/* In blocks from the end to the beginning, so that the frontier moves last. */
static void fill(struct fixture *f, struct sink *s)
{
    for (uint64_t at = SIZE; at > 0;) {
        uint64_t n = MIN(at, (uint64_t)70000);
        at -= n;
        assert_int_equal(sink_write(s, at, f->data + at, (size_t)n, &f->error), 0);
    }
    sink_finish(s, SIZE);
    while (!f->finished)
        loop_run(f->loop);
}

static void check_file(struct fixture *f)
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

static void test_a_file(void **state)
{
    struct fixture *f = *state;
    struct sink *s = open_file(f, NULL, false);
    assert_int_equal(access(f->path, F_OK), -1);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f, s);
}

static void test_a_file_with_its_checksum(void **state)
{
    struct fixture *f = *state;
    struct sink *s = open_file(f, f->hex, false);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f, s);
}

static void test_a_wrong_checksum_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    f->hex[3] ^= 1;
    struct sink *s = open_file(f, f->hex, false);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->part, F_OK), 0);
    end(f, s);
}

/* An interrupt while the digest catches up ends it soon, and publishes nothing. */
static void test_an_interrupt_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct sink *s = open_file(f, f->hex, false);
    assert_int_equal(sink_write(s, 0, f->data, SIZE, &f->error), 0);
    sink_finish(s, SIZE);
    sink_close(s);
    while (!f->finished)
        loop_run(f->loop);
    assert_int_equal(f->error.code, DDM_E_INTERRUPTED);
    assert_int_equal(access(f->path, F_OK), -1);
    end(f, s);
}

static void test_an_existing_file_stays(void **state)
{
    struct fixture *f = *state;
    struct sink *s = NULL, *late = NULL;
    struct sink_config config = { .path = f->path, .object = { .size = SIZE } };
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(open_sink(f, &s, &config), -DDM_E_USAGE);
    unlink(f->path);
    late = open_file(f, NULL, false); /* it comes to be there during the download */
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    fill(f, late);
    assert_int_equal(f->error.code, DDM_E_DISK);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    end(f, late);
}

static void test_force_replaces(void **state)
{
    struct fixture *f = *state;
    close(open(f->path, O_CREAT | O_WRONLY, 0600));
    struct sink *s = open_file(f, NULL, true);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f, s);
}

static void test_the_second_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sink *s = open_file(f, NULL, false), *other = NULL;
    struct sink_config config = { .path = f->path, .object = { .size = SIZE } };
    assert_int_equal(open_sink(f, &other, &config), -DDM_E_DISK);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f, s);
}

static void test_nothing_written_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct sink *s = open_file(f, NULL, false);
    assert_null(sink_part(s));
    end(f, s);
    assert_int_equal(access(f->part, F_OK), -1);
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

static void test_a_stream_comes_in_order(void **state)
{
    struct fixture *f = *state;
    struct sink *s = NULL;
    int fds[2];
    pthread_t thread;
    assert_int_equal(pipe(fds), 0);
    struct pipe_reader reader = { .fd = fds[0], .fixture = f };
    pthread_create(&thread, NULL, read_pipe, &reader);
    struct sink_checksum checksum = { "sha-256", f->hex };
    struct sink_config config = {
        .fd = fds[1], .object = { .size = SIZE }, .checksums = &checksum, .checksum_count = 1
    };
    assert_int_equal(open_sink(f, &s, &config), 0);
    assert_true(sink_is_stream(s));
    assert_int_equal(sink_write(s, SINK_WINDOW - 10, f->data, 11, &f->error), -DDM_E_FAIL);
    fill(f, s);
    assert_int_equal(f->error.code, DDM_OK);
    end(f, s);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    assert_true(reader.same);
    assert_int_equal(reader.got, SIZE);
}

/* Nobody reads: the window fills up, and an interrupt still gets through. */
static void test_a_stuck_reader_holds_nothing_up(void **state)
{
    struct fixture *f = *state;
    struct sink *s = NULL;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct sink_config config = { .fd = fds[1], .object = { .size = SIZE } };
    assert_int_equal(open_sink(f, &s, &config), 0);
    assert_int_equal(sink_write(s, 0, f->data, SIZE, &f->error), 0);
    assert_int_equal(sink_room(s, SIZE), SINK_WINDOW - SIZE);
    end(f, s); /* returns */
    close(fds[0]);
    close(fds[1]);
}

static void test_a_reader_that_went_away(void **state)
{
    struct fixture *f = *state;
    struct sink *s = NULL;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct sink_config config = { .fd = fds[1], .object = { .size = SIZE } };
    assert_int_equal(open_sink(f, &s, &config), 0);
    close(fds[0]);
    sink_write(s, 0, f->data, SIZE, &f->error);
    while (!f->failed)
        loop_run(f->loop);
    assert_int_equal(f->error.code, DDM_E_DISK);
    end(f, s);
    close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file),
        TEST(test_a_file_with_its_checksum),
        TEST(test_a_wrong_checksum_publishes_nothing),
        TEST(test_an_interrupt_at_the_end),
        TEST(test_an_existing_file_stays),
        TEST(test_force_replaces),
        TEST(test_the_second_writer_is_refused),
        TEST(test_nothing_written_leaves_nothing),
        TEST(test_a_stream_comes_in_order),
        TEST(test_a_stuck_reader_holds_nothing_up),
        TEST(test_a_reader_that_went_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
