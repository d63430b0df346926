/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include "base/util.h"
#include "schedule.h"

#define SEGMENT         1448
#define WINDOW_SEGMENTS 10
#define FILL_WINDOW     (1 * MIB)    /* ahead of its foremost reader */
#define RATE_KNOWN      0.5          /* s, after which a peer tells of its uplink */
#define DELIVER_BYTES   (64 * KIB)   /* to a client at once, */
#define DELIVER_TIME    (100 * MSEC) /* or so many steps: */
#define DELIVER_STEPS   2

struct fill {
    uint64_t begin, end;
    double came;   /* watermark */
    double window; /* bytes per round trip; 0: nothing limits it */
    int64_t starts, grows;
    double rate;
    bool direct, answered, paused, settled;
    struct fill *next;
};

struct reader {
    size_t client, peer;
    uint64_t position, end, told, there; /* there: end of what is known to be in the store */
    double credit, able;                 /* parts of bytes; bytes that can go in this step */
    int64_t told_at, arrives;
    bool answered, closed;
    struct fill *direct;
    void *user;
};

struct host {
    bool up;
    struct fill *fills;
    struct reader **readers;
    size_t reader_count, reader_capacity;
    struct rangeset valid;
    double windows[8]; /* of kept connections */
    unsigned idle;
    unsigned active_out, active_in;
    double busy, brought; /* s in which it fetched; bytes */
    double spare_out;     /* of the LAN link, bytes in this step */
};

struct peers {
    const struct crowd *crowd;
    const struct peers_ops *ops;
    struct host *hosts;
    int64_t now, before, patience;
    struct peers_sums sums;
};

struct peers *peers_new(const struct crowd *crowd, const struct peers_ops *ops)
{
    struct peers *p = calloc(1, sizeof *p);
    struct host *hosts = calloc(crowd->host_count, sizeof *hosts);
    if (!p || !hosts)
        abort();
    *p = (struct peers){ .crowd = crowd, .ops = ops, .hosts = hosts };
    p->patience = MAX(DELIVER_STEPS * crowd->step, DELIVER_TIME);
    for (size_t i = 0; i < crowd->host_count; i++)
        hosts[i].up = true;
    return p;
}

struct peers *peers_free(struct peers *p)
{
    for (size_t i = 0; i < p->crowd->host_count; i++) {
        struct host *h = &p->hosts[i];
        for (struct fill *f = h->fills, *next; f; f = next) {
            next = f->next;
            free(f);
        }
        for (size_t k = 0; k < h->reader_count; k++)
            free(h->readers[k]);
        free(h->readers);
        rangeset_release(&h->valid);
    }
    free(p->hosts);
    free(p);
    return NULL;
}

const struct rangeset *peers_held(const struct peers *p, size_t peer)
{
    return &p->hosts[peer].valid;
}

double peers_rate(const struct peers *p, size_t peer)
{
    const struct host *h = &p->hosts[peer];
    return h->busy > RATE_KNOWN ? h->brought / h->busy : 0;
}

bool peers_is_up(const struct peers *p, size_t peer)
{
    return p->hosts[peer].up;
}

struct peers_sums peers_sums(const struct peers *p)
{
    return p->sums;
}

/* -- Fills ------------------------------------------------------------------------------------- */

static struct fill *fill_near(const struct host *h, uint64_t position)
{
    for (struct fill *f = h->fills; f; f = f->next)
        if (!f->direct && (uint64_t)f->came <= position && position < f->end &&
            position - (uint64_t)f->came <= FILL_WINDOW)
            return f;
    return NULL;
}

static uint64_t fill_limit(const struct host *h, uint64_t begin, uint64_t end)
{
    struct range gap;
    if (rangeset_next_gap(&h->valid, begin, end, &gap) && gap.begin == begin)
        end = gap.end;
    for (const struct fill *f = h->fills; f; f = f->next)
        if (!f->direct && f->begin > begin && f->begin < end)
            end = f->begin;
    return end;
}

static struct fill *fill_start(struct peers *p, struct host *h, uint64_t begin, uint64_t end,
                               bool direct)
{
    struct fill *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    bool kept = h->idle > 0;
    double window = kept ? h->windows[--h->idle] : WINDOW_SEGMENTS * SEGMENT;
    *f = (struct fill){ .begin = begin,
                        .end = direct ? end : fill_limit(h, begin, end),
                        .came = (double)begin,
                        .window = window,
                        .starts = p->now + (kept ? 1 : 2) * p->crowd->rtt,
                        .direct = direct,
                        .next = h->fills };
    f->grows = f->starts + p->crowd->rtt;
    h->fills = f;
    p->sums.fetches++;
    return f;
}

