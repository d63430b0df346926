/* SPDX-License-Identifier: MIT */
#include "peer/turns.h"

#include "base/util.h"
#include "plan/bucket.h"

#define TURNS     16          /* a second, at least */
#define BLOCK_MIN (4 * KIB)   /* less is not worth a turn */
#define BLOCK_MAX (256 * KIB) /* more makes the others wait for long */

struct turns {
    struct bucket bucket;
    size_t block;
    bool held;
    uint64_t given; /* what who had the last turn had been given before it */
    struct list waiting;
    struct loop_timer *timer;
};

static struct turn *next_turn(const struct turns *p)
{
    struct turn *best = NULL;
    list_foreach (turn, &p->waiting, struct turn, link)
        if (!best || turn->share->given < best->share->given)
            best = turn;
    return best;
}

static void give(struct turns *p, struct turn *turn)
{
    p->given = MAX(p->given, turn->share->given);
    turn->share->given += p->block;
    turn->allowance += p->block;
    turn->waiting = false;
    list_remove(&turn->link);
    if (p->bucket.rate)
        bucket_take(&p->bucket, p->block, loop_now());
}

static void on_timer(void *arg)
{
    struct turns *p = arg;
    struct turn *turn;
    while (!p->held && (turn = next_turn(p))) {
        int64_t wait = bucket_take(&p->bucket, 0, loop_now());
        if (wait > 0) {
            loop_timer_start(p->timer, wait, false);
            return;
        }
        give(p, turn);
        turn->go(turn->arg); /* may end it, and ask again */
    }
}

int turns_new(struct turns **ret, struct loop *loop, uint64_t rate)
{
    struct turns *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    list_init(&p->waiting);
    p->bucket.rate = rate;
    p->block = (size_t)MAX(MIN(rate ? rate / TURNS : BLOCK_MAX, BLOCK_MAX), BLOCK_MIN);
    if (loop_timer_new(&p->timer, loop, on_timer, p) < 0) {
        free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

struct turns *turns_free(struct turns *turns)
{
    if (turns)
        loop_timer_free(turns->timer);
    free(turns);
    return NULL;
}

size_t turns_block(const struct turns *turns)
{
    return turns->bucket.rate ? turns->block : SIZE_MAX;
}

void turns_hold(struct turns *turns, bool hold)
{
    turns->held = hold;
    if (!hold)
        loop_timer_start(turns->timer, 0, false);
}

void turn_init(struct turn *turn, struct turn_share *share, void (*go)(void *arg), void *arg)
{
    *turn = (struct turn){ .share = share, .go = go, .arg = arg };
    list_init(&turn->link);
}

void turn_end(struct turns *turns, struct turn *turn)
{
    bucket_give(&turns->bucket, turn->allowance);
    turn->share->given -= turn->allowance;
    turn->allowance = 0;
    turn->waiting = false;
    list_remove(&turn->link);
}

size_t turn_ask(struct turns *p, struct turn *turn)
{
    if (!p->held && !p->bucket.rate)
        return SIZE_MAX;
    if (turn->waiting)
        return 0;
    if (turn->allowance > 0 && !p->held)
        return turn->allowance;
    turn->share->given = MAX(turn->share->given, p->given);
    turn->waiting = true;
    list_push_back(&p->waiting, &turn->link);
    int64_t wait = bucket_take(&p->bucket, 0, loop_now());
    if (!p->held && wait == 0 && next_turn(p) == turn)
        give(p, turn);
    else if (!p->held)
        loop_timer_start(p->timer, wait, false);
    return turn->waiting ? 0 : turn->allowance;
}

void turn_take(struct turns *turns, struct turn *turn, size_t bytes)
{
    if (!turns->bucket.rate)
        return;
    uint64_t allowed = MIN((uint64_t)bytes, turn->allowance), over = bytes - allowed;
    turn->allowance -= allowed;
    turn->share->given += over;
    if (over > 0)
        bucket_take(&turns->bucket, over, loop_now());
}
