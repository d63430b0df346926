/* SPDX-License-Identifier: MIT */
/* The announcer has one timer and at most one request on its way:
 *
 *     new ─▶ PUT ──answer──▶ wait the tracker's interval ─▶ PUT …
 *             └───failure──▶ wait 1, 2, 4 … 30 s ──────────▶ PUT …
 *     closed ─▶ DELETE, no PUT until it is open again
 *     leave ─▶ DELETE ──answer, failure or 2 s──▶ done
 */
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "io/digest.h"
#include "swarm/exchange.h"
#include "swarm/tracker_client.h"

#include <stdio.h>

#define PAUSE_FIRST     (1 * SEC)
#define PAUSE_LONGEST   (30 * SEC)
#define REQUEST_TIMEOUT (5 * SEC)
#define LEAVE_TIMEOUT   (2 * SEC)
#define REPLY_LIMIT     ((size_t)4096)

struct announcer {
    struct announcer_config config;
    struct fetcher *fetcher;
    struct loop_timer *timer;
    struct exchange *exchange; /* the request on its way, or the last one */
    char path[MESSAGE_ID_SIZE + 16];
    char name[ADDRESS_TEXT_SIZE + 16]; /* in the log */
    bool known;                        /* by the tracker, as far as we know */
    bool away;                         /* the last heartbeat failed */
    bool closed;                       /* it shall not be known for now */
    int64_t pause;                     /* after the next failure */
    void (*left)(void *arg);           /* set while leaving */
    void *left_arg;
};

/* Up to a quarter less, so that peers which started together drift apart. */
static int64_t jittered(int64_t ns)
{
    uint16_t random = 0;
    digest_random(&random, sizeof random);
    return ns - ns / 4 * random / UINT16_MAX;
}

static void failed(struct announcer *a, const char *why)
{
    if (!a->away)
        log_warn(a->name, "cannot announce: %s; trying on", why);
    a->away = true;
    loop_timer_start(a->timer, jittered(a->pause), false);
    a->pause = MIN(2 * a->pause, PAUSE_LONGEST);
}

static void on_announced(void *arg, const struct exchange_reply *reply)
{
    struct announcer *a = arg;
    struct message_announced answer;
    struct ddm_error err;
    const char *why = reply->why;
    if (!why && message_announced_decode(&answer, reply->body, reply->length, &err) < 0)
        why = err.message;
    if (why) {
        failed(a, why);
        return;
    }
    if (a->away || !a->known)
        log_info(a->name, "announced");
    a->known = true;
    a->away = false;
    a->pause = PAUSE_FIRST;
    loop_timer_start(a->timer, jittered(answer.interval * SEC), false);
}

static void heartbeat(struct announcer *a)
{
    struct message_announce now = {};
    struct ddm_error err;
    a->config.describe(a->config.arg, &now);
    _cleanup_free_ char *body = message_announce_encode(&now);
    a->exchange = exchange_free(a->exchange);
    if (!body)
        failed(a, "out of memory");
    else if (exchange_new(&a->exchange, a->fetcher, &a->config.tracker, "PUT", a->path, body,
                          REPLY_LIMIT, REQUEST_TIMEOUT, on_announced, a, &err) < 0)
        failed(a, err.message);
}

static void on_left(void *arg, const struct exchange_reply *reply)
{
    struct announcer *a = arg;
    loop_timer_stop(a->timer);
    a->left(a->left_arg); /* may free a */
}

static void on_closed(void *arg, const struct exchange_reply *reply)
{
    struct announcer *a = arg;
    a->known = a->known && reply->why; /* its entry ends by itself */
}

void announcer_set_open(struct announcer *a, bool open)
{
    if (a->left || a->closed == !open)
        return;
    a->closed = !open;
    loop_timer_stop(a->timer);
    if (open) {
        heartbeat(a);
        return;
    }
    a->exchange = exchange_free(a->exchange);
    if (exchange_new(&a->exchange, a->fetcher, &a->config.tracker, "DELETE", a->path, NULL,
                     REPLY_LIMIT, REQUEST_TIMEOUT, on_closed, a, NULL) < 0)
        log_warn(a->name, "it is not told that this peer is closed"); /* it forgets by itself */
}

static void on_timer(void *arg)
{
    struct announcer *a = arg;
    if (a->left) {
        a->exchange = exchange_free(a->exchange);
        on_left(a, NULL);
    } else {
        heartbeat(a);
    }
}

int announcer_new(struct announcer **ret, struct loop *loop, struct fetcher *fetcher,
                  const struct announcer_config *config, struct ddm_error *err)
{
    struct announcer *a = calloc(1, sizeof *a);
    if (!a)
        return error_memory(err);
    *a = (struct announcer){ .config = *config, .fetcher = fetcher, .pause = PAUSE_FIRST };
    if (loop_timer_new(&a->timer, loop, on_timer, a) < 0) {
        announcer_free(a);
        return error_memory(err);
    }
    char text[ADDRESS_TEXT_SIZE];
    snprintf(a->path, sizeof a->path, "/v1/peers/%s", config->node_id);
    snprintf(a->name, sizeof a->name, "tracker %s", address_format(text, &config->tracker));
    heartbeat(a);
    *ret = a;
    return 0;
}

void announcer_leave(struct announcer *a, void (*done)(void *arg), void *arg)
{
    bool maybe_known = a->known || !a->away; /* a first heartbeat may be on its way */
    a->left = done;
    a->left_arg = arg;
    a->exchange = exchange_free(a->exchange);
    bool started =
        maybe_known && exchange_new(&a->exchange, a->fetcher, &a->config.tracker, "DELETE", a->path,
                                    NULL, REPLY_LIMIT, LEAVE_TIMEOUT, on_left, a, NULL) == 0;
    loop_timer_start(a->timer, started ? LEAVE_TIMEOUT : MSEC, false);
}

struct announcer *announcer_free(struct announcer *a)
{
    if (a) {
        exchange_free(a->exchange);
        loop_timer_free(a->timer);
        free(a);
    }
    return NULL;
}