static void fill_end(struct peers *p, struct host *h, struct fill *fill, bool complete)
{
    struct fill **at = &h->fills;
    while (*at != fill)
        at = &(*at)->next;
    *at = fill->next;
    if (complete && h->idle < ARRAY_SIZE(h->windows))
        h->windows[h->idle++] = fill->window;
    if (!complete && h->up && fill->answered) {
        double flight = fill->rate * (double)p->crowd->rtt / (double)SEC;
        p->sums.origin += MIN(flight, (double)fill->end - fill->came);
    }
    free(fill);
}

static bool is_needed(const struct peers *p, const struct host *h, const struct fill *f)
{
    for (size_t i = 0; i < h->reader_count; i++) {
        const struct reader *r = h->readers[i];
        bool mine = f->direct ? r->direct == f : !r->direct && p->now >= r->arrives;
        if (mine && !r->closed && r->position < f->end && r->end > (uint64_t)f->came)
            return true;
    }
    return false;
}

static void settle(struct peers *p, struct host *h)
{
    for (struct fill *f = h->fills, *next; f; f = next) {
        next = f->next;
        if (!is_needed(p, h, f))
            fill_end(p, h, f, false);
    }
}

/* Shares of the uplink: who is limited by its window leaves the rest to the others. */
static void share_uplink(const struct peers *p, struct host *h, double uplink)
{
    unsigned waiting = 0;
    for (struct fill *f = h->fills; f; f = f->next) {
        f->rate = 0;
        f->settled = f->paused || p->now < f->starts;
        waiting += !f->settled;
    }
    for (bool again = true; again && waiting > 0;) {
        double share = uplink / waiting;
        again = false;
        for (struct fill *f = h->fills; f; f = f->next) {
            double cap = f->window * (double)SEC / (double)p->crowd->rtt;
            if (f->settled || f->window <= 0 || cap > share)
                continue;
            f->rate = cap;
            f->settled = again = true;
            uplink -= cap;
            waiting--;
        }
    }
    for (struct fill *f = h->fills; f; f = f->next)
        if (!f->settled)
            f->rate = uplink / waiting;
}

static void grow_window(const struct peers *p, struct fill *f)
{
    if (f->window <= 0 || p->now < f->grows)
        return;
    bool limited = f->rate * (double)p->crowd->rtt > 0.95 * f->window * (double)SEC;
    f->window = limited ? 2 * f->window : 0;
    f->grows = p->now + p->crowd->rtt;
}

/* A window ahead of its foremost reader it waits. */
static bool is_ahead(const struct host *h, const struct fill *f)
{
    uint64_t lead = f->begin, came = (uint64_t)f->came;
    if (came - f->begin < FILL_WINDOW)
        return false;
    for (size_t i = 0; i < h->reader_count; i++) {
        uint64_t at = MIN(h->readers[i]->position, came);
        if (at >= f->begin && h->readers[i]->position < f->end)
            lead = MAX(lead, at);
    }
    return came - lead >= FILL_WINDOW;
}

static void step_fills(struct peers *p, struct host *h, double uplink)
{
    double time = (double)(p->now - p->before) / (double)SEC;
    for (struct fill *f = h->fills; f; f = f->next)
        f->paused = is_ahead(h, f);
    share_uplink(p, h, uplink);
    bool any = false;
    for (struct fill *f = h->fills, *next; f; f = next) {
        next = f->next;
        if (p->now < f->starts)
            continue;
        f->answered = true;
        uint64_t from = (uint64_t)f->came;
        double bytes = MIN(f->rate * time, (double)f->end - f->came);
        f->came += bytes;
        h->brought += bytes;
        any = true;
        p->sums.origin += bytes;
        if (f->direct)
            continue;
        if (rangeset_add(&h->valid, from, (uint64_t)f->came, NULL) < 0)
            abort();
        grow_window(p, f);
        if ((uint64_t)(f->came + 1e-6) >= f->end) {
            if (rangeset_add(&h->valid, from, f->end, NULL) < 0)
                abort();
            fill_end(p, h, f, true);
        }
    }
    h->busy += any ? time : 0;
}

/* -- Readers ----------------------------------------------------------------------------------- */

struct reader *peers_ask(struct peers *p, size_t client, size_t peer, bool direct, uint64_t begin,
                         uint64_t end, int64_t delay, void *user)
{
    struct host *h = &p->hosts[peer];
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct reader){ .client = client,
                          .peer = peer,
                          .position = begin,
                          .told = begin,
                          .end = end,
                          .told_at = p->now,
                          .arrives = p->now + delay,
                          .user = user };
    if (direct)
        r->direct = fill_start(p, h, begin, end, true);
    if (h->reader_count == h->reader_capacity) {
        h->reader_capacity = MAX(2 * h->reader_capacity, (size_t)16);
        h->readers = reallocarray(h->readers, h->reader_capacity, sizeof(*h->readers));
        if (!h->readers)
            abort();
    }
    h->readers[h->reader_count++] = r;
    return r;
}

