/* SPDX-License-Identifier: MIT */
/* Objects: what requests for the same version of the same thing share. */
#include "base/str.h"
#include "io/fetch.h"
#include "io/head.h"
#include "peer/relay_internal.h"
#include "swarm/headers.h"

#include <string.h>

#define IDLE_OBJECTS 32 /* kept without readers, for the next request */

bool relay_is_private(const struct relay_object *o)
{
    return !o->etag[0] && !o->last_modified[0];
}

static void free_memory(struct relay_object *o)
{
    free(o->url);
    free(o->headers);
    free(o->header_lines);
    free(o);
}

/* A login, a cookie: what came with it is for nobody else, and is not written to disk. Of what is
 * harmless only a strong ETag says that the bytes are the same without it (RFC 9110, 8.8.3). */
static bool may_be_shared(const struct relay_object *o)
{
    for (char **line = o->header_lines; *line; line++)
        if (fetch_header_is_secret(*line))
            return false;
    return !*o->headers || fetch_is_strong(o->etag);
}

static struct relay_object *object_new(struct relay *relay, const struct message_fetch *wanted,
                                       const char *key)
{
    struct relay_object *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->url = strdup(wanted->url);
    o->headers = strdup(wanted->headers);
    o->header_lines = headers_split(wanted->headers);
    if (!o->url || !o->headers || !o->header_lines ||
        store_object_new(&o->bytes, relay->store) < 0) {
        free_memory(o);
        return NULL;
    }
    o->relay = relay;
    o->profile = (struct fetch_profile){ .headers = (const char *const *)o->header_lines,
                                         .proxy = relay->proxy };
    o->size = wanted->size;
    str_copy(o->etag, sizeof o->etag, wanted->etag);
    str_copy(o->last_modified, sizeof o->last_modified, wanted->last_modified);
    if (may_be_shared(o))
        memcpy(o->key, key, sizeof o->key);
    list_init(&o->fills);
    list_init(&o->loads);
    list_init(&o->readers);
    list_push_back(&relay->objects, &o->link);
    return o;
}

void relay_object_name(struct relay_object *object)
{
    if (!*object->key && may_be_shared(object) &&
        object_key(object->key, object->url, object->size, object->etag, object->last_modified,
                   object->relay->signing))
        relay_disk_open(object);
}

/* With other headers it is another object: what came with a login is for nobody without it. */
static bool is_same(const struct relay_object *o, const struct message_fetch *wanted,
                    const char *key)
{
    if (strcmp(o->headers, wanted->headers) != 0)
        return false;
    if (*key && *o->key)
        return strcmp(key, o->key) == 0;
    return strcmp(o->url, wanted->url) == 0 && strcmp(o->etag, wanted->etag) == 0 &&
           strcmp(o->last_modified, wanted->last_modified) == 0 &&
           (o->size == wanted->size || wanted->size == DDM_SIZE_UNKNOWN);
}

struct relay_object *relay_object_get(struct relay *relay, const struct message_fetch *wanted)
{
    char key[OBJECT_KEY_SIZE] = "";
    object_key(key, wanted->url, wanted->size, wanted->etag, wanted->last_modified, relay->signing);
    list_foreach (o, &relay->objects, struct relay_object, link) {
        if (!is_same(o, wanted, key) || (relay_is_private(o) && !relay_fill_brings(o, wanted)))
            continue;
        list_remove(&o->link); /* used last */
        list_push_back(&relay->objects, &o->link);
        relay->idle -= o->idle;
        o->idle = false;
        relay_disk_open(o);
        return o;
    }
    struct relay_object *o = object_new(relay, wanted, key);
    if (o)
        relay_disk_open(o);
    return o;
}

void relay_object_free(struct relay_object *object)
{
    relay_fills_free(object);
    relay_disk_close(object);
    list_remove(&object->link);
    object->relay->idle -= object->idle;
    store_object_free(object->bytes);
    free_memory(object);
}

void relay_object_settle(struct relay_object *object)
{
    struct relay *relay = object->relay;
    if (object->held)
        return;
    relay_fills_settle(object);
    if (!list_empty(&object->readers) || !list_empty(&object->fills) || object->idle)
        return;
    relay_disk_close(object);
    if (relay_is_private(object) || store_object_empty(object->bytes)) {
        relay_object_free(object);
        return;
    }
    object->idle = true;
    relay->idle++;
    list_foreach (o, &relay->objects, struct relay_object, link)
        if (o->idle && (relay->idle > IDLE_OBJECTS || store_object_empty(o->bytes)))
            relay_object_free(o);
}
