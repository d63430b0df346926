/* SPDX-License-Identifier: MIT */
#include "history.h"

#include "base/util.h"

#define GRAIN (10 * MSEC)

const char *const ending_names[ENDINGS] = {
    "open", "done", "cut", "cancelled", "stalled", "gone", "busy", "refused", "wrong",
};

void history_release(struct history *history)
{
    free(history->episodes);
    free(history->arrivals);
    *history = (struct history){ 0 };
}

static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = MAX(2 * *capacity, (size_t)256);
    void *bigger = reallocarray(array, *capacity, size);
    if (!bigger)
        abort();
    return bigger;
}

size_t history_add(struct history *history, const struct episode *episode)
{
    history->episodes =
        grown(history->episodes, history->count, &history->capacity, sizeof(*history->episodes));
    history->episodes[history->count] = *episode;
    return history->count++;
}

void history_arrived(struct history *history, int64_t at, uint64_t bytes)
{
    size_t n = history->arrival_count;
    if (n > 0 && at - history->arrivals[n - 1].at < GRAIN) {
        history->arrivals[n - 1].bytes += bytes;
        return;
    }
    history->arrivals =
        grown(history->arrivals, n, &history->arrival_capacity, sizeof(*history->arrivals));
    history->arrivals[history->arrival_count++] = (struct arrival){ at, bytes };
}
