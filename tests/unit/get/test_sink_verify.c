/* SPDX-License-Identifier: MIT */
/* Pieces and checksums while a file or stream comes; what is wrong is forgotten and written again.
 */
#include "sink_fixture.h"

#include "get/sink_verify.h"

#include <semaphore.h>

static void open_file(struct fixture *f, bool pieces, const char *hex)
{
    struct sink_checksum checksum = { "sha-256", hex };
    struct sink_config config = file_config(f);
    config.checksums = &checksum;
    config.checksum_count = hex ? 1 : 0;
    if (pieces)
        add_pieces(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
}

static void write_wrong(struct fixture *f, uint64_t begin, uint64_t end)
{
    f->data[begin] ^= 1;
    write_at(f, begin, end);
    f->data[begin] ^= 1;
}

static void finish_well(struct fixture *f)
{
    finish(f);
    assert_string_equal(f->error.code ? f->error.message : "", "");
    check_file(f);
}

static void test_pieces_are_told_as_they_come(void **state)
{
    struct fixture *f = *state;
    open_file(f, true, f->hex);
    write_at(f, PIECE, 2 * PIECE - 1);
    write_at(f, 2 * PIECE, 4 * PIECE); /* two at once */
    wait_for_pieces(f, 2 * PIECE, 0);
    write_at(f, 2 * PIECE - 1, 2 * PIECE);
    wait_for_pieces(f, 3 * PIECE, 0);
    write_at(f, (PIECES - 1) * PIECE, SIZE); /* the last one is shorter */
    wait_for_pieces(f, 3 * PIECE + SIZE - (PIECES - 1) * PIECE, 0);
    fill(f);
    finish_well(f);
    assert_int_equal(rangeset_total(&f->right), SIZE);
    end(f);
}

static void test_a_wrong_piece_is_forgotten(void **state)
{
    struct fixture *f = *state;
    open_file(f, true, f->hex);
    write_wrong(f, PIECE, 2 * PIECE);
    wait_for_pieces(f, 0, PIECE);
    write_wrong(f, PIECE, 2 * PIECE); /* and again */
    rangeset_release(&f->wrong);
    wait_for_pieces(f, 0, PIECE);
    fill(f);
    finish_well(f);
    assert_int_equal(f->finished, 1);
    end(f);
}

/* Not even a kill brings it back. */
static void test_a_wrong_piece_is_not_gone_on_with(void **state)
{
    struct fixture *f = *state;
    open_file(f, true, NULL);
    write_at(f, 0, PIECE);
    close_sink(f); /* there is a journal */
    open_file(f, true, NULL);
    write_wrong(f, PIECE, 2 * PIECE);
    wait_for_pieces(f, PIECE, PIECE);
    close_sink(f);
    open_file(f, false, NULL);
    assert_int_equal(f->start, SINK_RESUMED);
    assert_int_equal(rangeset_total(sink_there(f->s)), PIECE);
    end(f);
}

/* The last byte makes a wrong piece: it is not finished, and can be when that was put right. */
static void test_a_wrong_piece_at_the_end(void **state)
{
    struct fixture *f = *state;
    open_file(f, true, f->hex);
    write_wrong(f, (PIECES - 1) * PIECE, SIZE);
    fill(f);
    sink_finish(f->s, SIZE);
    while (rangeset_total(&f->wrong) == 0)
        loop_run(f->loop);
    assert_int_equal(f->finished, 0);
    fill(f);
    finish_well(f);
    end(f);
}

/* A piece that is forgotten while it is being hashed counts only when it was written again. */
static void test_forgotten_while_it_is_hashed(void **state)
{
    struct fixture *f = *state;
    open_file(f, true, f->hex);
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t begin = i * PIECE, end = MIN(begin + PIECE, SIZE);
        write_wrong(f, begin, end); /* a turn begins */
        assert_true(sink_forget(f->s, begin, begin + 1));
        write_at(f, begin, begin + 1);
    }
    wait_for_pieces(f, SIZE, 0);
    finish_well(f);
    end(f);
}

