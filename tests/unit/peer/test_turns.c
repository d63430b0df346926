/* SPDX-License-Identifier: MIT */
/* Turns against the real loop: what is compared are shares, not times. */
#include "peer/turns.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RATE ((uint64_t)4 * 1024 * 1024)

struct mover {
    struct fixture *fixture;
    struct turn turn;
    uint64_t moved;
    unsigned calls;
    bool ends;
};

struct fixture {
    struct loop *loop;
    struct loop_timer *timer;
    struct turns *turns;
    struct turn_share shares[3];
    struct mover movers[16];
    unsigned count;
    uint64_t until, moved;
};

static void move(struct mover *m)
{
    size_t n;
    while (!m->ends && (n = turn_ask(m->fixture->turns, &m->turn)) > 0) {
        turn_take(m->fixture->turns, &m->turn, n);
        m->moved += n;
        m->fixture->moved += n;
        if (m->fixture->moved >= m->fixture->until) {
            loop_stop(m->fixture->loop);
            return;
        }
    }
}

static void go(void *arg)
{
    struct mover *m = arg;
    m->calls++;
    move(m);
}

static struct mover *add(struct fixture *f, unsigned client)
{
    struct mover *m = &f->movers[f->count++];
    m->fixture = f;
    turn_init(&m->turn, &f->shares[client], go, m);
    return m;
}

static void on_timer(void *arg)
{
    loop_stop(((struct fixture *)arg)->loop);
}

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(loop_timer_new(&f->timer, f->loop, on_timer, f), 0);
    assert_int_equal(turns_new(&f->turns, f->loop, RATE), 0);
    f->until = UINT64_MAX;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < f->count; i++)
        turn_end(f->turns, &f->movers[i].turn);
    turns_free(f->turns);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void run_until(struct fixture *f, uint64_t moved)
{
    f->until = moved;
    for (unsigned i = 0; i < f->count; i++)
        move(&f->movers[i]);
    loop_run(f->loop);
}

static void test_clients_get_the_same_however_many_turns_they_wait_for(void **state)
{
    struct fixture *f = *state;
    struct mover *alone = add(f, 0);
    for (int i = 0; i < 8; i++)
        add(f, 1);
    run_until(f, RATE);
    assert_in_range(alone->moved, f->moved * 4 / 10, f->moved * 6 / 10);
    for (int i = 1; i <= 8; i++)
        assert_true(f->movers[i].moved > 0);
}

static void test_who_comes_later_does_not_catch_up(void **state)
{
    struct fixture *f = *state;
    struct mover *first = add(f, 0);
    run_until(f, RATE / 2);
    uint64_t before = first->moved;
    struct mover *later = add(f, 1);
    run_until(f, RATE);
    assert_in_range(later->moved, (first->moved - before) * 6 / 10,
                    (first->moved - before) * 14 / 10);
}

static void test_the_rate_is_kept(void **state)
{
    struct fixture *f = *state;
    int64_t began = loop_now();
    add(f, 0);
    add(f, 1);
    run_until(f, RATE / 2);
    assert_true(loop_now() - began >= 300 * MSEC); /* half a second, less the burst and a block */
}

static void test_without_a_limit_there_are_no_turns(void **state)
{
    struct fixture *f = *state;
    struct turns *free_for_all = NULL;
    struct turn turn;
    assert_int_equal(turns_new(&free_for_all, f->loop, 0), 0);
    turn_init(&turn, &f->shares[0], go, f);
    assert_true(turn_ask(free_for_all, &turn) == SIZE_MAX);
    turns_hold(free_for_all, true);
    assert_int_equal(turn_ask(free_for_all, &turn), 0);
    turn_end(free_for_all, &turn);
    turns_free(free_for_all);
}

static void test_nobody_moves_while_it_is_held(void **state)
{
    struct fixture *f = *state;
    struct mover *m = add(f, 0);
    turns_hold(f->turns, true);
    move(m);
    loop_timer_start(f->timer, 50 * MSEC, false);
    loop_run(f->loop);
    assert_int_equal(m->moved, 0);
    assert_int_equal(m->calls, 0);
    turns_hold(f->turns, false);
    f->until = RATE / 16;
    loop_run(f->loop);
    assert_true(m->moved > 0);
}

static void test_what_is_not_used_is_given_back(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 1000; i++) { /* each has a turn at once, and leaves without a byte */
        struct turn turn;
        turn_init(&turn, &f->shares[0], go, f);
        assert_true(turn_ask(f->turns, &turn) > 0);
        turn_end(f->turns, &turn);
    }
}

static void test_who_ends_while_it_waits_is_not_called(void **state)
{
    struct fixture *f = *state;
    struct mover *first = add(f, 0), *second = add(f, 1);
    move(first);
    move(second);
    assert_true(second->turn.waiting);
    turn_end(f->turns, &second->turn);
    second->ends = true;
    run_until(f, RATE / 8);
    assert_int_equal(second->calls, 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_clients_get_the_same_however_many_turns_they_wait_for),
        ROW(test_who_comes_later_does_not_catch_up),
        ROW(test_the_rate_is_kept),
        ROW(test_without_a_limit_there_are_no_turns),
        ROW(test_nobody_moves_while_it_is_held),
        ROW(test_what_is_not_used_is_given_back),
        ROW(test_who_ends_while_it_waits_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
