/* SPDX-License-Identifier: MIT */
/* Which range a source gets, and how much: rate, end. With a window: test_plan_stream.c. */
#include "steps.h"

static void assert_lease_at_rate(uint64_t rate, int64_t ttfb, uint64_t least, uint64_t most)
{
    struct plan *plan = plan_of(100 * GIB, 0);
    int64_t now = 0;
    struct lent lent = lease_at_rate(plan, add_source(plan, 1), rate, ttfb, &now);
    uint64_t length = range_length(lent.range);
    if (length < least || length > most)
        fail_msg("%zu bytes at %zu bytes/s", (size_t)length, (size_t)rate);
    assert_int_equal(lent.range.end % (16 * KIB), 0);
    plan_free(plan);
}

static void leases_follow_the_rate(void **state)
{
    assert_lease_at_rate(1000, 0, 16 * KIB, 16 * KIB);
    assert_lease_at_rate(10000, 0, 16 * KIB, 16 * KIB);
    assert_lease_at_rate(100000, 0, 192 * KIB, 192 * KIB);
    assert_lease_at_rate(1000000, 0, 1950000, 2020000);
    assert_lease_at_rate(12500000, 0, 24000000, 25600000);
    assert_lease_at_rate(2000000000, 0, 64 * MIB, 64 * MIB);
}

/* 2 s of bytes, or 20 times what is waited for the first one. */
static void leases_outlast_the_first_byte(void **state)
{
    assert_lease_at_rate(1000000, 90 * MSEC, 1950000, 2020000);
    assert_lease_at_rate(1000000, 200 * MSEC, 3900000, 4040000);
    assert_lease_at_rate(1000000, 500 * MSEC, 9700000, 10100000);
}

/* 1 MiB, and 1 MiB more for each 50 ms that the first byte takes: of this source, else of others.
 */
static void first_leases_grow_with_the_first_byte(void **state)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1), c = add_source(plan, 2);
    plan_lease lease = assert_next(plan, a, 0, 0, MIB);
    assert_int_equal(range_length(next(plan, b, 0).range), MIB);
    plan_started(plan, lease, 100 * MSEC);
    finish(plan, lease, 100 * MSEC);
    assert_int_equal(range_length(next(plan, a, 100 * MSEC).range), 3 * MIB);
    assert_int_equal(range_length(next(plan, c, 100 * MSEC).range), 1536 * KIB);
    assert_int_equal(range_length(next(plan, c, 100 * MSEC).range), 3 * MIB);
    plan_free(plan);
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

/* What a source of `rate` gets beside one of 1.8 MB/s, when its share of the end is less. */
static uint64_t least_lease(uint64_t rate)
{
    struct plan *plan = plan_of(2 * MIB, 0);
    plan_source slow = add_source(plan, 1), fast = add_source(plan, 1);
    plan_lease a = next(plan, slow, 0).id, b = next(plan, fast, 0).id;
    int64_t now = 20 * MSEC;
    plan_started(plan, a, now);
    plan_started(plan, b, now);
    for (int i = 0; i < 50; i++) {
        now += 10 * MSEC;
        bring(plan, a, rate / 100, now);
        bring(plan, b, 18000, now);
    }
    plan_done(plan, a, now); /* it closed: the rest is free again */
    plan_done(plan, b, now);
    struct range range = next(plan, slow, now).range;
    plan_free(plan);
    return range.end / LEASE_ALIGN * LEASE_ALIGN - range.begin / LEASE_ALIGN * LEASE_ALIGN;
}