static void test_without_the_size_the_last_piece_waits(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    config.object.size = DDM_SIZE_UNKNOWN;
    config.object.resumable = false;
    add_pieces(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
    write_wrong(f, (PIECES - 1) * PIECE, SIZE);
    fill(f);
    wait_for_pieces(f, (PIECES - 1) * PIECE, 0);
    sink_finish(f->s, SIZE);
    while (rangeset_total(&f->wrong) == 0)
        loop_run(f->loop);
    fill(f);
    finish_well(f);
    end(f);
}

static void test_pieces_of_another_size_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    config.object.size = DDM_SIZE_UNKNOWN;
    add_pieces(f, &config);
    config.piece_count--;
    assert_int_equal(open_sink(f, &config), 0);
    write_at(f, 0, SIZE);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    assert_int_equal(access(f->path, F_OK), -1);
    end(f);
}

static void test_several_checksums(void **state)
{
    struct fixture *f = *state;
    char sha1[DIGEST_HEX_SIZE], md5[DIGEST_HEX_SIZE];
    digest_once("sha-1", f->data, SIZE, sha1, sizeof sha1);
    digest_once("md5", f->data, SIZE, md5, sizeof md5);
    md5[0] = md5[0] == '0' ? '1' : '0';
    open_file(f, false, f->hex);
    assert_true(sink_expect(f->s, "SHA256", f->hex)); /* the same */
    assert_true(sink_expect(f->s, "sha1", sha1));
    assert_false(sink_expect(f->s, "crc32", "00000000"));
    fill(f);
    assert_true(sink_expect(f->s, "md5", md5)); /* late: it catches up */
    finish(f);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    assert_non_null(strstr(f->error.message, "md5"));
    end(f);
}

/* At any time, and whatever was digested already. */
static void test_a_late_checksum(void **state)
{
    struct fixture *f = *state;
    char sha1[DIGEST_HEX_SIZE], md5[DIGEST_HEX_SIZE];
    digest_once("sha-1", f->data, SIZE, sha1, sizeof sha1);
    digest_once("md5", f->data, SIZE, md5, sizeof md5);
    open_file(f, false, f->hex);
    write_at(f, 0, SIZE / 2);
    for (int i = 0; i < 3; i++)
        run_for(f, 20 * MSEC);
    assert_true(sink_expect(f->s, "sha-1", sha1));
    fill(f);
    sink_finish(f->s, SIZE);
    assert_true(sink_expect(f->s, "md5", md5));
    while (!f->finished)
        loop_run(f->loop);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    assert_false(sink_expect(f->s, "sha-512", "00")); /* it has its name */
    end(f);
}

static void test_checksums_that_contradict(void **state)
{
    struct fixture *f = *state;
    char other[DIGEST_HEX_SIZE];
    snprintf(other, sizeof other, "%s", f->hex);
    other[5] = other[5] == '0' ? '1' : '0';
    open_file(f, false, f->hex);
    assert_true(sink_expect(f->s, "sha-256", other));
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    end(f);
}

/* The checksum is wrong: what is doubtful is forgotten, written again, and that is right. */
static void test_forget_and_finish_again(void **state)
{
    struct fixture *f = *state;
    char md5[DIGEST_HEX_SIZE];
    digest_once("md5", f->data, SIZE, md5, sizeof md5);
    open_file(f, false, f->hex);
    assert_true(sink_expect(f->s, "md5", md5));
    write_wrong(f, SIZE / 2, SIZE);
    fill(f);
    for (int i = 0; i < 3; i++) {
        finish(f);
        assert_int_equal(f->error.code, DDM_E_CHECKSUM);
        assert_true(sink_forget(f->s, SIZE / 2, SIZE / 2 + 100));
        assert_false(rangeset_contains(sink_there(f->s), SIZE / 2, SIZE / 2 + 1));
        if (i < 2)
            write_wrong(f, SIZE / 2, SIZE / 2 + 100);
    }
    fill(f);
    finish_well(f);
    end(f);
}

/* Forgotten behind the digest, and while it is on its way. */
static void test_a_digest_goes_back(void **state)
{
    struct fixture *f = *state;
    open_file(f, false, f->hex);
    for (uint64_t at = 0; at + 200000 <= SIZE; at += 200000) {
        write_wrong(f, at, at + 200000);
        if (at % 1000000 == 0)
            run_for(f, 30 * MSEC); /* it has passed */
        assert_true(sink_forget(f->s, at, at + 10));
        write_at(f, at, at + 10);
    }
    fill(f);
    finish_well(f);
    end(f);
}

