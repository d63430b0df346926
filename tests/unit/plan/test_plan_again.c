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

/* -- From twins: what one has brought, the other has to bring or not ----------------------------
 */

#define ALL (64 * KIB)

/* The lease of the first source is silent, the second one's is its twin. */
struct twins {
    struct plan *plan;
    plan_source first, second, other;
    plan_lease victim, twin;
    uint64_t delivered;
    int64_t now;
};

static void twin_brings(struct twins *t, plan_lease lease, uint64_t bytes)
{
    bring(t->plan, lease, bytes, t->now);
    t->delivered += bytes;
}

static struct twins twins_at(uint64_t victim_pos, uint64_t twin_pos)
{
    struct twins t = { .plan = plan_of(ALL, 0), .now = 3 * SEC };
    t.first = add_source(t.plan, 1);
    t.second = add_source(t.plan, 1);
    t.other = add_source(t.plan, 1);
    t.victim = assert_next(t.plan, t.first, 0, 0, ALL);
    plan_started(t.plan, t.victim, 20 * MSEC);
    t.twin = assert_next(t.plan, t.second, t.now, 0, ALL);
    assert_int_equal(lease_find(t.plan, t.twin)->twin, t.victim);
    twin_brings(&t, t.victim, victim_pos);
    twin_brings(&t, t.twin, twin_pos);
    assert_books(t.plan, t.delivered);
    return t;
}

static void twin_takes_back(struct twins *t, uint64_t begin, uint64_t end)
{
    assert_int_equal(plan_take_back(t->plan, begin, end), 0);
    assert_int_equal(rangeset_total(&t->plan->free), 0); /* it comes with the one behind */
    assert_books(t->plan, t->delivered);
}

static void assert_other_brings(struct twins *t, uint64_t begin, uint64_t end)
{
    assert_books(t->plan, t->delivered);
    assert_int_equal(rangeset_total(&t->plan->free), end - begin);
    plan_lease lease = give(t->plan, t->other, begin, end, t->now);
    twin_brings(t, lease, end - begin);
    assert_books(t->plan, t->delivered);
}

static void end_twins(struct twins *t, plan_lease last)
{
    twin_brings(t, last, range_length(plan_lease_rest(t->plan, last)));
    assert_true(plan_complete(t->plan));
    assert_books(t->plan, t->delivered);
    plan_free(t->plan);
}

static void the_twin_behind_fails(void **state)
{
    struct twins t = twins_at(40 * KIB, 10 * KIB);
    twin_takes_back(&t, 15 * KIB, 40 * KIB);
    plan_fail(t.plan, t.twin, PLAN_GONE, 0, t.now);
    assert_other_brings(&t, 15 * KIB, 40 * KIB);
    end_twins(&t, t.victim);
}

static void the_victim_behind_fails(void **state)
{
    struct twins t = twins_at(10 * KIB, 40 * KIB);
    twin_takes_back(&t, 10 * KIB, 30 * KIB);
    plan_fail(t.plan, t.victim, PLAN_GONE, 0, t.now);
    assert_other_brings(&t, 10 * KIB, 30 * KIB);
    end_twins(&t, t.twin);
}

static void the_one_ahead_fails(void **state)
{
    struct twins t = twins_at(10 * KIB, 40 * KIB);
    twin_takes_back(&t, 20 * KIB, 30 * KIB);
    plan_fail(t.plan, t.twin, PLAN_GONE, 0, t.now);
    assert_int_equal(rangeset_total(&t.plan->free), 0);
    assert_books(t.plan, t.delivered);
    end_twins(&t, t.victim);
}

static void the_source_of_a_twin_is_excluded(void **state)
{
    struct twins t = twins_at(40 * KIB, 10 * KIB);
    plan_exclude_source(t.plan, t.second);
    assert_int_equal(cancelled(t.plan), t.twin);
    assert_int_equal(t.plan->hedged, 0);
    assert_int_equal(plan_take_back(t.plan, 0, 10 * KIB), 0);
    assert_other_brings(&t, 0, 10 * KIB);
    end_twins(&t, t.victim);

    t = twins_at(40 * KIB, 10 * KIB);
    twin_takes_back(&t, 10 * KIB, 40 * KIB);
    plan_exclude_source(t.plan, t.second);
    assert_int_equal(t.plan->hedged, 0);
    assert_other_brings(&t, 10 * KIB, 40 * KIB);
    end_twins(&t, t.victim);
}

