/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "plan/owner.h"

#include <stdio.h>

#define MAX_NODES  1000
#define MAX_PIECES 16384

struct swarm {
    struct owner owners[MAX_NODES];
    size_t count;
    uint64_t pieces;
    uint32_t owner[MAX_PIECES];
    uint64_t load[MAX_NODES];
};

static struct swarm swarm_of(const char *object, size_t count, uint64_t pieces)
{
    struct swarm s = { .count = count, .pieces = pieces };
    for (size_t i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "node-%zu", i);
        s.owners[i].hash = owner_hash(object, id);
    }
    return s;
}

static void assign(struct swarm *s)
{
    assert_int_equal(owner_assign(s->owner, s->pieces, s->owners, s->count), 0);
    for (size_t i = 0; i < s->count; i++)
        s->load[i] = 0;
    for (uint64_t i = 0; i < s->pieces; i++) {
        assert_in_range(s->owner[i], 0, s->count - 1);
        s->load[s->owner[i]]++;
    }
}

/* What other machines compute: whoever changes a number here changes it for all of a swarm. */
static void same_everywhere(void **state)
{
    static const unsigned expected[16] = { 1, 3, 3, 2, 3, 3, 1, 2, 3, 2, 3, 1, 3, 2, 2, 0 };
    struct swarm s = swarm_of("object", 4, 16);
    for (size_t i = 0; i < s.count; i++)
        s.owners[i].rate = 1000000 * (i + 1);
    assign(&s);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(s.owner[i], expected[i]);
    assert_true(owner_hash("object", "node-0") == 0x4fff3853d48ede8dU);
    assert_true(owner_liking(1, 2) == 0xf893a2eefb32555eU);
    assert_true(owner_cost(1ULL << 63) == 1ULL << 26);
    assert_true(owner_cost(1ULL << 60) == 4ULL << 26);
}

static void order_does_not_matter(void **state)
{
    struct swarm a = swarm_of("o", 20, 300), b = a;
    for (size_t i = 0; i < a.count; i++) {
        a.owners[i].rate = 100000 * (i % 7);
        b.owners[a.count - 1 - i] = a.owners[i];
    }
    assign(&a);
    assign(&b);
    for (uint64_t i = 0; i < a.pieces; i++)
        assert_int_equal(a.owner[i], a.count - 1 - b.owner[i]);
}

static void objects_differ(void **state)
{
    struct swarm a = swarm_of("one", 8, 1000), b = swarm_of("two", 8, 1000);
    unsigned same = 0;
    assign(&a);
    assign(&b);
    for (uint64_t i = 0; i < a.pieces; i++)
        same += a.owner[i] == b.owner[i];
    assert_in_range(same, 80, 170); /* an eighth by chance */
}

