/* SPDX-License-Identifier: MIT */
/* Readers: requests and their replies. */
#include "peer/relay.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "io/socket.h"
#include "io/url.h"
#include "peer/relay_internal.h"

#include <stdio.h>
#include <string.h>

#define BUSY_RETRY_AFTER "1"       /* s */
#define SLOW             (5 * SEC) /* a reader that takes nothing for so long, though it could */

static int limits_new(struct relay *r, const struct relay_config *config)
{
    if (admission_new(&r->admission) < 0 ||
        turns_new(&r->uplink_turns, config->loop, config->limit_rate) < 0 ||
        turns_new(&r->lan_turns, config->loop, config->limit_rate_lan) < 0)
        return -1;
    if (config->limit_rate) /* little at a time, so that what is paid for is not long */
        fetcher_set_block(r->fetcher, turns_block(r->uplink_turns));
    return 0;
}

int relay_new(struct relay **ret, const struct relay_config *config, struct ddm_error *err)
{
    int count = socket_check_interfaces(config->interfaces, err);
    if (count < 0)
        return count;
    struct relay *r = calloc(1, sizeof *r);
    if (!r)
        return error_memory(err);
    list_init(&r->objects);
    r->fetcher = config->fetcher;
    r->cache = config->cache;
    r->signing = config->signing;
    r->block = malloc(STORE_CELL);
    r->proxy = config->proxy ? config->proxy : "";
    if (!r->block || store_new(&r->store, config->memory) < 0 || limits_new(r, config) < 0 ||
        (*r->proxy && gate_new(&r->gate, config->loop, config->policy) < 0)) {
        relay_free(r);
        return error_memory(err);
    }
    r->policy = config->policy;
    r->memory = config->memory;
    r->uplink_count = MAX((unsigned)count, 1U);
    for (int i = 0; i < count; i++)
        r->uplinks[i].interface = config->interfaces[i];
    *ret = r;
    return 0;
}

struct relay *relay_free(struct relay *relay)
{
    if (relay) {
        list_foreach (object, &relay->objects, struct relay_object, link)
            relay_object_free(object);
        gate_free(relay->gate);
        turns_free(relay->uplink_turns);
        turns_free(relay->lan_turns);
        admission_free(relay->admission);
        store_free(relay->store);
        free(relay->block);
        free(relay);
    }
    return NULL;
}

/* Of a young rate nothing is believed: the first block came at once. */
void relay_see_rate(struct relay *relay, uint64_t bytes)
{
    int64_t now = loop_now();
    rate_add(&relay->rate, bytes, now);
    if (rate_known(&relay->rate, now))
        estimate_see(&relay->estimate, rate_get(&relay->rate, now), now);
}

uint64_t relay_tell_rate(struct relay *relay)
{
    return estimate_tell(&relay->estimate);
}

void relay_count(const struct relay *relay, struct relay_counters *ret)
{
    *ret = (struct relay_counters){
        .requests = relay->requests,
        .served = relay->served,
        .fetched = relay->fetched,
        .hits = relay->hits,
        .rate = (uint64_t)rate_get(&relay->rate, loop_now()),
        .stored = store_used(relay->store),
        .store_limit = relay->memory,
        .active = relay->readers,
        .places = store_max_readers(relay->store),
        .clients = admission_clients(relay->admission),
    };
}

void relay_hold(struct relay *relay, bool hold)
{
    turns_hold(relay->uplink_turns, hold);
}

/* ---- one reader ---- */

static void reader_free(struct relay_reader *reader)
{
    list_remove(&reader->link);
    store_reader_remove(&reader->at);
    turn_end(reader->object->relay->lan_turns, &reader->turn);
    admission_leave(reader->object->relay->admission, reader->client);
    reader->object->relay->readers--;
    relay_fill_wake(reader->object); /* what it held in the store is free */
    relay_object_settle(reader->object);
    free(reader->url);
    free(reader);
}

/* The other side went away before there was a reply. */
static void on_gone(void *arg)
{
    reader_free(arg);
}

