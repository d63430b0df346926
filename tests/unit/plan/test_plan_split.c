/* SPDX-License-Identifier: MIT */
/* The tail: cuts. What is fetched twice: test_plan_hedge.c; streams: test_plan_stream.c. */
#include "steps.h"

/* One lease over the whole object, running at `rate` for half a second from time 0 on. */
static plan_lease run_alone(struct plan *plan, plan_source source, uint64_t size, uint64_t rate,
                            int64_t *now)
{
    *now = 0;
    plan_lease lease = assert_next(plan, source, 0, 0, size);
    stream(plan, lease, rate, 500 * MSEC, now);
    return lease;
}

static void both_finish_together(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1);
    int64_t now;
    plan_lease victim = run_alone(plan, a, MIB, 200000, &now);
    plan_source b = add_source(plan, 1);
    uint64_t pos = plan_lease_rest(plan, victim).begin;
    struct lent thief = next(plan, b, now);
    assert_int_equal(thief.range.end, MIB);
    assert_int_equal(plan_lease_rest(plan, victim).end, thief.range.begin);
    assert_int_equal(thief.range.begin % 4096, 0);
    /* Alike in rate; the thief loses what a has shown to be the time to first byte (about 0). */
    double kept = (double)(thief.range.begin - pos), taken = (double)range_length(thief.range);
    assert_true(kept / taken > 0.97 && kept / taken < 1.03);

    /* The victim's transfer runs past the cut. */
    now += SEC;
    assert_int_equal(plan_progress(plan, victim, MIB - pos, now), thief.range.begin - pos);
    assert_int_equal(plan_wasted_bytes(plan), range_length(thief.range));
    assert_true(plan_lease_complete(plan, victim));
    plan_done(plan, victim, now);
    finish(plan, thief.id, now);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

/* Two sources, each with half of 2 MiB, whose first bytes took `ttfb`; then half a second at their
 * rates. */
struct pair {
    struct plan *plan;
    plan_source a, b;
    plan_lease one, two;
    int64_t now;
};

static struct pair run_both(int64_t ttfb, uint64_t rate_a, uint64_t rate_b)
{
    struct pair p = { .plan = plan_of(2 * MIB, 0), .now = ttfb };
    p.a = add_source(p.plan, 1);
    p.b = add_source(p.plan, 1);
    p.one = assert_next(p.plan, p.a, 0, 0, MIB);
    p.two = assert_next(p.plan, p.b, 0, MIB, 2 * MIB);
    plan_started(p.plan, p.one, p.now);
    plan_started(p.plan, p.two, p.now);
    for (int i = 0; i < 50; i++) {
        p.now += 10 * MSEC;
        bring(p.plan, p.one, rate_a / 100, p.now);
        bring(p.plan, p.two, rate_b / 100, p.now);
    }
    return p;
}

static void by_rate_and_time_to_first_byte(void **state)
{
    struct pair p = run_both(400 * MSEC, 200000, 600000);
    finish(p.plan, p.two, p.now); /* now 2.1 MB/s */
    struct range taken = next(p.plan, p.b, p.now).range;
    struct range kept = plan_lease_rest(p.plan, p.one);
    assert_int_equal(kept.end, taken.begin);
    assert_int_equal(taken.end, MIB);
    double victim = (double)range_length(kept) / 200e3;
    double thief = 0.4 + (double)range_length(taken) / (MIB / 0.5);
    assert_true(victim / thief > 0.96 && victim / thief < 1.04);
    plan_free(p.plan);
}

static void the_last_to_finish_is_the_victim(void **state)
{
    struct pair p = run_both(20 * MSEC, 100000, 200000);
    struct lent thief = next(p.plan, add_source(p.plan, 1), p.now);
    assert_int_equal(thief.range.end, MIB);
    plan_free(p.plan);

    p = run_both(20 * MSEC, 200000, 100000);
    thief = next(p.plan, add_source(p.plan, 1), p.now);
    assert_int_equal(thief.range.end, 2 * MIB);
    assert_int_equal(plan_lease_rest(p.plan, p.one).end, MIB);
    assert_int_equal(plan_lease_rest(p.plan, p.two).end, thief.range.begin);
    plan_free(p.plan);
}

