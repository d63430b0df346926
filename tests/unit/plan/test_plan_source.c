/* SPDX-License-Identifier: MIT */
/* Sources fail in different ways: pauses, slots, giving up; stalls; what displays are told. */
#include "steps.h"

static void assert_state(const struct plan *plan, plan_source source, int64_t now,
                         enum plan_source_state state)
{
    assert_int_equal(info(plan, source, now).state, state);
}

/* -- Gone -------------------------------------------------------------------------------------- */

static void pauses_grow_until_given_up(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 2);
    const int64_t pauses[] = { 500,  1000, 2000, 3000, 3000, 3000, 3000, 3000,
                               3000, 3000, 3000, 3000, 3000, 3000, 3000 };
    int64_t now = SEC;
    for (unsigned i = 0; i < ARRAY_SIZE(pauses); i++) { /* the 16th failure is the last one */
        plan_fail(plan, next(plan, a, now).id, PLAN_GONE, 0, now);
        assert_state(plan, a, now, PLAN_SOURCE_PAUSED);
        assert_int_equal(info(plan, a, now).failures, i + 1);
        int64_t until = now + pauses[i] * MSEC;
        assert_int_equal(info(plan, a, now).paused_until, until);
        assert_int_equal(plan_next_wake(plan), until);
        assert_none(plan, a, until - 1);
        assert_false(plan_stuck(plan));
        now = until;
    }
    assert_state(plan, a, now, PLAN_SOURCE_READY);
    plan_fail(plan, next(plan, a, now).id, PLAN_GONE, 0, now);
    assert_state(plan, a, now, PLAN_SOURCE_EXCLUDED);
    assert_int_equal(plan_next_wake(plan), INT64_MAX);
    assert_none(plan, a, now + 1000 * SEC);
    assert_true(plan_stuck(plan));
    plan_free(plan);
}

static void a_new_try_is_small_until_a_byte_comes(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 3);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 0, 0);
    plan_lease lease = assert_next(plan, a, SEC, 0, 256 * KIB);
    assert_none(plan, a, SEC);
    plan_started(plan, lease, 2 * SEC); /* the head of a reply is no byte yet */
    assert_none(plan, a, 2 * SEC);
    bring(plan, lease, 1, 2 * SEC);
    assert_int_equal(info(plan, a, 2 * SEC).failures, 0);
    struct lent lent = next(plan, a, 2 * SEC);
    assert_true(range_length(lent.range) > 256 * KIB);
    plan_fail(plan, lent.id, PLAN_GONE, 0, 2 * SEC);
    assert_int_equal(info(plan, a, 2 * SEC).paused_until, 2 * SEC + 500 * MSEC); /* a new row */
    plan_free(plan);
}

static void closing_early_with_progress_is_hardly_punished(void **state)
{
    struct plan *plan = plan_of(100 * GIB, 0);
    plan_source a = add_source(plan, 1);
    int64_t now = 0;
    for (int i = 0; i < 50; i++) {
        struct lent lent = next(plan, a, now);
        now += 100 * MSEC;
        bring(plan, lent.id, range_length(lent.range) / 2, now);
        plan_fail(plan, lent.id, PLAN_GONE, 0, now);
        assert_int_equal(info(plan, a, now).paused_until, now + 50 * MSEC);
        assert_int_equal(info(plan, a, now).failures, 0);
        now += 50 * MSEC;
    }
    /* One byte is no progress to speak of: polite pauses, but never given up. */
    for (int i = 0; i < 50; i++) {
        plan_lease lease = next(plan, a, now).id;
        bring(plan, lease, 1, now);
        plan_fail(plan, lease, PLAN_GONE, 0, now);
        assert_int_equal(info(plan, a, now).paused_until, now + 500 * MSEC);
        now += 500 * MSEC;
    }
    plan_free(plan);
}

static void one_incident_counts_once(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 4);
    plan_lease leases[4];
    for (int i = 0; i < 4; i++)
        leases[i] = next(plan, a, i).id;
    for (int i = 0; i < 4; i++)
        plan_fail(plan, leases[i], PLAN_GONE, 0, SEC + i);
    assert_int_equal(info(plan, a, SEC).failures, 1);
    assert_int_equal(info(plan, a, SEC).paused_until, SEC + 500 * MSEC);
    plan_free(plan);
}

