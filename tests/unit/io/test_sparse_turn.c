/* SPDX-License-Identifier: MIT */
/* Turns, and all that can come in the middle of one. */
#include "sparse_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_kill_loses_what_came_since_the_last_turn),
        TEST(test_turns_come_by_themselves),
        TEST(test_only_what_was_synced_is_recorded),
        TEST(test_what_is_forgotten_is_so_at_once),
        TEST(test_what_is_forgotten_during_a_turn),
        TEST(test_begin_anew_during_a_turn),
        TEST(test_what_is_learned_later_is_recorded),
        TEST(test_a_journal_that_has_grown_is_made_anew),
        TEST(test_stop_and_go),
        TEST(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
