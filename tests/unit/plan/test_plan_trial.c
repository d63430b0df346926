/* SPDX-License-Identifier: MIT */
/* How many connections a source gets, in a small world of even links. */
#include "world.h"

static void limited_connections_are_found(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 25e6, true, 16)->connection = 500e3;
    run(&w, 3 * SEC);
    assert_int_equal(state(&w, 0).slots, 16);
    uint64_t before = plan_done_bytes(w.plan);
    run(&w, 10 * SEC);
    assert_true(plan_done_bytes(w.plan) - before >= 0.95 * 16 * 500e3 * 10);
    assert_true(w.most <= 16); /* the cap, whatever ends soon */
    plan_free(w.plan);
}

static void more_are_not_kept_without_a_gain(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 6e6, true, 16);
    run(&w, 8 * SEC);
    assert_true(w.most >= 8); /* it was tried */
    assert_int_equal(state(&w, 0).slots, 2);
    plan_free(w.plan);
}

static void what_is_too_many_goes_again(void **unused)
{
    struct world w = world_of(100 * GIB);
    struct link *link = add_link(&w, 3e6, true, 16);
    link->connection = 1.3e6; /* 2 bring 2.6, 3 bring 3.0, more bring no more */
    run(&w, 120 * SEC);
    assert_true(w.most >= 8);
    assert_true(state(&w, 0).slots <= 4);
    assert_true(state(&w, 0).slots >= 3);
    plan_free(w.plan);
}

static void the_cap_is_kept(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 25e6, true, 5)->connection = 500e3;
    run(&w, 10 * SEC);
    assert_int_equal(state(&w, 0).slots, 5);
    assert_true(w.most <= 5);
    plan_free(w.plan);
}

/* Up to three at once are served: what comes on top gets 429. */
static void busy_ends_the_growth(void **unused)
{
    struct world w = world_of(10 * GIB);
    struct link *link = add_link(&w, 25e6, true, 16);
    link->connection = 500e3;
    link->refuse_from = 4;
    run(&w, 20 * SEC);
    assert_true(state(&w, 0).slots <= 4);
    assert_int_not_equal(state(&w, 0).state, PLAN_SOURCE_EXCLUDED);
    uint64_t before = plan_done_bytes(w.plan);
    run(&w, 20 * SEC);
    assert_true(plan_done_bytes(w.plan) - before > 2.4 * 500e3 * 20);
    plan_free(w.plan);
}

/* Until a trial of this kind is in this phase. */
static void run_until(struct world *w, enum trial_kind kind, enum trial_phase phase)
{
    for (int i = 0; w->plan->trial.phase != phase || w->plan->trial.kind != kind; i++) {
        assert_true(i < 7000);
        run(w, STEP);
    }
}

/* What gets 429 is not waited for: those that are served are judged. */
static void as_many_as_are_served_are_judged(void **unused)
{
    struct world w = world_of(10 * GIB);
    struct link *link = add_link(&w, 25e6, true, 16);
    link->connection = 500e3;
    link->refuse_from = 5;
    run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
    assert_true(w.now <= 4 * SEC);
    const struct source *s = &w.plan->sources[0];
    assert_true(s->allowed < 8);
    assert_int_equal(s->slots_now, MAX(s->allowed, 2U));
    plan_free(w.plan);
}

/* With three of 1 MB/s nothing is lost on a link of 3 MB/s, with two it is. */
static void fewer_as_long_as_nothing_is_lost(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 3e6, true, 16)->connection = 1e6;
    struct source *s = &w.plan->sources[0];
    s->slots_now = 4;
    s->trial = (struct source_trial){ .tries = 4, .vain = FEWER_AFTER, .shrink = true };
    for (int i = 0; i < 2; i++) {
        run_until(&w, TRIAL_FEWER, TRIAL_JUDGE);
        assert_int_equal(s->slots_now, 3 - i);
        run_until(&w, TRIAL_FEWER, TRIAL_NONE);
        assert_int_equal(s->slots_now, 3);
        assert_int_equal(s->trial.shrink, i == 0);
    }
    plan_free(w.plan);
}

static void what_fails_meanwhile_ends_a_trial(void **unused)
{
    const enum trial_phase phases[] = { TRIAL_RAMP, TRIAL_JUDGE };
    for (int i = 0; i < 2; i++) {
        struct world w = world_of(10 * GIB);
        add_link(&w, 25e6, true, 16)->connection = 500e3; /* more would be of use */
        run_until(&w, TRIAL_MORE, phases[i]);
        run(&w, 50 * MSEC);
        assert_int_equal(state(&w, 0).slots, 8);
        plan_lease lease = w.flows[0].id;
        drop(&w, 0);
        w.plan->sources[0].failed_at = 0;
        plan_fail(w.plan, lease, PLAN_STALLED, 0, w.now);
        plan_tick(w.plan, w.now);
        assert_int_equal(w.plan->trial.phase, TRIAL_NONE);
        assert_int_equal(state(&w, 0).slots, 2);
        assert_int_equal(w.plan->sources[0].trial.again, w.now + TRIAL_REST);
        run(&w, TRIAL_REST + 3 * SEC); /* it is tried again */
        assert_true(state(&w, 0).slots >= 8);
        plan_free(w.plan);
    }
}