static void max_failures_is_configured(void **state)
{
    struct plan *plan;
    struct plan_config config = { .size = MIB, .max_failures = 2 };
    assert_int_equal(plan_new(&plan, &config), 0);
    plan_source a = add_source(plan, 1);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 3 * SEC, 0);
    assert_int_equal(plan_next_wake(plan), 3 * SEC); /* its own wish is longer */
    plan_fail(plan, next(plan, a, 3 * SEC).id, PLAN_GONE, 0, 3 * SEC);
    assert_true(plan_stuck(plan));
    plan_free(plan);
}

/* -- Busy, refused, wrong ---------------------------------------------------------------------- */

static void busy_takes_slots_away(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 4);
    plan_lease leases[4];
    for (int i = 0; i < 4; i++)
        leases[i] = next(plan, a, 0).id;
    bring(plan, leases[0], 10, MSEC);
    plan_fail(plan, leases[3], PLAN_BUSY, 5 * SEC, SEC); /* three go on: so many are fine */
    assert_int_equal(info(plan, a, SEC).slots, 3);
    assert_state(plan, a, SEC, PLAN_SOURCE_READY);
    assert_none(plan, a, SEC);
    plan_fail(plan, leases[2], PLAN_BUSY, 0, SEC);
    assert_int_equal(info(plan, a, SEC).slots, 2);
    assert_int_equal(info(plan, a, SEC).failures, 0);
    plan_done(plan, leases[1], SEC);
    leases[1] = next(plan, a, SEC).id; /* what follows those that go on need not wait */
    assert_int_not_equal(leases[1], 0);
    assert_none(plan, a, SEC);
    assert_int_equal(plan_next_wake(plan), INT64_MAX);
    plan_free(plan);
}

static void busy_with_nothing_else_pauses(void **state)
{
    const int64_t asked[] = { 0, 5 * SEC }, pause[] = { SEC, 5 * SEC };
    for (int i = 0; i < 2; i++) {
        struct plan *plan = plan_of(GIB, 0);
        plan_source a = add_source(plan, 4);
        plan_lease one = next(plan, a, 0).id, two = next(plan, a, 0).id;
        plan_fail(plan, one, PLAN_BUSY, 0, SEC);
        assert_state(plan, a, SEC, PLAN_SOURCE_READY);
        plan_fail(plan, two, PLAN_BUSY, asked[i], SEC);
        assert_int_equal(info(plan, a, SEC).slots, 1);
        assert_int_equal(info(plan, a, SEC).paused_until, SEC + pause[i]);
        assert_none(plan, a, SEC + pause[i] - 1);
        assert_int_not_equal(next(plan, a, SEC + pause[i]).id, 0);
        assert_none(plan, a, SEC + pause[i]);
        plan_free(plan);
    }
}

/* Another slot after 10 s that went well; twice as long after each time that it was busy. */
static void busy_behind_a_failure_waits(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 3);
    struct lent goes_on = next(plan, a, SEC), gone = next(plan, a, SEC), busy = next(plan, a, SEC);
    plan_fail(plan, gone.id, PLAN_GONE, 0, 2 * SEC);
    plan_fail(plan, busy.id, PLAN_BUSY, 0, 2 * SEC);
    bring(plan, goes_on.id, 1, 12 * SEC - 1);
    assert_int_equal(info(plan, a, 12 * SEC).slots, 1);
    plan_free(plan);
}

static void slots_come_back(void **state)
{
    const int64_t rests[] = { 10 * SEC, 20 * SEC, 40 * SEC, 60 * SEC, 60 * SEC };
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 4);
    int64_t now = SEC;
    struct lent lent = next(plan, a, now), more[3];
    for (int i = 0; i < 3; i++)
        more[i] = next(plan, a, now);
    for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
        now += SEC;
        plan_fail(plan, more[0].id, PLAN_BUSY, 0, now);
        if (i == 0) { /* the same incident */
            plan_fail(plan, more[1].id, PLAN_BUSY, 0, now);
            plan_fail(plan, more[2].id, PLAN_BUSY, 0, now);
        }
        assert_int_equal(info(plan, a, now).slots, 1);
        bring(plan, lent.id, 1, now + rests[i] - 1);
        assert_int_equal(info(plan, a, now).slots, 1);
        now += rests[i];
        bring(plan, lent.id, 1, now);
        assert_int_equal(info(plan, a, now).slots, 2); /* one, and then the wait begins again */
        bring(plan, lent.id, 1, now + 10 * SEC - 1);
        assert_int_equal(info(plan, a, now).slots, 2);
        more[0] = next(plan, a, now + 10 * SEC);
        assert_int_not_equal(more[0].id, 0);
        assert_none(plan, a, now + 10 * SEC);
        now += 10 * SEC;
    }
    plan_done(plan, more[0].id, now); /* all of them, in the end, and no more */
    for (int i = 1; i < 10; i++)
        bring(plan, lent.id, 1, now + i * 60 * SEC);
    assert_int_equal(info(plan, a, now).slots, 4);
    plan_free(plan);
}

