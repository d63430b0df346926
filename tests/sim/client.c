/* SPDX-License-Identifier: MIT */
/* start ──probe over the own uplink──▶ size, validators
 *            ├─ the tracker's peers: owners, and an uplink source each
 *            ├─ the peer on this host stands for the own uplink, which is its spare from then on
 *            └─ each peer is asked once what it has: a cache source for those that have something
 *
 * What a peer has it says with each reply, too. */
#include "client.h"

#include "base/util.h"
#include "prng.h"
#include "schedule.h"

#include <inttypes.h>
#include <stdio.h>

#define TICK         (100 * MSEC)
#define MANY_SOURCES 64 /* from here on those that have nothing are asked less often */
#define IDLE_TICKS   5

struct source {
    size_t peer;
    enum { DIRECT, UPLINK, CACHE } kind;
    bool ask; /* at the next occasion */
};

struct transfer {
    struct client *client;
    struct reader *reader;
    plan_lease lease;
    size_t source, place;
    uint64_t begin, position, end;
};

struct client {
    const struct crowd *crowd;
    struct peers *peers;
    size_t host;
    struct plan *plan;
    int64_t now, started, ended, tick_at;
    unsigned ticks;
    struct source *sources; /* as the plan numbers them */
    size_t source_count;
    size_t *caches;  /* of each peer: its source; 0: none yet */
    size_t *uplinks; /* the same, of its uplink */
    uint64_t *seen;  /* bytes that each peer was heard to have */
    struct transfer **transfers;
    size_t transfer_count, transfer_capacity;
    uint64_t delivered;
    unsigned long requests;
    struct prng prng;
    bool ranges;
    const char *wrong;
};

struct client *client_new(const struct crowd *crowd, struct peers *peers, size_t host)
{
    struct client *c = calloc(1, sizeof *c);
    size_t most = 2 * crowd->peers + 1;
    if (!c)
        abort();
    *c = (struct client){ .crowd = crowd,
                          .peers = peers,
                          .host = host,
                          .ended = NEVER,
                          .prng = { crowd->seed * 1000003 + host } };
    c->sources = calloc(most, sizeof *c->sources);
    c->caches = calloc(crowd->peers, sizeof *c->caches);
    c->uplinks = calloc(crowd->peers, sizeof *c->uplinks);
    c->seen = calloc(crowd->peers, sizeof *c->seen);
    if (!c->sources || !c->caches || !c->seen || !c->uplinks)
        abort();
    return c;
}

/* What it needs no more when it is done: a thousand plans are a lot. */
static void drop(struct client *c)
{
    while (c->transfer_count > 0)
        free(c->transfers[--c->transfer_count]);
    free(c->transfers);
    free(c->sources);
    free(c->caches);
    free(c->seen);
    free(c->uplinks);
    c->transfers = NULL;
    c->sources = NULL;
    c->caches = c->uplinks = NULL;
    c->seen = NULL;
}

struct client *client_free(struct client *c)
{
    drop(c);
    plan_free(c->plan);
    free(c);
    return NULL;
}

static void node_name(char ret[28], size_t host)
{
    snprintf(ret, 28, "host%zu", host);
}

static size_t add_source(struct client *c, size_t peer, int kind)
{
    char node[28];
    node_name(node, peer);
    struct plan_source_config config = { .slots = c->crowd->connections,
                                         .own = peer == c->host,
                                         .node = kind == DIRECT ? NULL : node,
                                         .cache = kind == CACHE };
    plan_source number;
    if (plan_add_source(c->plan, &config, &number) < 0)
        abort();
    c->sources[number] = (struct source){ .peer = peer, .kind = kind, .ask = true };
    c->source_count = number + 1;
    return number;
}