static void silence_makes_a_victim(void **state)
{
    struct pair p = run_both(20 * MSEC, 200000, 400000);
    plan_source c = add_source(p.plan, 1);
    for (int i = 0; i < 90; i++) {
        p.now += 10 * MSEC;
        bring(p.plan, p.one, 2000, p.now); /* slower, but alive */
    }
    assert_int_equal(next(p.plan, c, p.now).range.end, 2 * MIB);
    plan_free(p.plan);
}

static void nothing_to_win(void **state)
{
    struct pair p = run_both(200 * MSEC, 1800000, 1800000);
    finish(p.plan, p.two, p.now);
    assert_none(p.plan, p.b, p.now);                   /* 0.08 s are left: it would come too late */
    assert_none(p.plan, add_source(p.plan, 1), p.now); /* expected to be like the others */
    plan_free(p.plan);

    p = run_both(200 * MSEC, 1240000, 1240000);
    finish(p.plan, p.two, p.now);
    assert_none(p.plan, p.b, p.now); /* 0.35 s: hardly sooner */
    plan_free(p.plan);
}

/* The victim's connection is closed by a cut: its next lease waits for a first byte as well. */
static void what_a_cut_costs(void **state)
{
    const uint64_t rates[] = { 1000000, 900000 }; /* 0.55 s are left, 0.67 s; it costs 0.62 s */
    for (int i = 0; i < 2; i++) {
        struct pair p = run_both(200 * MSEC, rates[i], rates[i]);
        finish(p.plan, p.two, p.now);
        assert_int_equal(next(p.plan, p.b, p.now).id != 0, i);
        plan_free(p.plan);
    }
}

/* Two pieces of 64 KiB at least, or of 0.1 s where that is less, or of 4 KiB. */
static void the_least_that_is_cut(void **state)
{
    const struct {
        uint64_t size, left;
        int64_t time; /* that the rest of it took */
        bool pays;
    } cases[] = {
        { 896 * KIB, 124 * KIB, 500 * MSEC, false }, { 896 * KIB, 132 * KIB, 500 * MSEC, true },
        { 128 * KIB, 36 * KIB, 500 * MSEC, false },  { 128 * KIB, 44 * KIB, 500 * MSEC, true },
        { 16 * KIB, 6 * KIB, 2500 * MSEC, false },   { 16 * KIB, 10 * KIB, 2500 * MSEC, true },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan *plan = plan_of(cases[i].size, 0);
        plan_source a = add_source(plan, 1);
        int64_t now = 0;
        plan_lease victim = assert_next(plan, a, 0, 0, cases[i].size);
        uint64_t bytes = cases[i].size - cases[i].left;
        stream(plan, victim, bytes * SEC / (uint64_t)cases[i].time, cases[i].time, &now);
        bring(plan, victim, bytes - plan_done_bytes(plan), now); /* what was rounded off */
        struct lent thief = next(plan, add_source(plan, 1), now);
        assert_int_equal(thief.id != 0, cases[i].pays);
        if (cases[i].pays)
            assert_int_equal(plan_lease_rest(plan, victim).end, thief.range.begin);
        plan_free(plan);
    }
}

/* Whoever failed and has had no byte since then takes nothing from others. */
static void a_source_that_failed_takes_nothing(void **state)
{
    struct pair p = run_both(20 * MSEC, 100000, 100000);
    plan_fail(p.plan, p.two, PLAN_STALLED, 0, p.now);
    plan_source c = add_source(p.plan, 1);
    while (!rangeset_contains(plan_done_set(p.plan), MIB, 2 * MIB)) /* what b gave back */
        finish(p.plan, next(p.plan, c, p.now).id, p.now);
    p.now += 600 * MSEC;
    assert_none(p.plan, p.b, p.now);
    struct lent thief = next(p.plan, c, p.now);
    assert_int_equal(thief.range.end, MIB);
    plan_free(p.plan);
}

