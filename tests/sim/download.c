/* SPDX-License-Identifier: MIT */
/* The client, as src/get has it:
 *
 *     probe ──head: the size──▶ ranges ──all is there──▶ end
 *
 * - The own uplink is asked first. Peers are known as soon as the tracker has answered; they are
 *   lent to when the probe has, or when the own uplink has failed.
 * - Ticks come every 100 ms; what was cancelled is stopped, and every source is asked whether it
 *   wants more when a lease ended. With very many sources that is the one whose lease ended, and
 * all at the next tick.
 * - A lease that was cut is noticed with the next bytes, and costs the connection.
 *
 * What it checks as it goes is in audit.h. */
#include "download.h"

#include "audit.h"
#include "base/util.h"
#include "bound.h"
#include "net.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TICK           (100 * MSEC)
#define RATIO_LEAST    0.9999
#define FLOOR_FROM     1.05 /* ratio, from which on it is found out */
#define CONSUMER_TICK  (10 * MSEC)
#define TRACKER        (5 * MSEC) /* until it has answered */
#define MANY_SOURCES   64
#define FINER_WITHIN   2.5 /* s before the end, positions matter */
#define PATIENCE       8   /* times the bound, and */
#define PATIENCE_LEAST (300 * SEC)

struct source {
    plan_source plan;
    bool added, removed, failed;
};

struct transfer {
    struct download *download;
    plan_lease lease;
    struct flow *flow;
    size_t link, place;                    /* place: in download.transfers */
    uint64_t begin, position, end, wanted; /* wanted: the end of the lease as we know it */
    size_t episode;
};

struct download {
    const struct download_config *config;
    const struct world *world;
    struct plan *plan;
    struct net *net;
    struct audit audit;
    struct source *sources;
    struct transfer **transfers;
    size_t transfer_count, transfer_capacity;
    int64_t now, tick_at, consumer_at;
    bool ranges;    /* the probe was answered */
    bool all, some; /* who is to be asked: everybody; those in `ask` */
    size_t *ask;
    size_t ask_count, ask_capacity;
    double consumed;
    struct outcome *outcome;
};

static void __attribute__((format(printf, 2, 3)))
go_wrong(struct download *d, const char *format, ...)
{
    if (d->outcome->wrong[0])
        return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(d->outcome->wrong, sizeof(d->outcome->wrong), format, ap);
    va_end(ap);
}

/* -- Leases end -------------------------------------------------------------------------------- */

static void say(const struct download *d, const struct transfer *t, const char *what)
{
    if (d->config->log)
        printf("%10.4f %-10s %5u %-9s [%" PRIu64 ", %" PRIu64 ") at %" PRIu64 "\n",
               (double)d->now / (double)SEC, d->world->links[t->link].name, t->lease, what,
               t->begin, t->wanted, t->position);
}

static void ask(struct download *d, size_t link)
{
    if (d->world->link_count <= MANY_SOURCES) {
        d->all = true;
        return;
    }
    if (d->ask_count == d->ask_capacity) {
        d->ask_capacity = MAX(2 * d->ask_capacity, (size_t)64);
        d->ask = reallocarray(d->ask, d->ask_capacity, sizeof(*d->ask));
        if (!d->ask)
            abort();
    }
    d->ask[d->ask_count++] = link;
}

static void end_transfer(struct download *d, struct transfer *t, enum ending ending)
{
    say(d, t, ending_names[ending]);
    if (d->config->history) {
        struct episode *e = &d->config->history->episodes[t->episode];
        e->brought = t->position - t->begin;
        e->ended = d->now;
        e->ending = ending;
    }
    ask(d, t->link);
    struct transfer *last = d->transfers[--d->transfer_count];
    d->transfers[t->place] = last;
    last->place = t->place;
    free(t);
}

