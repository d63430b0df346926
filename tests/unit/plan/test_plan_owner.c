/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include <stdio.h>

#define NODES 4
#define SIZE  (40 * MIB)

static const char *const names[NODES] = { "a", "b", "c", "d" };

static plan_source add_uplink(struct plan *plan, const char *node, unsigned slots)
{
    plan_source source;
    struct plan_source_config config = { .slots = slots, .node = node };
    assert_int_equal(plan_add_source(plan, &config, &source), 0);
    return source;
}

static void set_owners(struct plan *plan, const uint64_t *rates)
{
    struct plan_owner owners[NODES];
    for (size_t i = 0; i < NODES; i++)
        owners[i] = (struct plan_owner){ names[i], rates ? rates[i] : 0 };
    assert_int_equal(plan_set_owners(plan, "object", owners, NODES), 0);
}

/* Four nodes, a source each, numbered alike. */
static struct plan *swarm(uint64_t size)
{
    struct plan *plan = plan_of(size, 0);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(add_uplink(plan, names[i], 2), i);
    set_owners(plan, NULL);
    return plan;
}

/* The next lease of each source is brought, `bytes` at most; false where nobody got one. */
static bool round_of(struct plan *plan, int64_t now, bool own_only)
{
    bool any = false;
    for (plan_source s = 0; s < NODES; s++) {
        struct lent lent = next(plan, s, now);
        if (lent.id == 0)
            continue;
        any = true;
        if (own_only)
            assert_int_equal(plan_owner_of(plan, lent.range.begin), s);
        assert_int_equal(lent.range.begin / MIB, (lent.range.end - 1) / MIB);
        finish(plan, lent.id, now);
    }
    return any;
}

static void nobody_owns(void **state)
{
    struct plan *plan = plan_of(SIZE, 0);
    plan_source s = add_uplink(plan, "a", 1);
    assert_int_equal(plan_owner_of(plan, 0), PLAN_NODE_NONE);
    set_owners(plan, NULL);
    assert_int_not_equal(plan_owner_of(plan, 0), PLAN_NODE_NONE);
    assert_int_equal(plan_owner_of(plan, SIZE), PLAN_NODE_NONE);
    assert_int_equal(plan_set_owners(plan, "object", NULL, 0), 0);
    assert_int_equal(plan_owner_of(plan, 0), PLAN_NODE_NONE);
    assert_int_equal(next(plan, s, SEC).range.begin, 0);
    plan_free(plan);
}