/* None has more than a 16th above its share, or one piece more than fits evenly. */
static void loads_are_bounded(void **state)
{
    static const struct {
        size_t nodes;
        uint64_t pieces, most;
    } cases[] = { { 1, 10, 10 },   { 2, 1, 1 },      { 8, 100, 13 },   { 8, 1000, 132 },
                  { 30, 100, 4 },  { 30, 1000, 35 }, { 256, 1000, 4 }, { 1000, 1000, 1 },
                  { 1000, 10, 1 }, { 3, 0, 0 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct swarm s = swarm_of("o", cases[i].nodes, cases[i].pieces);
        assign(&s);
        for (size_t k = 0; k < s.count; k++)
            assert_in_range(s.load[k], 0, cases[i].most);
    }
}

static void shares_follow_rates(void **state)
{
    struct swarm s = swarm_of("o", 8, 1000);
    double sum = 0;
    for (size_t i = 0; i < s.count; i++) {
        s.owners[i].rate = 625000 + 803571 * i; /* 5 to 50 Mbit/s */
        sum += (double)s.owners[i].rate;
    }
    assign(&s);
    for (size_t i = 0; i < s.count; i++) {
        double share = 1000 * (double)s.owners[i].rate / sum;
        assert_true((double)s.load[i] > share * 0.6 && (double)s.load[i] < share * 1.2);
    }
}

/* Small objects: one of a tenth of the rate gets nothing rather than what all would wait for. */
static void slow_one_of_few_pieces(void **state)
{
    struct swarm s = swarm_of("o", 3, 8);
    for (size_t i = 0; i < s.count; i++)
        s.owners[i].rate = i == 0 ? 1000000 : 10000000;
    assign(&s);
    assert_int_equal(s.load[0], 0);
    assert_int_equal(s.load[1], 4);
}

/* Steps of 19 %: a rate that wavers within one moves nothing. */
static void rates_are_quantised(void **state)
{
    assert_int_equal(owner_step(1), 0);
    assert_int_equal(owner_step(2), 4);
    assert_int_equal(owner_step(3), 6);
    assert_int_equal(owner_step(1ULL << 40), 160);
    assert_int_equal(owner_step(UINT64_MAX), 256);
    assert_int_equal(owner_step(0), 0);
    struct swarm a = swarm_of("o", 8, 1000), b = a;
    for (size_t i = 0; i < a.count; i++) {
        a.owners[i].rate = 1 << (20 + i % 3);
        b.owners[i].rate = a.owners[i].rate + a.owners[i].rate / 16;
        b.owners[i].rate -= i % 2 ? a.owners[i].rate / 8 : 0; /* 6 % up and down */
    }
    assign(&a);
    assign(&b);
    assert_memory_equal(a.owner, b.owner, sizeof a.owner);
}

/* Those that nobody knows the rate of are like the median of the others. */
static void unknown_rates(void **state)
{
    struct swarm a = swarm_of("o", 8, 1000), b = a;
    static const uint64_t rates[] = { 0, 100, 0, 1000000, 2000000, 900000, 0, 50000000 };
    for (size_t i = 0; i < a.count; i++) {
        a.owners[i].rate = rates[i];
        b.owners[i].rate = rates[i] ? rates[i] : 1000000;
    }
    assign(&a);
    assign(&b);
    assert_memory_equal(a.owner, b.owner, sizeof a.owner);
}

/* Pieces that another node owns when `gone` leaves, but for those that it had itself; in 1000. */
static uint64_t moved_besides(const struct swarm *all, size_t gone, uint64_t *ret_own)
{
    struct swarm rest = *all;
    uint64_t besides = 0;
    rest.owners[gone] = rest.owners[--rest.count];
    assign(&rest);
    *ret_own = all->load[gone] * 1000 / all->pieces;
    for (uint64_t i = 0; i < all->pieces; i++)
        besides += all->owner[i] != gone &&
                   rest.owners[rest.owner[i]].hash != all->owners[all->owner[i]].hash;
    return besides * 1000 / all->pieces;
}

/* A peer that leaves (or joins: the other way round) moves its share; and, for the bounds of the
 * others change, so many of 1000 pieces besides. Many pieces per node, and it is hardly any. */
static void only_its_share_moves(void **state)
{
    static const struct {
        size_t nodes;
        uint64_t pieces, besides;
    } cases[] = { { 8, 1000, 10 }, { 30, 1000, 16 }, { 256, 16384, 4 }, { 8, 100, 60 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t sum = 0, own;
        for (size_t gone = 0; gone < 8; gone++) {
            struct swarm s = swarm_of("o", cases[i].nodes, cases[i].pieces);
            assign(&s);
            sum += moved_besides(&s, gone, &own);
            assert_in_range(own, 0, 1000 / cases[i].nodes * 5 / 4 + 1);
        }
        assert_in_range(sum / 8, 0, cases[i].besides);
    }
}

static void very_large_objects(void **state)
{
    assert_int_equal(owner_grid(100 * MIB).piece, MIB);
    assert_int_equal(owner_grid(256 * GIB).count, OWNER_PIECES_MAX);
    assert_int_equal(owner_grid(256 * GIB + 1).piece, 32 * MIB);
    assert_in_range(owner_grid(UINT64_MAX).count, 1, OWNER_PIECES_MAX);
    struct grid grid = owner_grid(1024 * GIB - 5);
    assert_int_equal(grid_range(&grid, grid.count - 1).end, 1024 * GIB - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_everywhere),      cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(objects_differ),       cmocka_unit_test(loads_are_bounded),
        cmocka_unit_test(shares_follow_rates),  cmocka_unit_test(slow_one_of_few_pieces),
        cmocka_unit_test(rates_are_quantised),  cmocka_unit_test(unknown_rates),
        cmocka_unit_test(only_its_share_moves), cmocka_unit_test(very_large_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