/* What comes in a second, or 256 KiB. */
static void the_least_lease(void **state)
{
    assert_int_equal(least_lease(40000), 32 * KIB);
    assert_int_equal(least_lease(100000), 96 * KIB);
    assert_int_equal(least_lease(1000000), 256 * KIB);
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

/* -- Ahead of time ----------------------------------------------------------------------------- */

static void cut_to(struct plan *plan, plan_lease id, uint64_t left)
{
    struct lease *lease = lease_find(plan, id);
    give_back(plan, lease->pos + left, lease->end);
    lease->end = lease->pos + left;
}

/* Slots and cap of a source of 1 MB/s whose first byte takes 300 ms, with one lease of which so
 * many bytes are left. */
static struct plan *about_to_end(unsigned slots, unsigned cap, uint64_t left, plan_lease *ret_lease,
                                 int64_t *now)
{
    struct plan *plan = plan_of(GIB, 0);
    plan_source a = add_source(plan, cap);
    plan->sources[a].slots_now = slots;
    *now = 300 * MSEC;
    *ret_lease = next(plan, a, 0).id;
    stream(plan, *ret_lease, 1000000, 500 * MSEC, now);
    plan->sources[a].slots_now = slots; /* not as many as it gets for being far */
    cut_to(plan, *ret_lease, left);
    return plan;
}

/* It is asked for 100 ms before the first byte of the next lease would come just in time. */
static void one_lease_ahead(void **state)
{
    const uint64_t left[] = { 410000, 390000, 1 };
    for (int i = 0; i < 3; i++) {
        plan_lease lease;
        int64_t now;
        struct plan *plan = about_to_end(1, 3, left[i], &lease, &now);
        struct lent ahead = next(plan, 0, now);
        assert_int_equal(ahead.id != 0, i > 0);
        if (i > 0)
            cut_to(plan, ahead.id, 1);
        assert_none(plan, 0, now); /* what has not begun does not end soon, however short it is */
        assert_int_equal(info(plan, 0, now).leases, 1 + (i > 0));
        plan_free(plan);
    }
}

static void none_ahead_beyond_the_cap(void **state)
{
    plan_lease lease;
    int64_t now;
    struct plan *plan = about_to_end(1, 1, 1, &lease, &now);
    assert_none(plan, 0, now);
    plan_free(plan);

    plan = about_to_end(1, 2, 1, &lease, &now);
    plan->sources[0].allowed = 1; /* it was busy */
    assert_none(plan, 0, now);
    plan_free(plan);

    plan = about_to_end(2, 3, 1, &lease, &now);
    plan_lease other = next(plan, 0, now).id;
    assert_int_not_equal(next(plan, 0, now).id, 0);
    now += 300 * MSEC;
    bring(plan, other, 1, now);
    cut_to(plan, other, 1);
    assert_none(plan, 0, now); /* both end soon, a third is there: that is the cap */
    plan->sources[0].slots = plan->sources[0].allowed = 4;
    assert_int_not_equal(next(plan, 0, now).id, 0);
    assert_none(plan, 0, now);
    plan_free(plan);
}

static void none_ahead_after_a_failure(void **state)
{
    plan_lease lease;
    int64_t now;
    struct plan *plan = about_to_end(2, 4, 2, &lease, &now);
    plan_fail(plan, next(plan, 0, now).id, PLAN_GONE, 0, now);
    now += SEC;
    assert_none(plan, 0, now);
    bring(plan, lease, 1, now); /* good again: one for its slot, one ahead */
    assert_int_not_equal(next(plan, 0, now).id, 0);
    assert_int_not_equal(next(plan, 0, now).id, 0);
    assert_none(plan, 0, now);
    plan_free(plan);
}

static void the_probe(void **state)
{
    const uint64_t windows[] = { 0, 16 * MIB, 10 * KIB };
    const uint64_t ends[] = { MIB, STREAM_FIRST, 10 * KIB };
    for (int i = 0; i < 3; i++) {
        struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, windows[i]);
        assert_next(plan, add_source(plan, 1), 0, 0, ends[i]);
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_follow_the_rate),
        cmocka_unit_test(leases_outlast_the_first_byte),
        cmocka_unit_test(first_leases_grow_with_the_first_byte),
        cmocka_unit_test(first_leases_end_at_distances),
        cmocka_unit_test(later_leases_end_at_distances),
        cmocka_unit_test(ends_are_aligned),
        cmocka_unit_test(the_end_is_shared),
        cmocka_unit_test(the_end_is_shared_by_rate),
        cmocka_unit_test(the_least_lease),
        cmocka_unit_test(no_leftover_for_one_round_trip),
        cmocka_unit_test(rest_does_not_spoil_the_rate),
        cmocka_unit_test(one_lease_ahead),
        cmocka_unit_test(none_ahead_beyond_the_cap),
        cmocka_unit_test(none_ahead_after_a_failure),
        cmocka_unit_test(the_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