/* Nor whoever is silent itself: what it takes might be silent, too. */
static void a_silent_source_takes_nothing(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 2);
    plan_lease slow = give(plan, a, 0, MIB, 0), quick = give(plan, b, MIB, 1536 * KIB, 0);
    plan_lease silent = give(plan, b, 1536 * KIB, 2 * MIB, 0);
    int64_t now = 20 * MSEC;
    plan_started(plan, slow, now);
    plan_started(plan, silent, now);
    stream(plan, quick, 500000, 500 * MSEC, &now);
    bring(plan, slow, 50000, now);
    finish(plan, quick, now);
    assert_none(plan, b, now);
    bring(plan, silent, 1, now);
    assert_int_equal(next(plan, b, now).range.end, MIB);
    plan_free(plan);
}

/* The new try of a source that failed, while b, that does well, has nothing to do. */
static struct plan *on_trial(plan_source *ret_b, plan_lease *ret_lease)
{
    struct plan *plan = plan_of(256 * KIB, 0);
    plan_source a = add_source(plan, 1);
    *ret_b = add_source(plan, 1);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 0, 0);
    *ret_lease = assert_next(plan, a, SEC, 0, 256 * KIB);
    return plan;
}

/* Its try counts as one more failure only if it had its time. */
static void what_is_on_trial_is_taken_over(void **state)
{
    const int64_t waits[] = { 0, GUESS_TTFB, GUESS_TTFB + MSEC };
    for (int i = 0; i < 3; i++) {
        plan_source b;
        plan_lease lease;
        struct plan *plan = on_trial(&b, &lease);
        int64_t now = SEC + waits[i];
        plan_lease taken = assert_next(plan, b, now, 0, 256 * KIB);
        assert_int_equal(cancelled(plan), lease);
        assert_int_equal(cancelled(plan), 0);
        assert_int_equal(info(plan, 0, now).leases, 0);
        assert_int_equal(info(plan, 0, now).failures, i < 2 ? 1 : 2);
        assert_int_equal(info(plan, 0, now).paused_until, i < 2 ? 0 : now + SEC);
        assert_none(plan, 0, now + SEC); /* it does not take it back */
        finish(plan, taken, now);
        assert_true(plan_complete(plan));
        assert_int_equal(plan_wasted_bytes(plan), 0);
        plan_free(plan);
    }
}

static void not_once_it_has_begun(void **state)
{
    plan_source b;
    plan_lease lease;
    struct plan *plan = on_trial(&b, &lease);
    plan_started(plan, lease, SEC);
    struct lent thief = next(plan, b, SEC); /* a part of it, as of any other */
    assert_true(thief.range.begin >= 64 * KIB);
    assert_int_equal(thief.range.end, 256 * KIB);
    assert_int_equal(cancelled(plan), 0);
    plan_free(plan);

    plan = on_trial(&b, &lease);
    plan_fail(plan, lease, PLAN_GONE, 0, SEC);
    lease = next(plan, b, SEC).id;
    plan_fail(plan, lease, PLAN_GONE, 0, SEC);
    lease = next(plan, b, 2 * SEC).id;
    assert_int_not_equal(lease, 0);
    assert_none(plan, 0, 2 * SEC + 1); /* of two that failed none is better */
    plan_free(plan);
}

/* What is on trial, and late, goes before what would be later by itself. */
static void what_is_on_trial_goes_first(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1), c = add_source(plan, 1);
    plan_lease slow = give(plan, b, 0, 512 * KIB, 0),
               quick = give(plan, c, 512 * KIB, 960 * KIB, 0);
    plan_fail(plan, give(plan, a, 960 * KIB, MIB, 0), PLAN_GONE, 0, 0);
    give(plan, a, 960 * KIB, MIB, 0);
    int64_t now = 20 * MSEC;
    plan_started(plan, slow, now);
    stream(plan, quick, 800000, 500 * MSEC, &now);
    bring(plan, slow, 100000, now); /* 2 s are left */
    finish(plan, quick, now);
    assert_next(plan, c, now, 960 * KIB, MIB);
    plan_free(plan);
}

