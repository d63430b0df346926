/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "base/util.h"
#include "client.h"
#include "schedule.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATIENCE 20 /* times the bound */

int64_t crowd_bound(const struct crowd *c)
{
    double uplinks = 0, size = (double)c->size, clients = 0;
    for (size_t i = 0; i < c->host_count; i++) {
        uplinks += i < c->peers ? c->hosts[i].uplink : 0;
        clients++;
    }
    double origin = size / uplinks, in = size * (double)(c->peers - 1) / (double)c->peers / c->lan;
    double out = size * (clients - 1) / ((double)c->peers * c->lan);
    double seconds = MAX(origin, in);
    seconds = MAX(seconds, out);
    return (int64_t)(seconds * (double)SEC);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sum_up(const struct crowd *crowd, struct client **clients, struct crowd_outcome *ret)
{
    int64_t *times = calloc(crowd->host_count, sizeof *times), first = NEVER, last = 0;
    size_t count = 0;
    if (!times)
        abort();
    for (size_t i = 0; i < crowd->host_count; i++) {
        struct client_sums s = client_sums(clients[i]);
        times[count++] = s.ended - s.started;
        first = MIN(first, s.started);
        last = MAX(last, s.ended);
        ret->requests += s.requests;
        ret->wasted += (double)s.wasted / (double)crowd->size;
        if (s.wrong || s.ended == NEVER)
            snprintf(ret->wrong, sizeof ret->wrong, "client %zu: %s", i,
                     s.wrong ? s.wrong : "not at its end");
    }
    qsort(times, count, sizeof *times, compare);
    ret->first = times[0];
    ret->median = times[count / 2];
    ret->last = last - first;
    ret->wasted /= (double)count;
    free(times);
}

static size_t latest(const struct crowd *crowd)
{
    size_t latest = 0;
    for (size_t i = 0; i < crowd->host_count; i++)
        if (crowd->hosts[i].starts > crowd->hosts[latest].starts)
            latest = i;
    return latest;
}

static bool all_done(const struct crowd *crowd, struct client **clients)
{
    for (size_t i = 0; i < crowd->host_count; i++)
        if (!client_is_done(clients[i]))
            return false;
    return true;
}

/* What more than one peer has fetched. */
static void show_twice(const struct crowd *crowd, const struct peers *peers)
{
    for (uint64_t at = 0; at < crowd->size; at += 64 * KIB) {
        char who[200] = "";
        size_t count = 0;
        for (size_t i = 0; i < crowd->host_count; i++)
            if (rangeset_count_within(peers_held(peers, i), at, at + 64 * KIB) > 0 && ++count < 20)
                snprintf(who + strlen(who), sizeof who - strlen(who), " %zu", i);
        if (count > 1)
            printf("twice: %.4f MiB:%s\n", (double)at / MIB, who);
    }
}

void crowd_run(const struct crowd *crowd, struct crowd_outcome *ret)
{
    struct timespec begun, ended;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    *ret = (struct crowd_outcome){ .bound = crowd_bound(crowd) };
    struct peers *peers = peers_new(crowd, &client_ops);
    struct client **clients = calloc(crowd->host_count, sizeof(struct client *));
    if (!clients)
        abort();
    for (size_t i = 0; i < crowd->host_count; i++)
        clients[i] = client_new(crowd, peers, i);
    size_t late = latest(crowd);
    int64_t most = crowd->hosts[late].starts + PATIENCE * ret->bound;
    double before = 0;
    for (int64_t now = 0; !all_done(crowd, clients) && now < most; now += crowd->step) {
        if (now <= crowd->hosts[late].starts)
            before = peers_sums(peers).origin;
        peers_step(peers, now);
        for (size_t i = 0; i < crowd->host_count; i++)
            client_step(clients[i], now);
    }
    if (crowd->log)
        show_twice(crowd, peers);
    struct peers_sums sums = peers_sums(peers);
    double size = (double)crowd->size;
    sum_up(crowd, clients, ret);
    struct client_sums last = client_sums(clients[late]);
    ret->latecomer = last.ended - last.started;
    ret->latecomer_origin = sums.origin - before;
    ret->origin = sums.origin / size;
    ret->lan = sums.lan / size;
    ret->held = sums.died / size;
    ret->fetches = sums.fetches;
    for (size_t i = 0; i < crowd->host_count; i++)
        client_free(clients[i]);
    peers_free(peers);
    free(clients);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    ret->cpu = (double)(ended.tv_sec - begun.tv_sec) +
               (double)(ended.tv_nsec - begun.tv_nsec) / (double)SEC;
}