/* What was of no use ends at once; but not where the next lease would wait long for its bytes. */
static void connections_that_were_tried_are_closed(void **unused)
{
    const int64_t ttfbs[] = { 20 * MSEC, 170 * MSEC };
    for (int i = 0; i < 2; i++) {
        struct world w = world_of(10 * GIB);
        add_link(&w, 6e6, true, 16)->ttfb = ttfbs[i];
        w.plan->sources[0].trial.again = 4 * SEC; /* when its leases have the size for its rate */
        run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
        run_until(&w, TRIAL_MORE, TRIAL_NONE);
        assert_int_equal(state(&w, 0).slots, 2);
        assert_true(state(&w, 0).leases >= 8);
        run(&w, 600 * MSEC);
        assert_int_equal(state(&w, 0).leases <= 4, ttfbs[i] < TTFB_FAR);
        plan_free(w.plan);
    }
}

/* Each time in vain it is left alone for twice as long. */
static void trials_become_rare(void **unused)
{
    struct world w = world_of(100 * GIB);
    add_link(&w, 6e6, true, 16);
    int64_t rest = TRIAL_REST;
    for (int i = 0; i < 7; i++) {
        run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
        run_until(&w, TRIAL_MORE, TRIAL_NONE);
        const struct source_trial *trial = &w.plan->sources[0].trial;
        assert_int_equal(trial->rest, rest);
        int64_t again = trial->again;
        assert_in_range(again - w.now, rest - SEC, rest);
        run_until(&w, TRIAL_MORE, i < 6 ? TRIAL_RAMP : TRIAL_NONE);
        assert_true(i == 6 || w.now >= again);
        rest = MIN(2 * rest, TRIAL_REST_MAX);
    }
    assert_int_equal(rest, TRIAL_REST_MAX);
    plan_free(w.plan);
}

/* More connections of one take from the other on the same link: nothing came of it. */
static void what_is_taken_from_others_is_no_gain(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 6e6, false, 16);
    add_link(&w, 6e6, false, 2)->shares = 0;
    w.plan->trial.suspect_again = INT64_MAX; /* whether they share it is not asked here */
    run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
    run(&w, 500 * MSEC);
    assert_true(state(&w, 0).slots == 8 && state(&w, 0).rate > 1.3 * 3e6);
    run_until(&w, TRIAL_MORE, TRIAL_NONE);
    assert_int_equal(state(&w, 0).slots, 2);
    assert_false(w.plan->sources[0].trial.grew);
    plan_free(w.plan);
}

/* The first trial is of all together, the second of one alone: that finds out who shares a link. */
static void all_together_then_one_alone(void **unused)
{
    struct world w = world_of(10 * GIB);
    for (int i = 0; i < 3; i++)
        add_link(&w, 6e6, i == 1, 16);
    const unsigned tried[2][3] = { { 8, 8, 8 }, { 2, 8, 2 } };
    for (int n = 0; n < 2; n++) {
        run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
        for (int i = 0; i < 3; i++)
            assert_int_equal(state(&w, i).slots, tried[n][i]);
        run_until(&w, TRIAL_MORE, TRIAL_NONE);
    }
    plan_free(w.plan);
}

static void no_trial_while_the_reader_is_behind(void **unused)
{
    struct world w = world_of(10 * GIB);
    w.plan->window = 64 * MIB;
    add_link(&w, 6e6, true, 16)->connection = 500e3;
    run_until(&w, TRIAL_MORE, TRIAL_JUDGE);
    rangeset_remove(&w.plan->free, GIB, GIB + 32 * MIB, NULL);
    rangeset_add(&w.plan->done, GIB, GIB + 32 * MIB, NULL);
    plan_set_frontier(w.plan, GIB);
    plan_tick(w.plan, w.now);
    assert_int_equal(w.plan->trial.phase, TRIAL_NONE);
    assert_int_equal(state(&w, 0).slots, 2);
    run(&w, 5 * SEC);
    assert_int_equal(w.plan->trial.phase, TRIAL_NONE);
    plan_free(w.plan);
}

static void no_trial_near_the_end(void **unused)
{
    struct world w = world_of(12 * MIB);
    add_link(&w, 6e6, true, 16);
    run(&w, 3 * SEC);
    assert_true(plan_complete(w.plan));
    assert_true(w.most <= 3);
    plan_free(w.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limited_connections_are_found),
        cmocka_unit_test(more_are_not_kept_without_a_gain),
        cmocka_unit_test(what_is_too_many_goes_again),
        cmocka_unit_test(the_cap_is_kept),
        cmocka_unit_test(busy_ends_the_growth),
        cmocka_unit_test(as_many_as_are_served_are_judged),
        cmocka_unit_test(fewer_as_long_as_nothing_is_lost),
        cmocka_unit_test(what_fails_meanwhile_ends_a_trial),
        cmocka_unit_test(connections_that_were_tried_are_closed),
        cmocka_unit_test(trials_become_rare),
        cmocka_unit_test(what_is_taken_from_others_is_no_gain),
        cmocka_unit_test(all_together_then_one_alone),
        cmocka_unit_test(no_trial_while_the_reader_is_behind),
        cmocka_unit_test(no_trial_near_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
