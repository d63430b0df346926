/* SPDX-License-Identifier: MIT */
/* What a run before left: whether it is gone on with, and what it has to prove. */
#include "sink_fixture.h"

#define OTHER_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

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
    struct sink_checksum wrong = { "sha-256", OTHER_HEX }, right = { "SHA256", f->hex };
    struct sink_config config = file_config(f);
    config.checksums = &wrong;
    config.checksum_count = 1;
    leave(f, &config);
    config.checksums = &right;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    close_sink(f); /* the wrong one is out of the journal, too */
    config.checksum_count = 0;
    go_on(f, &config);
    f->loop = loop_free(f->loop);
}

/* All that is missing is written, and it is not right. */
static void end_wrong(struct fixture *f, const char *expected)
{
    fill(f);
    finish(f);
    assert_int_equal(f->error.code, DDM_E_CHECKSUM);
    assert_non_null(strstr(f->error.message, expected));
    assert_non_null(strstr(f->error.message, ", which an earlier run was given"));
    close_sink(f);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_an_earlier_checksum_holds(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum wrong = { "sha-256", OTHER_HEX }, md5 = { "md5", NULL };
    char hex[DIGEST_HEX_SIZE];
    struct sink_config config = file_config(f);
    digest_once("md5", f->data, SIZE, hex, sizeof hex);
    md5.hex = hex;
    config.checksums = &wrong;
    config.checksum_count = 1;
    leave(f, &config);
    config.checksums = &md5;
    assert_int_equal(open_sink(f, &config), 0);
    end_wrong(f, OTHER_HEX);
    config.checksum_count = 0;
    assert_int_equal(open_sink(f, &config), 0);
    end_wrong(f, OTHER_HEX);
    f->loop = loop_free(f->loop);
}

static void interrupt(struct fixture *f, const struct sink_config *config, uint64_t at)
{
    assert_int_equal(open_sink(f, config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    write_at(f, at, at + THERE);
    close_sink(f);
}

/* Three runs: the file changes between the first two, and only the checksum that these have would
 * tell. The third one must not take the mixture for the second version. */
static void test_what_a_checksum_let_pass_needs_it_for_good(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum first = { "sha-256", f->hex }, other = { "sha-256", OTHER_HEX };
    struct sink_config config = file_config(f);
    config.checksums = &first;
    config.checksum_count = 1;
    leave(f, &config);
    config.object.etag = "\"v2\"";
    for (uint64_t i = THERE; i < SIZE; i++)
        f->data[i] ^= 1;
    interrupt(f, &config, THERE);
    config.checksum_count = 0;
    interrupt(f, &config, 2 * THERE + 1);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    end_wrong(f, f->hex);
    config.object.etag = "\"v3\""; /* not even that tells whether it is the same */
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "the file has changed");
    end(f);
    assert_int_equal(loop_new(&f->loop), 0);

    config = file_config(f); /* another checksum cannot stand for the one that is needed */
    config.checksums = &first;
    config.checksum_count = 1;
    leave(f, &config);
    config.object.etag = "\"v2\"";
    interrupt(f, &config, THERE);
    config.checksums = &other;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    assert_string_equal(f->why, "another checksum is expected now");
    end(f);
}

/* A mirror that only a checksum or pieces can tell about: its validators, equal to what they were,
 * are no proof later, nor are those of the first one. */
static void mix(struct fixture *f, const struct sink_config *config, bool proved)
{
    unlink(f->part);
    unlink(f->journal);
    assert_int_equal(open_sink(f, config), 0);
    write_at(f, 0, THERE / 2);
    assert_int_equal(sink_add_origin(f->s, THAT, "\"other\"", DATE, proved), 0);
    write_at(f, SIZE - THERE / 2, SIZE);
    close_sink(f);
}

static void test_what_pieces_let_pass_needs_pieces(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct sink_config config = file_config(f);
        add_pieces(f, &config);
        mix(f, &config, i == 2);
        if (i == 1) {
            config.object.url = THAT;
            config.object.etag = "\"other\"";
        }
        assert_int_equal(open_sink(f, &config), 0);
        assert_int_equal(f->start, SINK_RESUMED);
        close_sink(f);
        config.piece_count = 0;
        assert_int_equal(open_sink(f, &config), 0);
        assert_int_equal(f->start, i == 2 ? SINK_RESUMED : SINK_ANEW);
        if (i < 2)
            assert_string_equal(f->why, "only hashes of pieces could tell, and there are none now");
        close_sink(f);
    }
    f->loop = loop_free(f->loop);
}

/* The same across versions; and pieces of a new one are not held up by a checksum of the old. */
static void test_pieces_of_another_version(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum old = { "sha-256", OTHER_HEX };
    struct sink_config config = file_config(f);
    config.checksums = &old;
    config.checksum_count = 1;
    leave(f, &config);
    config.checksum_count = 0;
    config.object.etag = "\"v2\"";
    add_pieces(f, &config);
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    close_sink(f);
    config.piece_count = 0;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_ANEW);
    close_sink(f);
    config = file_config(f);
    config.checksums = &old;
    config.checksum_count = 1;
    leave(f, &config);
    config.checksum_count = 0;
    config.object.etag = "\"v2\"";
    add_pieces(f, &config);
    go_on(f, &config);
    f->loop = loop_free(f->loop);
}

