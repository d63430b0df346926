/* SPDX-License-Identifier: MIT */
/* The contract: sizes, progress, ends, the probe, what goes back. */
#include "steps.h"

#include <string.h>

static void no_bytes(void **state)
{
    struct plan *plan = plan_of(0, 0);
    assert_true(plan_complete(plan));
    assert_false(plan_stuck(plan));
    assert_none(plan, add_source(plan, 1), 0);
    assert_null(plan_free(plan));
    assert_null(plan_free(NULL));
}

static void one_byte(void **state)
{
    struct plan *plan = plan_of(1, 0);
    plan_source a = add_source(plan, 2);
    plan_lease lease = assert_next(plan, a, 0, 0, 1);
    assert_none(plan, a, 0);
    assert_false(plan_lease_complete(plan, lease));
    bring(plan, lease, 1, SEC);
    assert_true(plan_lease_complete(plan, lease));
    assert_true(plan_complete(plan));
    plan_done(plan, lease, SEC);
    assert_int_equal(info(plan, a, SEC).leases, 0);
    assert_int_equal(info(plan, a, SEC).bytes, 1);
    assert_none(plan, a, SEC);
    plan_free(plan);
}

static void many_bytes_in_order(void **state)
{
    const uint64_t size = 100 * MIB + 12345;
    struct plan *plan = plan_of(size, 0);
    plan_source a = add_source(plan, 1);
    uint64_t offset = 0;
    for (int64_t now = SEC; !plan_complete(plan); now += SEC) {
        struct lent lent = next(plan, a, now);
        assert_int_equal(lent.range.begin, offset);
        offset = lent.range.end;
        finish(plan, lent.id, now + 500 * MSEC);
        assert_int_equal(plan_done_bytes(plan), offset);
    }
    assert_int_equal(offset, size);
    assert_int_equal(plan_wasted_bytes(plan), 0);
    assert_true(rangeset_contains(plan_done_set(plan), 0, size));
    plan_free(plan);
}

static void the_first_gap_goes_first(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1), c = add_source(plan, 1);
    plan_lease first = assert_next(plan, a, 0, 0, MIB);
    assert_next(plan, b, 0, MIB, 2 * MIB);
    bring(plan, first, 100000, 0);
    plan_fail(plan, first, PLAN_GONE, 0, 2 * MSEC);
    assert_next(plan, c, 3 * MSEC, 100000, MIB);
    assert_next(plan, a, SEC, 2 * MIB, 3 * MIB);
    plan_free(plan);
}

static void slots_are_counted(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 3), none = add_source(plan, 0);
    plan_lease first = next(plan, a, 0).id;
    assert_int_not_equal(next(plan, a, 0).id, 0);
    assert_int_not_equal(next(plan, a, 0).id, 0);
    assert_none(plan, a, 0);
    assert_int_equal(info(plan, a, 0).leases, 3);
    plan_done(plan, first, 0); /* nothing came: it goes back */
    assert_int_equal(next(plan, a, 0).range.begin, 0);
    assert_int_not_equal(next(plan, none, 0).id, 0); /* at least one */
    assert_none(plan, none, 0);
    plan_free(plan);
}

