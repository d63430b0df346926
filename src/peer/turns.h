/* SPDX-License-Identifier: MIT */
/* A rate that many share: who wants to move bytes asks for a turn, and turns are given out as fast
 * as the rate allows.
 *
 *     turn_ask ─▶ bytes that may be moved now ─▶ turn_take for those that were
 *          └─ 0: `go` is called when its turn has come
 *
 * The next turn is that of the client who was given least so far, so that each gets the same,
 * however many turns it waits for; among its own the one that has waited for longest. Who comes
 * new or after a while begins with what the others have by then.
 *
 * They can be held: then nobody has a turn. */
#ifndef DDM_PEER_TURNS_H
#define DDM_PEER_TURNS_H

#include "base/list.h"
#include "io/loop.h"

#include <stddef.h>
#include <stdint.h>

struct turns;

/* Of one client; embedded, zero at first, outlives its turns. */
struct turn_share {
    uint64_t given;
};

/* Embedded in whoever moves bytes. */
struct turn {
    struct list link;
    struct turn_share *share;
    uint64_t allowance; /* bytes */
    bool waiting;
    void (*go)(void *arg);
    void *arg;
};

/* `rate`: bytes/s, 0: no limit. -1 without memory. */
int turns_new(struct turns **ret, struct loop *loop, uint64_t rate);
struct turns *turns_free(struct turns *turns); /* after its turns */
/* What is moved at a time; SIZE_MAX without a limit. */
size_t turns_block(const struct turns *turns);
void turns_hold(struct turns *turns, bool hold);

void turn_init(struct turn *turn, struct turn_share *share, void (*go)(void *arg), void *arg);
/* What was not used of its turn is given back; none comes any more. */
void turn_end(struct turns *turns, struct turn *turn);

/* Bytes that may be moved now; 0: `go` will be called, once, never from within this call. */
size_t turn_ask(struct turns *turns, struct turn *turn);
/* So many were moved, be it more than was allowed. */
void turn_take(struct turns *turns, struct turn *turn, size_t bytes);

#endif
