/* SPDX-License-Identifier: MIT */
#include "swarm/exchange.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "swarm/member.h"
#include "swarm/messages.h"

#include <stdio.h>
#include <string.h>

struct exchange {
    struct fetch *fetch; /* NULL once it has ended */
    char *body;
    size_t length, capacity, limit;
    bool too_large;
    bool (*allow)(void *arg, const struct fetch_way *way);
    exchange_fn *done;
    void *arg;
};

static int on_head(void *arg, const struct fetch_head *head)
{
    return 0;
}

static int on_data(void *arg, const char *data, size_t length)
{
    struct exchange *e = arg;
    if (length > e->limit - e->length) {
        e->too_large = true;
        return -DDM_E_NETWORK;
    }
    if (e->length + length >= e->capacity) {
        size_t capacity = MAX(2 * e->capacity, e->length + length + 1);
        char *body = realloc(e->body, capacity);
        if (!body)
            return -DDM_E_FAIL;
        e->body = body;
        e->capacity = capacity;
    }
    memcpy(e->body + e->length, data, length);
    e->length += length;
    e->body[e->length] = '\0';
    return 0;
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct exchange *e = arg;
    struct message_error error;
    char why[512];
    bool whole = result->code == 0;
    e->fetch = NULL;
    if (e->too_large)
        str_copy(why, sizeof why, "the reply is too large");
    else if (!whole && result->status == 0)
        snprintf(why, sizeof why, "%s", result->message);
    else if (e->body && message_error_decode(&error, e->body, e->length))
        snprintf(why, sizeof why, "it answered %ld: %s", result->status, error.message);
    else if (result->status < 200 || result->status > 299)
        snprintf(why, sizeof why, "it answered %ld", result->status);
    else
        snprintf(why, sizeof why, "%s", result->message);

    bool good = whole && result->status >= 200 && result->status <= 299;
    struct exchange_reply reply = { .status = result->status,
                                    .body = e->body ? e->body : "",
                                    .length = e->length,
                                    .why = good ? NULL : why };
    e->done(e->arg, &reply); /* may free e */
}

static bool allows(void *arg, const struct fetch_way *way)
{
    const struct exchange *e = arg;
    return e->allow(e->arg, way);
}

int exchange_get(struct exchange **ret, struct fetcher *fetcher,
                 const struct fetch_request *request, size_t limit, exchange_fn *done, void *arg,
                 struct ddm_error *err)
{
    static const struct fetch_ops ops = { on_head, on_data, on_done };
    struct exchange *e = calloc(1, sizeof *e);
    if (!e)
        return error_memory(err);
    *e = (struct exchange){ .limit = limit, .allow = request->allow, .done = done, .arg = arg };
    struct fetch_request mine = *request;
    mine.allow = request->allow ? allows : NULL;
    int r = fetch_start(&e->fetch, fetcher, &mine, &ops, e, err);
    if (r < 0) {
        free(e);
        return r;
    }
    *ret = e;
    return 0;
}

int exchange_new(struct exchange **ret, struct fetcher *fetcher, const struct address *at,
                 const char *method, const char *path, const char *body, size_t limit,
                 int64_t timeout, exchange_fn *done, void *arg, struct ddm_error *err)
{
    struct member_request member;
    member_request(&member, fetcher, at, NULL, path);
    member.request.method = method;
    member.request.body = body;
    member.request.timeout = timeout;
    return exchange_get(ret, fetcher, &member.request, limit, done, arg, err);
}

struct exchange *exchange_free(struct exchange *e)
{
    if (e) {
        fetch_cancel(e->fetch);
        free(e->body);
        free(e);
    }
    return NULL;
}