/* A lease is asked for ahead of time: of what is free, but nobody is cut for it. */
static void nothing_is_cut_ahead_of_time(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 2);
    plan_lease slow = give(plan, a, 0, 512 * KIB, 0), mine = give(plan, b, 512 * KIB, MIB, 0);
    int64_t now = 20 * MSEC;
    plan_started(plan, slow, now);
    stream(plan, mine, 1000000, 500 * MSEC, &now);
    plan->sources[b].slots_now = 1;
    bring(plan, slow, 100000, now);
    assert_none(plan, b, now);
    finish(plan, mine, now);
    assert_int_equal(next(plan, b, now).range.end, 512 * KIB);
    plan_free(plan);
}

/* Of what a twin had brought before it failed nothing is fetched again. */
static void only_what_is_missing_is_taken_over(void **state)
{
    struct plan *plan = plan_of(8 * MIB, 0);
    plan_source x = add_source(plan, 1), a = add_source(plan, 2), b = add_source(plan, 1);
    plan_lease first = assert_next(plan, x, 0, 0, MIB);
    plan_lease other = assert_next(plan, a, 0, MIB, 1536 * KIB);
    bring(plan, first, MIB - 6 * KIB, 20 * MSEC);
    plan_done(plan, first, 20 * MSEC);
    plan_lease rest = assert_next(plan, a, 20 * MSEC, MIB - 6 * KIB, MIB);
    bring(plan, other, 512 * KIB, 20 * MSEC);
    while (rangeset_total(&plan->free) > 0)
        finish(plan, next(plan, b, 20 * MSEC).id, 40 * MSEC);

    plan_lease twin = assert_next(plan, b, SEC, MIB - 6 * KIB, MIB);
    bring(plan, twin, 2 * KIB, SEC);
    plan_fail(plan, twin, PLAN_REFUSED, 0, SEC);
    plan_fail(plan, other, PLAN_STALLED, 0, SEC);
    assert_next(plan, x, SEC, MIB - 4 * KIB, MIB);
    assert_int_equal(cancelled(plan), rest);
    plan_free(plan);
}

static void unstarted_leases_are_split(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = assert_next(plan, a, 0, 0, MIB);
    struct lent thief = next(plan, add_source(plan, 1), 0);
    assert_true(range_length(thief.range) > 400 * KIB && range_length(thief.range) <= 512 * KIB);
    assert_int_equal(plan_lease_rest(plan, lease).end, thief.range.begin);
    plan_free(plan);
}

static void others_are_split_first(void **state)
{
    struct plan *plan = plan_of(1536 * KIB, 0);
    plan_source a = add_source(plan, 2), b = add_source(plan, 1);
    plan_lease first = assert_next(plan, a, 0, 0, 512 * KIB);
    plan_lease other = assert_next(plan, b, 0, 512 * KIB, MIB);
    plan_lease own = assert_next(plan, a, 0, MIB, 1536 * KIB);
    int64_t now = 0;
    plan_started(plan, own, now);
    plan_started(plan, other, now);
    for (int i = 0; i < 50; i++) {
        now += 10 * MSEC;
        bring(plan, own, 50, now); /* it would even be later */
        bring(plan, other, 100, now);
    }
    finish(plan, first, now);
    assert_int_equal(next(plan, a, now).range.end, MIB);
    assert_int_equal(plan_lease_rest(plan, own).end, 1536 * KIB);
    plan_free(plan);
}

/* What a source with two slots can take over from its own last lease, alone. */
static struct range split_own(uint64_t rate)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 2);
    plan_lease one = next(plan, a, 0).id, two = assert_next(plan, a, 0, 512 * KIB, MIB);
    finish(plan, one, 0);
    int64_t now = 0;
    stream(plan, two, rate, 500 * MSEC, &now);
    struct range range = next(plan, a, now).range;
    plan_free(plan);
    return range;
}

