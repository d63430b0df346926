/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "plan/rate.h"

static void assert_about(double value, double expected, double tolerance)
{
    if (value < expected * (1 - tolerance) || value > expected * (1 + tolerance))
        fail_msg("%f is not about %f", value, expected);
}

/* Even bytes at `per_second` from *now on. */
static void feed(struct rate *rate, double per_second, int64_t duration, int64_t *now)
{
    for (int64_t end = *now + duration; *now < end;) {
        *now += 10 * MSEC;
        rate_add(rate, (uint64_t)(per_second / 100), *now);
    }
}

static void nothing_came(void **state)
{
    struct rate rate = { 0 };
    assert_true(rate_get(&rate, 5 * SEC) == 0);
    rate_start(&rate, 0);
    assert_true(rate_get(&rate, 5 * SEC) == 0);
    assert_false(rate_known(&rate, 5 * SEC));
}

static void time_zero_is_a_time(void **state)
{
    struct rate rate = { 0 };
    rate_start(&rate, 0);
    rate_start(&rate, 400 * MSEC); /* changes nothing */
    rate_add(&rate, 1000000, 500 * MSEC);
    assert_about(rate_get(&rate, 500 * MSEC), 2e6, 0.01);
}

static void young_is_the_plain_mean(void **state)
{
    struct rate rate = { 0 };
    int64_t now = 7 * SEC;
    rate_start(&rate, now);
    feed(&rate, 1e6, 300 * MSEC, &now);
    assert_about(rate_get(&rate, now), 1e6, 0.01);
    assert_true(rate_known(&rate, now));
    feed(&rate, 3e6, 300 * MSEC, &now);
    assert_about(rate_get(&rate, now), 2e6, 0.01);
}

static void one_block_does_not_fool_it(void **state)
{
    struct rate rate = { 0 };
    rate_add(&rate, 256 * KIB, SEC);
    assert_false(rate_known(&rate, SEC));
    assert_true(rate_get(&rate, SEC) <= 256 * KIB * 10.0);

    int64_t now = SEC;
    feed(&rate, 1e6, 5 * SEC, &now);
    double before = rate_get(&rate, now);
    rate_add(&rate, 256 * KIB, now);
    assert_about(rate_get(&rate, now), before, 0.01);
}

static void follows_within_seconds(void **state)
{
    struct rate rate = { 0 };
    int64_t now = SEC;
    rate_start(&rate, now);
    feed(&rate, 1e6, 10 * SEC, &now);
    assert_about(rate_get(&rate, now), 1e6, 0.01);
    feed(&rate, 1.3e6, SEC, &now); /* no step: smoothly */
    assert_true(rate_get(&rate, now) > 1.12e6 && rate_get(&rate, now) < 1.28e6);
    feed(&rate, 4e6, SEC, &now);
    assert_about(rate_get(&rate, now), 4e6, 0.05);
    feed(&rate, 4e5, SEC, &now);
    assert_about(rate_get(&rate, now), 4e5, 0.05);
    feed(&rate, 4e6, 4 * SEC, &now);
    assert_about(rate_get(&rate, now), 4e6, 0.05);
}

static void decays_on_its_own(void **state)
{
    struct rate rate = { 0 };
    int64_t now = SEC;
    rate_start(&rate, now);
    feed(&rate, 1e6, 5 * SEC, &now);
    double before = rate_get(&rate, now);
    for (int i = 1; i <= 20; i++) {
        double later = rate_get(&rate, now + i * 500 * MSEC);
        assert_true(later < before);
        before = later;
    }
    assert_true(before < 1e3);
    assert_true(rate_get(&rate, now + 1000000 * SEC) < 1);
}

static void silence_counts_when_it_ends(void **state)
{
    struct rate rate = { 0 };
    int64_t now = SEC;
    rate_start(&rate, now);
    feed(&rate, 1e6, 3 * SEC, &now);
    now += 10 * SEC;
    rate_add(&rate, 100000, now);
    assert_about(rate_get(&rate, now), 1e4, 0.1);
}

static void silence_right_after_the_start(void **state)
{
    struct rate rate = { 0 };
    rate_start(&rate, SEC);
    rate_add(&rate, 1000000, SEC + MSEC);
    assert_about(rate_get(&rate, 2500 * MSEC), 1e6 / 1.5, 0.01);
    assert_about(rate_get(&rate, 11 * SEC), 1e5, 0.01);
    rate_add(&rate, 1000000, 11 * SEC);
    assert_about(rate_get(&rate, 11 * SEC), 2e5, 0.01);
}

static void skipped_time_does_not_count(void **state)
{
    struct rate rate = { 0 };
    int64_t now = SEC;
    rate_start(&rate, now);
    for (int i = 0; i < 5; i++) {
        feed(&rate, 1e6, 500 * MSEC, &now);
        now += 10 * SEC;
        rate_skip(&rate, 10 * SEC);
        assert_about(rate_get(&rate, now), 1e6, 0.01);
    }
}

static void a_slow_source_is_known_late(void **state)
{
    struct rate rate = { 0 };
    rate_start(&rate, SEC);
    rate_add(&rate, 100, SEC + MSEC);
    assert_false(rate_known(&rate, 2 * SEC));
    assert_true(rate_known(&rate, 3 * SEC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_came),
        cmocka_unit_test(time_zero_is_a_time),
        cmocka_unit_test(young_is_the_plain_mean),
        cmocka_unit_test(one_block_does_not_fool_it),
        cmocka_unit_test(follows_within_seconds),
        cmocka_unit_test(decays_on_its_own),
        cmocka_unit_test(silence_counts_when_it_ends),
        cmocka_unit_test(silence_right_after_the_start),
        cmocka_unit_test(skipped_time_does_not_count),
        cmocka_unit_test(a_slow_source_is_known_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