static void test_a_mirror_that_a_checksum_let_pass(void **state)
{
    struct fixture *f = *state;
    struct sink_checksum checksum = { "sha-256", f->hex };
    struct sink_config config = file_config(f);
    config.checksums = &checksum;
    config.checksum_count = 1;
    mix(f, &config, false);
    for (uint64_t i = THERE; i < SIZE / 2; i++)
        f->data[i] ^= 1; /* it was no mirror of that */
    config.checksum_count = 0;
    assert_int_equal(open_sink(f, &config), 0);
    assert_int_equal(f->start, SINK_RESUMED);
    end_wrong(f, f->hex);
    f->loop = loop_free(f->loop);
}

/* A reply without the ETag is the same by its date. One with the same date and another ETag is not
 * for that. */
static void test_an_etag_is_not_forgotten(void **state)
{
    struct fixture *f = *state;
    static const char *const between[] = { NULL, "W/\"1\"" };
    for (size_t i = 0; i < ARRAY_SIZE(between); i++) {
        struct sink_config config = file_config(f);
        config.object.last_modified = DATE;
        leave(f, &config);
        config.object.etag = between[i];
        assert_int_equal(open_sink(f, &config), 0);
        assert_int_equal(f->start, SINK_RESUMED);
        close_sink(f);
        config.object.etag = "\"v2\"";
        assert_int_equal(open_sink(f, &config), 0);
        assert_int_equal(f->start, SINK_ANEW);
        close_sink(f);
    }
    f->loop = loop_free(f->loop);
}

/* Mirrors are remembered: any of them may be the first one next time. */
static void test_any_origin_of_it(void **state)
{
    struct fixture *f = *state;
    struct sink_config config = file_config(f);
    assert_int_equal(open_sink(f, &config), 0);
    write_at(f, 0, THERE);
    assert_int_equal(sink_add_origin(f->s, THAT, "\"other\"", DATE, true), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_gone_on_with),
        TEST(test_versions),
        TEST(test_another_size),
        TEST(test_an_equal_checksum_is_enough),
        TEST(test_another_checksum_of_the_same_version),
        TEST(test_an_earlier_checksum_holds),
        TEST(test_what_a_checksum_let_pass_needs_it_for_good),
        TEST(test_what_pieces_let_pass_needs_pieces),
        TEST(test_pieces_of_another_version),
        TEST(test_a_mirror_that_a_checksum_let_pass),
        TEST(test_an_etag_is_not_forgotten),
        TEST(test_any_origin_of_it),
        TEST(test_pieces_tell),
        TEST(test_pieces_of_another_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
