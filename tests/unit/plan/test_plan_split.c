/* SPDX-License-Identifier: MIT */
/* The tail: cuts, hedges, and what they cost. */
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

static void a_source_that_failed_takes_little(void **state)
{
    struct pair p = run_both(20 * MSEC, 100000, 100000);
    plan_fail(p.plan, p.two, PLAN_STALLED, 0, p.now);
    plan_source c = add_source(p.plan, 1);
    while (!rangeset_contains(plan_done_set(p.plan), MIB, 2 * MIB)) /* what b gave back */
        finish(p.plan, next(p.plan, c, p.now).id, p.now);
    p.now += 600 * MSEC;
    struct lent thief = next(p.plan, p.b, p.now);
    assert_int_equal(thief.range.end, MIB);
    assert_int_equal(range_length(thief.range), 256 * KIB);
    plan_free(p.plan);
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

/* -- Hedges ------------------------------------------------------------------------------------ */

/* 100 KiB are left, their lease is silent, everything else is done; `helpers` sources of 1 MB/s are
 * idle. The lease that is silent is *ret_victim. */
static struct plan *silent_rest(plan_source helpers[], int count, plan_lease *ret_victim,
                                int64_t *now)
{
    struct plan *plan = plan_of((uint64_t)(count + 1) * MIB, 0);
    plan_source a = add_source(plan, 1);
    plan_lease leases[8];
    for (int i = 0; i < count; i++)
        helpers[i] = add_source(plan, 1);
    *ret_victim = assert_next(plan, a, 0, 0, MIB);
    for (int i = 0; i < count; i++)
        leases[i] = next(plan, helpers[i], 0).id;
    *now = 20 * MSEC;
    bring(plan, *ret_victim, 924 * KIB, *now);
    for (int i = 0; i < count; i++)
        plan_started(plan, leases[i], *now);
    for (int step = 0; step < 100; step++) {
        *now += 10 * MSEC;
        for (int i = 0; i < count; i++)
            bring(plan, leases[i], 10000, *now);
    }
    for (int i = 0; i < count; i++)
        finish(plan, leases[i], *now);
    assert_int_equal(range_length(plan_lease_rest(plan, *ret_victim)), 100 * KIB);
    return plan;
}

static void the_twin_wins(void **state)
{
    plan_source helpers[2];
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(helpers, 2, &victim, &now);
    plan_lease twin = assert_next(plan, helpers[0], now, 924 * KIB, MIB);
    assert_none(plan, helpers[1], now); /* one twin is enough */
    bring(plan, twin, 60 * KIB, now + MSEC);
    assert_int_equal(cancelled(plan), 0);
    /* The victim wakes up: what the twin had brought is waste. */
    bring(plan, victim, 10 * KIB, now + 2 * MSEC);
    assert_int_equal(plan_wasted_bytes(plan), 10 * KIB);
    finish(plan, twin, now + 3 * MSEC);
    assert_int_equal(cancelled(plan), victim);
    assert_int_equal(cancelled(plan), 0);
    assert_true(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 10 * KIB);
    plan_free(plan);
}

static void the_victim_wins(void **state)
{
    plan_source helper;
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(&helper, 1, &victim, &now);
    plan_lease twin = next(plan, helper, now).id;
    bring(plan, twin, 30 * KIB, now);
    bring(plan, victim, 100 * KIB, now);
    assert_int_equal(cancelled(plan), twin);
    assert_true(plan_lease_complete(plan, victim));
    plan_done(plan, victim, now);
    assert_true(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 30 * KIB);
    plan_free(plan);
}

static void the_twin_fails(void **state)
{
    plan_source helpers[2];
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(helpers, 2, &victim, &now);
    plan_lease twin = next(plan, helpers[0], now).id;
    bring(plan, twin, 30 * KIB, now);
    plan_fail(plan, twin, PLAN_GONE, 0, now);
    assert_int_equal(range_length(plan_lease_rest(plan, victim)), 100 * KIB);
    /* The victim is hedged again, from where the twin came to; and that is what goes back. */
    twin = assert_next(plan, helpers[1], now, 954 * KIB, MIB);
    plan_fail(plan, twin, PLAN_REFUSED, 0, now);
    plan_fail(plan, victim, PLAN_GONE, 0, now);
    assert_next(plan, helpers[0], now + SEC, 954 * KIB, MIB);
    plan_free(plan);
}

static void the_victim_fails(void **state)
{
    plan_source helpers[2];
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(helpers, 2, &victim, &now);
    plan_lease twin = next(plan, helpers[0], now).id;
    plan_fail(plan, victim, PLAN_GONE, 0, now);
    assert_none(plan, helpers[1], now); /* the twin has all of it */
    bring(plan, twin, 30 * KIB, now);
    plan_fail(plan, twin, PLAN_GONE, 0, now);
    finish(plan, assert_next(plan, helpers[1], now, 954 * KIB, MIB), now);
    assert_true(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 0);
    plan_free(plan);
}

static void waste_is_bounded(void **state)
{
    plan_source helper;
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(&helper, 1, &victim, &now);
    int hedges = 0;
    for (; hedges < 50; hedges++) { /* each twin fails without a byte, after a while */
        struct lent twin = next(plan, helper, now);
        if (twin.id == 0)
            break;
        plan_fail(plan, twin.id, PLAN_BUSY, MSEC, now);
        now += MSEC;
    }
    assert_int_equal(hedges, 10); /* of 100 KiB, within 1 MiB */
    plan_free(plan);
}

static void no_hedge_without_need(void **state)
{
    /* 100 KiB are left of a lease that runs like the other. */
    struct pair p = run_both(20 * MSEC, 1800000, 1800000);
    finish(p.plan, p.two, p.now);
    bring(p.plan, p.one, 48 * KIB, p.now);
    assert_none(p.plan, p.b, p.now);
    plan_free(p.plan);
}

static void no_hedge_unless_much_sooner(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease one = next(plan, a, 0).id, two = next(plan, b, 0).id;
    int64_t now = 20 * MSEC;
    stream(plan, two, 500000, 1850 * MSEC, &now);
    bring(plan, one, 948 * KIB, now);
    stream(plan, two, 500000, 200 * MSEC, &now);
    finish(plan, two, now + 50 * MSEC);
    /* 76 KiB take b 0.17 s; a is silent since 0.25 s, then since 0.4 s. */
    assert_none(plan, b, now + 50 * MSEC);
    assert_next(plan, b, now + 200 * MSEC, 948 * KIB, MIB);
    plan_free(plan);
}

static void no_hedge_of_what_runs_well(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease one = next(plan, a, 0).id, two = next(plan, b, 0).id;
    int64_t now = MSEC;
    plan_started(plan, one, now);
    stream(plan, two, 2500000, 400 * MSEC, &now);
    finish(plan, two, now);
    bring(plan, one, 360000, now);
    stream(plan, one, 900000, 650 * MSEC, &now);
    /* b would be three times as fast; but a is neither silent nor slow. */
    assert_none(plan, b, now);
    plan_free(plan);
}

static void no_hedge_of_ones_own(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 2);
    plan_lease one = next(plan, a, 0).id, two = assert_next(plan, a, 0, 512 * KIB, MIB);
    finish(plan, one, 500 * MSEC);
    bring(plan, two, 412 * KIB, 500 * MSEC);
    assert_none(plan, a, 2 * SEC);
    plan_free(plan);
}

