/* SPDX-License-Identifier: MIT */
/* Objects: what requests for the same version of the same thing share. */
#include "base/str.h"
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

static struct relay_object *object_new(struct relay *relay, const struct message_fetch *wanted)
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
    list_init(&o->fills);
    list_init(&o->readers);
    list_push_back(&relay->objects, &o->link);
    return o;
}

/* With other headers it is another object: what came with a login is for nobody without it. */
static bool is_same(const struct relay_object *o, const struct message_fetch *wanted)
{
    return strcmp(o->url, wanted->url) == 0 && strcmp(o->headers, wanted->headers) == 0 &&
           strcmp(o->etag, wanted->etag) == 0 &&
           strcmp(o->last_modified, wanted->last_modified) == 0 &&
           (o->size == wanted->size || wanted->size == DDM_SIZE_UNKNOWN);
}

struct relay_object *relay_object_get(struct relay *relay, const struct message_fetch *wanted)
{
    list_foreach (o, &relay->objects, struct relay_object, link) {
        if (!is_same(o, wanted) || (relay_is_private(o) && !relay_fill_brings(o, wanted)))
            continue;
        list_remove(&o->link); /* used last */
        list_push_back(&relay->objects, &o->link);
        relay->idle -= o->idle;
        o->idle = false;
        return o;
    }
    return object_new(relay, wanted);
}

void relay_object_free(struct relay_object *object)
{
    relay_fills_free(object);
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
    if (!list_empty(&object->readers) || object->idle)
        return;
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