static void absurd_wishes(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_fail(plan, next(plan, a, SEC).id, PLAN_BUSY, INT64_MAX, SEC);
    assert_int_equal(plan_next_wake(plan), 3601 * SEC);
    plan_fail(plan, next(plan, b, SEC).id, PLAN_GONE, INT64_MIN, SEC);
    assert_int_equal(plan_next_wake(plan), 1500 * MSEC);
    plan_free(plan);
}

static void busy_for_ever(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1);
    int64_t now = 0, pause = SEC;
    for (int i = 1; i < 48; i++) { /* three times as patient as with failures */
        plan_fail(plan, next(plan, a, now).id, PLAN_BUSY, 0, now);
        assert_int_equal(info(plan, a, now).paused_until, now + pause);
        now += pause;
        pause = MIN(2 * pause, 30 * SEC);
    }
    plan_fail(plan, next(plan, a, now).id, PLAN_BUSY, 0, now);
    assert_state(plan, a, now, PLAN_SOURCE_EXCLUDED);
    plan_free(plan);
}

static void refused_leaves_the_rest_running(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 2);
    plan_lease one = next(plan, a, 0).id, two = next(plan, a, 0).id;
    plan_fail(plan, two, PLAN_REFUSED, 0, SEC);
    assert_state(plan, a, SEC, PLAN_SOURCE_EXCLUDED);
    assert_int_equal(cancelled(plan), 0);
    assert_false(plan_stuck(plan));
    assert_none(plan, a, SEC);
    finish(plan, one, SEC);
    assert_true(plan_stuck(plan));
    plan_free(plan);
}

static void wrong_content_ends_all_of_the_source(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 3), b = add_source(plan, 1);
    plan_lease leases[3];
    for (int i = 0; i < 3; i++)
        leases[i] = next(plan, a, 0).id;
    plan_lease other = next(plan, b, 0).id;
    plan_fail(plan, leases[1], PLAN_WRONG, 0, SEC);
    assert_state(plan, a, SEC, PLAN_SOURCE_EXCLUDED);
    plan_lease first = cancelled(plan);
    assert_int_equal(next(plan, b, SEC).id, 0); /* no slot; the queue is as it was */
    bring(plan, other, range_length(plan_lease_rest(plan, other)), SEC);
    plan_done(plan, other, SEC);
    other = next(plan, b, SEC).id;
    plan_lease second = cancelled(plan);
    assert_int_equal(MIN(first, second), leases[0]);
    assert_int_equal(MAX(first, second), leases[2]);
    assert_int_equal(cancelled(plan), 0);
    assert_int_equal(info(plan, a, SEC).leases, 0);
    assert_int_equal(plan_lease_rest(plan, other).begin, 0);
    plan_free(plan);
}

/* -- Stalls ------------------------------------------------------------------------------------ */

/* Ticks as a caller does; returns when the lease was cancelled, or -1. */
static int64_t stalls_at(struct plan *plan, plan_lease lease, int64_t from, int64_t to)
{
    for (int64_t now = from; now <= to; now += 100 * MSEC) {
        plan_tick(plan, now);
        plan_lease stopped = cancelled(plan);
        if (stopped != 0) {
            assert_int_equal(stopped, lease);
            return now;
        }
    }
    return -1;
}

static void silent_before_the_first_byte(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease lease = assert_next(plan, a, 0, 0, MIB);
    assert_int_equal(stalls_at(plan, lease, 0, 60 * SEC), 3100 * MSEC);
    assert_true(info(plan, a, 3100 * MSEC).stalled);
    assert_int_equal(info(plan, a, 3100 * MSEC).failures, 1);
    assert_int_equal(info(plan, a, 3100 * MSEC).paused_until, 3600 * MSEC);
    assert_next(plan, b, 3200 * MSEC, 0, MIB);
    bring(plan, next(plan, a, 4 * SEC).id, 1, 4 * SEC);
    assert_false(info(plan, a, 4 * SEC).stalled);
    plan_free(plan);
}

