/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include "base/util.h"

void heap_release(struct heap *heap)
{
    free(heap->timers);
    *heap = (struct heap){ 0 };
}

static void put(struct heap *heap, size_t place, struct timer *timer)
{
    heap->timers[place - 1] = timer;
    timer->place = place;
}

static void rise(struct heap *heap, size_t place, struct timer *timer)
{
    for (; place > 1 && heap->timers[place / 2 - 1]->at > timer->at; place /= 2)
        put(heap, place, heap->timers[place / 2 - 1]);
    put(heap, place, timer);
}

static void sink(struct heap *heap, size_t place, struct timer *timer)
{
    while (2 * place <= heap->count) {
        size_t child = 2 * place;
        if (child < heap->count && heap->timers[child]->at < heap->timers[child - 1]->at)
            child++;
        if (heap->timers[child - 1]->at >= timer->at)
            break;
        put(heap, place, heap->timers[child - 1]);
        place = child;
    }
    put(heap, place, timer);
}

void heap_set(struct heap *heap, struct timer *timer, int64_t at)
{
    if (at == INT64_MAX) {
        heap_unset(heap, timer);
        return;
    }
    if (timer->place == 0) {
        if (heap->count == heap->capacity) {
            heap->capacity = MAX(2 * heap->capacity, (size_t)64);
            heap->timers = reallocarray(heap->timers, heap->capacity, sizeof(*heap->timers));
            if (!heap->timers)
                abort();
        }
        timer->at = at;
        rise(heap, ++heap->count, timer);
        return;
    }
    int64_t before = timer->at;
    timer->at = at;
    if (at < before)
        rise(heap, timer->place, timer);
    else if (at > before)
        sink(heap, timer->place, timer);
}

void heap_unset(struct heap *heap, struct timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    struct timer *last = heap->timers[--heap->count];
    if (last == timer)
        return;
    if (last->at < timer->at)
        rise(heap, place, last);
    else
        sink(heap, place, last);
}

struct timer *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->timers[0] : NULL;
}
