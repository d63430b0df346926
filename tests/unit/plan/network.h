/* SPDX-License-Identifier: MIT */
/* A small simulated network that runs a plan in virtual time, step by step. Each link shares its
 * rate evenly between the transfers that run over it. The state of the planner is looked into:
 * after each step its books can be checked. For one test program: all of it is static. */
#ifndef DDM_TESTS_UNIT_PLAN_NETWORK_H
#define DDM_TESTS_UNIT_PLAN_NETWORK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "books.h"

#define MAX_LINKS 16
#define MAX_FLOWS 256
#define MAX_SIZE  (16 * MIB)

enum mood { FINE, FLAKY, DEAD, SILENT, REFUSING, LYING };

struct link {
    plan_source source;
    double rate, flow_rate; /* bytes/s; of one transfer at most (0: all of it) */
    int64_t ttfb;
    unsigned taken_at_once; /* more transfers than this get "busy"; 0: any number */
    enum mood mood;
    bool joined;
    unsigned flows; /* that have had their first byte */
};

/* A transfer: it brings its range as it was lent, whatever the plan cuts later. */
struct flow {
    plan_lease lease;
    struct link *link;
    uint64_t pos, end;
    int64_t first_byte;
    double credit; /* parts of bytes */
};

struct network {
    struct plan *plan;
    uint64_t size;
    int64_t now, step;
    struct link links[MAX_LINKS];
    unsigned link_count;
    struct flow flows[MAX_FLOWS];
    unsigned flow_count;
    uint64_t delivered, twice; /* bytes in all; bytes taken a second time */
    unsigned char *seen;       /* one per byte, or NULL: do not check */
    bool size_told;
    uint64_t consumer_rate; /* of the frontier, with a window */
    uint32_t random;
};

static uint32_t below(struct network *net, uint32_t limit)
{
    net->random ^= net->random << 13;
    net->random ^= net->random >> 17;
    net->random ^= net->random << 5;
    return (uint32_t)(((uint64_t)net->random * limit) >> 32);
}

static void join(struct network *net, double rate, int64_t ttfb, unsigned slots)
{
    struct link *link = &net->links[net->link_count++];
    *link = (struct link){ .rate = rate, .ttfb = ttfb, .joined = true };
    struct plan_source_config config = { .slots = slots };
    assert_int_equal(plan_add_source(net->plan, &config, &link->source), 0);
}

/* -- The books --------------------------------------------------------------------------------- */

static void check_books(const struct network *net)
{
    const char *fault = books_fault(net->plan, net->delivered);
    if (fault)
        fail_msg("%s", fault);
}

/* -- Moving bytes ------------------------------------------------------------------------------ */

static void drop_flow(struct network *net, struct flow *flow)
{
    if (flow->first_byte < net->now)
        flow->link->flows--;
    *flow = net->flows[--net->flow_count];
}

static void see(struct network *net, uint64_t begin, uint64_t count)
{
    for (uint64_t i = begin; net->seen && i < begin + count; i++) {
        net->twice += net->seen[i];
        net->seen[i] = 1;
    }
}

/* Returns whether the flow goes on. */
static bool deliver(struct network *net, struct flow *flow, uint64_t length)
{
    length = MIN(length, flow->end - flow->pos);
    if (length == 0)
        return true;
    if (!net->size_told) {
        net->size_told = true;
        plan_set_size(net->plan, net->size);
        uint64_t left = net->size - flow->pos; /* it is the first transfer: nothing came before */
        length = MIN(length, left);
    }
    int64_t taken = plan_progress(net->plan, flow->lease, length, net->now);
    assert_true(taken >= 0);
    net->delivered += length;
    see(net, flow->pos, (uint64_t)taken);
    flow->pos += length;
    if ((uint64_t)taken == length && !plan_lease_complete(net->plan, flow->lease))
        return true;
    plan_done(net->plan, flow->lease, net->now);
    return false;
}

static void end_badly(struct network *net, struct flow *flow, enum plan_failure failure)
{
    plan_fail(net->plan, flow->lease, failure, 0, net->now);
    drop_flow(net, flow);
}

/* One step of one transfer; it may end and another be in its place then. */
static void move(struct network *net, struct flow *flow)
{
    struct link *link = flow->link;
    bool begins = flow->first_byte < net->now && flow->first_byte >= net->now - net->step;
    if (flow->first_byte >= net->now || link->mood == SILENT)
        return;
    if (link->mood == DEAD || !link->joined)
        end_badly(net, flow, PLAN_GONE);
    else if (link->mood == REFUSING)
        end_badly(net, flow, PLAN_REFUSED);
    else if (link->mood == LYING)
        end_badly(net, flow, PLAN_WRONG);
    else if (begins && link->taken_at_once && link->flows > link->taken_at_once)
        end_badly(net, flow, PLAN_BUSY);
    else if (link->mood == FLAKY && below(net, 50) == 0)
        end_badly(net, flow, PLAN_GONE);
    else {
        if (begins)
            plan_started(net->plan, flow->lease, net->now);
        double rate = link->rate / link->flows;
        if (link->flow_rate > 0)
            rate = MIN(rate, link->flow_rate);
        flow->credit += rate * (double)net->step / (double)SEC;
        uint64_t whole = (uint64_t)flow->credit;
        flow->credit -= (double)whole;
        if (!deliver(net, flow, whole))
            drop_flow(net, flow);
    }
}

static void take_cancelled(struct network *net)
{
    plan_lease lease;
    while (plan_take_cancelled(net->plan, &lease)) {
        assert_true(plan_lease_complete(net->plan, lease)); /* it is gone */
        for (unsigned i = 0; i < net->flow_count; i++)
            if (net->flows[i].lease == lease)
                drop_flow(net, &net->flows[i]);
    }
}

static void lend(struct network *net)
{
    for (struct link *link = net->links; link < net->links + net->link_count; link++) {
        struct flow flow = { .link = link, .first_byte = net->now + link->ttfb };
        struct range range;
        while (plan_next(net->plan, link->source, net->now, &flow.lease, &range)) {
            assert_true(range.begin < range.end);
            assert_true(!net->size_told || range.end <= net->size);
            assert_true(net->flow_count < MAX_FLOWS);
            flow.pos = range.begin;
            flow.end = range.end;
            net->flows[net->flow_count++] = flow;
        }
    }
}

static void consume(struct network *net)
{
    uint64_t may = net->plan->frontier + net->consumer_rate * (uint64_t)net->step / (uint64_t)SEC;
    uint64_t can = rangeset_run_end(plan_done_set(net->plan), net->plan->frontier);
    plan_set_frontier(net->plan, MIN(may, can));
}

static void step(struct network *net)
{
    plan_tick(net->plan, net->now);
    take_cancelled(net);
    lend(net);
    net->now += net->step;
    for (struct flow *flow = net->flows; flow < net->flows + net->flow_count; flow++)
        if (flow->first_byte < net->now && flow->first_byte >= net->now - net->step)
            flow->link->flows++;
    for (unsigned i = net->flow_count; i-- > 0;)
        if (i < net->flow_count)
            move(net, &net->flows[i]);
    take_cancelled(net);
    if (net->consumer_rate > 0)
        consume(net);
}

#endif