static void silent_as_long_as_usual(void **state)
{
    /* A source whose first byte takes 2 s gets four times that; one of 10 s, 15 s. */
    const int64_t ttfb[] = { 2, 10 }, patience[] = { 8, 15 };
    for (int i = 0; i < 2; i++) {
        struct plan *plan = plan_of(10 * MIB, 0);
        plan_source a = add_source(plan, 1);
        plan_lease lease = next(plan, a, 0).id;
        plan_started(plan, lease, ttfb[i] * SEC);
        finish(plan, lease, ttfb[i] * SEC);
        assert_int_equal(info(plan, a, 20 * SEC).ttfb, ttfb[i] * SEC);
        lease = next(plan, a, 20 * SEC).id;
        assert_int_equal(stalls_at(plan, lease, 20 * SEC, 60 * SEC),
                         (20 + patience[i]) * SEC + 100 * MSEC);
        plan_free(plan);
    }
}

/* Once one source has shown how fast the origin answers, the others get 3 s, then 6 … 15. */
static void silent_while_another_is_quick(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 2);
    plan_started(plan, next(plan, b, 0).id, 50 * MSEC);
    bring(plan, next(plan, b, 50 * MSEC).id, 1000, 100 * MSEC);
    const int64_t begin[] = { SEC, 10 * SEC, 30 * SEC, 50 * SEC };
    const int64_t patience[] = { 3 * SEC, 6 * SEC, 12 * SEC, 15 * SEC };
    for (int i = 0; i < 4; i++) {
        plan_lease lease = next(plan, a, begin[i]).id;
        plan_lease stopped = 0;
        int64_t now = begin[i];
        for (; stopped != lease; now += 100 * MSEC) {
            plan_tick(plan, now);
            stopped = cancelled(plan); /* those of b as well: it is silent too */
        }
        assert_int_equal(now, begin[i] + patience[i] + 200 * MSEC);
    }
    plan_free(plan);
}

static void silent_after_the_first_byte(void **state)
{
    const int64_t gaps[] = { 10, 1000, 5000 }, patience[] = { 3000, 4000, 10000 };
    for (int i = 0; i < 3; i++) {
        struct plan *plan = plan_of(10 * MIB, 0);
        plan_source a = add_source(plan, 1), b = add_source(plan, 1);
        plan_lease lease = next(plan, a, 0).id;
        bring(plan, lease, 1000, 100 * MSEC);
        bring(plan, lease, 1000, (100 + gaps[i]) * MSEC);
        int64_t begin = (100 + gaps[i]) * MSEC;
        assert_int_equal(stalls_at(plan, lease, begin, 60 * SEC),
                         begin + (patience[i] + 100) * MSEC);
        assert_next(plan, b, 60 * SEC, 2000, 3 * MIB); /* what came is kept */
        plan_free(plan);
    }
}

static void a_complete_lease_does_not_stall(void **state)
{
    struct plan *plan = plan_of(1000, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    bring(plan, lease, 1000, 0);
    assert_int_equal(stalls_at(plan, lease, 0, 60 * SEC), -1);
    plan_free(plan);
}

static void the_callers_sleep_is_forgiven(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    bring(plan, lease, 1000, 0);
    plan_tick(plan, 100 * MSEC);
    plan_tick(plan, 50 * SEC); /* nobody called in between */
    assert_int_equal(cancelled(plan), 0);
    assert_int_equal(stalls_at(plan, lease, 50 * SEC, 60 * SEC), 53 * SEC + 100 * MSEC);
    plan_free(plan);
}

/* Other leases of a source that fails once in a row go on, but it gets no more than one anew. */
static void one_slot_after_a_failure(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 3);
    plan_lease one = next(plan, a, 0).id, two = next(plan, a, 0).id;
    plan_fail(plan, two, PLAN_GONE, 0, SEC);
    assert_none(plan, a, 2 * SEC);
    bring(plan, one, 1, 2 * SEC);
    assert_int_not_equal(next(plan, a, 2 * SEC).id, 0);
    assert_int_not_equal(next(plan, a, 2 * SEC).id, 0);
    plan_free(plan);
}

static void a_tick_ends_pauses(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 1);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 0, 0);
    assert_int_equal(plan_next_wake(plan), 500 * MSEC);
    plan_tick(plan, 499 * MSEC);
    assert_int_equal(plan_next_wake(plan), 500 * MSEC);
    plan_tick(plan, 500 * MSEC);
    assert_int_equal(plan_next_wake(plan), INT64_MAX);
    plan_free(plan);
}

