/* SPDX-License-Identifier: MIT */
/* What was there before the plan, what is taken back, who is excluded for it. */
#include "steps.h"

#include "books.h"

static void assert_books(const struct plan *plan, uint64_t delivered)
{
    const char *fault = books_fault(plan, delivered);
    if (fault)
        fail_msg("%s", fault);
}

static struct rangeset there(uint64_t begin, uint64_t end)
{
    struct rangeset set = { 0 };
    assert_int_equal(rangeset_add(&set, begin, end, NULL), 0);
    return set;
}

static void what_is_there_is_not_lent(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 4);
    struct rangeset set = there(0, 99 * MIB);
    assert_int_equal(plan_restore(plan, &set), 0);
    rangeset_release(&set);
    assert_int_equal(plan_done_bytes(plan), 99 * MIB);
    struct lent lent = next(plan, a, 0);
    assert_int_equal(lent.range.begin, 99 * MIB);
    assert_int_equal(info(plan, a, 0).bytes, 0);
    assert_books(plan, 99 * MIB);
    plan_free(plan);
}

static void the_probe_of_what_is_there_is_cancelled(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 4);
    struct lent probe = next(plan, a, 0);
    plan_set_size(plan, 10 * MIB);
    struct rangeset set = there(1000, 10 * MIB);
    assert_int_equal(plan_restore(plan, &set), 0);
    rangeset_release(&set);
    plan_lease cancelled;
    assert_true(plan_take_cancelled(plan, &cancelled));
    assert_int_equal(cancelled, probe.id);
    assert_next(plan, a, 0, 0, 1000);
    assert_books(plan, 10 * MIB - 1000);
    plan_free(plan);
}

static void all_of_it_was_there(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    struct rangeset set = there(0, MIB);
    assert_int_equal(plan_restore(plan, &set), 0);
    rangeset_release(&set);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

static void what_is_taken_back_is_lent_again(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 1);
    struct rangeset set = there(0, MIB);
    assert_int_equal(plan_restore(plan, &set), 0);
    rangeset_release(&set);
    assert_int_equal(plan_take_back(plan, 1000, 5000), 0);
    assert_false(plan_complete(plan));
    assert_int_equal(plan_wasted_bytes(plan), 4000);
    assert_books(plan, MIB);
    plan_lease lease = assert_next(plan, a, 0, 1000, 5000);
    bring(plan, lease, 4000, 0);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

static void what_is_on_its_way_is_not_lent_twice(void **state)
{
    struct plan *plan = plan_of(MIB, 0);
    plan_source a = add_source(plan, 2);
    struct lent lent = next(plan, a, 0);
    bring(plan, lent.id, 100, 0);
    assert_int_equal(plan_take_back(plan, 0, MIB), 0);
    assert_books(plan, 100);
    assert_next(plan, a, 0, 0, 100);
    plan_free(plan);
}

static void who_is_excluded_has_no_leases(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 2);
    struct lent lent = next(plan, a, 0);
    plan_exclude_source(plan, a);
    plan_lease cancelled;
    assert_true(plan_take_cancelled(plan, &cancelled));
    assert_int_equal(cancelled, lent.id);
    assert_none(plan, a, SEC);
    assert_int_equal(info(plan, a, SEC).state, PLAN_SOURCE_EXCLUDED);
    assert_true(plan_stuck(plan));
    assert_books(plan, 0);
    plan_free(plan);
}

static void silence_while_held_is_forgiven(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 0);
    plan_source a = add_source(plan, 1);
    struct lent lent = next(plan, a, 0);
    bring(plan, lent.id, 1000, 0);
    int64_t now = 0;
    for (; now < 30 * SEC; now += 100 * MSEC) {
        plan_held(plan, now);
        plan_tick(plan, now);
    }
    assert_int_equal(info(plan, a, now).leases, 1);
    for (; now < 60 * SEC; now += 100 * MSEC)
        plan_tick(plan, now);
    assert_int_equal(info(plan, a, now).leases, 0);
    plan_free(plan);
}

static void pauses_are_jittered_with_a_seed(void **state)
{
    bool differ = false;
    int64_t first = 0;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct plan *plan;
        struct plan_config config = { .size = MIB, .seed = seed * 0x1234567 };
        assert_int_equal(plan_new(&plan, &config), 0);
        plan_source a = add_source(plan, 1);
        plan_fail(plan, next(plan, a, SEC).id, PLAN_GONE, 0, SEC);
        int64_t until = info(plan, a, SEC).paused_until;
        assert_in_range(until, SEC + 375 * MSEC, SEC + 500 * MSEC);
        differ |= first && until != first;
        first = until;
        plan_free(plan);
    }
    assert_true(differ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_not_lent),
        cmocka_unit_test(the_probe_of_what_is_there_is_cancelled),
        cmocka_unit_test(all_of_it_was_there),
        cmocka_unit_test(what_is_taken_back_is_lent_again),
        cmocka_unit_test(what_is_on_its_way_is_not_lent_twice),
        cmocka_unit_test(who_is_excluded_has_no_leases),
        cmocka_unit_test(silence_while_held_is_forgiven),
        cmocka_unit_test(pauses_are_jittered_with_a_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