/* A peer has said what it has. */
static void hear(struct client *c, size_t peer)
{
    if (peer >= c->crowd->peers)
        return;
    const struct rangeset *held = peers_held(c->peers, peer);
    plan_set_joined(c->plan, true);
    if (c->uplinks[peer] != 0)
        plan_tell_rate(c->plan, (plan_source)c->uplinks[peer],
                       (uint64_t)peers_rate(c->peers, peer));
    if (held->total == c->seen[peer])
        return;
    c->seen[peer] = held->total;
    if (c->caches[peer] == 0)
        c->caches[peer] = add_source(c, peer, CACHE);
    for (size_t i = 0; i < held->count; i++)
        if (plan_hold(c->plan, (plan_source)c->caches[peer], held->ranges[i].begin,
                      held->ranges[i].end) < 0)
            abort();
}

static void meet_peers(struct client *c)
{
    const struct crowd *w = c->crowd;
    struct plan_owner *owners = calloc(w->peers, sizeof *owners);
    char(*names)[28] = calloc(w->peers, sizeof *names);
    size_t count = 0;
    if (!owners || !names)
        abort();
    for (size_t i = 0; i < w->peers; i++) {
        if (!peers_is_up(c->peers, i))
            continue;
        node_name(names[i], i);
        owners[count++] = (struct plan_owner){ names[i], (uint64_t)w->hosts[i].announced };
        c->uplinks[i] = add_source(c, i, UPLINK);
        if (i == c->host)
            plan_set_spare(c->plan, 0, names[i]);
    }
    if (plan_set_owners(c->plan, w->key, owners, count) < 0)
        abort();
    free(names);
    free(owners);
    for (size_t i = 0; i < w->peers; i++)
        hear(c, i);
}

/* -- Transfers --------------------------------------------------------------------------------- */

static void say(const struct client *c, const struct transfer *t, const char *what)
{
    static const char *const kinds[] = { "direct", "uplink", "cache" };
    if (c->crowd->log)
        printf("%10.4f client %zu %6s %zu lease %u %-9s [%.3f, %.3f) at %.3f MiB\n",
               (double)c->now / (double)SEC, c->host, kinds[c->sources[t->source].kind],
               c->sources[t->source].peer, t->lease, what, (double)t->begin / MIB,
               (double)t->end / MIB, (double)t->position / MIB);
}

static void end_transfer(struct transfer *t, const char *how)
{
    struct client *c = t->client;
    say(c, t, how);
    c->sources[t->source].ask = true;
    struct transfer *last = c->transfers[--c->transfer_count];
    c->transfers[t->place] = last;
    last->place = t->place;
    free(t);
}

static void on_head(void *user)
{
    struct transfer *t = user;
    struct client *c = t->client;
    if (!c->ranges) {
        c->ranges = true;
        plan_set_size(c->plan, c->crowd->size);
        meet_peers(c);
    }
    plan_started(c->plan, t->lease, c->now);
    if (c->sources[t->source].kind != DIRECT)
        hear(c, c->sources[t->source].peer);
}

static void on_data(void *user, uint64_t length)
{
    struct transfer *t = user;
    struct client *c = t->client;
    int64_t taken = plan_progress(c->plan, t->lease, length, c->now);
    c->delivered += length;
    if (taken < 0 || (uint64_t)taken > length)
        c->wrong = "plan_progress took more than came";
    t->position += (uint64_t)taken;
    if (t->position == t->end || !plan_lease_complete(c->plan, t->lease))
        return;
    peers_close(c->peers, t->reader);
    plan_done(c->plan, t->lease, c->now);
    end_transfer(t, "cut");
}

static void on_done(void *user)
{
    struct transfer *t = user;
    plan_done(t->client->plan, t->lease, t->client->now);
    end_transfer(t, "done");
}

static void on_failed(void *user)
{
    struct transfer *t = user;
    plan_fail(t->client->plan, t->lease, PLAN_GONE, 0, t->client->now);
    end_transfer(t, "failed");
}

const struct peers_ops client_ops = { on_head, on_data, on_failed, on_done };

static void drop_cancelled(struct client *c)
{
    plan_lease lease;
    while (plan_take_cancelled(c->plan, &lease))
        for (size_t i = c->transfer_count; i-- > 0;)
            if (c->transfers[i]->lease == lease) {
                struct transfer *t = c->transfers[i];
                peers_close(c->peers, t->reader);
                end_transfer(t, "cancelled");
                break;
            }
}

