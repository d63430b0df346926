/* SPDX-License-Identifier: MIT */
#include "steps.h"

static plan_source add_cache(struct plan *plan)
{
    plan_source source;
    struct plan_source_config config = { .slots = 2, .cache = true };
    assert_int_equal(plan_add_source(plan, &config, &source), 0);
    return source;
}

static void hold(struct plan *plan, plan_source cache, uint64_t begin, uint64_t end)
{
    assert_int_equal(plan_hold(plan, cache, begin, end), 0);
}

static void gives_only_what_it_holds(void **state)
{
    struct plan *plan = plan_of(8 * MIB, 0);
    plan_source cache = add_cache(plan), uplink = add_source(plan, 4);
    assert_none(plan, cache, SEC);
    hold(plan, cache, 2 * MIB, 3 * MIB);
    hold(plan, cache, 5 * MIB, 6 * MIB);
    assert_next(plan, cache, SEC, 2 * MIB, 3 * MIB);
    assert_next(plan, cache, SEC, 5 * MIB, 6 * MIB);
    assert_none(plan, cache, SEC);
    struct lent lent;
    while ((lent = next(plan, uplink, SEC)).id != 0)
        assert_int_equal(rangeset_count_within(&plan->held, lent.range.begin, lent.range.end), 0);
    plan_free(plan);
}

static void uplinks_leave_it_alone(void **state)
{
    struct plan *plan = plan_of(4 * MIB, 0);
    plan_source uplink = add_source(plan, 8), cache = add_cache(plan);
    hold(plan, cache, 0, 4 * MIB - 64 * KIB);
    assert_next(plan, uplink, SEC, 4 * MIB - 64 * KIB, 4 * MIB);
    assert_none(plan, uplink, SEC);
    plan_hold_nothing(plan, cache);
    assert_none(plan, cache, SEC);
    assert_int_equal(next(plan, uplink, SEC).range.begin, 0);
    plan_free(plan);
}

/* What is held by nobody who answers is fetched; who comes back is asked for little at first. */
static void a_cache_that_fails(void **state)
{
    struct plan *plan = plan_of(8 * MIB, 0);
    plan_source uplink = add_source(plan, 1), cache = add_cache(plan);
    hold(plan, cache, 0, 8 * MIB);
    plan_lease lease = assert_next(plan, cache, SEC, 0, MIB);
    assert_none(plan, uplink, SEC);
    plan_fail(plan, lease, PLAN_GONE, 0, SEC);
    assert_none(plan, cache, SEC);
    plan_lease fetched = next(plan, uplink, SEC).id;
    assert_int_not_equal(fetched, 0);
    struct lent again = next(plan, cache, 2 * SEC);
    assert_int_equal(range_length(again.range), LEASE_MIN);
    finish(plan, again.id, 2 * SEC);
    finish(plan, fetched, 2 * SEC);
    assert_none(plan, uplink, 2 * SEC);
    plan_free(plan);
}

static void an_excluded_cache_holds_nothing(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source uplink = add_source(plan, 1), cache = add_cache(plan);
    hold(plan, cache, 0, 2 * MIB);
    plan_exclude_source(plan, cache);
    assert_int_not_equal(next(plan, uplink, SEC).id, 0);
    plan_free(plan);
}

/* Two that hold the same share it: whoever has time. */
static void two_caches(void **state)
{
    struct plan *plan = plan_of(4 * MIB, 0);
    plan_source a = add_cache(plan), b = add_cache(plan);
    hold(plan, a, 0, 4 * MIB);
    hold(plan, b, 0, 4 * MIB);
    assert_next(plan, a, SEC, 0, MIB);
    assert_next(plan, b, SEC, MIB, 2 * MIB);
    assert_next(plan, a, SEC, 2 * MIB, 3 * MIB);
    plan_free(plan);
}

static void only_caches_are_left(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source uplink = add_source(plan, 1), cache = add_cache(plan);
    plan_exclude_source(plan, uplink);
    assert_true(plan_stuck(plan));
    hold(plan, cache, 0, MIB);
    assert_false(plan_stuck(plan));
    finish(plan, assert_next(plan, cache, SEC, 0, MIB), SEC);
    assert_true(plan_stuck(plan));
    plan_free(plan);
}

static void the_probe_is_not_for_caches(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source cache = add_cache(plan);
    hold(plan, cache, 0, MIB);
    assert_none(plan, cache, SEC);
    plan_free(plan);
}

/* An uplink, and a cache that has all of 1 MiB. */
static struct plan *all_is_held(plan_source *ret_uplink, plan_source *ret_cache)
{
    struct plan *plan = plan_of(MIB, 0);
    *ret_uplink = add_source(plan, 1);
    *ret_cache = add_cache(plan);
    hold(plan, *ret_cache, 0, MIB);
    return plan;
}

/* It may be busy for a day, by what it says. */
static void a_busy_cache(void **state)
{
    plan_source uplink, cache;
    struct plan *plan = all_is_held(&uplink, &cache);
    plan_lease lease = assert_next(plan, cache, SEC, 0, MIB);
    assert_none(plan, uplink, SEC);
    plan_fail(plan, lease, PLAN_BUSY, 3600 * SEC, SEC);
    assert_int_not_equal(next(plan, uplink, SEC).id, 0);
    plan_free(plan);
}

