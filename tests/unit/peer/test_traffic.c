/* SPDX-License-Identifier: MIT */
#include "peer/traffic.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
    struct traffic_usage usage;
    struct traffic all, own;
    unsigned connections;
    int64_t now;
    bool busy;
};

/* Seconds in which so much came and went, and so much of that was ours. */
static bool pass(struct world *w, unsigned seconds, uint64_t in, uint64_t out, uint64_t fetched,
                 uint64_t served)
{
    bool busy = false;
    for (; seconds > 0; seconds--) {
        w->all.received += in;
        w->all.sent += out;
        w->own.received += fetched;
        w->own.sent += served;
        w->now += SEC;
        w->busy = traffic_sample(&w->usage, &w->all, &w->own, w->connections, w->now);
        busy = busy || w->busy;
    }
    return busy;
}

static struct world started(void)
{
    struct world w = { .now = 100 * SEC, .all = { 123456789, 987654321 } };
    traffic_sample(&w.usage, &w.all, &w.own, 0, w.now);
    return w;
}

static void test_what_there_was_before_does_not_count(void **state)
{
    struct world w = started();
    assert_false(pass(&w, 20, 0, 0, 0, 0));
}

static void test_chatter_does_not_count(void **state)
{
    struct world w = started();
    assert_false(pass(&w, 600, 20000, 10000, 0, 0));
}

static void test_a_download_of_the_owner(void **state)
{
    struct world w = started();
    assert_true(pass(&w, 10, 2000000, 50000, 0, 0));
    assert_true(w.busy);
    pass(&w, 120, 5000, 5000, 0, 0);
    assert_false(w.busy);
}

static void test_it_stays_busy_for_a_while(void **state)
{
    struct world w = started();
    pass(&w, 10, 2000000, 50000, 0, 0);
    for (int i = 0; i < (int)(TRAFFIC_QUIET / SEC) - 1; i++) {
        pass(&w, 1, 0, 0, 0, 0);
        assert_true(w.busy);
    }
}

static void test_our_own_does_not_count(void **state)
{
    struct world w = started();
    w.connections = 8;
    assert_false(pass(&w, 600, 5200000, 5100000, 5000000, 5000000));
}

static void test_what_waits_in_buffers_does_not_count(void **state)
{
    struct world w = started();
    w.connections = 4;
    assert_false(pass(&w, 2, 7000000, 200000, 1000000, 0)); /* more came than was read */
    assert_false(pass(&w, 100, 1050000, 40000, 1000000, 0));
}

static void test_the_owner_beside_ours(void **state)
{
    struct world w = started();
    w.connections = 4;
    assert_false(pass(&w, 60, 1050000, 40000, 1000000, 0));
    pass(&w, 60, 4050000, 140000, 1000000, 0);
    assert_true(w.busy);
}

static void test_an_upload_of_the_owner(void **state)
{
    struct world w = started();
    pass(&w, 20, 30000, 1000000, 0, 0);
    assert_true(w.busy);
}

static void test_counters_that_go_back(void **state)
{
    struct world w = started();
    w.all = (struct traffic){ 10, 10 }; /* another interface has the default route */
    assert_false(pass(&w, 20, 0, 0, 0, 0));
}

static void test_the_kernels_counters_are_read(void **state)
{
    static const char *const loopback[] = { "lo", NULL };
    struct traffic_reader *reader = NULL;
    struct traffic now = { 1, 1 };
    struct ddm_error err;
    assert_int_equal(traffic_reader_new(&reader, loopback, &err), 0);
    assert_true(traffic_read(reader, &now));
    assert_int_equal(now.received, now.sent); /* on loopback each byte does both */
    traffic_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_there_was_before_does_not_count),
        cmocka_unit_test(test_chatter_does_not_count),
        cmocka_unit_test(test_a_download_of_the_owner),
        cmocka_unit_test(test_it_stays_busy_for_a_while),
        cmocka_unit_test(test_our_own_does_not_count),
        cmocka_unit_test(test_what_waits_in_buffers_does_not_count),
        cmocka_unit_test(test_the_owner_beside_ours),
        cmocka_unit_test(test_an_upload_of_the_owner),
        cmocka_unit_test(test_counters_that_go_back),
        cmocka_unit_test(test_the_kernels_counters_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