/* ---- a turn, block by block ---- */

struct slow {
    struct loop *loop;
    sem_t reading, go;
    uint64_t end; /* of the block that is being read */
    bool over;
};

static int read_slowly(void *arg, uint64_t offset, void *data, size_t length)
{
    struct slow *s = arg;
    s->end = offset + length;
    sem_post(&s->reading);
    sem_wait(&s->go);
    memset(data, 'x', length);
    return 0;
}

static void on_slow_turn(void *arg, int error)
{
    struct slow *s = arg;
    assert_int_equal(error, 0);
    s->over = true;
    loop_stop(s->loop);
}

/* A turn up to `limit` is in the middle of its first block. */
static struct verify *begin_slowly(struct fixture *f, struct slow *slow, uint64_t limit)
{
    static const struct verify_ops slow_ops = { .read = read_slowly, .on_turn = on_slow_turn };
    struct verify *v = NULL;
    *slow = (struct slow){ .loop = f->loop };
    sem_init(&slow->reading, 0, 0);
    sem_init(&slow->go, 0, 0);
    assert_int_equal(verify_new(&v, f->loop, SIZE, &slow_ops, slow), 0);
    assert_int_equal(verify_expect(v, "md5", "900150983cd24fb0d6963f7d28e17f72"), 0);
    verify_go(v, limit);
    sem_wait(&slow->reading);
    return v;
}

/* The turn comes to its end; how far the digest has come. */
static uint64_t end_slowly(struct fixture *f, struct slow *slow, struct verify *v)
{
    for (int i = 0; i < 1000; i++) /* as many blocks as it wants */
        sem_post(&slow->go);
    while (!slow->over)
        loop_run(f->loop);
    uint64_t passed = verify_passed(v);
    verify_free(v);
    sem_destroy(&slow->reading);
    sem_destroy(&slow->go);
    return passed;
}

/* The second block is being read when a byte is forgotten: in the first one, in the second, behind
 * it. Only then the turn counts, as far as it had come. */
static void test_forgotten_while_a_block_is_read(void **state)
{
    struct fixture *f = *state;
    for (int where = 0; where < 3; where++) {
        struct slow slow;
        struct verify *v = begin_slowly(f, &slow, SIZE);
        uint64_t first = slow.end;
        sem_post(&slow.go);
        sem_wait(&slow.reading);
        uint64_t second = slow.end;
        uint64_t at = where == 0 ? first - 1 : where == 1 ? first + 1 : second;
        assert_true(second < SIZE);
        assert_int_equal(verify_forget(v, at, at + 1), 0);
        assert_int_equal(end_slowly(f, &slow, v), where == 2 ? second : 0);
    }
    f->loop = loop_free(f->loop);
}

/* What comes while a turn runs is taken by it, without a word from the loop. */
static void test_a_turn_goes_on_with_what_comes(void **state)
{
    struct fixture *f = *state;
    struct slow slow;
    struct verify *v = begin_slowly(f, &slow, 1000);
    verify_go(v, SIZE);
    assert_int_equal(end_slowly(f, &slow, v), SIZE);
    f->loop = loop_free(f->loop);
}

static void test_what_is_there_can_be_read(void **state)
{
    struct fixture *f = *state;
    char back[1000];
    open_file(f, false, NULL);
    write_at(f, 5000, 7000);
    assert_int_equal(sink_read(f->s, 6000, back, sizeof back), 0);
    assert_memory_equal(back, f->data + 6000, sizeof back);
    assert_int_equal(sink_read(f->s, 6001, back, sizeof back), -1);
    assert_true(sink_forget(f->s, 6500, 6600));
    assert_int_equal(sink_read(f->s, 6000, back, sizeof back), -1);
    end(f);
}

/* ---- streams ---- */

struct tube {
    int fds[2];
};

