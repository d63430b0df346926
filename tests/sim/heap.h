/* SPDX-License-Identifier: MIT */
/* Virtual time: a binary heap of timers, each embedded in what it wakes. */
#ifndef DDM_TESTS_SIM_HEAP_H
#define DDM_TESTS_SIM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t at;
    size_t place; /* in the heap, from 1; 0: not set */
    int kind;     /* the owner's */
};

/* Embedded; all zero is empty. */
struct heap {
    struct timer **timers;
    size_t count, capacity;
};

void heap_release(struct heap *heap);

/* Sets a timer, or moves it; NEVER takes it out. */
void heap_set(struct heap *heap, struct timer *timer, int64_t at);
void heap_unset(struct heap *heap, struct timer *timer);

/* The earliest timer, still set; NULL where there is none. */
struct timer *heap_first(const struct heap *heap);

#endif