/* So may one that was lent before it broke down, and has not failed for the planner. */
static void a_cache_that_asks_for_a_long_pause(void **state)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source uplink = add_source(plan, 1), cache = add_cache(plan);
    hold(plan, cache, 0, 2 * MIB);
    plan_lease first = assert_next(plan, cache, SEC, 0, MIB);
    plan_lease second = assert_next(plan, cache, SEC, MIB, 2 * MIB);
    bring(plan, first, 64 * KIB, 2 * SEC);
    plan_fail(plan, first, PLAN_GONE, 0, 2 * SEC);
    plan_fail(plan, second, PLAN_GONE, 600 * SEC, 2 * SEC);
    assert_int_not_equal(next(plan, uplink, 2 * SEC).id, 0);
    plan_free(plan);
}

/* Where many ask, one is turned away now and then: what is held is not fetched for that. */
static void a_cache_that_is_busy_for_a_moment(void **state)
{
    plan_source uplink, cache;
    struct plan *plan = all_is_held(&uplink, &cache);
    int64_t now = SEC;
    for (int i = 0; i < 3; i++) {
        assert_none(plan, uplink, now);
        plan_fail(plan, next(plan, cache, now).id, PLAN_BUSY, SEC, now);
        assert_none(plan, cache, now += SEC / 2);
        now += SEC;
    }
    assert_int_not_equal(next(plan, uplink, now).id, 0);
    plan_free(plan);
}

/* Bytes all the time, and so few that it would take for ever. */
static void a_cache_that_trickles(void **state)
{
    plan_source uplink, cache;
    struct plan *plan = all_is_held(&uplink, &cache);
    plan_lease lease = assert_next(plan, cache, SEC, 0, MIB);
    int64_t now = SEC;
    for (int i = 0; i < 40; i++) {
        assert_none(plan, uplink, now);
        plan_progress(plan, lease, 1, now += 50 * MSEC);
        plan_tick(plan, now);
    }
    for (int i = 0; i < 40; i++) {
        plan_progress(plan, lease, 1, now += 50 * MSEC);
        plan_tick(plan, now);
    }
    assert_int_not_equal(next(plan, uplink, now).id, 0);
    plan_free(plan);
}

/* An uplink does a cache's work only when that has been silent for a second. */
static void a_silent_cache(void **state)
{
    plan_source uplink, cache;
    struct plan *plan = all_is_held(&uplink, &cache);
    plan_lease lease = assert_next(plan, cache, SEC, 0, MIB);
    int64_t now = SEC;
    stream(plan, lease, MIB / 2, 100 * MSEC, &now);
    plan_tick(plan, now + 900 * MSEC);
    assert_none(plan, uplink, now + 900 * MSEC);
    plan_tick(plan, now + 1100 * MSEC);
    assert_int_not_equal(next(plan, uplink, now + 1100 * MSEC).id, 0);
    plan_free(plan);
}

/* Where half of all are as silent, the machines are busy: nobody's work is done twice for that. */
static void all_are_silent(void **state)
{
    struct plan *plan = plan_of(4 * MIB, 0);
    plan_source uplink = add_source(plan, 1), caches[3];
    for (int i = 0; i < 3; i++) {
        caches[i] = add_cache(plan);
        hold(plan, caches[i], (uint64_t)i * MIB, (uint64_t)(i + 1) * MIB);
        assert_int_not_equal(next(plan, caches[i], SEC).id, 0);
    }
    finish(plan, next(plan, uplink, SEC).id, SEC);
    for (int64_t now = SEC; now < 3 * SEC; now += 100 * MSEC) {
        plan_tick(plan, now);
        assert_none(plan, uplink, now);
    }
    plan_free(plan);
}

/* With owners what is held counts in whole blocks, also where two hold a part each. */
static void blocks(void **state)
{
    struct plan *plan = plan_of(4 * MIB, 0);
    plan_source a = add_cache(plan), b = add_cache(plan), uplink = add_source(plan, 1);
    struct plan_owner owner = { "node", 0 };
    assert_int_equal(plan_set_owners(plan, "object", &owner, 1), 0);
    hold(plan, a, 100 * KIB, 400 * KIB);
    finish(plan, assert_next(plan, a, SEC, 128 * KIB, 384 * KIB), SEC);
    assert_none(plan, a, SEC);
    hold(plan, b, 400 * KIB, 512 * KIB);
    assert_next(plan, b, SEC, 400 * KIB, 512 * KIB);
    assert_next(plan, a, SEC, 384 * KIB, 400 * KIB);
    plan_exclude_source(plan, uplink); /* nobody else can bring the crumbs */
    assert_next(plan, a, SEC, 100 * KIB, 128 * KIB);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_only_what_it_holds),
        cmocka_unit_test(uplinks_leave_it_alone),
        cmocka_unit_test(a_cache_that_fails),
        cmocka_unit_test(a_busy_cache),
        cmocka_unit_test(a_cache_that_asks_for_a_long_pause),
        cmocka_unit_test(a_cache_that_is_busy_for_a_moment),
        cmocka_unit_test(a_cache_that_trickles),
        cmocka_unit_test(an_excluded_cache_holds_nothing),
        cmocka_unit_test(two_caches),
        cmocka_unit_test(only_caches_are_left),
        cmocka_unit_test(the_probe_is_not_for_caches),
        cmocka_unit_test(a_silent_cache),
        cmocka_unit_test(all_are_silent),
        cmocka_unit_test(blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
