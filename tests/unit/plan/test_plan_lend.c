/* SPDX-License-Identifier: MIT */
/* Which range a source gets, and how much: rate, end, window. */
#include "steps.h"

/* One slot, LEASE_TIME at `rate`: brings the source's first leases until its rate is known. */
static struct lent lease_at_rate(struct plan *plan, plan_source source, uint64_t rate, int64_t *now)
{
    for (;;) {
        struct lent lent = next(plan, source, *now);
        if (*now > 3 * SEC)
            return lent;
        uint64_t rest = range_length(lent.range), step = rate / 100;
        plan_started(plan, lent.id, *now);
        for (; rest > 0; rest -= MIN(rest, step)) {
            *now += 10 * MSEC;
            bring(plan, lent.id, MIN(rest, step), *now);
        }
        plan_done(plan, lent.id, *now);
    }
}

static void assert_lease_at_rate(uint64_t rate, uint64_t least, uint64_t most)
{
    struct plan *plan = plan_of(100 * GIB, 0);
    int64_t now = 0;
    struct lent lent = lease_at_rate(plan, add_source(plan, 1), rate, &now);
    uint64_t length = range_length(lent.range);
    if (length < least || length > most)
        fail_msg("%zu bytes at %zu bytes/s", (size_t)length, (size_t)rate);
    assert_int_equal(lent.range.end % (64 * KIB), 0);
    plan_free(plan);
}

static void leases_follow_the_rate(void **state)
{
    assert_lease_at_rate(10000, 256 * KIB, 256 * KIB);
    assert_lease_at_rate(1000000, 1900000, 2050000);
    assert_lease_at_rate(12500000, 24000000, 25600000);
    assert_lease_at_rate(2000000000, 64 * MIB, 64 * MIB);
}

static void first_leases_end_at_distances(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 2), b = add_source(plan, 4);
    assert_next(plan, a, 0, 0, 512 * KIB);
    assert_next(plan, a, 0, 512 * KIB, 1536 * KIB);
    uint64_t lengths[4];
    for (int i = 0; i < 4; i++) {
        struct range range = next(plan, b, 0).range;
        lengths[i] = range_length(range);
    }
    assert_int_equal(lengths[0], 256 * KIB);
    assert_int_equal(lengths[3], MIB);
    assert_true(lengths[0] < lengths[1] && lengths[1] < lengths[2] && lengths[2] < lengths[3]);
    plan_free(plan);
}

static void later_leases_end_at_distances(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 2);
    int64_t now = 0;
    struct lent one = next(plan, a, now), two = next(plan, a, now);
    plan_started(plan, one.id, now);
    plan_started(plan, two.id, now);
    for (int i = 0; i < 51; i++) { /* 1 MB/s both together */
        now += 10 * MSEC;
        bring(plan, one.id, 5000, now);
        bring(plan, two.id, 5000, now);
    }
    finish(plan, one.id, now);
    finish(plan, two.id, now);
    now += 10 * MSEC;
    one = next(plan, a, now);
    two = next(plan, a, now);
    double ratio = (double)range_length(two.range) / (double)range_length(one.range);
    assert_true(ratio > 1.8 && ratio < 2.2);
    plan_free(plan);
}

static void ends_are_aligned(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    bring(plan, lease, 1000, 0);
    plan_done(plan, lease, 0);
    assert_next(plan, b, 0, 1000, MIB);
    plan_free(plan);
}

static void the_end_is_shared(void **state)
{
    /* 2 MiB, four sources that nothing is known of: a quarter each. */
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source sources[4];
    for (int i = 0; i < 4; i++)
        sources[i] = add_source(plan, 1);
    for (uint64_t i = 0; i < 4; i++)
        assert_next(plan, sources[i], 0, i * 512 * KIB, (i + 1) * 512 * KIB);
    assert_none(plan, sources[0], 0);
    plan_free(plan);
}

/* What a source of 3 MB/s gets when one of 1 MB/s has most of its first lease still to bring. */
static uint64_t second_lease(uint64_t size)
{
    struct plan *plan = plan_of(size, 0);
    plan_source slow = add_source(plan, 1), fast = add_source(plan, 1);
    plan_lease a = next(plan, slow, 0).id, b = next(plan, fast, 0).id;
    plan_started(plan, a, 0);
    plan_started(plan, b, 0);
    int64_t now = 0;
    for (int i = 0; i < 34; i++) {
        now += 10 * MSEC;
        bring(plan, a, 10000, now);
        bring(plan, b, 30000, now);
    }
    finish(plan, b, now);
    struct range range = next(plan, fast, now).range;
    plan_free(plan);
    return range_length(range);
}

static void the_end_is_shared_by_rate(void **state)
{
    /* 24 MiB: the end is further away than the 2 s of a lease. */
    uint64_t far = second_lease(24 * MIB), near = second_lease(5 * MIB);
    assert_true(far > 5800000 && far < 6200000);
    /* 5 MiB: of about 3.9 MB that are missing, three quarters. */
    assert_true(near > 2700000 && near < 3000000);
}

