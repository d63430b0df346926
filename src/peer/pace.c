/* SPDX-License-Identifier: MIT */
#include "peer/pace.h"

#include "base/util.h"
#include "plan/bucket.h"

#define TURNS     16          /* a second, at least */
#define BLOCK_MIN (4 * KIB)   /* less is not worth a turn */
#define BLOCK_MAX (256 * KIB) /* more makes the others wait for long */

struct pace {
    struct bucket bucket;
    size_t block;
    bool held;
    uint64_t given; /* what who had the last turn had been given before it */
    struct list waiting;
    struct loop_timer *timer;
};

static struct pace_turn *next_turn(const struct pace *p)
{
    struct pace_turn *best = NULL;
    list_foreach (turn, &p->waiting, struct pace_turn, link)
        if (!best || turn->share->given < best->share->given)
            best = turn;
    return best;
}

static void give(struct pace *p, struct pace_turn *turn)
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
    struct pace *p = arg;
    while (!p->held && !list_empty(&p->waiting)) {
        int64_t wait = bucket_take(&p->bucket, 0, loop_now());
        if (wait > 0) {
            loop_timer_start(p->timer, wait, false);
            return;
        }
        struct pace_turn *turn = next_turn(p);
        give(p, turn);
        turn->go(turn->arg); /* may end it, and ask again */
    }
}

int pace_new(struct pace **ret, struct loop *loop, uint64_t rate)
{
    struct pace *p = calloc(1, sizeof *p);
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

struct pace *pace_free(struct pace *pace)
{
    if (pace)
        loop_timer_free(pace->timer);
    free(pace);
    return NULL;
}

size_t pace_block(const struct pace *pace)
{
    return pace->bucket.rate ? pace->block : SIZE_MAX;
}

void pace_hold(struct pace *pace, bool hold)
{
    pace->held = hold;
    if (!hold)
        loop_timer_start(pace->timer, 0, false);
}

void pace_turn_init(struct pace_turn *turn, struct pace_share *share, void (*go)(void *arg),
                    void *arg)
{
    *turn = (struct pace_turn){ .share = share, .go = go, .arg = arg };
    list_init(&turn->link);
}

void pace_turn_end(struct pace *pace, struct pace_turn *turn)
{
    bucket_give(&pace->bucket, turn->allowance);
    turn->share->given -= turn->allowance;
    turn->allowance = 0;
    turn->waiting = false;
    list_remove(&turn->link);
}

size_t pace_ask(struct pace *p, struct pace_turn *turn)
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

void pace_take(struct pace *pace, struct pace_turn *turn, size_t bytes)
{
    if (!pace->bucket.rate)
        return;
    uint64_t allowed = MIN((uint64_t)bytes, turn->allowance), over = bytes - allowed;
    turn->allowance -= allowed;
    turn->share->given += over;
    if (over > 0)
        bucket_take(&pace->bucket, over, loop_now());
}
