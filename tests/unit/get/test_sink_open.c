/* SPDX-License-Identifier: MIT */
/* What a run before left: whether it is gone on with. */
#include "sink_fixture.h"

#define THERE 1000000

/* A run that ends with some of the file there. */
static void leave(struct fixture *f, const struct sink_config *config)
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
static void go_on(struct fixture *f, const struct sink_config *config)
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

static void test_it_is_gone_on_with(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    go_on(f, &config);
    f->loop = loop_free(f->loop);
}

/* Validators and URLs of then and now, what a checksum adds, and what comes of it. */
static const struct {
    const char *was_url, *was_etag, *was_modified;
    const char *url, *etag, *modified;
    enum sink_start start; /* with `refused` what --force makes of it */
    bool refused;
} cases[] = {
#define HERE  "http://a/f"
#define THAT  "http://b/f"
#define DATE  "Sun, 22 Nov 2026 10:00:00 GMT"
#define LATER "Sun, 22 Nov 2026 11:00:00 GMT"
    { HERE, "\"1\"", "", HERE, "\"1\"", "", SINK_RESUMED, false },
    { HERE, "\"1\"", DATE, HERE, "\"1\"", LATER, SINK_RESUMED, false }, /* the strong one decides */
    { HERE, "\"1\"", DATE, HERE, "\"2\"", DATE, SINK_ANEW, false },
    { HERE, "", DATE, HERE, "", DATE, SINK_RESUMED, false },
    { HERE, "", DATE, HERE, "", LATER, SINK_ANEW, false },
    { HERE, "\"1\"", DATE, HERE, "", DATE, SINK_RESUMED, false }, /* what both have */
    { HERE, "W/\"1\"", "", HERE, "W/\"1\"", "", SINK_RESUMED, false },
    { HERE, "W/\"1\"", "", HERE, "W/\"2\"", "", SINK_ANEW, false },
    { HERE, "W/\"1\"", "", HERE, "\"1\"", "", SINK_ANEW, false },
    { HERE, "", "", HERE, "", "", SINK_ANEW, false }, /* nothing tells */
    { HERE, "\"1\"", "", HERE, "", DATE, SINK_ANEW, false },
    { HERE, "\"1\"", "", HERE, "", "", SINK_ANEW, false },
    { HERE, "", "", HERE, "\"1\"", DATE, SINK_ANEW, false },
    { HERE, "\"1\"", DATE, THAT, "\"1\"", "", SINK_RESUMED, false },
    { HERE, "\"1\"", DATE, THAT, "\"2\"", DATE, SINK_ANEW, true },
    { HERE, "", DATE, THAT, "\"2\"", DATE, SINK_RESUMED, false },
    { HERE, "", DATE, THAT, "", LATER, SINK_ANEW, true },
    { HERE, "W/\"1\"", "", THAT, "W/\"1\"", "", SINK_ANEW, true }, /* may be anything there */
    { HERE, "", "", THAT, "", "", SINK_ANEW, true },
};

static void test_versions(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sink_config was = file_config(f), now = file_config(f);
        was.object.url = cases[i].was_url;
        was.object.etag = cases[i].was_etag;
        was.object.last_modified = cases[i].was_modified;
        now.object.url = cases[i].url;
        now.object.etag = cases[i].etag;
        now.object.last_modified = cases[i].modified;
        leave(f, &was);
        if (cases[i].refused) {
            assert_int_equal(open_sink(f, &now), -DDM_E_USAGE);
            assert_non_null(strstr(f->error.message, HERE));
            assert_non_null(strstr(f->error.message, "--force"));
            now.force = true;
        }
        assert_int_equal(open_sink(f, &now), 0);
        assert_int_equal(f->start, cases[i].start);
        assert_int_equal(rangeset_total(sink_there(f->s)), f->start == SINK_RESUMED ? THERE : 0);
        assert_int_equal(f->start == SINK_ANEW, f->why != NULL);
        close_sink(f);
        /* What was dropped is gone for good; what was refused is not. */
        assert_int_equal(access(f->journal, F_OK), f->start == SINK_RESUMED ? 0 : -1);
        f->why = NULL;
    }
    f->loop = loop_free(f->loop);
}