static void drop_cancelled(struct download *d)
{
    plan_lease lease;
    while (plan_take_cancelled(d->plan, &lease)) {
        struct plan_source_info info;
        struct transfer *t = NULL;
        for (size_t i = 0; i < d->transfer_count && !t; i++)
            if (d->transfers[i]->lease == lease)
                t = d->transfers[i];
        if (!t)
            continue;
        plan_source_get(d->plan, d->sources[t->link].plan, d->now, &info);
        if (info.stalled) {
            d->sources[t->link].failed = true;
            d->outcome->failures++;
        }
        net_close(d->net, t->flow);
        end_transfer(d, t, info.stalled ? ENDING_STALLED : ENDING_CANCELLED);
    }
}

/* -- What the network calls -------------------------------------------------------------------- */

static void on_head(void *arg, void *user)
{
    struct download *d = arg;
    struct transfer *t = user;
    if (!d->ranges) {
        plan_set_size(d->plan, d->world->size);
        d->ranges = d->all = true;
    }
    plan_started(d->plan, t->lease, d->now);
    if (d->config->history)
        d->config->history->episodes[t->episode].started = d->now;
    say(d, t, "head");
}

static void consume(struct download *d)
{
    if (d->world->window == 0)
        return;
    uint64_t there = rangeset_run_end(plan_done_set(d->plan), 0);
    if (d->world->consumer == 0)
        d->consumed = (double)there;
    d->consumed = MIN(d->consumed, (double)there);
    plan_set_frontier(d->plan, (uint64_t)d->consumed);
    d->audit.frontier = (uint64_t)d->consumed;
    d->all = true;
}

static void on_data(void *arg, void *user, uint64_t length)
{
    struct download *d = arg;
    struct transfer *t = user;
    int64_t taken = plan_progress(d->plan, t->lease, length, d->now);
    if (taken < 0 || (uint64_t)taken > length) {
        go_wrong(d, "plan_progress took %" PRId64 " of %" PRIu64, taken, length);
        return;
    }
    audit_brought(&d->audit, t->position, (uint64_t)taken, length);
    if (d->config->history)
        history_arrived(d->config->history, d->now, (uint64_t)taken);
    t->position += (uint64_t)taken;
    d->sources[t->link].failed = false;
    if (d->world->window > 0 && d->world->consumer == 0)
        consume(d);
    if (t->position == t->end || !plan_lease_complete(d->plan, t->lease)) {
        if ((uint64_t)taken < length)
            go_wrong(d, "lease %u took less than came and is not complete", t->lease);
        return;
    }
    net_close(d->net, t->flow);
    plan_done(d->plan, t->lease, d->now);
    end_transfer(d, t, ENDING_CUT);
}

static void on_done(void *arg, void *user)
{
    struct download *d = arg;
    struct transfer *t = user;
    plan_done(d->plan, t->lease, d->now);
    end_transfer(d, t, ENDING_DONE);
}

static void on_failed(void *arg, void *user, enum plan_failure failure, int64_t retry_after)
{
    static const enum ending endings[] = {
        [PLAN_GONE] = ENDING_GONE,       [PLAN_BUSY] = ENDING_BUSY,
        [PLAN_REFUSED] = ENDING_REFUSED, [PLAN_WRONG] = ENDING_WRONG,
        [PLAN_STALLED] = ENDING_STALLED,
    };
    struct download *d = arg;
    struct transfer *t = user;
    d->outcome->failures++;
    d->sources[t->link].failed = true;
    plan_fail(d->plan, t->lease, failure, retry_after, d->now);
    end_transfer(d, t, endings[failure]);
}

static const struct net_ops ops = { on_head, on_data, on_failed, on_done };

/* -- Leases begin ------------------------------------------------------------------------------ */

/* Whose lease the new one lies in: it was cut, or is hedged. */
static struct transfer *find_victim(struct download *d, struct range range)
{
    for (size_t i = 0; i < d->transfer_count; i++) {
        struct transfer *t = d->transfers[i];
        if (t->position < range.end && range.begin < t->wanted)
            return t;
    }
    return NULL;
}

