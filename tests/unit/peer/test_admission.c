/* SPDX-License-Identifier: MIT */
#include "peer/admission.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define PLACES 20u

struct fixture {
    struct admission *admission;
    struct admission_client *held[8][64]; /* of each client, what it has */
    unsigned counts[8];
    int64_t now;
    bool wanting;
};

static const char *const names[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "node" };

static bool enter(struct fixture *f, unsigned who)
{
    struct admission_client **next = &f->held[who][f->counts[who]];
    if (admission_enter(f->admission, names[who], PLACES, f->now, next, &f->wanting) < 0)
        return false;
    f->counts[who]++;
    return true;
}

static void leave(struct fixture *f, unsigned who)
{
    admission_leave(f->admission, f->held[who][--f->counts[who]]);
}

static unsigned enter_all(struct fixture *f, unsigned who)
{
    while (enter(f, who))
        assert_true(f->counts[who] <= PLACES);
    return f->counts[who];
}

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    f->now = 1000 * SEC;
    return admission_new(&f->admission);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned who = 0; who < ARRAY_SIZE(names); who++)
        while (f->counts[who])
            leave(f, who);
    admission_free(f->admission);
    free(f);
    return 0;
}

static void test_one_alone_leaves_a_quarter(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(enter_all(f, 0), PLACES * 3 / 4);
    assert_false(f->wanting); /* it has more than others would leave it */
    leave(f, 0);
    assert_true(enter(f, 0));
}

static void test_who_comes_next_has_a_place_at_once(void **state)
{
    struct fixture *f = *state;
    enter_all(f, 0);
    assert_true(enter(f, 1));
    assert_true(enter(f, 2));
    assert_false(enter(f, 0));
}

static void test_all_get_their_share_in_the_end(void **state)
{
    struct fixture *f = *state;
    enter_all(f, 0);
    enter_all(f, 1);
    assert_true(f->wanting); /* all places are taken, and it has less than half of them */
    while (f->counts[0] > PLACES / 2) { /* as requests end, the other one gets theirs */
        leave(f, 0);
        assert_false(enter(f, 0));
        assert_true(enter(f, 1));
    }
    assert_int_equal(f->counts[1], PLACES / 2);
}

static void test_never_more_than_half_while_there_is_another(void **state)
{
    struct fixture *f = *state;
    assert_true(enter(f, 1));
    assert_int_equal(enter_all(f, 0), PLACES / 2);
}

static void test_who_was_refused_counts_for_a_while(void **state)
{
    struct fixture *f = *state;
    assert_true(enter(f, 1));
    leave(f, 1);
    assert_int_equal(enter_all(f, 0), PLACES / 2);
    f->now += 60 * SEC;
    assert_int_equal(enter_all(f, 0), PLACES * 3 / 4);
}

static void test_who_has_more_than_its_share(void **state)
{
    struct fixture *f = *state;
    enter_all(f, 0);
    assert_false(admission_is_over(f->admission, f->held[0][0], PLACES));
    assert_true(enter(f, 1));
    assert_true(admission_is_over(f->admission, f->held[0][0], PLACES));
    assert_false(admission_is_over(f->admission, f->held[1][0], PLACES));
}

static void test_many_names_are_forgotten(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100000; i++) {
        struct admission_client *client;
        char name[32];
        snprintf(name, sizeof name, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        if (admission_enter(f->admission, name, PLACES, f->now += MSEC, &client, &f->wanting) == 0)
            admission_leave(f->admission, client);
    }
    assert_true(admission_clients(f->admission) <= 4097);
}

static void test_a_client_that_is_forgotten_stays_for_who_holds_it(void **state)
{
    struct fixture *f = *state;
    assert_true(enter(f, 3));
    struct admission_client *held = admission_ref(f->held[3][0]);
    leave(f, 3);
    f->now += 60 * SEC;
    assert_true(enter(f, 0));
    assert_string_equal(held->name, "node");
    admission_unref(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_alone_leaves_a_quarter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_comes_next_has_a_place_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_get_their_share_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_more_than_half_while_there_is_another, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_was_refused_counts_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_more_than_its_share, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_names_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_is_forgotten_stays_for_who_holds_it,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