static void test_another_size(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    config.object.size = SIZE + 1;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_non_null(strstr(f->why, "size"));
    close_sink(f);
    config.object.size = SIZE;
    leave(f, &config);
    config.object.size = DDM_SIZE_UNKNOWN;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    end(f);
}

static void test_an_equal_checksum_is_enough(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum checksum = { "SHA256", f->hex }, other = { "sha-256", f->hex };
    struct sink_config config = file_config(f);
    config.object.etag = NULL;
    config.checksums = &checksum;
    config.checksum_count = 1;
    leave(f, &config);
    config.object.url = THAT;
    config.checksums = &other;
    go_on(f, &config);
    leave(f, &config);
    f->hex[0] = f->hex[0] == '0' ? '1' : '0'; /* another one: not even with an equal one besides */
    struct sink_checksum both[] = { { "md5", "900150983cd24fb0d6963f7d28e17f72" },
                                    { "sha-256", f->hex } };
    config.checksums = both;
    config.checksum_count = 2;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    end(f);
}

/* Whoever mistyped a checksum need not load it all again. */
static void test_another_checksum_of_the_same_version(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum wrong = { "md5", "900150983cd24fb0d6963f7d28e17f72" };
    struct sink_checksum right = { "sha-256", f->hex };
    struct sink_config config = file_config(f);
    config.checksums = &wrong;
    config.checksum_count = 1;
    leave(f, &config);
    config.checksums = &right;
    go_on(f, &config);
    f->loop = loop_free(f->loop);
}

/* Mirrors are remembered: any of them may be the first one next time. */
static void test_any_origin_of_it(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    assert_int_equal(open_sink(f, &config), 0);
    write_at(f, 0, THERE);
    assert_int_equal(sink_add_origin(f->s, THAT, "\"other\"", DATE), 0);
    close_sink(f);
    config.object.url = THAT;
    config.object.etag = "\"other\"";
    go_on(f, &config);
    assert_int_equal(open_sink(f, &config), 0); /* published: nothing is left of it */
    assert_int_equal(f->start, SINK_NEW);
    end(f);
}

/* With hashes of pieces anything will do, and what is wrong of it is found. */
static void test_pieces_tell(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    config.object.etag = NULL;
    leave(f, &config);
    int fd = open(f->part, O_WRONLY);
    assert_int_equal(pwrite(fd, "wrong", 5, 10), 5); /* a bad disk */
    close(fd);
    config.object.url = THAT;
    add_pieces(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    uint64_t last = SIZE - (PIECES - 1) * PIECE;
    assert_true(last + PIECE <= THERE / 2); /* two pieces at the end are whole, one in front */
    wait_for_pieces(f, last + PIECE, PIECE);
    assert_true(rangeset_contains(&f->wrong, 0, PIECE));
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_OK);
    check_file(f);
    end(f);
}

static void test_pieces_of_another_size(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    add_pieces(f, &config);
    config.object.size = SIZE + PIECE;
    assert_int_equal(open_sink(f, &config), -DDM_E_CHECKSUM);
    assert_int_equal(access(f->part, F_OK), -1);
    f->loop = loop_free(f->loop);
}

static void test_a_part_without_its_journal(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    leave(f, &config);
    unlink(f->journal);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "its journal is missing");
    close_sink(f);
    leave(f, &config);
    int fd = open(f->journal, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 3), 1);
    close(fd);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "its journal is broken");
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
    assert_int_equal(access(f->journal, F_OK), -1);
    end(f);
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
    assert_int_equal(access(f->journal, F_OK), -1);
    write_at(f, 0, 1000);
    end(f);
    assert_int_equal(access(f->journal, F_OK), -1);
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
    assert_int_equal(access(f->journal, F_OK), -1);
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
        TEST(test_it_is_gone_on_with),
        TEST(test_versions),
        TEST(test_another_size),
        TEST(test_an_equal_checksum_is_enough),
        TEST(test_another_checksum_of_the_same_version),
        TEST(test_any_origin_of_it),
        TEST(test_pieces_tell),
        TEST(test_pieces_of_another_size),
        TEST(test_a_part_without_its_journal),
        TEST(test_a_journal_without_its_part),
        TEST(test_a_journal_of_another_ddm),
        TEST(test_what_cannot_go_on_begins_anew),
        TEST(test_force_does_not_drop_the_same),
        TEST(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
