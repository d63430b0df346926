/* SPDX-License-Identifier: MIT */
/* Plans with a window: who gets which part of it, what the reader waits for. */
#include "steps.h"

/* -- Lending ----------------------------------------------------------------------------------- */

static void only_within_the_window(void **state)
{
    struct plan *plan = plan_of(100 * MIB, 4 * MIB);
    plan_source sources[2] = { add_source(plan, 2), add_source(plan, 2) };
    plan_lease leases[4];
    for (int i = 0; i < 4; i++) {
        struct lent lent = next(plan, sources[i / 2], 0);
        leases[i] = lent.id;
        assert_true(range_length(lent.range) <= 320 * KIB); /* window / 4, and its share of that */
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

/* The length of the next `count` leases, times `unit`: each goes back. */
struct lengths {
    double mean, least, most;
};

static struct lengths lengths_of(struct plan *plan, plan_source source, double unit, int64_t now)
{
    struct lengths l = { .least = 1e9 };
    const int count = 50;
    for (int i = 0; i < count; i++) {
        struct lent lent = next(plan, source, now);
        assert_int_not_equal(lent.id, 0);
        double length = (double)range_length(lent.range) / unit;
        l.mean += length / count;
        l.least = MIN(l.least, length);
        l.most = MAX(l.most, length);
        plan_done(plan, lent.id, now);
    }
    return l;
}

/* More or less by a quarter, well spread, so that they do not end together. */
static void assert_spread(struct lengths l)
{
    assert_true(l.mean > 0.95 && l.mean < 1.02);
    assert_true(l.least > 0.7 && l.least < 0.8);
    assert_true(l.most > 1.2 && l.most < 1.26);
}

/* A quarter of its share, but 64 KiB at least. */
static void parts_of_the_window(void **state)
{
    for (unsigned sources = 1; sources <= 2; sources++) {
        struct plan *plan = plan_of(100 * MIB, 4 * MIB);
        plan_source a = add_source(plan, 1);
        finish(plan, next(plan, a, 0).id, 0);
        plan->sources[a].rate.total = GIB; /* it may have as much as fits */
        if (sources > 1)
            add_source(plan, 1);
        assert_spread(lengths_of(plan, a, (double)MIB / sources, 0));
        plan_free(plan);
    }
    struct plan *plan = plan_of(100 * MIB, 100 * KIB);
    assert_next(plan, add_source(plan, 1), 0, 0, 64 * KIB);
    plan_free(plan);
}

/* Small at first, however far the source is; then as much as it has brought so far. */
static void first_leases_of_a_stream(void **state)
{
    struct plan *plan = plan_of(100 * GIB, GIB);
    plan_source a = add_source(plan, 1);
    plan_lease lease = next(plan, a, 0).id;
    plan_started(plan, lease, 500 * MSEC);
    plan_done(plan, lease, 500 * MSEC);
    for (uint64_t brought = 0; brought < 3 * MIB; brought = info(plan, a, SEC).bytes) {
        uint64_t most = MIN(MAX(brought, (uint64_t)STREAM_FIRST), (uint64_t)LEASE_FIRST);
        struct lengths l = lengths_of(plan, a, (double)most, SEC);
        assert_true(l.mean > 0.9 && l.mean < 1.05 && l.most < 1.26);
        finish(plan, next(plan, a, SEC).id, SEC);
    }
    plan_free(plan);
}

/* A quarter of a second, or 3 times what is waited for the first byte, more or less by a quarter.
 */
static void leases_of_a_stream(void **state)
{
    const int64_t ttfbs[] = { 20 * MSEC, 80 * MSEC, 200 * MSEC };
    const double most[] = { 0.25, 0.25, 0.6 };
    for (int i = 0; i < 3; i++) {
        struct plan *plan = plan_of(100 * GIB, GIB);
        plan_source a = add_source(plan, 1);
        int64_t now = 0;
        plan_done(plan, lease_at_rate(plan, a, 4000000, ttfbs[i], &now).id, now);
        assert_spread(lengths_of(plan, a, 4e6 * most[i], now));
        plan_free(plan);
    }
}

/* Who failed does not hold up the reader: it gets the last 64 KiB that are free in the window. */
static void the_end_of_the_window_on_trial(void **state)
{
    struct plan *plan = plan_of(100 * MIB, MIB);
    plan_source a = add_source(plan, 1), b = add_source(plan, 1);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 0, 0);
    plan_lease lease = assert_next(plan, a, SEC, 960 * KIB, MIB);
    plan_fail(plan, lease, PLAN_GONE, 0, SEC);
    plan_set_frontier(plan, 10 * KIB);
    lease = assert_next(plan, a, 3 * SEC, 970 * KIB, 1034 * KIB);
    struct range head = next(plan, b, 3 * SEC).range;
    assert_int_equal(head.begin, 0);
    finish(plan, lease, 3 * SEC); /* as good as any again */
    assert_int_equal(next(plan, a, 3 * SEC).range.begin, head.end);
    plan_free(plan);

    plan = plan_of(40 * KIB, MIB); /* less than that: all of it */
    a = add_source(plan, 1);
    plan_fail(plan, next(plan, a, 0).id, PLAN_GONE, 0, 0);
    assert_next(plan, a, SEC, 0, 40 * KIB);
    plan_free(plan);
}

static void no_crumbs_at_the_end_of_the_window(void **state)
{
    struct plan *plan = plan_of(100 * MIB, MIB);
    plan_source a = add_source(plan, 2);
    struct lent one, two = next(plan, a, 0), lent;
    do { /* one brings all, one waits */
        one = two;
        two = next(plan, a, MSEC);
        if (two.id != 0)
            finish(plan, one.id, MSEC);
    } while (two.id != 0);
    uint64_t end = one.range.end;
    assert_true(end > MIB - 160 * KIB && end <= MIB);
    plan_set_frontier(plan, 1);
    assert_none(plan, a, MSEC); /* not for a byte more, while another one runs */
    plan_set_frontier(plan, 512 * KIB);
    lent = next(plan, a, MSEC);
    assert_int_equal(lent.range.begin, end);
    assert_true(range_length(lent.range) >= 64 * KIB);
    finish(plan, lent.id, MSEC);
    finish(plan, one.id, MSEC);
    end = MAX(lent.range.end, MIB + 512 * KIB);
    while (rangeset_count_within(&plan->free, 0, end) > 0) {
        lent = next(plan, a, MSEC);
        assert_int_not_equal(lent.id, 0);
        finish(plan, lent.id, MSEC);
    }
    plan_set_frontier(plan, 513 * KIB);
    assert_next(plan, a, MSEC, end, end + KIB); /* but rather than nothing */
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

/* -- What is late ------------------------------------------------------------------------------ */

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

/* A stream of 100 MiB, half a megabyte of it is there. a has the 256 KiB behind that, b the next
 * ones. For half a second a brings them at `rate`, b at 400 KB/s; then b is through. */
struct readers {
    struct plan *plan;
    plan_source a, b;
    plan_lease first;
    int64_t now;
};

#define HEAD (512 * KIB)

static struct plan *plan_with_head(uint64_t size, uint64_t window, plan_source sources[], int count)
{
    struct plan *plan = plan_of(size, window);
    for (int i = 0; i < count; i++) {
        sources[i] = add_source(plan, 1);
        plan->sources[sources[i]].ttfb = 20 * MSEC;
    }
    assert_int_equal(rangeset_add(&plan->done, 0, HEAD, NULL), 0);
    rangeset_remove(&plan->free, 0, HEAD, NULL);
    return plan;
}

static struct readers run_readers(uint64_t size, uint64_t window, uint64_t rate)
{
    struct readers r = { .now = 20 * MSEC };
    plan_source sources[2];
    r.plan = plan_with_head(size, window, sources, 2);
    r.a = sources[0];
    r.b = sources[1];
    r.first = give(r.plan, r.a, HEAD, HEAD + 256 * KIB, 0);
    plan_lease mine = give(r.plan, r.b, HEAD + 256 * KIB, HEAD + 512 * KIB, 0);
    plan_started(r.plan, r.first, r.now);
    plan_started(r.plan, mine, r.now);
    for (int i = 0; i < 50; i++) {
        r.now += 10 * MSEC;
        bring(r.plan, r.first, rate / 100, r.now);
        bring(r.plan, mine, 4000, r.now);
    }
    finish(r.plan, mine, r.now);
    return r;
}

/* 6 s are left of what the reader waits for; a quarter of a second; or nobody waits. */
static void what_is_waited_for_is_taken_over_first(void **state)
{
    const uint64_t windows[] = { 8 * MIB, 8 * MIB, 0 }, rates[] = { 40000, 350000, 40000 };
    for (int i = 0; i < 3; i++) {
        struct readers r = run_readers(100 * MIB, windows[i], rates[i]);
        plan_set_frontier(r.plan, HEAD);
        struct range taken = next(r.plan, r.b, r.now).range;
        assert_int_equal(plan_lease_rest(r.plan, r.first).end,
                         i == 0 ? taken.begin : HEAD + 256 * KIB);
        if (i == 0)
            assert_int_equal(taken.end, HEAD + 256 * KIB);
        else
            assert_int_equal(taken.begin, HEAD + 512 * KIB);
        plan_free(r.plan);
    }
}

/* Who has just failed does not take it, but the end of the window. */
static void not_by_one_that_failed(void **state)
{
    struct readers r = run_readers(100 * MIB, 8 * MIB, 40000);
    plan_set_frontier(r.plan, HEAD);
    plan_fail(r.plan, next(r.plan, r.b, r.now).id, PLAN_STALLED, 0, r.now);
    uint64_t end = HEAD + 8 * MIB;
    assert_next(r.plan, r.b, r.now + SEC, end - 64 * KIB, end);
    plan_free(r.plan);
}

/* Three leases of 256 KiB. The reader waits for the first one, which is in time; the one behind it
 * (or, not near, the last one) does not begin for 3 s. All together bring 240 KB/s. Is it that one
 * of which a source gets a part? */
static bool silent_one_is_taken_over(bool near)
{
    plan_source sources[3];
    struct plan *plan = plan_with_head(100 * MIB, 8 * MIB, sources, 3);
    plan_set_frontier(plan, HEAD);
    plan_lease leases[3];
    for (uint64_t i = 0; i < 3; i++)
        leases[i] = give(plan, sources[i], HEAD + i * 256 * KIB, HEAD + (i + 1) * 256 * KIB, 0);
    const int busy = near ? 2 : 1, silent = near ? 1 : 2;
    int64_t now = 20 * MSEC;
    plan_started(plan, leases[0], now);
    plan_started(plan, leases[busy], now);
    for (int i = 0; i < 300; i++) {
        now += 10 * MSEC;
        bring(plan, leases[0], 800, now);
        bring(plan, leases[busy], 800, now);
    }
    finish(plan, leases[busy], now);
    struct range taken = next(plan, sources[busy], now).range;
    bool is_part = taken.begin < HEAD + 768 * KIB;
    assert_int_equal(plan_lease_rest(plan, leases[silent]).end,
                     is_part ? taken.begin : HEAD + (uint64_t)(silent + 1) * 256 * KIB);
    plan_free(plan);
    return is_part;
}

static void what_is_silent_near_the_reader_is_taken_over(void **state)
{
    assert_true(silent_one_is_taken_over(true));
    assert_false(silent_one_is_taken_over(false)); /* the reader comes to it in 2 s */
}

static void the_nearest_goes_first(void **state)
{
    plan_source sources[4];
    struct plan *plan = plan_with_head(100 * MIB, 8 * MIB, sources, 4);
    plan_set_frontier(plan, HEAD);
    plan_lease leases[4];
    for (uint64_t i = 0; i < 4; i++)
        leases[i] = give(plan, sources[i], HEAD + i * 256 * KIB, HEAD + (i + 1) * 256 * KIB, 0);
    int64_t now = 20 * MSEC;
    plan_started(plan, leases[0], now);
    stream(plan, leases[3], 400000, 500 * MSEC, &now);
    bring(plan, leases[0], 200 * KIB, now); /* the second and the third one do not begin */
    finish(plan, leases[3], now);
    assert_int_equal(next(plan, sources[3], now).range.end, HEAD + 512 * KIB);
    plan_free(plan);
}

/* Half a window waits for the reader: it is in no hurry. */
static void nothing_is_urgent_when_the_reader_is_behind(void **state)
{
    for (int reads = 0; reads < 2; reads++) {
        struct readers r = run_readers(100 * MIB, 2 * HEAD, 40000);
        plan_set_frontier(r.plan, reads ? 30000 : 0);
        struct range taken = next(r.plan, r.b, r.now).range;
        assert_int_equal(taken.end, reads ? HEAD + 256 * KIB : 0);
        plan_free(r.plan);
    }
}

/* Nothing more fits into the window: what is there long before the reader comes to the end of it
 * is not cut; at the end of the stream it is. */
static void what_is_soon_there_is_not_cut(void **state)
{
    for (int at_end = 0; at_end < 2; at_end++) {
        struct readers r = run_readers(at_end ? 4 * MIB : 100 * MIB, 3584 * KIB, 300000);
        plan_set_frontier(r.plan, HEAD);
        plan_source c = add_source(r.plan, 1);
        finish(r.plan, give(r.plan, c, HEAD + 512 * KIB, 4 * MIB, r.now), r.now);
        struct lent lent = next(r.plan, c, r.now);
        assert_int_equal(lent.range.end, at_end ? HEAD + 256 * KIB : 0);
        plan_free(r.plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_within_the_window),
        cmocka_unit_test(parts_of_the_window),
        cmocka_unit_test(first_leases_of_a_stream),
        cmocka_unit_test(leases_of_a_stream),
        cmocka_unit_test(the_end_of_the_window_on_trial),
        cmocka_unit_test(no_crumbs_at_the_end_of_the_window),
        cmocka_unit_test(window_beyond_the_end),
        cmocka_unit_test(not_while_the_consumer_is_behind),
        cmocka_unit_test(what_is_waited_for_is_taken_over_first),
        cmocka_unit_test(not_by_one_that_failed),
        cmocka_unit_test(what_is_silent_near_the_reader_is_taken_over),
        cmocka_unit_test(the_nearest_goes_first),
        cmocka_unit_test(nothing_is_urgent_when_the_reader_is_behind),
        cmocka_unit_test(what_is_soon_there_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
