/* SPDX-License-Identifier: MIT */
/* The lister asks, waits, and asks again: one timer and at most one request on its way. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "swarm/exchange.h"
#include "swarm/tracker_client.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PAUSE           (2 * SEC)
#define REQUEST_TIMEOUT (5 * SEC)
#define LIMIT           256 /* peers; more than these bring one download nothing */

struct lister {
    struct fetcher *fetcher;
    struct loop_timer *timer;
    struct exchange *exchange; /* the request on its way, or the last one */
    struct address tracker;
    char *path;
    bool away; /* the last request failed */
    const struct lister_ops *ops;
    void *arg;
};

/* May free l. */
static void failed(struct lister *l, const char *why)
{
    bool first = !l->away;
    l->away = true;
    loop_timer_start(l->timer, PAUSE, false);
    if (first)
        l->ops->on_away(l->arg, why);
}

/* Takes out those that enough machines have reported. Returns how many are left. */
static size_t drop_reported(struct message_peer *peers, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (peers[i].reports < REPORTS_ENOUGH)
            peers[kept++] = peers[i];
    return kept;
}

static void on_reply(void *arg, const struct exchange_reply *reply)
{
    struct lister *l = arg;
    _cleanup_free_ struct message_peer *peers = NULL;
    size_t count = 0;
    struct ddm_error err;
    const char *why = reply->why;
    if (!why && message_peers_decode(&peers, &count, reply->body, reply->length, &err) < 0)
        why = err.message;
    if (why) {
        failed(l, why);
        return;
    }
    l->away = false;
    loop_timer_start(l->timer, PAUSE, false);
    l->ops->on_peers(l->arg, peers, drop_reported(peers, count)); /* may free l */
}

static void on_timer(void *arg)
{
    struct lister *l = arg;
    struct ddm_error err;
    l->exchange = exchange_free(l->exchange);
    if (exchange_new(&l->exchange, l->fetcher, &l->tracker, "GET", l->path, NULL, MESSAGE_REPLY_MAX,
                     REQUEST_TIMEOUT, on_reply, l, &err) < 0)
        failed(l, err.message);
}

/* The path with the key percent-encoded, or NULL without memory. */
static char *list_path(const char *key)
{
    if (!key)
        return str_format("/v1/peers?limit=%d", LIMIT);
    _cleanup_free_ char *encoded = malloc(3 * strlen(key) + 1);
    if (!encoded)
        return NULL;
    char *out = encoded;
    for (; *key; key++)
        if (isascii((unsigned char)*key) && (isalnum((unsigned char)*key) || strchr("-._~", *key)))
            *out++ = *key;
        else
            out += sprintf(out, "%%%02X", (unsigned char)*key);
    *out = '\0';
    return str_format("/v1/peers?object=%s&limit=%d", encoded, LIMIT);
}

int lister_new(struct lister **ret, struct loop *loop, struct fetcher *fetcher,
               const struct address *tracker, const char *object_key, const struct lister_ops *ops,
               void *arg, struct ddm_error *err)
{
    struct lister *l = calloc(1, sizeof *l);
    if (!l)
        return error_memory(err);
    *l = (struct lister){ .fetcher = fetcher, .tracker = *tracker, .ops = ops, .arg = arg };
    l->path = list_path(object_key);
    if (!l->path || loop_timer_new(&l->timer, loop, on_timer, l) < 0) {
        lister_free(l);
        return error_memory(err);
    }
    int r = exchange_new(&l->exchange, fetcher, tracker, "GET", l->path, NULL, MESSAGE_REPLY_MAX,
                         REQUEST_TIMEOUT, on_reply, l, err);
    if (r < 0) {
        lister_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

struct lister *lister_free(struct lister *l)
{
    if (l) {
        exchange_free(l->exchange);
        loop_timer_free(l->timer);
        free(l->path);
        free(l);
    }
    return NULL;
}
