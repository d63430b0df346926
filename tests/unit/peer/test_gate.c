/* SPDX-License-Identifier: MIT */
/* Numbers and localhost only: no name server is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "peer/gate.h"

#include <stdio.h>
#include <string.h>

struct world {
    struct loop *loop;
    struct policy *policy;
    struct gate *gate;
    struct gate_question *question, *other;
    enum policy_verdict verdict;
    unsigned answers, yes, until; /* so many answers end the loop */
};

static int setup(void **state)
{
    struct policy_config rules = { .allow = "10.0.0.0/8", .deny = "*.evil.invalid,8.8.4.0/24" };
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    return w && loop_new(&w->loop) == 0 && policy_new(&w->policy, &rules, NULL) == 0
               ? gate_new(&w->gate, w->loop, w->policy)
               : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    gate_free(w->gate);
    loop_free(w->loop); /* waits for lookups */
    policy_free(w->policy);
    free(w);
    return 0;
}

static void on_answer(void *arg, enum policy_verdict verdict)
{
    struct world *w = arg;
    w->verdict = verdict;
    w->yes += verdict == POLICY_ALLOWED;
    if (++w->answers == w->until)
        loop_stop(w->loop);
}

static bool ask(struct world *w, const char *url)
{
    w->answers = w->yes = 0;
    w->until = 1;
    assert_int_equal(gate_ask(&w->question, w->gate, url, on_answer, w), 0);
    assert_int_equal(w->answers, 0); /* never from within */
    loop_run(w->loop);
    assert_int_equal(w->answers, 1);
    return w->yes == 1;
}

static void numbers_are_judged(void **state)
{
    static const char *const public[] = { "http://8.8.8.8/x", "https://[2606:4700::1]:8443/",
                                          "ftp://10.1.2.3/x", "http://134744072/" };
    static const char *const private[] = {
        "http://127.0.0.1/",  "http://192.168.0.1:80/", "http://[::1]/",
        "http://[fe80::1]/",  "http://2130706433/",     "http://[::ffff:127.0.0.1]/x",
        "http://0/",          "http://127.0.0.1./",     "http://localhost/",
        "http://LocalHost./", "http://a.localhost/",
    };
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < ARRAY_SIZE(public); i++)
            if (!ask(*state, public[i]))
                fail_msg("%s was refused", public[i]);
        for (size_t i = 0; i < ARRAY_SIZE(private); i++)
            if (ask(*state, private[i]))
                fail_msg("%s was allowed", private[i]);
    }
}

static void each_question_is_judged_for_its_url(void **state)
{
    struct world *w = *state;
    assert_true(ask(w, "http://8.8.8.8/"));
    assert_false(ask(w, "http://8.8.8.8:25/")); /* the same host, known by now */
    assert_int_equal(w->verdict, POLICY_PORT);
    assert_true(ask(w, "http://8.8.8.8:8080/"));
    assert_false(ask(w, "http://8.8.4.4/"));
    assert_int_equal(w->verdict, POLICY_DENIED);
    assert_false(ask(w, "http://x.EVIL.invalid./")); /* nobody here knows it */
    assert_int_equal(w->verdict, POLICY_DENIED);
    assert_false(ask(w, "http://127.0.0.1/"));
    assert_int_equal(w->verdict, POLICY_ADDRESS);
    assert_false(ask(w, ""));
    assert_int_equal(w->verdict, POLICY_URL);
}

static void what_cannot_be_judged_is_refused(void **state)
{
    assert_false(ask(*state, ""));
    assert_false(ask(*state, "http://"));
    assert_false(ask(*state, "http://b\xc3\xbc"
                             "cher.test/"));
}

static void equal_questions_share_a_lookup(void **state)
{
    struct world *w = *state;
    struct gate_question *questions[200];
    w->until = ARRAY_SIZE(questions);
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
        assert_int_equal(gate_ask(&questions[i], w->gate, "http://8.8.8.8/", on_answer, w), 0);
    loop_run(w->loop);
    assert_int_equal(w->yes, ARRAY_SIZE(questions));
}

static void lookups_are_bounded(void **state)
{
    struct world *w = *state;
    struct gate_question *question;
    char url[64];
    unsigned taken = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(url, sizeof url, "http://8.8.%d.%d/", i / 250, i % 250);
        taken += gate_ask(&question, w->gate, url, on_answer, w) == 0;
    }
    assert_in_range(taken, 16, 100);
    w->until = taken;
    loop_run(w->loop);
    assert_int_equal(w->yes, taken);
    for (int i = 0; i < 1000; i++) { /* those that are known make room */
        snprintf(url, sizeof url, "http://8.8.%d.%d/", i / 250, i % 250);
        assert_true(ask(w, url));
    }
}

static void drop_the_other(void *arg, enum policy_verdict verdict)
{
    struct world *w = arg;
    on_answer(w, verdict);
    w->other = gate_drop(w->other);
}

static void a_dropped_question_is_not_answered(void **state)
{
    struct world *w = *state;
    w->until = 1;
    assert_int_equal(gate_ask(&w->question, w->gate, "http://8.8.8.8/", on_answer, w), 0);
    gate_drop(w->question);
    assert_int_equal(gate_ask(&w->question, w->gate, "http://8.8.8.8/", drop_the_other, w), 0);
    assert_int_equal(gate_ask(&w->other, w->gate, "http://8.8.8.8/", on_answer, w), 0);
    loop_run(w->loop);
    assert_int_equal(w->answers, 1);
    assert_null(gate_drop(NULL));
    assert_true(ask(w, "http://8.8.8.8/"));
}

static void it_may_go_while_it_looks(void **state)
{
    struct world *w = *state;
    assert_int_equal(gate_ask(&w->question, w->gate, "http://8.8.8.8/", on_answer, w), 0);
    assert_int_equal(gate_ask(&w->question, w->gate, "http://8.8.5.5/", on_answer, w), 0);
    w->gate = gate_free(w->gate);
    assert_null(gate_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(each_question_is_judged_for_its_url, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_judged_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_questions_share_a_lookup, setup, teardown),
        cmocka_unit_test_setup_teardown(lookups_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_question_is_not_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(it_may_go_while_it_looks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