static ssize_t read_reply(void *arg, uint64_t position, char *buf, size_t size)
{
    struct relay_reader *reader = arg;
    struct relay_object *object = reader->object;
    if (reader->failed)
        return -1;
    reader->at.position = reader->begin + position;
    reader->read_at = loop_now();
    size = MIN(size, turn_ask(object->relay->lan_turns, &reader->turn));
    if (size == 0)
        return 0;
    size_t n = store_read(object->bytes, reader->at.position, buf,
                          (size_t)MIN((uint64_t)size, reader->end - reader->at.position));
    if (n == 0)
        return relay_fill_ensure(object, reader) < 0 ? -1 : 0;
    reader->at.position += n;
    object->relay->served += n;
    turn_take(object->relay->lan_turns, &reader->turn, n);
    relay_fill_wake(object);
    relay_disk_ahead(object, reader->at.position, reader->end);
    return (ssize_t)n;
}

static void on_closed(void *arg)
{
    reader_free(arg);
}

static const struct httpd_stream_ops stream_ops = { read_reply, on_closed };

static void reply_range(struct relay_reader *reader)
{
    const struct relay_object *o = reader->object;
    char range[80];
    reader->replied = true;
    reader->end = MIN(reader->end, o->size);
    snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)reader->begin,
             (unsigned long long)reader->end - 1, (unsigned long long)o->size);
    httpd_set_gone(reader->request, NULL, NULL);
    httpd_set_header(reader->request, "Content-Range", range);
    if (o->origin_etag[0])
        httpd_set_header(reader->request, "ETag", o->origin_etag);
    if (o->origin_modified[0])
        httpd_set_header(reader->request, "Last-Modified", o->origin_modified);
    relay_tell_held(reader);
    httpd_reply_stream(reader->request, 206, "application/octet-stream",
                       reader->end - reader->begin, &stream_ops, reader);
}

static void reply_failure(struct relay_reader *reader, const struct relay_failure *f)
{
    struct httpd_request *request = reader->request;
    char seconds[24];
    httpd_set_gone(request, NULL, NULL);
    if (f->retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)((f->retry_after + SEC - 1) / SEC));
        httpd_set_header(request, "Retry-After", seconds);
    }
    httpd_reply(request, f->status, "application/json",
                message_origin_error(f->code, f->message, f->origin_status, f->retry_after));
    reader_free(reader);
}

/* The object is known, and its bytes at the reader's position are there or on their way. */
static void reply_known(struct relay_reader *reader)
{
    if (reader->begin < reader->object->size)
        reply_range(reader);
    else
        reply_failure(reader, &(struct relay_failure){
                                  .status = 416, .code = "range", .message = "past the end" });
}

void relay_readers_known(struct relay_object *object, uint64_t begin, uint64_t end)
{
    object->held = true;
    list_foreach (reader, &object->readers, struct relay_reader, link)
        if (!reader->replied && reader->begin >= begin && reader->begin < end)
            reply_known(reader);
    object->held = false;
    relay_object_settle(object);
}

void relay_readers_wake(struct relay_object *object, uint64_t begin, uint64_t end)
{
    list_foreach (reader, &object->readers, struct relay_reader, link)
        if (reader->replied && reader->at.position >= begin && reader->at.position < end)
            httpd_stream_resume(reader->request);
}

void relay_readers_fail(struct relay_object *object, uint64_t position, uint64_t end,
                        unsigned uplink, const char *url, const struct relay_failure *failure)
{
    object->held = true;
    list_foreach (reader, &object->readers, struct relay_reader, link) {
        if (reader->failed || reader->uplink != uplink || reader->at.position < position ||
            reader->at.position >= end)
            continue;
        if (strcmp(reader->url, url) != 0 && relay_fill_ensure(object, reader) == 0)
            continue;
        if (reader->replied) {
            reader->failed = true;
            httpd_stream_resume(reader->request);
        } else {
            reply_failure(reader, failure);
        }
    }
    object->held = false;
    relay_object_settle(object);
}

static void on_turn(void *arg)
{
    struct relay_reader *reader = arg;
    httpd_stream_resume(reader->request);
}

/* ---- requests ---- */

void relay_tell_uplinks(const struct relay *relay, struct httpd_request *request)
{
    char number[12];
    snprintf(number, sizeof number, "%u", relay->uplink_count);
    if (relay->uplink_count > 1)
        httpd_set_header(request, "DDM-Uplinks", number);
}

/* Of a client that has more than its share, the reader that has taken nothing for longest: whoever
 * reads slowly on purpose keeps nobody out. */
