/* SPDX-License-Identifier: MIT */
/* The tail: small rests that are fetched twice, and what that costs. */
#include "steps.h"

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

/* It is silent as well: somebody else tries. */
static void the_twin_is_replaced(void **state)
{
    plan_source helpers[2];
    plan_lease victim;
    int64_t now;
    struct plan *plan = silent_rest(helpers, 2, &victim, &now);
    plan_lease twin = next(plan, helpers[0], now).id;
    bring(plan, twin, 30 * KIB, now + MSEC);
    assert_none(plan, helpers[1], now + 100 * MSEC);
    assert_none(plan, helpers[0], now + 300 * MSEC);
    plan_lease second = assert_next(plan, helpers[1], now + 300 * MSEC, 954 * KIB, MIB);
    assert_int_equal(cancelled(plan), twin);
    assert_int_equal(cancelled(plan), 0);
    assert_int_equal(plan->hedged, 70 * KIB);
    finish(plan, second, now + 310 * MSEC);
    assert_int_equal(cancelled(plan), victim);
    assert_true(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 0);
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

/* `count` leases with 100 KiB left are silent, as many sources of 1 MB/s are idle. */
struct silence {
    struct plan *plan;
    plan_source helpers[4];
    plan_lease victims[4];
    int64_t now;
};

static struct silence silent_rests(int count)
{
    struct silence s = { .plan = plan_of((uint64_t)(2 * count) * MIB, 0), .now = 20 * MSEC };
    plan_lease leases[4];
    plan_source silent[4];
    for (int i = 0; i < count; i++) {
        silent[i] = add_source(s.plan, 1);
        s.helpers[i] = add_source(s.plan, 1);
    }
    for (int i = 0; i < count; i++) {
        s.victims[i] = next(s.plan, silent[i], 0).id;
        leases[i] = next(s.plan, s.helpers[i], 0).id;
    }
    for (int i = 0; i < count; i++) {
        bring(s.plan, s.victims[i], 924 * KIB, s.now);
        plan_started(s.plan, leases[i], s.now);
    }
    for (int step = 0; step < 100; step++) {
        s.now += 10 * MSEC;
        for (int i = 0; i < count; i++)
            bring(s.plan, leases[i], 10000, s.now);
    }
    for (int i = 0; i < count; i++)
        finish(s.plan, leases[i], s.now);
    return s;
}

/* Of silent ones 256 KiB in all: what is fetched twice now, and what came twice. */
static void waste_is_bounded(void **state)
{
    struct silence s = silent_rests(3);
    struct lent one = next(s.plan, s.helpers[0], s.now), two = next(s.plan, s.helpers[1], s.now);
    assert_int_equal(range_length(one.range), 100 * KIB);
    assert_int_equal(range_length(two.range), 100 * KIB);
    assert_int_equal(s.plan->hedged, 200 * KIB);
    assert_none(s.plan, s.helpers[2], s.now);
    finish(s.plan, one.id, s.now); /* its victim brought nothing any more: it cost nothing */
    assert_int_equal(s.plan->hedged, 100 * KIB);
    assert_int_equal(s.plan->twice, 0);
    struct lent three = next(s.plan, s.helpers[2], s.now);
    assert_int_equal(range_length(three.range), 100 * KIB);
    plan_fail(s.plan, three.id, PLAN_REFUSED, 0, s.now);
    assert_int_equal(s.plan->hedged, 100 * KIB);
    plan_free(s.plan);

    s = silent_rests(3);
    one = next(s.plan, s.helpers[0], s.now);
    bring(s.plan, one.id, 80 * KIB, s.now);
    plan_lease victim = lease_find(s.plan, one.id)->twin;
    bring(s.plan, victim, 100 * KIB, s.now); /* 80 KiB of it twice */
    plan_done(s.plan, victim, s.now);
    assert_int_equal(s.plan->hedged, 0);
    assert_int_equal(s.plan->twice, 80 * KIB);
    assert_int_not_equal(next(s.plan, s.helpers[0], s.now).id, 0);
    assert_none(s.plan, s.helpers[1], s.now); /* 80 + 100 + 100 */
    plan_free(s.plan);
}

/* 100 KiB are left of a lease of 700 KB/s beside one of 4 MB/s: slow, but not silent. */
static uint64_t hedge_of_a_slow_one(uint64_t size)
{
    struct plan *plan = plan_of(size, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease slow = assert_next(plan, a, 0, 0, MIB), quick = next(plan, b, 0).id;
    int64_t now = 20 * MSEC;
    stream(plan, quick, 4000000, 260 * MSEC, &now);
    finish(plan, quick, now);
    bring(plan, slow, 924 * KIB - 350000, now);
    now += 10 * MSEC;
    lease_find(plan, slow)->rate = (struct rate){ 0 };
    plan->sources[a].link = (struct rate){ 0 };
    rate_start(&plan->sources[a].link, now);
    stream(plan, slow, 700000, 500 * MSEC, &now);
    while (rangeset_total(&plan->free) > 0)
        finish(plan, next(plan, b, now).id, now);
    struct range range = next(plan, b, now).range;
    plan_free(plan);
    return range_length(range);
}

/* Of those that are slow a 200th of the size. */
static void slow_ones_have_a_budget_of_their_own(void **state)
{
    assert_int_equal(hedge_of_a_slow_one(19 * MIB), 0);
    assert_int_equal(hedge_of_a_slow_one(20 * MIB), 100 * KIB);
}

/* 6 KiB are left of a lease that runs: too little for a cut. After what silence they are fetched a
 * second time, when the longest gap in it was `gap` so far. */
static int64_t quiet_after(int64_t gap)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease one = assert_next(plan, a, 0, 0, 512 * KIB), two = next(plan, b, 0).id;
    int64_t now = 20 * MSEC, since;
    plan_started(plan, one, now);
    stream(plan, two, 1000000, 500 * MSEC, &now);
    bring(plan, one, 505 * KIB, now);
    finish(plan, two, now);
    now += gap;
    bring(plan, one, KIB, now);
    for (since = now; next(plan, b, now).id == 0;)
        now += 10 * MSEC;
    plan_free(plan);
    return now - since;
}

static void silence_is_measured_by_the_past(void **state)
{
    assert_int_equal(quiet_after(MSEC), 1010 * MSEC); /* it began half a second late */
    assert_int_equal(quiet_after(800 * MSEC), 1610 * MSEC);
    assert_int_equal(quiet_after(5 * SEC), 2010 * MSEC);
}

/* Nothing is known of its gaps yet. */
static void a_new_source_may_be_silent_for_longer(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source b = add_source(plan, 1);
    int64_t now = 20 * MSEC;
    plan_lease first = assert_next(plan, b, 0, 0, MIB);
    stream(plan, first, 1000000, 500 * MSEC, &now);
    bring(plan, first, MIB - 6 * KIB - 500000, now);
    plan_done(plan, first, now);
    plan_source a = add_source(plan, 1);
    bring(plan, assert_next(plan, a, now, MIB - 6 * KIB, MIB), 1, now);
    assert_none(plan, b, now + 1990 * MSEC);
    assert_next(plan, b, now + 2010 * MSEC, MIB - 6 * KIB + 1, MIB);
    plan_free(plan);
}

/* 100 KiB are left of a lease that runs like the other. */
static void no_hedge_without_need(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease one = next(plan, a, 0).id, two = next(plan, b, 0).id;
    int64_t now = 20 * MSEC;
    plan_started(plan, one, now);
    stream(plan, two, 1800000, 500 * MSEC, &now);
    bring(plan, one, 924 * KIB, now);
    finish(plan, two, now);
    assert_none(plan, b, now);
    plan_free(plan);
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

/* 6 KiB are left of a lease of 4 KB/s, too little for a cut; the other slot brings much more. */
static void no_hedge_of_ones_own(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source a = add_source(plan, 2);
    plan_lease quick = give(plan, a, 0, MIB, 0), slow = give(plan, a, MIB, 2 * MIB, 0);
    int64_t now = 20 * MSEC;
    bring(plan, slow, MIB - 26 * KIB, now);
    lease_find(plan, slow)->rate = (struct rate){ 0 };
    plan_started(plan, quick, now);
    rate_start(&lease_find(plan, slow)->rate, now);
    for (int i = 0; i < 500; i++) {
        now += 10 * MSEC;
        bring(plan, slow, 20 * KIB / 500, now);
        bring(plan, quick, 2000, now);
    }
    bring(plan, slow, 20 * KIB % 500, now);
    finish(plan, quick, now);
    assert_none(plan, a, now);
    plan_source b = add_source(plan, 1);
    assert_next(plan, b, now, 2 * MIB - 6 * KIB, 2 * MIB);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twin_wins),
        cmocka_unit_test(the_victim_wins),
        cmocka_unit_test(the_twin_is_replaced),
        cmocka_unit_test(the_twin_fails),
        cmocka_unit_test(the_victim_fails),
        cmocka_unit_test(waste_is_bounded),
        cmocka_unit_test(slow_ones_have_a_budget_of_their_own),
        cmocka_unit_test(silence_is_measured_by_the_past),
        cmocka_unit_test(a_new_source_may_be_silent_for_longer),
        cmocka_unit_test(no_hedge_without_need),
        cmocka_unit_test(no_hedge_unless_much_sooner),
        cmocka_unit_test(no_hedge_of_what_runs_well),
        cmocka_unit_test(no_hedge_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