/* It has all that it was lent; something of it is for the other one again, and that one fails. */
static void a_twin_that_is_through(void **state)
{
    struct twins t = twins_at(10 * KIB, 40 * KIB);
    twin_takes_back(&t, 20 * KIB, 30 * KIB);
    twin_brings(&t, t.twin, ALL - 40 * KIB);
    assert_int_equal(cancelled(t.plan), 0);
    plan_fail(t.plan, t.victim, PLAN_GONE, 0, t.now);
    plan_done(t.plan, t.twin, t.now);
    assert_other_brings(&t, 20 * KIB, 30 * KIB);
    end_twins(&t, t.twin);
}

/* Both are silent, the one ahead for longer: it is hedged again. */
static void the_twin_behind_is_replaced(void **state)
{
    struct twins t = twins_at(40 * KIB, 0);
    t.now += 2 * SEC;
    twin_brings(&t, t.twin, 10 * KIB);
    twin_takes_back(&t, 10 * KIB, 40 * KIB);
    t.now += 2500 * MSEC;
    leases_foreach (l, t.plan)
        l->rate = (struct rate){ 0 };
    sources_foreach (s, t.plan)
        s->link = s->rate = (struct rate){ 0 };
    struct lent third = next(t.plan, t.other, t.now);
    assert_int_equal(third.range.begin, 40 * KIB);
    assert_int_equal(cancelled(t.plan), t.twin);
    assert_books(t.plan, t.delivered);
    assert_int_equal(t.plan->hedged, ALL - 40 * KIB);
    twin_brings(&t, third.id, ALL - 40 * KIB);
    assert_int_equal(cancelled(t.plan), t.victim);
    plan_done(t.plan, third.id, t.now);
    assert_other_brings(&t, 10 * KIB, 40 * KIB);
    assert_true(plan_complete(t.plan));
    plan_free(t.plan);
}

/* -- Of an unknown size, and beside leases ------------------------------------------------------
 */

static void before_the_size_is_known(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source a = add_source(plan, 1);
    plan_lease probe = next(plan, a, 0).id;
    bring(plan, probe, 100 * KIB, 0);
    assert_int_equal(plan_take_back(plan, 10 * KIB, 20 * KIB), 0);
    assert_books(plan, 100 * KIB);
    plan_fail(plan, probe, PLAN_GONE, 0, 0);
    assert_books(plan, 100 * KIB);
    probe = next(plan, a, SEC).id; /* from the first byte that is missing */
    assert_int_equal(plan_lease_rest(plan, probe).begin, 10 * KIB);
    bring(plan, probe, KIB, SEC);
    plan_fail(plan, probe, PLAN_GONE, 0, SEC);
    plan_set_size(plan, 10 * MIB);
    assert_books(plan, 101 * KIB);
    assert_int_equal(rangeset_total(&plan->free), 10 * MIB - 91 * KIB);
    plan_free(plan);
}

static void leases_beside_what_is_there_go_on(void **state)
{
    struct plan *plan = plan_of(10 * MIB, 0);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_lease one = give(plan, a, 0, MIB, 0), two = give(plan, b, MIB, 2 * MIB, 0);
    bring(plan, one, 100 * KIB, 0);
    bring(plan, two, 100 * KIB, 0);
    struct rangeset set = there(50 * KIB, 200 * KIB);
    assert_int_equal(rangeset_add(&set, 5 * MIB, 6 * MIB, NULL), 0);
    assert_int_equal(plan_restore(plan, &set), 0);
    rangeset_release(&set);
    assert_int_equal(cancelled(plan), one);
    assert_int_equal(cancelled(plan), 0);
    assert_books(plan, 300 * KIB + MIB);
    assert_int_equal(plan_done_bytes(plan), 300 * KIB + MIB);
    finish(plan, two, 0);
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
        cmocka_unit_test(the_twin_behind_fails),
        cmocka_unit_test(the_victim_behind_fails),
        cmocka_unit_test(the_one_ahead_fails),
        cmocka_unit_test(the_source_of_a_twin_is_excluded),
        cmocka_unit_test(a_twin_that_is_through),
        cmocka_unit_test(the_twin_behind_is_replaced),
        cmocka_unit_test(before_the_size_is_known),
        cmocka_unit_test(leases_beside_what_is_there_go_on),
        cmocka_unit_test(silence_while_held_is_forgiven),
        cmocka_unit_test(pauses_are_jittered_with_a_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