static void start_transfer(struct client *c, size_t source, plan_lease lease, struct range range)
{
    struct transfer *t = malloc(sizeof *t);
    if (!t)
        abort();
    *t = (struct transfer){ .client = c,
                            .lease = lease,
                            .source = source,
                            .place = c->transfer_count,
                            .begin = range.begin,
                            .position = range.begin,
                            .end = MIN(range.end, c->crowd->size) };
    if (c->transfer_count == c->transfer_capacity) {
        c->transfer_capacity = MAX(2 * c->transfer_capacity, (size_t)16);
        c->transfers = reallocarray(c->transfers, c->transfer_capacity, sizeof *c->transfers);
        if (!c->transfers)
            abort();
    }
    c->transfers[c->transfer_count++] = t;
    c->requests++;
    const struct source *s = &c->sources[source];
    t->reader = peers_ask(c->peers, c->host, s->peer, s->kind == DIRECT, t->begin, t->end,
                          (int64_t)prng_between(&c->prng, 0, (double)c->crowd->jitter), t);
    say(c, t, "lent");
}

static void lend(struct client *c, size_t source)
{
    plan_lease lease;
    struct range range;
    c->sources[source].ask = false;
    while (plan_next(c->plan, (plan_source)source, c->now, &lease, &range)) {
        if (range.begin >= range.end || lease == 0)
            c->wrong = "an empty lease";
        start_transfer(c, source, lease, range);
    }
}

/* -- Time -------------------------------------------------------------------------------------- */

static void start(struct client *c)
{
    struct plan_config config = { .size = PLAN_SIZE_UNKNOWN, .probe = PLAN_PROBE_SHARED };
    if (plan_new(&c->plan, &config) < 0)
        abort();
    c->started = c->now;
    c->tick_at = c->now + (int64_t)prng_between(&c->prng, 0, (double)TICK);
    add_source(c, c->host, DIRECT);
}

static void finish(struct client *c)
{
    c->ended = c->now;
    if (c->delivered != plan_done_bytes(c->plan) + plan_wasted_bytes(c->plan))
        c->wrong = "done and wasted are not what was delivered";
    while (c->transfer_count > 0) {
        struct transfer *t = c->transfers[0];
        peers_close(c->peers, t->reader);
        end_transfer(t, "over");
    }
    drop(c);
}

static void ask(struct client *c, bool tick)
{
    bool any = false, idle_too = c->source_count <= MANY_SOURCES || c->ticks % IDLE_TICKS == 0;
    for (size_t i = 0; i < c->source_count; i++)
        any |= c->sources[i].ask;
    if (!any && !tick)
        return;
    for (size_t i = 0; i < c->source_count; i++) {
        struct plan_source_info info;
        bool wanted = c->sources[i].ask || c->source_count <= MANY_SOURCES;
        if (!wanted && tick) {
            plan_source_get(c->plan, (plan_source)i, c->now, &info);
            wanted = idle_too || info.leases > 0;
        }
        if (wanted)
            lend(c, i);
    }
}

void client_step(struct client *c, int64_t now)
{
    c->now = now;
    if (now < c->crowd->hosts[c->host].starts || c->ended != NEVER)
        return;
    if (!c->plan)
        start(c);
    bool tick = now >= c->tick_at;
    if (tick) {
        c->tick_at += TICK;
        c->ticks++;
        plan_tick(c->plan, now);
    }
    drop_cancelled(c);
    if (!plan_complete(c->plan))
        ask(c, tick);
    drop_cancelled(c);
    if (plan_complete(c->plan))
        finish(c);
    else if (plan_stuck(c->plan))
        c->wrong = "stuck";
}

bool client_is_done(const struct client *c)
{
    return c->ended != NEVER || c->wrong;
}

struct client_sums client_sums(const struct client *c)
{
    return (struct client_sums){ .started = c->started,
                                 .ended = c->ended,
                                 .wasted = c->plan ? plan_wasted_bytes(c->plan) : 0,
                                 .requests = c->requests,
                                 .wrong = c->wrong };
}
