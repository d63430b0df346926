/* SPDX-License-Identifier: MIT */
/* A rate that many share: who wants to move bytes asks for a turn, and turns are given out as fast
 * as the rate allows.
 *
 *     pace_ask ─▶ bytes that may be moved now ─▶ pace_take for those that were
 *          └─ 0: `go` is called when its turn has come
 *
 * The next turn is that of the client who was given least so far, so that each gets the same,
 * however many turns it waits for; among its own the one that has waited for longest. Who comes
 * new or after a while begins with what the others have by then.
 *
 * A pace can be held: then nobody has a turn. */
#ifndef DDM_PEER_PACE_H
#define DDM_PEER_PACE_H

#include "base/list.h"
#include "io/loop.h"

#include <stddef.h>
#include <stdint.h>

struct pace;

/* Of one client; embedded, zero at first, outlives its turns. */
struct pace_share {
    uint64_t given;
};

/* Embedded in whoever moves bytes. */
struct pace_turn {
    struct list link;
    struct pace_share *share;
    uint64_t allowance; /* bytes */
    bool waiting;
    void (*go)(void *arg);
    void *arg;
};

/* `rate`: bytes/s, 0: no limit. -1 without memory. */
int pace_new(struct pace **ret, struct loop *loop, uint64_t rate);
struct pace *pace_free(struct pace *pace); /* after its turns */
/* What is moved at a time; SIZE_MAX without a limit. */
size_t pace_block(const struct pace *pace);
void pace_hold(struct pace *pace, bool hold);

void pace_turn_init(struct pace_turn *turn, struct pace_share *share, void (*go)(void *arg),
                    void *arg);
/* What was not used of its turn is given back; none comes any more. */
void pace_turn_end(struct pace *pace, struct pace_turn *turn);

/* Bytes that may be moved now; 0: `go` will be called, once, never from within this call. */
size_t pace_ask(struct pace *pace, struct pace_turn *turn);
/* So many were moved, be it more than was allowed. */
void pace_take(struct pace *pace, struct pace_turn *turn, size_t bytes);

#endif
