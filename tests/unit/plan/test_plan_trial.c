/* SPDX-License-Identifier: MIT */
/* Trials in a small world of even links: how many connections a source gets, who is parked. */
#include "steps.h"

#include <string.h>

#define STEP        (10 * MSEC)
#define TTFB        (20 * MSEC)
#define MAX_SOURCES 8
#define MAX_LEASES  256

struct link {
    double rate;       /* bytes/s */
    double connection; /* of one connection at most; 0: no limit */
    int shares;        /* index of the link whose rate it has a part of; its own: none */
    plan_source source;
    unsigned running;
    unsigned refuse_from; /* so many at once get 429; 0: any number is fine */
};

struct world {
    struct plan *plan;
    int64_t now;
    struct link links[MAX_SOURCES];
    int count;
    struct {
        plan_lease id;
        int link;
        int64_t first_byte;
        double credit;
    } flows[MAX_LEASES];
    int flow_count;
    unsigned most; /* connections of the first source at once, ever */
};

static struct world world_of(uint64_t size)
{
    return (struct world){ .plan = plan_of(size, 0), .now = SEC };
}

static struct link *add_link(struct world *w, double rate, bool own, unsigned cap)
{
    struct link *link = &w->links[w->count];
    struct plan_source_config config = { .slots = cap, .own = own };
    *link = (struct link){ .rate = rate, .shares = w->count++ };
    assert_int_equal(plan_add_source(w->plan, &config, &link->source), 0);
    return link;
}

static void lend(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct lent lent;
        while ((lent = next(w->plan, w->links[i].source, w->now)).id != 0) {
            assert_true(w->flow_count < MAX_LEASES);
            w->flows[w->flow_count].id = lent.id;
            w->flows[w->flow_count].link = i;
            w->flows[w->flow_count].first_byte = w->now + TTFB;
            w->flows[w->flow_count++].credit = 0;
        }
        w->most = MAX(w->most, info(w->plan, w->links[0].source, w->now).leases);
    }
}

static double flow_rate(const struct world *w, const struct link *link)
{
    unsigned sharing = 0;
    for (int i = 0; i < w->count; i++)
        sharing += w->links[i].shares == link->shares ? w->links[i].running : 0;
    double rate = w->links[link->shares].rate / MAX(sharing, 1U);
    return link->connection > 0 ? MIN(rate, link->connection) : rate;
}

/* Whether the flow goes on. */
static bool move(struct world *w, int f)
{
    struct link *link = &w->links[w->flows[f].link];
    plan_lease id = w->flows[f].id;
    if (w->now < w->flows[f].first_byte)
        return true;
    if (link->refuse_from && link->running >= link->refuse_from &&
        w->now < w->flows[f].first_byte + STEP) {
        plan_fail(w->plan, id, PLAN_BUSY, 0, w->now);
        return false;
    }
    plan_started(w->plan, id, w->now);
    w->flows[f].credit += flow_rate(w, link) * (double)STEP / (double)SEC;
    uint64_t bytes = (uint64_t)w->flows[f].credit;
    w->flows[f].credit -= (double)bytes;
    if (bytes > 0)
        assert_true(plan_progress(w->plan, id, bytes, w->now) >= 0);
    if (!plan_lease_complete(w->plan, id))
        return true;
    plan_done(w->plan, id, w->now);
    return false;
}

static void drop(struct world *w, int f)
{
    memmove(&w->flows[f], &w->flows[w->flow_count - 1], sizeof w->flows[f]);
    w->flow_count--;
}

static void run(struct world *w, int64_t duration)
{
    for (int64_t end = w->now + duration; w->now < end; w->now += STEP) {
        if (w->now % (100 * MSEC) == 0)
            plan_tick(w->plan, w->now);
        for (plan_lease id; (id = cancelled(w->plan)) != 0;)
            for (int f = w->flow_count; f-- > 0;)
                if (w->flows[f].id == id)
                    drop(w, f);
        lend(w);
        for (int i = 0; i < w->count; i++)
            w->links[i].running = 0;
        for (int f = 0; f < w->flow_count; f++)
            w->links[w->flows[f].link].running += w->now >= w->flows[f].first_byte;
        for (int f = w->flow_count; f-- > 0;)
            if (!move(w, f))
                drop(w, f);
    }
}

static struct plan_source_info state(const struct world *w, int link)
{
    return info(w->plan, w->links[link].source, w->now);
}

static void limited_connections_are_found(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 25e6, true, 16)->connection = 500e3;
    run(&w, 3 * SEC);
    assert_int_equal(state(&w, 0).slots, 16);
    uint64_t before = plan_done_bytes(w.plan);
    run(&w, 10 * SEC);
    assert_true(plan_done_bytes(w.plan) - before >= 0.95 * 16 * 500e3 * 10);
    assert_true(w.most <= 16); /* the cap, whatever ends soon */
    plan_free(w.plan);
}

static void more_are_not_kept_without_a_gain(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 6e6, true, 16);
    run(&w, 8 * SEC);
    assert_true(w.most >= 8); /* it was tried */
    assert_int_equal(state(&w, 0).slots, 2);
    plan_free(w.plan);
}