static void start_transfer(struct download *d, size_t link, plan_lease lease, struct range range)
{
    struct transfer *t = malloc(sizeof(*t)), *victim = find_victim(d, range);
    if (!t)
        abort();
    *t = (struct transfer){ .download = d,
                            .lease = lease,
                            .link = link,
                            .place = d->transfer_count,
                            .begin = range.begin,
                            .position = range.begin,
                            .end = MIN(range.end, d->world->size),
                            .wanted = range.end };
    bool hedge = false;
    if (victim) {
        struct range rest = plan_lease_rest(d->plan, victim->lease);
        hedge = rest.begin < range.end && range.begin < rest.end;
        if (!hedge) {
            victim->wanted = rest.end;
            net_look_up_at(d->net, victim->flow, rest.end - victim->begin);
        }
    }
    if (d->transfer_count == d->transfer_capacity) {
        d->transfer_capacity = MAX(2 * d->transfer_capacity, (size_t)64);
        d->transfers = reallocarray(d->transfers, d->transfer_capacity, sizeof(*d->transfers));
        if (!d->transfers)
            abort();
    }
    d->transfers[d->transfer_count++] = t;
    d->outcome->requests++;
    if (d->config->history) {
        struct episode e = { link,   range.begin, range.end, 0,          hedge, !hedge && victim,
                             d->now, 0,           0,         ENDING_OPEN };
        t->episode = history_add(d->config->history, &e);
    }
    t->flow = net_request(d->net, link, range.begin, range.end, t);
    say(d, t, hedge ? "hedge" : victim ? "split" : "lent");
}

static void lend(struct download *d, size_t link)
{
    struct source *source = &d->sources[link];
    plan_lease lease;
    struct range range;
    while (source->added && !source->removed && !d->outcome->wrong[0] &&
           plan_next(d->plan, source->plan, d->now, &lease, &range)) {
        const char *wrong = audit_lent(&d->audit, d->plan, source->plan, lease, range, d->now);
        if (wrong)
            go_wrong(d, "at %.3f s, lease %u of %s: %s", (double)d->now / (double)SEC, lease,
                     d->world->links[link].name, wrong);
        start_transfer(d, link, lease, range);
    }
}