static void open_tube(struct fixture *f, struct tube *t, struct sink_config *config)
{
    assert_int_equal(pipe(t->fds), 0);
    assert_int_equal(fcntl(t->fds[0], F_SETFL, O_NONBLOCK), 0);
    config->fd = t->fds[1];
    config->object.size = SIZE;
    assert_int_equal(open_sink(f, config), 0);
}

static void close_tube(struct fixture *f, struct tube *t)
{
    end(f);
    close(t->fds[0]);
    close(t->fds[1]);
}

/* Nothing of a wrong piece reaches the reader, and the right one does. */
static void test_a_stream_gives_right_pieces_only(void **state)
{
    struct fixture *f = *state;
    struct tube t;
    struct sink_config config = { 0 };
    char buf[65536], back[1000];
    ssize_t n;
    uint64_t got = 0;
    add_pieces(f, &config);
    open_tube(f, &t, &config);
    write_at(f, PIECE, 2 * PIECE);
    write_wrong(f, 0, PIECE);
    wait_for_pieces(f, PIECE, PIECE);
    assert_int_equal(read(t.fds[0], buf, sizeof buf), -1);
    assert_int_equal(rangeset_total(sink_there(f->s)), PIECE);
    write_at(f, 0, PIECE);
    while (got < 2 * PIECE || f->consumed < 2 * PIECE) {
        for (; (n = read(t.fds[0], buf, sizeof buf)) > 0; got += (uint64_t)n)
            assert_memory_equal(buf, f->data + got, (size_t)n);
        run_for(f, MSEC);
    }
    assert_int_equal(got, 2 * PIECE);
    assert_int_equal(sink_read(f->s, 100, back, sizeof back), 0); /* still in the ring */
    assert_memory_equal(back, f->data + 100, sizeof back);
    assert_false(sink_forget(f->s, 2 * PIECE - 1, SIZE)); /* given away */
    assert_true(sink_forget(f->s, 2 * PIECE, SIZE));
    struct sink_object object = config.object;
    assert_false(sink_restart(f->s, &object));
    assert_false(sink_expect(f->s, "sha-256", f->hex));
    close_tube(f, &t);
}

/* Pieces that do not fit into the window are no use for a stream. */
static void test_pieces_too_long_for_a_stream(void **state)
{
    struct fixture *f = *state;
    struct tube t;
    const char *piece = "0000000000000000000000000000000000000000";
    struct sink_config config = {
        .piece_algorithm = "sha-1", .piece_length = SINK_WINDOW, .pieces = &piece, .piece_count = 1
    };
    open_tube(f, &t, &config);
    write_at(f, 0, 1000);
    while (f->consumed < 1000)
        loop_run(f->loop);
    close_tube(f, &t);
}

static void test_a_stream_restarts_before_its_first_byte(void **state)
{
    struct fixture *f = *state;
    struct tube t;
    struct sink_config config = { 0 };
    open_tube(f, &t, &config);
    struct sink_object object = { .size = SIZE };
    write_at(f, 1000, 2000);
    assert_true(sink_expect(f->s, "sha-256", f->hex));
    assert_true(sink_restart(f->s, &object));
    assert_int_equal(rangeset_total(sink_there(f->s)), 0);
    write_at(f, 0, 1000);
    while (f->consumed < 1000)
        loop_run(f->loop);
    close_tube(f, &t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_are_told_as_they_come),
        TEST(test_a_wrong_piece_is_forgotten),
        TEST(test_a_wrong_piece_is_not_gone_on_with),
        TEST(test_a_wrong_piece_at_the_end),
        TEST(test_forgotten_while_it_is_hashed),
        TEST(test_without_the_size_the_last_piece_waits),
        TEST(test_pieces_of_another_size_at_the_end),
        TEST(test_several_checksums),
        TEST(test_a_late_checksum),
        TEST(test_checksums_that_contradict),
        TEST(test_forget_and_finish_again),
        TEST(test_a_digest_goes_back),
        TEST(test_forgotten_while_a_block_is_read),
        TEST(test_a_turn_goes_on_with_what_comes),
        TEST(test_what_is_there_can_be_read),
        TEST(test_a_stream_gives_right_pieces_only),
        TEST(test_pieces_too_long_for_a_stream),
        TEST(test_a_stream_restarts_before_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