static void first_bytes_are_smoothed(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 1);
    const int64_t waits[] = { 100, 500 }, smooth[] = { 100, 200 };
    for (int i = 0; i < 2; i++) {
        plan_lease lease = next(plan, a, i * SEC).id;
        plan_started(plan, lease, i * SEC + waits[i] * MSEC);
        plan_started(plan, lease, i * SEC + 900 * MSEC); /* once only */
        assert_int_equal(info(plan, a, SEC).ttfb, smooth[i] * MSEC);
        finish(plan, lease, i * SEC + 900 * MSEC);
    }
    plan_free(plan);
}

/* Without a word from trials: two, or one for each 75 ms to the first byte of all, up to eight. */
static void slots_to_begin_with(void **state)
{
    const struct {
        int64_t ttfb;
        unsigned cap, slots;
    } cases[] = { { 20, 16, 2 },  { 224, 16, 2 }, { 225, 16, 3 }, { 450, 16, 6 }, { 600, 16, 8 },
                  { 900, 16, 8 }, { 900, 5, 5 },  { 20, 1, 1 },   { 900, 1, 1 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan *plan = plan_of(GIB, 0);
        plan_source a;
        struct plan_source_config config = { .slots = cases[i].cap };
        assert_int_equal(plan_add_source(plan, &config, &a), 0);
        assert_int_equal(info(plan, a, 0).slots, MIN(cases[i].cap, 2U));
        plan_lease lease = next(plan, a, 0).id;
        plan_started(plan, lease, cases[i].ttfb * MSEC);
        assert_int_equal(plan->sources[a].slots_now, cases[i].slots);
        assert_int_equal(info(plan, a, SEC).slots, cases[i].slots);
        finish(plan, lease, SEC); /* later ones change nothing */
        plan_started(plan, next(plan, a, SEC).id, 10 * SEC);
        assert_int_equal(info(plan, a, 10 * SEC).slots, cases[i].slots);
        plan_free(plan);
    }
}

/* -- Displays ---------------------------------------------------------------------------------- */

static void what_displays_are_told(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 2);
    struct plan_source_info i = info(plan, a, 0);
    assert_int_equal(i.state, PLAN_SOURCE_READY);
    assert_int_equal(i.slots, 2);
    assert_int_equal(i.leases + i.bytes + (uint64_t)i.ttfb + i.failures, 0);
    assert_true(!i.started && !i.stalled && i.rate == 0);

    plan_lease lease = next(plan, a, 0).id;
    int64_t now = 30 * MSEC;
    stream(plan, lease, 1000000, 500 * MSEC, &now);
    i = info(plan, a, now);
    assert_int_equal(i.leases, 1);
    assert_int_equal(i.bytes, 500000);
    assert_int_equal(i.ttfb, 30 * MSEC);
    assert_true(i.started && i.rate > 990000 && i.rate < 1010000);
    assert_true(info(plan, a, now + 10 * SEC).rate < 10000);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_until_given_up),
        cmocka_unit_test(a_new_try_is_small_until_a_byte_comes),
        cmocka_unit_test(closing_early_with_progress_is_hardly_punished),
        cmocka_unit_test(one_incident_counts_once),
        cmocka_unit_test(max_failures_is_configured),
        cmocka_unit_test(busy_takes_slots_away),
        cmocka_unit_test(busy_with_nothing_else_pauses),
        cmocka_unit_test(slots_come_back),
        cmocka_unit_test(busy_behind_a_failure_waits),
        cmocka_unit_test(absurd_wishes),
        cmocka_unit_test(busy_for_ever),
        cmocka_unit_test(refused_leaves_the_rest_running),
        cmocka_unit_test(wrong_content_ends_all_of_the_source),
        cmocka_unit_test(silent_before_the_first_byte),
        cmocka_unit_test(silent_as_long_as_usual),
        cmocka_unit_test(silent_while_another_is_quick),
        cmocka_unit_test(silent_after_the_first_byte),
        cmocka_unit_test(a_complete_lease_does_not_stall),
        cmocka_unit_test(the_callers_sleep_is_forgiven),
        cmocka_unit_test(one_slot_after_a_failure),
        cmocka_unit_test(a_tick_ends_pauses),
        cmocka_unit_test(slots_to_begin_with),
        cmocka_unit_test(first_bytes_are_smoothed),
        cmocka_unit_test(what_displays_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
