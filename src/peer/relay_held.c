/* SPDX-License-Identifier: MIT */
/* What is held of an object, told to those who ask: in the store or on disk. */
#include "base/str.h"
#include "peer/relay_internal.h"

#include <stdio.h>
#include <string.h>

#define RANGES_MAX 10000 /* in one answer */
#define SHORT_SIZE 300   /* of what stands in the head of a reply, with NUL */
#define NUMBER_MAX 20    /* digits */

static int add_extents(struct rangeset *set, const struct extents *extents)
{
    struct range run;
    for (uint64_t at = 0; extents_next_run(extents, at, UINT64_MAX, &run); at = run.end)
        if (rangeset_add(set, run.begin, run.end, NULL) < 0)
            return -1;
    return 0;
}

static int add_memory(struct rangeset *set, const struct relay_object *o)
{
    const struct rangeset *valid = store_valid(o->bytes);
    for (size_t i = 0; i < valid->count; i++)
        if (rangeset_add(set, valid->ranges[i].begin, valid->ranges[i].end, NULL) < 0)
            return -1;
    return 0;
}

int relay_held(const struct relay_object *object, struct rangeset *ret)
{
    struct rangeset set = { 0 };
    bool open = object->disk && cache_is_open(object->disk);
    if (add_memory(&set, object) < 0 ||
        (open && add_extents(&set, cache_extents(object->disk)) < 0)) {
        rangeset_release(&set);
        return -1;
    }
    *ret = set;
    return 0;
}

/* ---- in short ---- */

static int by_length(const void *a, const void *b)
{
    uint64_t one = range_length(*(const struct range *)a);
    uint64_t other = range_length(*(const struct range *)b);
    return one < other ? 1 : -(one > other);
}

static void tell_number(struct httpd_request *request, const char *name, uint64_t number)
{
    char text[NUMBER_MAX + 1];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    httpd_set_header(request, name, text);
}

/* Machines that read the object besides the one that asks. */
static unsigned others_of(const struct relay_reader *me)
{
    unsigned others = 0;
    list_foreach (r, &me->object->readers, struct relay_reader, link)
        others += r->client != me->client;
    return others;
}

/* The longest ones first. */
void relay_tell_held(const struct relay_reader *reader)
{
    const struct relay_object *object = reader->object;
    struct httpd_request *request = reader->request;
    struct rangeset set = { 0 };
    char text[SHORT_SIZE] = "";
    if (!httpd_header(request, "DDM-Held"))
        return;
    tell_number(request, "DDM-Others", others_of(reader));
    if (estimate_now(&object->relay->estimate) > 0)
        tell_number(request, "DDM-Rate", estimate_now(&object->relay->estimate));
    if (!*object->key || relay_held(object, &set) < 0)
        return;
    if (set.count > 0)
        qsort(set.ranges, set.count, sizeof *set.ranges, by_length);
    size_t used = 0;
    for (size_t i = 0; i < set.count && used + 2 * (NUMBER_MAX + 1) < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu-%llu", i ? "," : "",
                                 (unsigned long long)set.ranges[i].begin,
                                 (unsigned long long)set.ranges[i].end);
    rangeset_release(&set);
    if (used > 0)
        httpd_set_header(request, "DDM-Held", text);
}

/* ---- in full ---- */

static void reply_nothing(struct httpd_request *request)
{
    httpd_reply_error(request, 404, "not_held", "nothing of that object is here");
}

static void reply_held(struct httpd_request *request, const struct rangeset *set, uint64_t size,
                       const char *etag, const char *last_modified)
{
    char clean_etag[2 * FETCH_ETAG_SIZE], clean_modified[130];
    size_t count = MIN(set->count, (size_t)RANGES_MAX);
    size_t room = 1024 + count * (2 * NUMBER_MAX + 4);
    char *json = malloc(room);
    if (set->count == 0 || !json) {
        free(json);
        reply_nothing(request);
        return;
    }
    str_json_escape(clean_etag, sizeof clean_etag, etag);
    str_json_escape(clean_modified, sizeof clean_modified, last_modified);
    size_t used = (size_t)snprintf(
        json, room, "{\"size\":%llu,\"etag\":\"%s\",\"last_modified\":\"%s\",\"ranges\":[",
        (unsigned long long)size, clean_etag, clean_modified);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(json + used, room - used, "%s[%llu,%llu]", i ? "," : "",
                                 (unsigned long long)set->ranges[i].begin,
                                 (unsigned long long)set->ranges[i].end);
    snprintf(json + used, room - used, "]}");
    httpd_reply(request, 200, "application/json", json);
}

/* What is in the store, of all objects of that key; the last one of them, or NULL. */
static const struct relay_object *add_store(struct rangeset *set, const struct relay *relay,
                                            const char *key)
{
    const struct relay_object *found = NULL;
    list_foreach (o, &relay->objects, struct relay_object, link)
        if (o->known && strcmp(o->key, key) == 0 && add_memory(set, o) == 0)
            found = o;
    return found;
}

/* A question about what is on disk, and maybe not read yet. */
struct question {
    struct relay *relay;
    struct httpd_request *request;
    struct cache_object *disk;
    char key[OBJECT_KEY_SIZE];
};

static void question_free(struct question *q)
{
    cache_close(q->disk);
    free(q);
}

static void on_gone(void *arg)
{
    question_free(arg);
}

static void on_open(void *arg)
{
    struct question *q = arg;
    struct rangeset set = { 0 };
    const struct journal_origin *origin = cache_origin(q->disk);
    httpd_set_gone(q->request, NULL, NULL);
    add_store(&set, q->relay, q->key);
    if (origin && add_extents(&set, cache_extents(q->disk)) == 0)
        reply_held(q->request, &set, cache_size(q->disk), origin->etag, origin->last_modified);
    else
        reply_nothing(q->request);
    rangeset_release(&set);
    question_free(q);
}

static void ask_disk(struct relay *relay, struct httpd_request *request, const char *key)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q || cache_open(&q->disk, relay->cache, key, "", DDM_SIZE_UNKNOWN, on_open, q) < 0) {
        free(q);
        reply_nothing(request);
        return;
    }
    q->relay = relay;
    q->request = request;
    str_copy(q->key, sizeof q->key, key);
    if (cache_is_open(q->disk))
        on_open(q);
    else
        httpd_set_gone(request, on_gone, q);
}

void relay_serve_held(struct relay *relay, struct httpd_request *request, const char *key)
{
    struct rangeset set = { 0 };
    if (!object_key_valid(key)) {
        reply_nothing(request);
    } else if (relay->cache && cache_knows(relay->cache, key)) {
        ask_disk(relay, request, key);
    } else {
        const struct relay_object *o = add_store(&set, relay, key);
        if (o)
            reply_held(request, &set, o->size, o->origin_etag, o->origin_modified);
        else
            reply_nothing(request);
        rangeset_release(&set);
    }
}
