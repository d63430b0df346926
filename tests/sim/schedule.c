/* SPDX-License-Identifier: MIT */
#include "schedule.h"

#include "base/util.h"

#include <assert.h>

void schedule_release(struct schedule *schedule)
{
    free(schedule->steps);
    *schedule = (struct schedule){ 0 };
}

void schedule_add(struct schedule *schedule, int64_t at, double rate)
{
    size_t n = schedule->count;
    if (n > 0 && schedule->steps[n - 1].at >= at) {
        assert(schedule->steps[n - 1].at == at);
        schedule->steps[n - 1].rate = rate;
        return;
    }
    if (n == schedule->capacity) {
        schedule->capacity = MAX(2 * n, (size_t)4);
        schedule->steps =
            reallocarray(schedule->steps, schedule->capacity, sizeof(*schedule->steps));
        if (!schedule->steps)
            abort();
    }
    schedule->steps[schedule->count++] = (struct step){ at, rate };
}

/* How many steps lie at or before `time`. */
static size_t steps_until(const struct schedule *schedule, int64_t time)
{
    size_t low = 0, high = schedule->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (schedule->steps[middle].at <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double schedule_at(const struct schedule *schedule, int64_t time)
{
    size_t n = steps_until(schedule, time);
    return n > 0 ? schedule->steps[n - 1].rate : 0;
}

int64_t schedule_next(const struct schedule *schedule, int64_t time)
{
    size_t n = steps_until(schedule, time);
    return n < schedule->count ? schedule->steps[n].at : NEVER;
}

void schedule_walk(struct schedule *schedule, const struct weather *weather, struct prng *prng)
{
    double rate = weather->mean;
    for (int64_t at = 0; at < weather->until; at += weather->period) {
        schedule_add(schedule, at, rate);
        double most = 1 + weather->swing;
        rate *= prng_log_between(prng, 1 / most, most);
        rate = MIN(MAX(rate, weather->mean / 4), weather->mean * 2);
    }
    schedule_add(schedule, weather->until, weather->mean);
}

void schedule_wave(struct schedule *schedule, const struct weather *weather, struct prng *prng)
{
    int64_t half = MAX(weather->period / 2, (int64_t)MSEC);
    int64_t phase = (int64_t)prng_between(prng, 0, (double)half);
    double sign = prng_chance(prng, 0.5) ? 1 : -1;
    for (int64_t at = 0; at < weather->until; at = at == 0 && phase > 0 ? phase : at + half) {
        schedule_add(schedule, at, weather->mean * (1 + sign * weather->swing));
        sign = -sign;
    }
    schedule_add(schedule, weather->until, weather->mean);
}

void schedule_outages(struct schedule *schedule, const struct weather *weather, struct prng *prng)
{
    int64_t at = 0;
    schedule_add(schedule, 0, weather->mean);
    for (;;) {
        at += (int64_t)prng_between(prng, 0.5 * (double)weather->period,
                                    1.5 * (double)weather->period);
        int64_t back = at + (int64_t)prng_between(prng, 0.5 * (double)weather->length,
                                                  1.5 * (double)weather->length);
        if (back >= weather->until)
            return;
        schedule_add(schedule, at, 0);
        schedule_add(schedule, back, weather->mean);
        at = back;
    }
}