static void cut_slowest(struct relay *relay)
{
    struct relay_reader *slowest = NULL;
    unsigned places = store_max_readers(relay->store);
    list_foreach (o, &relay->objects, struct relay_object, link)
        list_foreach (r, &o->readers, struct relay_reader, link)
            if (r->replied && !r->failed && !r->turn.waiting &&
                admission_is_over(relay->admission, r->client, places) &&
                rangeset_contains(store_valid(o->bytes), r->at.position, r->at.position + 1) &&
                (!slowest || r->read_at < slowest->read_at))
                slowest = r;
    if (slowest && loop_now() - slowest->read_at >= SLOW) {
        slowest->failed = true;
        httpd_cut(slowest->request);
    }
}

/* A place for a request; NULL where there is none, and the request is answered then. */
static struct admission_client *admit(struct relay *relay, struct httpd_request *request)
{
    struct admission_client *client;
    bool wanting;
    if (admission_enter(relay->admission, httpd_client(request), store_max_readers(relay->store),
                        loop_now(), &client, &wanting) == 0)
        return client;
    if (wanting)
        cut_slowest(relay);
    httpd_set_header(request, "Retry-After", BUSY_RETRY_AFTER);
    httpd_reply_error(request, 429, "busy", "%u requests are being served", relay->readers);
    return NULL;
}

/* Replies as soon as the bytes at its position are there or on their way. */
static void reader_start(struct relay_reader *reader)
{
    struct relay_object *object = reader->object;
    uint64_t begin = reader->begin;
    bool held = rangeset_contains(store_valid(object->bytes), begin, begin + 1) ||
                relay_disk_has(object, begin);
    object->relay->hits += held;
    if (held || relay_fill_answered(object, reader))
        reply_known(reader);
    else if (relay_fill_ensure(object, reader) < 0)
        reply_failure(reader, &(struct relay_failure){
                                  .status = 503, .code = "memory", .message = "out of memory" });
}

void relay_readers_opened(struct relay_object *object)
{
    object->held = true;
    list_foreach (reader, &object->readers, struct relay_reader, link)
        if (reader->replied)
            httpd_stream_resume(reader->request);
        else
            reader_start(reader);
    object->held = false;
    relay_object_settle(object);
}

static void read_from(struct relay_reader *reader, struct relay_object *object)
{
    uint64_t begin = reader->begin;
    reader->object = object;
    list_push_back(&object->readers, &reader->link);
    store_reader_add(object->bytes, &reader->at, begin);
    object->relay->readers++;
    httpd_set_gone(reader->request, on_gone, reader);
    reader_start(reader);
}

void relay_serve(struct relay *relay, struct httpd_request *request,
                 const struct message_fetch *wanted)
{
    struct ddm_error err;
    relay->requests++;
    if (url_check(wanted->url, &err) < 0) {
        httpd_reply_error(request, 400, "bad_url", "%s", err.message);
        return;
    }
    struct policy_target to = { .url = wanted->url };
    enum policy_verdict verdict = policy_judge(relay->policy, &to);
    if (verdict != POLICY_ALLOWED) { /* before a name server hears of the host */
        httpd_reply_error(request, 403, "policy", "%s", policy_reason(verdict));
        return;
    }
    if (wanted->size != DDM_SIZE_UNKNOWN && wanted->end > wanted->size) {
        httpd_reply_error(request, 416, "range", "the range ends past the size");
        return;
    }
    if (wanted->uplink >= relay->uplink_count) {
        httpd_reply_error(request, 404, "uplink", "this peer has no uplink %u", wanted->uplink);
        return;
    }
    struct admission_client *client = admit(relay, request);
    if (!client)
        return;
    struct relay_object *object = relay_object_get(relay, wanted);
    struct relay_reader *reader = object ? calloc(1, sizeof *reader) : NULL;
    if (!reader || !(reader->url = strdup(wanted->url))) {
        free(reader);
        if (object)
            relay_object_settle(object);
        admission_leave(relay->admission, client);
        httpd_reply_error(request, 503, "memory", "out of memory");
        return;
    }
    reader->client = client;
    turn_init(&reader->turn, &client->lan, on_turn, reader);
    reader->request = request;
    reader->begin = wanted->begin;
    reader->end = wanted->end;
    reader->uplink = wanted->uplink;
    read_from(reader, object);
}