/* It is freed in the next step: callers may be in the middle of one. */
void peers_close(struct peers *p, struct reader *r)
{
    r->closed = true;
    settle(p, &p->hosts[r->peer]);
}

/* What can be read now: from the store, or from its own fill. */
static uint64_t readable(struct peers *p, struct host *h, struct reader *r)
{
    if (r->direct) {
        r->answered |= r->direct->answered;
        return (uint64_t)(r->direct->came + 1e-6) - r->position;
    }
    if (r->there <= r->position)
        r->there = rangeset_run_end(&h->valid, r->position);
    if (r->there <= r->position) {
        const struct fill *f = fill_near(h, r->position);
        if (!f)
            f = fill_start(p, h, r->position, r->end, false);
        r->answered |= f->answered;
        return 0;
    }
    r->answered = true;
    return MIN(r->there, r->end) - r->position;
}

static bool is_far(const struct reader *r)
{
    return r->client != r->peer;
}

static void tell(struct peers *p, struct reader *r)
{
    uint64_t news = r->position - r->told;
    r->told = r->position;
    r->told_at = p->now;
    if (news > 0)
        p->ops->data(r->user, news);
    if (r->closed || r->told < r->end)
        return;
    r->closed = true;
    if (r->direct)
        fill_end(p, &p->hosts[r->peer], r->direct, true);
    p->ops->done(r->user);
}

static void look(struct peers *p, struct host *h)
{
    h->active_out = 0;
    for (size_t i = 0; i < h->reader_count; i++) {
        struct reader *r = h->readers[i];
        bool before = r->answered;
        r->able = r->closed || p->now < r->arrives ? 0 : (double)readable(p, h, r);
        if (r->answered && !before && !r->closed)
            p->ops->head(r->user);
        if (r->able > 0 && is_far(r)) {
            h->active_out++;
            p->hosts[r->client].active_in++;
        }
    }
}

/* Who has less to send than its share leaves the rest to the others. */
static void share_lan(const struct peers *p, struct host *h, double bytes)
{
    double share = bytes / MAX(h->active_out, 1U), left = bytes;
    unsigned wanting = 0;
    for (size_t i = 0; i < h->reader_count; i++) {
        const struct reader *r = h->readers[i];
        if (r->able > 0 && is_far(r)) {
            left -= MIN(r->able, share);
            wanting += r->able > share;
        }
    }
    h->spare_out = wanting > 0 ? share + left / wanting : share;
}

static void move(struct peers *p, struct host *h, double bytes)
{
    for (size_t i = 0; i < h->reader_count; i++) {
        struct reader *r = h->readers[i];
        double go = r->able;
        if (r->closed)
            continue;
        if (is_far(r)) {
            double in = bytes / MAX(p->hosts[r->client].active_in, 1U);
            double share = MIN(h->spare_out, in);
            go = MIN(go, share);
            r->credit += go;
            p->sums.lan += go;
            uint64_t whole = (uint64_t)(r->credit + 1e-6);
            r->credit -= (double)whole;
            r->position += whole;
        } else {
            r->position += (uint64_t)go;
        }
        if (r->position > r->told &&
            (r->position == r->end || r->position - r->told >= DELIVER_BYTES ||
             p->now - r->told_at >= p->patience))
            tell(p, r);
    }
}

static void sweep(struct host *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->reader_count; i++) {
        if (h->readers[i]->closed)
            free(h->readers[i]);
        else
            h->readers[kept++] = h->readers[i];
    }
    h->reader_count = kept;
}

/* The peer dies; the host's own uplink stays. */
static void fail_readers(struct peers *p, struct host *h)
{
    for (size_t i = 0; i < h->reader_count; i++) {
        struct reader *r = h->readers[i];
        if (r->closed || r->direct)
            continue;
        r->closed = true;
        p->ops->failed(r->user);
    }
}

void peers_step(struct peers *p, int64_t now)
{
    const struct crowd *c = p->crowd;
    p->before = p->now;
    p->now = now;
    double bytes = c->lan * (double)(p->now - p->before) / (double)SEC;
    for (size_t i = 0; i < c->host_count; i++) {
        struct host *h = &p->hosts[i];
        h->active_in = 0;
        if (h->up && now >= c->hosts[i].dies) {
            h->up = false;
            p->sums.died += (double)h->valid.total;
            rangeset_release(&h->valid);
        }
        if (!h->up)
            fail_readers(p, h);
        sweep(h);
        if (!h->up)
            settle(p, h);
        step_fills(p, h, c->hosts[i].uplink);
    }
    for (size_t i = 0; i < c->host_count; i++)
        look(p, &p->hosts[i]);
    for (size_t i = 0; i < c->host_count; i++) {
        share_lan(p, &p->hosts[i], bytes);
        move(p, &p->hosts[i], bytes);
    }
}
