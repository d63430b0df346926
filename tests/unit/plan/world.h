/* SPDX-License-Identifier: MIT */
/* A small world of even links, some of them shared, for the tests of trials and parking. */
#ifndef DDM_TESTS_UNIT_PLAN_WORLD_H
#define DDM_TESTS_UNIT_PLAN_WORLD_H

#include "steps.h"

#include <string.h>

#define STEP        (10 * MSEC)
#define TTFB        (20 * MSEC)
#define MAX_SOURCES 8
#define MAX_LEASES  256

struct link {
    double rate;       /* bytes/s */
    double connection; /* of one connection at most; 0: no limit */
    int64_t ttfb;
    int shares; /* index of the link whose rate it has a part of; its own: none */
    plan_source source;
    unsigned running;
    unsigned refuse_from; /* so many at once get 429; 0: any number is fine */
};

struct world {
    struct plan *plan;
    int64_t now;
    struct link links[MAX_SOURCES];
    int count;
    struct {
        plan_lease id;
        int link;
        int64_t first_byte;
        double credit;
    } flows[MAX_LEASES];
    int flow_count;
    unsigned most; /* connections of the first source at once, ever */
};

static inline struct world world_of(uint64_t size)
{
    return (struct world){ .plan = plan_of(size, 0), .now = SEC };
}

static inline struct link *add_link(struct world *w, double rate, bool own, unsigned cap)
{
    struct link *link = &w->links[w->count];
    struct plan_source_config config = { .slots = cap, .own = own };
    *link = (struct link){ .rate = rate, .ttfb = TTFB, .shares = w->count++ };
    assert_int_equal(plan_add_source(w->plan, &config, &link->source), 0);
    return link;
}

static inline void lend(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct lent lent;
        while ((lent = next(w->plan, w->links[i].source, w->now)).id != 0) {
            assert_true(w->flow_count < MAX_LEASES);
            w->flows[w->flow_count].id = lent.id;
            w->flows[w->flow_count].link = i;
            w->flows[w->flow_count].first_byte = w->now + w->links[i].ttfb;
            w->flows[w->flow_count++].credit = 0;
        }
        w->most = MAX(w->most, info(w->plan, w->links[0].source, w->now).leases);
    }
}

static inline double flow_rate(const struct world *w, const struct link *link)
{
    unsigned sharing = 0;
    for (int i = 0; i < w->count; i++)
        sharing += w->links[i].shares == link->shares ? w->links[i].running : 0;
    double rate = w->links[link->shares].rate / MAX(sharing, 1U);
    return link->connection > 0 ? MIN(rate, link->connection) : rate;
}

/* Whether the flow goes on. */
static inline bool move(struct world *w, int f)
{
    struct link *link = &w->links[w->flows[f].link];
    plan_lease id = w->flows[f].id;
    if (w->now < w->flows[f].first_byte)
        return true;
    if (link->refuse_from && link->running >= link->refuse_from &&
        w->now < w->flows[f].first_byte + STEP) {
        plan_fail(w->plan, id, PLAN_BUSY, 0, w->now);
        return false;
    }
    plan_started(w->plan, id, w->now);
    w->flows[f].credit += flow_rate(w, link) * (double)STEP / (double)SEC;
    uint64_t bytes = (uint64_t)w->flows[f].credit;
    w->flows[f].credit -= (double)bytes;
    if (bytes > 0)
        assert_true(plan_progress(w->plan, id, bytes, w->now) >= 0);
    if (!plan_lease_complete(w->plan, id))
        return true;
    plan_done(w->plan, id, w->now);
    return false;
}

static inline void drop(struct world *w, int f)
{
    memmove(&w->flows[f], &w->flows[w->flow_count - 1], sizeof w->flows[f]);
    w->flow_count--;
}

static inline void run(struct world *w, int64_t duration)
{
    for (int64_t end = w->now + duration; w->now < end; w->now += STEP) {
        if (w->now % (100 * MSEC) == 0)
            plan_tick(w->plan, w->now);
        for (plan_lease id; (id = cancelled(w->plan)) != 0;)
            for (int f = w->flow_count; f-- > 0;)
                if (w->flows[f].id == id)
                    drop(w, f);
        lend(w);
        for (int i = 0; i < w->count; i++)
            w->links[i].running = 0;
        for (int f = 0; f < w->flow_count; f++)
            w->links[w->flows[f].link].running += w->now >= w->flows[f].first_byte;
        for (int f = w->flow_count; f-- > 0;)
            if (!move(w, f))
                drop(w, f);
    }
}

static inline struct plan_source_info state(const struct world *w, int link)
{
    return info(w->plan, w->links[link].source, w->now);
}

#endif
