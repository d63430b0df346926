/* SPDX-License-Identifier: MIT */
/* Whole downloads in virtual time. Links fail, stall, refuse, join and leave at random, and what
 * they brought is found to be wrong, from fixed seeds: after each step the planner's books must
 * balance, and the end must come. With links that behave, it must come close to size / sum of
 * rates. */
#include "network.h"

#include <string.h>

/* -- Weather ----------------------------------------------------------------------------------- */

static void change_weather(struct network *net, bool first_is_safe)
{
    if (below(net, 300) == 0 && net->link_count < MAX_LINKS)
        join(net, 1e5 + below(net, 5000000), below(net, 200) * MSEC, 1 + below(net, 4));
    if (below(net, 60) != 0)
        return;
    unsigned which = below(net, net->link_count);
    if (which == 0 && first_is_safe)
        return;
    struct link *link = &net->links[which];
    const enum mood moods[] = { FINE, FINE, FINE, FLAKY, FLAKY, DEAD, SILENT, REFUSING, LYING };
    link->mood = moods[below(net, ARRAY_SIZE(moods))];
    link->rate = 1e5 + below(net, 5000000);
    link->taken_at_once = below(net, 3);
    if (below(net, 20) == 0) {
        link->joined = false;
        plan_remove_source(net->plan, link->source);
    }
}

#define TAKE_BACKS 30 /* in a download at most: it is to end */

static void take_back(struct network *net, uint64_t begin, uint64_t end)
{
    uint64_t from = MAX(begin, net->plan->frontier), to = MIN(end, net->size);
    if (from >= to)
        return;
    assert_int_equal(plan_take_back(net->plan, from, to), 0);
    memset(net->seen + from, 0, to - from);
    check_books(net);
}

/* What only one of two twins has to bring now; then one of them may end early. */
static void take_back_from_twins(struct network *net, const struct lease *ahead, bool safe)
{
    const struct lease *behind = lease_find(net->plan, ahead->twin);
    const struct lease loser = below(net, 2) ? *ahead : *behind; /* leases may move */
    uint64_t begin = behind->pos, end = ahead->pos, length = end - begin;
    begin += below(net, (uint32_t)length / 2 + 1);
    take_back(net, begin, end - below(net, (uint32_t)length / 2 + 1));
    if (below(net, 2))
        plan_fail(net->plan, loser.id, PLAN_GONE, 0, net->now);
    else if (!(safe && loser.source == net->links[0].source))
        plan_exclude_source(net->plan, loser.source);
    check_books(net);
}

/* One that is ahead of the other. */
static const struct lease *some_twin(const struct network *net)
{
    leases_foreach (l, net->plan) {
        const struct lease *twin = lease_find(net->plan, l->twin);
        if (twin && twin->pos < l->pos)
            return l;
    }
    return NULL;
}

/* Somebody gave something wrong: it is taken back, and now and then a source is left out. */
static void find_lies(struct network *net, bool first_is_safe, unsigned *left, unsigned *twins)
{
    const struct lease *twin = some_twin(net);
    if (*left == 0 || !net->size_told || (!twin && below(net, 30) != 0))
        return;
    --*left;
    uint64_t begin = below(net, (uint32_t)net->size + 1);
    if (twin) {
        take_back_from_twins(net, twin, first_is_safe);
        ++*twins;
        return;
    }
    if (net->flow_count > 0 && below(net, 2))
        begin = net->flows[below(net, net->flow_count)].pos;
    begin -= MIN(begin, below(net, 100000));
    unsigned which = below(net, net->link_count);
    if (below(net, 8) == 0 && !(which == 0 && first_is_safe))
        plan_exclude_source(net->plan, net->links[which].source);
    take_back(net, begin, begin + below(net, 400000));
}

/* Returns how often something was taken back that one of two twins had brought. */
static unsigned one_random_download(uint32_t seed)
{
    unsigned take_backs = seed % 3 ? TAKE_BACKS : 0, twins = 0;
    struct network net = { .step = 20 * MSEC, .random = seed * 2654435761U | 1 };
    for (int i = 0; i < 5; i++)
        below(&net, 2);
    net.size = below(&net, 4) ? below(&net, MAX_SIZE) : below(&net, 300000);
    net.size_told = below(&net, 2);
    struct plan_config config = {
        .size = net.size_told ? net.size : PLAN_SIZE_UNKNOWN,
        .window = below(&net, 3) ? 0 : 100000 + below(&net, 8 * MIB),
    };
    if (config.window)
        net.consumer_rate = 300000 + below(&net, 20000000);
    assert_int_equal(plan_new(&net.plan, &config), 0);
    net.seen = calloc(1, MAX_SIZE + LEASE_FIRST);
    bool first_is_safe = below(&net, 4) > 0;
    for (unsigned links = 1 + below(&net, 6); links > 0; links--)
        join(&net, 1e5 + below(&net, 5000000), below(&net, 200) * MSEC, 1 + below(&net, 4));

    while (!plan_complete(net.plan) && !plan_stuck(net.plan)) {
        step(&net);
        check_books(&net);
        change_weather(&net, first_is_safe);
        find_lies(&net, first_is_safe, &take_backs, &twins);
        if (net.now > 3600 * SEC)
            fail_msg("it does not end: seed %u", seed);
    }
    if (first_is_safe)
        assert_true(plan_complete(net.plan));
    if (plan_complete(net.plan)) {
        assert_null(memchr(net.seen, 0, net.size));
        assert_int_equal(plan_done_bytes(net.plan), net.size);
        assert_true(net.twice <= plan_wasted_bytes(net.plan));
    }
    free(net.seen);
    plan_free(net.plan);
    return twins;
}