static void what_is_too_many_goes_again(void **unused)
{
    struct world w = world_of(100 * GIB);
    struct link *link = add_link(&w, 3e6, true, 16);
    link->connection = 1.3e6; /* 2 bring 2.6, 3 bring 3.0, more bring no more */
    run(&w, 120 * SEC);
    assert_true(w.most >= 8);
    assert_true(state(&w, 0).slots <= 4);
    assert_true(state(&w, 0).slots >= 3);
    plan_free(w.plan);
}

static void the_cap_is_kept(void **unused)
{
    struct world w = world_of(10 * GIB);
    add_link(&w, 25e6, true, 5)->connection = 500e3;
    run(&w, 10 * SEC);
    assert_int_equal(state(&w, 0).slots, 5);
    assert_true(w.most <= 5);
    plan_free(w.plan);
}

/* Up to three at once are served: what comes on top gets 429. */
static void busy_ends_the_growth(void **unused)
{
    struct world w = world_of(10 * GIB);
    struct link *link = add_link(&w, 25e6, true, 16);
    link->connection = 500e3;
    link->refuse_from = 4;
    run(&w, 20 * SEC);
    assert_true(state(&w, 0).slots <= 4);
    assert_int_not_equal(state(&w, 0).state, PLAN_SOURCE_EXCLUDED);
    uint64_t before = plan_done_bytes(w.plan);
    run(&w, 20 * SEC);
    assert_true(plan_done_bytes(w.plan) - before > 2.4 * 500e3 * 20);
    plan_free(w.plan);
}

static struct world four_links(bool shared)
{
    struct world w = world_of(100 * GIB);
    for (int i = 0; i < 4; i++)
        add_link(&w, 6e6, i == 0, 16)->shares = shared ? 0 : i;
    return w;
}

static void those_behind_the_own_uplink_are_parked(void **unused)
{
    struct world w = four_links(true);
    run(&w, 8 * SEC);
    assert_int_equal(state(&w, 0).state, PLAN_SOURCE_READY);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(state(&w, i).state, PLAN_SOURCE_PARKED);
        assert_true(state(&w, i).shares_own);
        assert_int_equal(state(&w, i).leases, 0);
    }
    plan_free(w.plan);
}

static void links_of_their_own_are_not_parked(void **unused)
{
    struct world w = four_links(false);
    uint64_t before = plan_done_bytes(w.plan);
    for (int s = 0; s < 100; s++) {
        run(&w, SEC);
        for (int i = 0; i < 4; i++)
            assert_int_not_equal(state(&w, i).state, PLAN_SOURCE_PARKED);
    }
    assert_true(plan_done_bytes(w.plan) - before >= 0.995 * 24e6 * 100);
    plan_free(w.plan);
}

/* Two of them behind one uplink, and one with its own. */
static void only_the_surplus_is_parked(void **unused)
{
    struct world w = four_links(false);
    w.links[1].shares = 0;
    w.links[2].shares = 0;
    run(&w, 10 * SEC);
    assert_int_equal(state(&w, 0).state, PLAN_SOURCE_READY);
    assert_int_equal(state(&w, 1).state, PLAN_SOURCE_PARKED);
    assert_int_equal(state(&w, 2).state, PLAN_SOURCE_PARKED);
    assert_int_equal(state(&w, 3).state, PLAN_SOURCE_READY);
    plan_free(w.plan);
}

static void parked_ones_come_back_when_they_add_something(void **unused)
{
    struct world w = four_links(true);
    run(&w, 8 * SEC);
    assert_int_equal(state(&w, 3).state, PLAN_SOURCE_PARKED);
    for (int i = 0; i < 4; i++)
        w.links[i].shares = i;
    run(&w, 40 * SEC); /* tried again from time to time */
    for (int i = 0; i < 4; i++)
        assert_int_equal(state(&w, i).state, PLAN_SOURCE_READY);
    plan_free(w.plan);
}

static void parked_ones_come_back_when_they_are_needed(void **unused)
{
    struct world w = four_links(true);
    run(&w, 8 * SEC);
    assert_int_equal(state(&w, 3).state, PLAN_SOURCE_PARKED);
    for (int i = 1; i < 4; i++)
        w.links[i].shares = i;
    w.links[0].rate = 1e6; /* the one that was kept falls */
    run(&w, 2 * SEC);
    for (int i = 0; i < 4; i++)
        assert_int_equal(state(&w, i).state, PLAN_SOURCE_READY);
    plan_free(w.plan);
}

static void no_trial_near_the_end(void **unused)
{
    struct world w = world_of(12 * MIB);
    add_link(&w, 6e6, true, 16);
    run(&w, 3 * SEC);
    assert_true(plan_complete(w.plan));
    assert_true(w.most <= 3);
    plan_free(w.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limited_connections_are_found),
        cmocka_unit_test(more_are_not_kept_without_a_gain),
        cmocka_unit_test(what_is_too_many_goes_again),
        cmocka_unit_test(the_cap_is_kept),
        cmocka_unit_test(busy_ends_the_growth),
        cmocka_unit_test(those_behind_the_own_uplink_are_parked),
        cmocka_unit_test(links_of_their_own_are_not_parked),
        cmocka_unit_test(only_the_surplus_is_parked),
        cmocka_unit_test(parked_ones_come_back_when_they_add_something),
        cmocka_unit_test(parked_ones_come_back_when_they_are_needed),
        cmocka_unit_test(no_trial_near_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