static void no_leftover_for_one_round_trip(void **state)
{
    /* A lease of 2 MB at 1 MB/s, and 50 KB more: less than comes in the 100 ms of a first byte. */
    for (int too_much = 0; too_much < 2; too_much++) {
        uint64_t size = MIB + 2000000 + 50000 + (too_much ? 200000 : 0);
        struct plan *plan = plan_of(size, 0);
        plan_source a = add_source(plan, 1);
        int64_t now = 100 * MSEC;
        plan_lease lease = assert_next(plan, a, 0, 0, MIB);
        stream(plan, lease, 1000000, SEC, &now);
        finish(plan, lease, now);
        struct lent lent = next(plan, a, now);
        assert_int_equal(lent.range.end == size, !too_much);
        plan_free(plan);
    }
}

static void rest_does_not_spoil_the_rate(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 1);
    int64_t now = 100 * MSEC;
    plan_lease lease = assert_next(plan, a, 0, 0, MIB);
    stream(plan, lease, 2000000, 500 * MSEC, &now);
    finish(plan, lease, now);
    struct lent before = next(plan, a, now);
    plan_done(plan, before.id, now); /* not used after all */
    now += 100 * SEC;
    struct lent after = next(plan, a, now);
    assert_int_equal(after.range.end, before.range.end);
    plan_started(plan, after.id, now + 50 * MSEC);
    plan_done(plan, after.id, now + 50 * MSEC);
    assert_next(plan, a, now + 100 * MSEC, before.range.begin, before.range.end);
    plan_free(plan);
}

/* -- The window -------------------------------------------------------------------------------- */

static void only_within_the_window(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 4 * MIB);
    plan_source sources[2] = { add_source(plan, 2), add_source(plan, 2) };
    plan_lease leases[4];
    for (int i = 0; i < 4; i++) {
        struct lent lent = next(plan, sources[i / 2], 0);
        leases[i] = lent.id;
        assert_true(range_length(lent.range) <= 512 * KIB); /* window / (2 * slots) */
        assert_true(lent.range.end <= 4 * MIB);
    }
    uint64_t end = 0;
    int64_t now = 0;
    for (int round = 0; round < 40; round++) { /* nobody consumes: it fills the window and stops */
        now += 10 * MSEC;
        for (int i = 0; i < 4; i++) {
            if (leases[i] == 0)
                continue;
            finish(plan, leases[i], now);
            struct lent lent = next(plan, sources[i / 2], now);
            leases[i] = lent.id;
            end = MAX(end, lent.range.end);
        }
    }
    assert_int_equal(end, 4 * MIB);
    assert_int_equal(plan_done_bytes(plan), 4 * MIB);
    assert_false(plan_stuck(plan));

    plan_set_frontier(plan, MIB);
    plan_set_frontier(plan, 0); /* it does not go back */
    struct lent lent = next(plan, sources[0], now);
    assert_int_equal(lent.range.begin, 4 * MIB);
    assert_true(lent.range.end <= 5 * MIB);
    plan_set_frontier(plan, UINT64_MAX);
    plan_free(plan);
}

static void no_crumbs_at_the_end_of_the_window(void **state)
{
    struct plan *plan = plan_of(100 * MIB, MIB);
    plan_source a = add_source(plan, 2);
    plan_lease one = assert_next(plan, a, 0, 0, 256 * KIB);
    plan_lease two = assert_next(plan, a, 0, 256 * KIB, 512 * KIB);
    finish(plan, one, MSEC);
    one = assert_next(plan, a, MSEC, 512 * KIB, 768 * KIB);
    finish(plan, two, MSEC);
    two = assert_next(plan, a, MSEC, 768 * KIB, MIB);
    finish(plan, one, MSEC);
    plan_set_frontier(plan, 1000);
    assert_none(plan, a, MSEC); /* not for 1000 bytes, while another one runs */
    plan_set_frontier(plan, 256 * KIB);
    one = assert_next(plan, a, MSEC, MIB, 1280 * KIB);
    finish(plan, one, MSEC);
    finish(plan, two, MSEC);
    plan_set_frontier(plan, 257 * KIB);
    assert_next(plan, a, MSEC, 1280 * KIB, 1281 * KIB); /* but rather than nothing */
    plan_free(plan);
}

static void window_beyond_the_end(void **state)
{
    struct plan *plan = plan_of(1000, UINT64_MAX);
    plan_source a = add_source(plan, 1);
    finish(plan, assert_next(plan, a, 0, 0, 1000), SEC);
    assert_true(plan_complete(plan));
    plan_free(plan);

    plan = plan_of(PLAN_SIZE_UNKNOWN, 1000);
    a = add_source(plan, 1);
    plan_lease probe = assert_next(plan, a, 0, 0, 1000);
    finish(plan, probe, SEC);
    assert_none(plan, a, SEC);
    plan_set_frontier(plan, 10);
    assert_next(plan, a, SEC, 1000, 1010);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_follow_the_rate),
        cmocka_unit_test(first_leases_end_at_distances),
        cmocka_unit_test(later_leases_end_at_distances),
        cmocka_unit_test(ends_are_aligned),
        cmocka_unit_test(the_end_is_shared),
        cmocka_unit_test(the_end_is_shared_by_rate),
        cmocka_unit_test(no_leftover_for_one_round_trip),
        cmocka_unit_test(rest_does_not_spoil_the_rate),
        cmocka_unit_test(only_within_the_window),
        cmocka_unit_test(no_crumbs_at_the_end_of_the_window),
        cmocka_unit_test(window_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