static void random_downloads(void **state)
{
    unsigned twins = 0;
    for (uint32_t seed = 1; seed <= 300; seed++)
        twins += one_random_download(seed);
    print_message("taken back from twins: %u times\n", twins);
    assert_true(twins >= 20);
}

/* -- Close to the bound ------------------------------------------------------------------------ */

#define MBIT (1e6 / 8)

struct trip {
    double rates[MAX_LINKS]; /* bytes/s; ends with 0 */
    int64_t ttfb;
    unsigned slots;
    double bound; /* s: the size follows from it */
    uint64_t window;
};

static void begin_trip(struct network *net, const struct trip *trip)
{
    double sum = 0;
    for (const double *rate = trip->rates; *rate > 0; rate++)
        sum += *rate;
    *net = (struct network){ .step = MSEC, .size = (uint64_t)(sum * trip->bound), .random = 1 };
    net->consumer_rate = trip->window ? UINT32_MAX : 0;
    struct plan_config config = { .size = PLAN_SIZE_UNKNOWN, .window = trip->window };
    assert_int_equal(plan_new(&net->plan, &config), 0);
    for (const double *rate = trip->rates; *rate > 0; rate++)
        join(net, *rate, trip->ttfb, trip->slots);
}

/* Returns how long it took from the start, s. */
static double end_trip(struct network *net)
{
    while (!plan_complete(net->plan))
        step(net);
    check_books(net);
    assert_true(plan_wasted_bytes(net->plan) <= net->size / 100);
    plan_free(net->plan);
    return (double)net->now / (double)SEC;
}

static void assert_trip(struct trip trip, double most)
{
    struct network net;
    begin_trip(&net, &trip);
    double ratio = end_trip(&net) / trip.bound;
    print_message("%u links, ttfb %3d ms, %u slots, bound %4.1f s%s: %.4f of it (most %.3f)\n",
                  net.link_count, (int)(trip.ttfb / MSEC), trip.slots, trip.bound,
                  trip.window ? ", window" : "", ratio, most);
    assert_true(ratio <= most);
}

#define EQUAL                                                                                      \
    {                                                                                              \
        50 * MBIT, 50 * MBIT, 50 * MBIT, 50 * MBIT                                                 \
    }
#define UNEQUAL                                                                                    \
    {                                                                                              \
        10 * MBIT, 50 * MBIT, 100 * MBIT, 40 * MBIT                                                \
    }

static void equal_links(void **state)
{
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 2, 1, 0 }, 1.08);
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 2, 4.2, 0 }, 1.02);
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 1, 10, 0 }, 1.025);
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 2, 10, 0 }, 1.01);
    assert_trip((struct trip){ EQUAL, 100 * MSEC, 2, 10, 0 }, 1.03);
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 4, 60, 0 }, 1.003);
    assert_trip((struct trip){ EQUAL, 20 * MSEC, 2, 10, 32 * MIB }, 1.02);
}

static void unequal_links(void **state)
{
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 2, 1, 0 }, 1.08);
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 2, 4.2, 0 }, 1.03);
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 1, 10, 0 }, 1.03);
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 2, 10, 0 }, 1.015);
    assert_trip((struct trip){ UNEQUAL, 100 * MSEC, 2, 10, 0 }, 1.04);
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 4, 60, 0 }, 1.003);
    assert_trip((struct trip){ UNEQUAL, 20 * MSEC, 2, 10, 32 * MIB }, 1.03);
}

static void one_link(void **state)
{
    assert_trip((struct trip){ { 80 * MBIT }, 20 * MSEC, 2, 10, 0 }, 1.01);
}

/* One of four links changes its mood half way: the others bring what was left in their time. */
static void lose_a_link(enum mood mood, const char *what)
{
    struct network net;
    begin_trip(&net, &(struct trip){ EQUAL, 20 * MSEC, 2, 20, 0 });
    while (net.now < 10 * SEC)
        step(&net);
    net.links[2].mood = mood;
    double bound = (double)(net.size - plan_done_bytes(net.plan)) / (150 * MBIT);
    double took = end_trip(&net) - 10;
    print_message("%s half way: %.2f s, bound for what was left %.2f s\n", what, took, bound);
    assert_true(took <= 1.05 * bound + 1);
}

static void a_link_is_lost(void **state)
{
    lose_a_link(DEAD, "gone");
    lose_a_link(SILENT, "silent");
    lose_a_link(REFUSING, "refused");
    lose_a_link(LYING, "wrong");
}

/* An origin that gives each connection a tenth of the link: all slots are to be in use to the end.
 */
static void limited_connections(void **state)
{
    struct network net;
    begin_trip(&net, &(struct trip){ { 40 * MBIT }, 20 * MSEC, 4, 10, 0 });
    net.links[0].flow_rate = 10 * MBIT;
    net.plan->sources[0].slots_now = 4; /* as tuned */
    double took = end_trip(&net);
    print_message("one link, limited connections: %.4f of the bound\n", took / 10);
    assert_true(took <= 10.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_downloads), cmocka_unit_test(equal_links),
        cmocka_unit_test(unequal_links),    cmocka_unit_test(one_link),
        cmocka_unit_test(a_link_is_lost),   cmocka_unit_test(limited_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