static void schedule(struct download *d)
{
    drop_cancelled(d);
    if (plan_complete(d->plan))
        return;
    if (!d->ranges) {
        for (size_t i = 0; i < d->world->link_count && !d->ranges; i++)
            if (i == 0 || d->sources[0].failed)
                lend(d, i);
    } else if (d->all) {
        for (size_t i = 0; i < d->world->link_count; i++)
            lend(d, i);
    } else {
        for (size_t i = 0; i < d->ask_count; i++)
            lend(d, d->ask[i]);
    }
    d->all = false;
    d->ask_count = 0;
    drop_cancelled(d);
    if (plan_stuck(d->plan) && !audit_more_to_come(d->world, d->now))
        go_wrong(d, "stuck at %.3f s", (double)d->now / (double)SEC);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* Who is there owns pieces; nobody has announced a rate. */
static void set_owners(struct download *d)
{
    struct plan_owner *owners = calloc(d->world->link_count, sizeof(*owners));
    size_t count = 0;
    if (!owners)
        abort();
    for (size_t i = 0; i < d->world->link_count; i++)
        if (d->sources[i].added && !d->sources[i].removed)
            owners[count++].id = d->world->links[i].name;
    if (plan_set_owners(d->plan, "object", owners, count) < 0)
        abort();
    plan_set_alone(d->plan, true);
    free(owners);
}

/* Peers come and go, as the tracker says. */
static void meet(struct download *d)
{
    bool news = false;
    for (size_t i = 0; i < d->world->link_count; i++) {
        const struct uplink *l = &d->world->links[i];
        struct source *s = &d->sources[i];
        int64_t known = i == 0 ? 0 : MAX(l->joins, TRACKER);
        if (!s->added && d->now >= known) {
            struct plan_source_config config = { .slots = d->world->connections,
                                                 .own = l->own,
                                                 .node = d->config->owners ? l->name : NULL };
            if (plan_add_source(d->plan, &config, &s->plan) < 0)
                abort();
            s->added = d->all = news = true;
        }
        if (s->added && !s->removed && d->now >= l->leaves) {
            plan_remove_source(d->plan, s->plan);
            s->removed = news = true;
        }
    }
    if (news && d->config->owners)
        set_owners(d);
}

/* The tick may have cut leases, too: of a source that is not wanted any more. */
static void see_cuts(struct download *d)
{
    for (size_t i = 0; i < d->transfer_count; i++) {
        struct transfer *t = d->transfers[i];
        struct range rest = plan_lease_rest(d->plan, t->lease);
        if (rest.begin < rest.end && rest.end < t->wanted) {
            t->wanted = rest.end;
            net_look_up_at(d->net, t->flow, rest.end - t->begin);
        }
    }
}

static void tick(struct download *d)
{
    d->tick_at += TICK;
    meet(d);
    plan_tick(d->plan, d->now);
    see_cuts(d);
    d->all = true;
    double left = (double)(d->world->size - plan_done_bytes(d->plan));
    net_finer(d->net, left < FINER_WITHIN * bound_capacity(d->world, d->now));
}

/* A stream is done when its reader has it all. */
static bool is_done(const struct download *d)
{
    return plan_complete(d->plan) &&
           (d->world->consumer == 0 || d->consumed >= (double)d->world->size);
}

static void run(struct download *d)
{
    int64_t most = MAX(PATIENCE * d->outcome->bound, PATIENCE_LEAST);
    d->tick_at = TRACKER;
    d->consumer_at = d->world->consumer > 0 ? CONSUMER_TICK : NEVER;
    meet(d);
    schedule(d);
    while (!is_done(d) && !d->outcome->wrong[0]) {
        int64_t net_at = net_next(d->net), own = MIN(d->tick_at, d->consumer_at);
        d->now = MIN(net_at, own);
        net_set_now(d->net, d->now);
        if (d->now == net_at) {
            net_step(d->net);
        } else if (d->now == d->consumer_at) {
            d->consumer_at += CONSUMER_TICK;
            d->consumed += d->world->consumer * (double)CONSUMER_TICK / (double)SEC;
            consume(d);
        } else {
            tick(d);
        }
        if (d->all || d->ask_count > 0)
            schedule(d);
        if (d->now > most)
            go_wrong(d, "not at its end after %.0f s", (double)d->now / (double)SEC);
    }
}

static void sum_up(struct download *d, struct outcome *ret)
{
    uint64_t size = d->world->size;
    ret->time = d->now;
    ret->ratio = (double)ret->time / (double)ret->bound;
    if (d->config->floor || ret->ratio > FLOOR_FROM)
        ret->floor = (double)bound_floor(d->world, size) / (double)ret->bound;
    ret->wasted = plan_wasted_bytes(d->plan);
    ret->lost = net_lost_bytes(d->net);
    ret->waste = (double)(ret->wasted + ret->lost) / (double)size;
    if (ret->ratio < RATIO_LEAST)
        go_wrong(d, "%.4f of the bound: the model is wrong", ret->ratio);
    const char *wrong = audit_end(&d->audit, d->plan);
    if (wrong)
        go_wrong(d, "%s", wrong);
}

void download_run(const struct download_config *config, struct outcome *ret)
{
    const struct world *world = config->world;
    *ret = (struct outcome){ .bound = bound_time(world, world->size) };
    struct timespec begun, ended;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    struct download d = { .config = config, .world = world, .outcome = ret };
    struct plan_config plan_config = { .size = PLAN_SIZE_UNKNOWN,
                                       .window = world->window,
                                       .probe = config->owners ? PLAN_PROBE_SHARED : 0 };
    d.sources = calloc(world->link_count, sizeof(*d.sources));
    if (!d.sources || plan_new(&d.plan, &plan_config) < 0)
        abort();
    d.net = net_new(world, &ops, &d);
    audit_begin(&d.audit, world);
    if (ret->bound == NEVER) {
        go_wrong(&d, "the world does not offer that many bytes");
    } else {
        run(&d);
        sum_up(&d, ret);
    }
    audit_release(&d.audit);
    while (d.transfer_count > 0)
        free(d.transfers[--d.transfer_count]);
    net_free(d.net);
    plan_free(d.plan);
    free(d.transfers);
    free(d.sources);
    free(d.ask);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    ret->cpu = (double)(ended.tv_sec - begun.tv_sec) +
               (double)(ended.tv_nsec - begun.tv_nsec) / (double)SEC;
}