static void own_lease_only_with_time_left(void **state)
{
    struct range range = split_own(200000); /* 2.1 s are left */
    assert_int_equal(range.end, MIB);
    assert_true(range_length(range) > 100000);
    range = split_own(400000); /* 0.8 s are left */
    assert_int_equal(range_length(range), 0);
}

/* -- Leases of one source are ended ------------------------------------------------------------ */

static void only_the_oldest_are_kept(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 4);
    plan_lease leases[4];
    struct range rest[4];
    int64_t now = 20 * MSEC;
    for (int i = 0; i < 4; i++)
        leases[i] = next(plan, a, 0).id;
    for (int i = 0; i < 50; i++) { /* 400 KB/s of all together */
        now += 10 * MSEC;
        for (int k = 0; k < 4; k++)
            bring(plan, leases[k], 1000, now);
    }
    for (int i = 0; i < 4; i++)
        rest[i] = plan_lease_rest(plan, leases[i]);
    leases_cut(plan, &plan->sources[a], 4, now);
    leases_cut(plan, &plan->sources[a], 5, now);
    leases_cut(plan, &plan->sources[a], 2, now);
    for (int i = 0; i < 4; i++) {
        struct range kept = plan_lease_rest(plan, leases[i]);
        assert_int_equal(kept.begin, rest[i].begin);
        if (i < 2) {
            assert_int_equal(kept.end, rest[i].end);
        } else { /* what it brings in 0.1 s, up to a multiple of 4 KiB */
            uint64_t length = range_length(kept);
            assert_true(length > 9900 && length <= 10100 + 4 * KIB);
            assert_int_equal(kept.end % (4 * KIB), 0);
            assert_true(rangeset_contains(&plan->free, kept.end, rest[i].end));
        }
    }
    assert_int_equal(cancelled(plan), 0); /* they end by themselves */
    plan_free(plan);
}

/* Neither a twin is cut, nor is something free that is there. */
static void what_is_not_cut(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    rangeset_add(&plan->done, 512 * KIB, MIB, NULL); /* as by a twin that failed then */
    leases_cut(plan, &plan->sources[a], 0, 0);
    assert_int_equal(plan_lease_rest(plan, lease).end, 4 * KIB);
    assert_true(rangeset_contains(&plan->free, 4 * KIB, 512 * KIB));
    assert_int_equal(rangeset_total(&plan->free), 508 * KIB);
    plan_free(plan);

    plan = plan_of(6 * KIB, 0);
    a = add_source(plan, 1);
    lease = next(plan, a, 0).id;
    assert_next(plan, add_source(plan, 1), SEC, 0, 6 * KIB);
    leases_cut(plan, &plan->sources[a], 0, SEC);
    assert_int_equal(plan_lease_rest(plan, lease).end, 6 * KIB);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_finish_together),
        cmocka_unit_test(by_rate_and_time_to_first_byte),
        cmocka_unit_test(the_last_to_finish_is_the_victim),
        cmocka_unit_test(silence_makes_a_victim),
        cmocka_unit_test(nothing_to_win),
        cmocka_unit_test(what_a_cut_costs),
        cmocka_unit_test(the_least_that_is_cut),
        cmocka_unit_test(a_source_that_failed_takes_nothing),
        cmocka_unit_test(a_silent_source_takes_nothing),
        cmocka_unit_test(what_is_on_trial_is_taken_over),
        cmocka_unit_test(not_once_it_has_begun),
        cmocka_unit_test(what_is_on_trial_goes_first),
        cmocka_unit_test(nothing_is_cut_ahead_of_time),
        cmocka_unit_test(only_what_is_missing_is_taken_over),
        cmocka_unit_test(unstarted_leases_are_split),
        cmocka_unit_test(others_are_split_first),
        cmocka_unit_test(own_lease_only_with_time_left),
        cmocka_unit_test(only_the_oldest_are_kept),
        cmocka_unit_test(what_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