static void too_many_bytes(void **state)
{
    struct plan *plan = plan_of(1000, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    bring(plan, lease, 600, SEC);
    assert_int_equal(plan_progress(plan, lease, 0, SEC), 0);
    assert_int_equal(plan_progress(plan, lease, 500, SEC), 400);
    assert_int_equal(plan_progress(plan, lease, 7, SEC), 0);
    assert_int_equal(plan_wasted_bytes(plan), 107);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

static void a_lease_that_is_gone(void **state)
{
    struct plan *plan = plan_of(1000, 0);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    plan_fail(plan, lease, PLAN_GONE, 0, 0);
    const plan_lease gone[] = { 0, lease, lease + 1, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
        struct range rest = plan_lease_rest(plan, gone[i]);
        assert_int_equal(range_length(rest), 0);
        assert_true(plan_lease_complete(plan, gone[i]));
        assert_int_equal(plan_progress(plan, gone[i], 10, 0), 0);
        plan_started(plan, gone[i], 0);
        plan_done(plan, gone[i], 0);
        plan_fail(plan, gone[i], PLAN_WRONG, 0, 0);
    }
    assert_int_equal(plan_wasted_bytes(plan), 40);
    assert_int_equal(plan_done_bytes(plan), 0);
    assert_int_equal(info(plan, a, 0).failures, 1);
    plan_free(plan);
}

/* -- The size comes later ---------------------------------------------------------------------- */

static void size_unknown_is_one_lease(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 4), b = add_source(plan, 4);
    plan_lease probe = assert_next(plan, a, 0, 0, MIB);
    assert_none(plan, a, 5 * SEC);
    assert_none(plan, b, 5 * SEC);
    bring(plan, probe, 1000, 6 * SEC);
    plan_fail(plan, probe, PLAN_GONE, 0, 6 * SEC);
    probe = assert_next(plan, b, 6 * SEC, 1000, 1000 + MIB);
    finish(plan, probe, 7 * SEC);
    assert_false(plan_complete(plan));
    assert_next(plan, b, 7 * SEC, 1000 + MIB, 1000 + 2 * MIB);
    plan_free(plan);
}

static void size_is_more(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    plan_set_size(plan, 10 * MIB);
    plan_set_size(plan, 5 * MIB); /* once only */
    assert_int_equal(plan_lease_rest(plan, probe).end, MIB);
    assert_next(plan, b, 0, MIB, 2 * MIB);
    finish(plan, probe, SEC);
    assert_int_equal(next(plan, a, SEC).range.begin, 2 * MIB);
    plan_free(plan);
}

static void size_is_less(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    bring(plan, probe, 100, SEC);
    plan_set_size(plan, 300);
    assert_int_equal(plan_lease_rest(plan, probe).end, 300);
    assert_int_equal(cancelled(plan), 0);
    assert_int_equal(plan_progress(plan, probe, 500, 2 * SEC), 200);
    assert_true(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 300);
    assert_none(plan, b, 2 * SEC);
    plan_free(plan);
}

static void size_is_less_than_what_came(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    bring(plan, probe, 500, SEC);
    plan_set_size(plan, 300);
    assert_int_equal(cancelled(plan), probe);
    assert_int_equal(cancelled(plan), 0);
    assert_int_equal(plan_done_bytes(plan), 300);
    assert_int_equal(plan_wasted_bytes(plan), 200);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

static void size_is_nothing(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    plan_set_size(plan, 0);
    assert_int_equal(cancelled(plan), probe);
    assert_true(plan_complete(plan));
    assert_int_equal(info(plan, a, 0).leases, 0);
    plan_free(plan);
}

static void size_comes_between_probes(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    bring(plan, probe, 1000, SEC);
    plan_fail(plan, probe, PLAN_REFUSED, 0, SEC);
    plan_set_size(plan, 5000);
    finish(plan, assert_next(plan, b, SEC, 1000, 5000), 2 * SEC);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

/* -- The sources as a whole -------------------------------------------------------------------- */

static void stuck_when_nobody_is_left(void **state)
{
    struct plan *plan = plan_of(1000, 0);
    assert_true(plan_stuck(plan));
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    assert_int_equal(plan_source_count(plan), 2);
    plan_lease lease = next(plan, a, 0).id;
    plan_remove_source(plan, b);
    plan_remove_source(plan, a);
    assert_false(plan_stuck(plan)); /* its lease runs on */
    assert_int_equal(info(plan, a, 0).state, PLAN_SOURCE_REMOVED);
    bring(plan, lease, 400, SEC);
    plan_fail(plan, lease, PLAN_GONE, 0, SEC);
    assert_true(plan_stuck(plan));
    assert_none(plan, a, 100 * SEC);

    plan_source c = add_source(plan, 1);
    assert_false(plan_stuck(plan));
    finish(plan, assert_next(plan, c, 100 * SEC, 400, 1000), 101 * SEC);
    plan_remove_source(plan, c);
    assert_false(plan_stuck(plan)); /* complete */
    plan_free(plan);
}

static void all_gone_and_back(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source sources[3];
    plan_lease leases[3];
    for (int i = 0; i < 3; i++) {
        sources[i] = add_source(plan, 1);
        leases[i] = next(plan, sources[i], 0).id;
    }
    for (int i = 0; i < 3; i++)
        plan_fail(plan, leases[i], PLAN_GONE, 0, (i + 1) * SEC);
    assert_false(plan_stuck(plan));
    assert_int_equal(plan_next_wake(plan), SEC + 500 * MSEC);
    int64_t now = plan_next_wake(plan);
    while (!plan_complete(plan)) {
        for (int i = 0; i < 3; i++) {
            struct lent lent = next(plan, sources[i], now);
            if (lent.id != 0)
                finish(plan, lent.id, now + 100 * MSEC);
        }
        now += 100 * MSEC;
    }
    assert_int_equal(plan_wasted_bytes(plan), 0);
    plan_free(plan);
}

static void thousands_of_sources(void **state)
{
    enum { COUNT = 3000 };
    struct plan *plan = plan_of(COUNT * MIB, 0);
    static plan_lease leases[COUNT];
    for (int i = 0; i < COUNT; i++)
        leases[i] = next(plan, add_source(plan, 1), 0).id;
    for (int i = COUNT - 1; i >= 0; i -= 2) { /* out of order; the numbers are found again */
        struct range rest = plan_lease_rest(plan, leases[i]);
        assert_int_not_equal(range_length(rest), 0);
        plan_fail(plan, leases[i], PLAN_REFUSED, 0, SEC);
    }
    for (int i = 0; i < COUNT; i += 2)
        bring(plan, leases[i], 1000, SEC);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(plan_lease_complete(plan, leases[i]), i % 2);
    assert_int_equal(plan_done_bytes(plan), COUNT / 2 * 1000);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes),
        cmocka_unit_test(one_byte),
        cmocka_unit_test(many_bytes_in_order),
        cmocka_unit_test(the_first_gap_goes_first),
        cmocka_unit_test(slots_are_counted),
        cmocka_unit_test(too_many_bytes),
        cmocka_unit_test(a_lease_that_is_gone),
        cmocka_unit_test(size_unknown_is_one_lease),
        cmocka_unit_test(size_is_more),
        cmocka_unit_test(size_is_less),
        cmocka_unit_test(size_is_less_than_what_came),
        cmocka_unit_test(size_is_nothing),
        cmocka_unit_test(size_comes_between_probes),
        cmocka_unit_test(stuck_when_nobody_is_left),
        cmocka_unit_test(all_gone_and_back),
        cmocka_unit_test(thousands_of_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
