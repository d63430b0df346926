/* SPDX-License-Identifier: MIT */
#include "peer/opening.h"

#include "base/error.h"
#include "base/util.h"

#include <time.h>

#define LOOK_EVERY (1 * SEC)

struct opening {
    struct opening_config config;
    struct loop_timer *timer;
    struct traffic_reader *reader; /* NULL: whatever the owner does */
    struct traffic_usage usage;
    bool in_use;
    unsigned until; /* minutes to the next of its hours; 0: now is one */
};

static unsigned minute_of_day(void)
{
    time_t now = time(NULL);
    struct tm tm;
    return localtime_r(&now, &tm) ? (unsigned)(tm.tm_hour * 60 + tm.tm_min) : 0;
}

static void look(struct opening *o)
{
    struct traffic all, own = { 0, 0 };
    unsigned connections = 0;
    o->until = hours_until(&o->config.hours, minute_of_day());
    if (!o->reader || !traffic_read(o->reader, &all))
        return;
    o->config.count(o->config.arg, &own, &connections);
    o->in_use = traffic_sample(&o->usage, &all, &own, connections, loop_now());
}

static void on_timer(void *arg)
{
    struct opening *o = arg;
    bool in_use = o->in_use, closed = o->until > 0;
    look(o);
    if (o->in_use != in_use || (o->until > 0) != closed)
        o->config.changed(o->config.arg);
}

int opening_new(struct opening **ret, const struct opening_config *config, struct ddm_error *err)
{
    struct opening *o = calloc(1, sizeof *o);
    int r = 0;
    if (!o)
        return error_memory(err);
    o->config = *config;
    tzset();
    if (config->idle_only)
        r = traffic_reader_new(&o->reader, config->interfaces, err);
    if (r == 0 && loop_timer_new(&o->timer, config->loop, on_timer, o) < 0)
        r = error_memory(err);
    if (r < 0) {
        opening_free(o);
        return r;
    }
    o->until = hours_until(&config->hours, minute_of_day());
    if (o->reader || config->hours.count > 0)
        loop_timer_start(o->timer, LOOK_EVERY, true);
    *ret = o;
    return 0;
}

struct opening *opening_free(struct opening *opening)
{
    if (opening) {
        loop_timer_free(opening->timer);
        traffic_reader_free(opening->reader);
        free(opening);
    }
    return NULL;
}

const char *opening_why_closed(const struct opening *opening)
{
    if (opening->until > 0)
        return "it is not one of this peer's hours";
    return opening->in_use ? "the owner of this peer uses the network" : NULL;
}

bool opening_in_use(const struct opening *opening)
{
    return opening->in_use;
}

int64_t opening_wait(const struct opening *opening)
{
    return opening->until > 0 ? (int64_t)opening->until * 60 : TRAFFIC_QUIET / SEC;
}