/* Brings all that a source can get. */
static void bring_all(struct plan *plan, plan_source source, uint64_t until, int64_t *now)
{
    while (plan_done_bytes(plan) < until) {
        struct lent lent = next(plan, source, *now);
        if (lent.id == 0)
            return;
        *now += 10 * MSEC;
        bring(plan, lent.id, range_length(lent.range), *now);
        plan_done(plan, lent.id, *now);
    }
}

/* While half a window waits for the consumer of a stream, nothing is cut for its sake. */
static void not_while_the_consumer_is_behind(void **state)
{
    for (int behind = 0; behind < 2; behind++) {
        struct plan *plan = plan_of(4 * MIB, 4 * MIB);
        plan_source a = add_source(plan, 1), b = add_source(plan, 1);
        int64_t now = 0;
        bring_all(plan, b, 3 * MIB, &now);
        struct lent silent = next(plan, a, now);
        assert_int_not_equal(silent.id, 0);
        bring_all(plan, b, 4 * MIB, &now);
        assert_int_equal(plan_done_bytes(plan) + range_length(silent.range), 4 * MIB);
        if (!behind)
            plan_set_frontier(plan, silent.range.begin);
        now += 500 * MSEC;
        assert_int_equal(next(plan, b, now).id == 0, behind);
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_finish_together),
        cmocka_unit_test(not_while_the_consumer_is_behind),
        cmocka_unit_test(by_rate_and_time_to_first_byte),
        cmocka_unit_test(the_last_to_finish_is_the_victim),
        cmocka_unit_test(silence_makes_a_victim),
        cmocka_unit_test(nothing_to_win),
        cmocka_unit_test(a_source_that_failed_takes_little),
        cmocka_unit_test(unstarted_leases_are_split),
        cmocka_unit_test(others_are_split_first),
        cmocka_unit_test(own_lease_only_with_time_left),
        cmocka_unit_test(the_twin_wins),
        cmocka_unit_test(the_victim_wins),
        cmocka_unit_test(the_twin_fails),
        cmocka_unit_test(the_victim_fails),
        cmocka_unit_test(waste_is_bounded),
        cmocka_unit_test(no_hedge_without_need),
        cmocka_unit_test(no_hedge_unless_much_sooner),
        cmocka_unit_test(no_hedge_of_what_runs_well),
        cmocka_unit_test(no_hedge_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