/* Each takes its own, none crosses the end of a piece, the first come first. */
static void own_first(void **state)
{
    struct plan *plan = swarm(SIZE);
    uint64_t last = 0;
    for (int i = 0; i < 7; i++) /* a lease a piece: seven of ten */
        assert_true(round_of(plan, SEC, true));
    plan_set_alone(plan, true);
    for (int i = 0; i < 200 && round_of(plan, SEC, false); i++)
        assert_true(plan_done_bytes(plan) > last);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

/* Whether a lease of the only owner's uplink goes beyond a piece, before half is there. */
static bool crosses_pieces(bool alone)
{
    struct plan *plan = plan_of(SIZE, 0);
    const struct plan_owner owner = { "a", 0 };
    plan_source s = add_uplink(plan, "a", 1);
    bool crosses = false;
    int64_t now = SEC;
    assert_int_equal(plan_set_owners(plan, "object", &owner, 1), 0);
    plan_set_alone(plan, alone);
    while (plan_done_bytes(plan) < SIZE / 2) {
        struct lent lent = next(plan, s, now);
        assert_int_not_equal(lent.id, 0);
        crosses |= lent.range.begin / MIB != (lent.range.end - 1) / MIB;
        finish(plan, lent.id, now += 100 * MSEC);
    }
    plan_free(plan);
    return crosses;
}

/* Many small requests would be for nobody. */
static void alone_with_the_only_owner(void **state)
{
    assert_false(crosses_pieces(false));
    assert_true(crosses_pieces(true));
}

static void in_order_of_offset(void **state)
{
    struct plan *plan = swarm(SIZE);
    uint64_t last = 0;
    for (int i = 0; i < 8; i++) {
        struct lent lent = next(plan, 1, SEC);
        assert_true(lent.id != 0 && lent.range.begin >= last);
        last = lent.range.end;
        finish(plan, lent.id, SEC);
    }
    plan_free(plan);
}

/* Owners may be known before the size is. */
static void before_the_size(void **state)
{
    struct plan *known = swarm(SIZE), *plan;
    struct plan_config config = { .size = PLAN_SIZE_UNKNOWN, .probe = PLAN_PROBE_SHARED };
    assert_int_equal(plan_new(&plan, &config), 0);
    plan_source own = add_uplink(plan, "a", 2);
    set_owners(plan, NULL);
    assert_int_equal(plan_owner_of(plan, 0), PLAN_NODE_NONE);
    plan_lease probe = assert_next(plan, own, SEC, 0, PLAN_PROBE_SHARED);
    plan_set_size(plan, SIZE);
    finish(plan, probe, SEC);
    for (uint64_t at = 0; at < SIZE; at += MIB)
        assert_int_equal(plan_owner_of(plan, at), plan_owner_of(known, at));
    plan_free(plan);
    plan_free(known);
}

static void the_list_again(void **state)
{
    static const uint64_t rates[] = { 1000000, 1000000, 2000000, 0 };
    static const uint64_t wavered[] = { 1040000, 970000, 1990000, 0 };
    static const uint64_t others[] = { 1000000, 4000000, 2000000, 0 };
    struct plan *plan = swarm(SIZE);
    set_owners(plan, rates);
    const uint32_t *before = plan->owners.owner;
    set_owners(plan, wavered);
    assert_ptr_equal(plan->owners.owner, before);
    uint64_t own = 0;
    for (uint64_t at = 0; at < SIZE; at += MIB)
        own += plan_owner_of(plan, at) == 1;
    set_owners(plan, others);
    for (uint64_t at = 0; at < SIZE; at += MIB)
        own -= plan_owner_of(plan, at) == 1;
    assert_true((int64_t)own < 0);
    plan_free(plan);
}

/* Brings what sources have been lent, at their rates, for so long. */
static void run(struct plan *plan, const double *rates, int64_t step, int64_t duration,
                int64_t *now)
{
    for (int64_t end = *now + duration; *now < end; *now += step) {
        plan_tick(plan, *now);
        for (plan_source s = 0; s < NODES; s++) {
            struct lent lent;
            while ((lent = next(plan, s, *now)).id != 0) {
            }
            uint64_t bytes = (uint64_t)(rates[s] * (double)step / (double)SEC);
            while (bytes > 0 && plan->sources[s].first) {
                struct lease *l = &plan->leases[plan->sources[s].first - 1];
                uint64_t some = MIN(bytes, l->end - l->pos);
                plan_lease id = l->id;
                bytes -= some;
                bring(plan, id, some, *now);
                if (plan_lease_complete(plan, id))
                    plan_done(plan, id, *now);
            }
        }
    }
}

static size_t heir_of(struct plan *plan, uint64_t at)
{
    const struct share *share = &plan->owners.shares[at / MIB];
    return share->heir == SHARE_ORPHAN ? PLAN_NODE_NONE : plan->owners.nodes[share->heir].given;
}

/* One is ten times slower than the others: its last pieces have heirs, and these are the same for a
 * client that sees its bytes in another rhythm. */
static void heirs_agree(void **state)
{
    static const double rates[NODES] = { 0.3 * MIB, 3.0 * MIB, 3.1 * MIB, 2.9 * MIB };
    struct plan *one = swarm(SIZE), *two = swarm(SIZE);
    int64_t now_one = SEC, now_two = SEC;
    unsigned inherited = 0, differ = 0;
    run(one, rates, 10 * MSEC, 1500 * MSEC, &now_one);
    run(two, rates, 35 * MSEC, 1600 * MSEC, &now_two);
    for (uint64_t at = 0; at < SIZE; at += MIB) {
        inherited += plan_owner_of(one, at) == 0 && heir_of(one, at) != PLAN_NODE_NONE;
        differ += heir_of(one, at) != heir_of(two, at);
    }
    assert_in_range(inherited, 5, 9);
    assert_in_range(differ, 0, 1);
    run(one, rates, 10 * MSEC, 4500 * MSEC, &now_one); /* at the sum of their rates: 4.3 s in all */
    assert_true(plan_complete(one));
    plan_free(one);
    plan_free(two);
}

/* All of what a dead owner had left is inherited, to the last byte. */
static void a_dead_owner(void **state)
{
    static const double rates[NODES] = { 3.0 * MIB, 3.0 * MIB, 3.0 * MIB, 3.0 * MIB };
    static const double dead[NODES] = { 0, 3.0 * MIB, 3.0 * MIB, 3.0 * MIB };
    struct plan *plan = swarm(SIZE);
    int64_t now = SEC;
    run(plan, rates, 10 * MSEC, SEC, &now);
    plan_exclude_source(plan, 0);
    run(plan, dead, 10 * MSEC, 5 * SEC, &now);
    assert_true(plan_complete(plan));
    plan_free(plan);
}

/* With company nothing is cut or hedged because it is slow; alone it is cut; silence is silence. */
static void company(void **state)
{
    for (int alone = 0; alone < 2; alone++) {
        struct plan *plan = swarm(4 * MIB);
        plan_set_alone(plan, alone);
        int64_t now = SEC;
        plan_lease slow = give(plan, 0, 0, MIB, now), last;
        for (uint64_t at = MIB; at < 4 * MIB; at += MIB) {
            last = give(plan, 1, at, at + MIB, now);
            finish(plan, last, now);
        }
        stream(plan, slow, 100 * KIB, SEC, &now);
        plan_tick(plan, now);
        assert_int_equal(next(plan, 1, now).id != 0, alone);
        if (!alone) {
            plan_tick(plan, now += 900 * MSEC);
            assert_none(plan, 1, now);
            plan_tick(plan, now += 200 * MSEC);
            assert_int_not_equal(next(plan, 1, now).id, 0);
        }
        plan_free(plan);
    }
}

/* Where one is silent, that is no leave to take from others that are only slow. */
static void only_from_the_silent(void **state)
{
    struct plan *plan = swarm(4 * MIB);
    int64_t now = SEC;
    plan_lease silent = give(plan, 2, 0, MIB, now), slow = give(plan, 0, MIB, 2 * MIB, now);
    finish(plan, give(plan, 1, 2 * MIB, 4 * MIB, now), now);
    stream(plan, silent, 10 * MIB, 50 * MSEC, &now);
    stream(plan, slow, 100 * KIB, 1100 * MSEC, &now);
    plan_tick(plan, now);
    struct lent lent;
    unsigned count = 0;
    for (; (lent = next(plan, 1, now)).id != 0; count++)
        assert_in_range(lent.range.end, 0, MIB);
    assert_in_range(count, 1, 4);
    plan_free(plan);
}

/* The own uplink rests while the peer of this machine works, and stands in for it. */
static void spare(void **state)
{
    struct plan *plan = plan_of(SIZE, 0);
    plan_source own = add_uplink(plan, NULL, 1), peer = add_uplink(plan, "a", 1);
    struct plan_owner owner = { "a", 0 };
    assert_int_equal(plan_set_owners(plan, "object", &owner, 1), 0);
    plan_set_alone(plan, true);
    plan_set_spare(plan, own, "a");
    assert_none(plan, own, SEC);
    struct lent lent = next(plan, peer, SEC);
    assert_none(plan, own, SEC);
    plan_fail(plan, lent.id, PLAN_GONE, 0, SEC);
    struct lent instead = next(plan, own, SEC);
    assert_int_not_equal(instead.id, 0);
    finish(plan, instead.id, SEC);
    finish(plan, next(plan, peer, 5 * SEC).id, 5 * SEC);
    assert_none(plan, own, 5 * SEC);
    plan_exclude_source(plan, peer);
    assert_int_not_equal(next(plan, own, 5 * SEC).id, 0);
    plan_free(plan);
}

/* The probe is the own uplink's, also when it is known already that there is a peer: who starts
 * over probes once more. */
static void a_spare_probes(void **state)
{
    struct plan *plan = plan_of(PLAN_SIZE_UNKNOWN, 0);
    plan_source own = add_uplink(plan, NULL, 1);
    add_uplink(plan, "a", 1);
    struct plan_owner owner = { "a", 0 };
    assert_int_equal(plan_set_owners(plan, "object", &owner, 1), 0);
    plan_set_spare(plan, own, "a");
    struct lent probe = next(plan, own, SEC);
    assert_int_not_equal(probe.id, 0);
    plan_set_size(plan, SIZE);
    finish(plan, probe.id, SEC);
    assert_none(plan, own, SEC);
    plan_free(plan);
}

/* Nobody has it as long as others have company: what it brings is for one alone. */
static void an_uplink_of_no_node(void **state)
{
    struct plan *plan = swarm(SIZE);
    plan_source own = add_uplink(plan, NULL, 1);
    assert_none(plan, own, SEC);
    plan_set_alone(plan, true);
    assert_int_not_equal(next(plan, own, SEC).id, 0);
    plan_free(plan);
}

static void taken_back(void **state)
{
    struct plan *plan = swarm(SIZE);
    while (round_of(plan, SEC, false)) {
    }
    plan_set_alone(plan, true);
    while (round_of(plan, SEC, false)) {
    }
    assert_true(plan_complete(plan));
    assert_int_equal(plan_take_back(plan, 5 * MIB, 6 * MIB), 0);
    plan_source owner = (plan_source)plan_owner_of(plan, 5 * MIB);
    struct lent lent = next(plan, owner, SEC);
    assert_int_equal(lent.range.begin, 5 * MIB);
    plan_free(plan);
}

/* A reader waits: who owns nothing of the window helps. */
static void a_window(void **state)
{
    struct plan *plan = plan_of(SIZE, MIB);
    for (size_t i = 0; i < NODES; i++)
        add_uplink(plan, names[i], 1);
    set_owners(plan, NULL);
    for (plan_source s = 0; s < NODES; s++)
        assert_true(next(plan, s, SEC).range.end > 0);
    plan_free(plan);
}

static unsigned inherited_of(struct plan *plan, size_t owner)
{
    unsigned count = 0;
    for (uint64_t at = 0; at < SIZE; at += MIB)
        count += plan_owner_of(plan, at) == owner && heir_of(plan, at) != PLAN_NODE_NONE;
    return count;
}

/* A source that the plan has not seen at work is believed what its machine says. */
static void told_rates(void **state)
{
    struct plan *plan = swarm(SIZE);
    plan_tell_rate(plan, 0, 100 * KIB);
    for (plan_source s = 1; s < NODES; s++)
        plan_tell_rate(plan, s, 10 * MIB);
    next(plan, 1, SEC);
    assert_in_range(inherited_of(plan, 0), 7, 11);
    plan_free(plan);
}

/* What each of many sees is its own way to the peer; what the peer says all of them hear. */
static void told_rates_among_many(void **state)
{
    struct plan *plan = swarm(SIZE);
    for (plan_source s = 0; s < NODES; s++)
        plan_tell_rate(plan, s, 10 * MIB);
    int64_t now = SEC;
    struct lent slow = next(plan, 0, now);
    plan_started(plan, slow.id, now);
    stream(plan, slow.id, 2 * MIB, 250 * MSEC, &now); /* a fifth of what it says */
    next(plan, 1, now);
    assert_int_equal(inherited_of(plan, 0), 0);
    plan_tell_rate(plan, 0, 100 * KIB);
    next(plan, 2, now + SEC);
    assert_true(inherited_of(plan, 0) > 0);
    plan_free(plan);
}

/* But not without bound: who boasts and trickles is not left what it owns. */
static void a_boaster_among_many(void **state)
{
    struct plan *plan = swarm(SIZE);
    for (plan_source s = 0; s < NODES; s++)
        plan_tell_rate(plan, s, 10 * MIB);
    int64_t now = SEC;
    struct lent lent = next(plan, 0, now);
    plan_started(plan, lent.id, now);
    stream(plan, lent.id, 50 * KIB, 5 * SEC, &now);
    next(plan, 1, now);
    assert_true(inherited_of(plan, 0) > 0);
    plan_free(plan);
}

/* All of them ask for the same: one request each, however long the first byte takes. */
static void many_ask_one_at_a_time(void **state)
{
    struct plan *plan = swarm(SIZE);
    struct lent lent = next(plan, 0, SEC);
    assert_none(plan, 0, SEC);
    plan_set_joined(plan, true);
    plan_started(plan, lent.id, SEC + 500 * MSEC);
    assert_none(plan, 0, SEC + 500 * MSEC);
    plan_set_joined(plan, false);
    assert_int_not_equal(next(plan, 0, SEC + 500 * MSEC).id, 0);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_owns),
        cmocka_unit_test(own_first),
        cmocka_unit_test(alone_with_the_only_owner),
        cmocka_unit_test(in_order_of_offset),
        cmocka_unit_test(before_the_size),
        cmocka_unit_test(the_list_again),
        cmocka_unit_test(heirs_agree),
        cmocka_unit_test(a_dead_owner),
        cmocka_unit_test(company),
        cmocka_unit_test(only_from_the_silent),
        cmocka_unit_test(spare),
        cmocka_unit_test(a_spare_probes),
        cmocka_unit_test(an_uplink_of_no_node),
        cmocka_unit_test(taken_back),
        cmocka_unit_test(a_window),
        cmocka_unit_test(told_rates),
        cmocka_unit_test(told_rates_among_many),
        cmocka_unit_test(a_boaster_among_many),
        cmocka_unit_test(many_ask_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
