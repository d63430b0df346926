/* SPDX-License-Identifier: MIT */
/* The disk as one more way how bytes come to readers: a load brings what the cache has into the
 * store, where readers find it as they find what a fill brought. */
#include "base/str.h"
#include "io/head.h"
#include "peer/relay_internal.h"

#include <string.h>

#define LOAD_MAX MIB /* at once */
#define WORTH_IT                                                                                   \
    (64 * KIB) /* a shorter stretch on disk is fetched along: it costs no round trip               \
                */

struct load {
    struct list link;
    struct relay_object *object;
    struct cache_load *cache;
    uint64_t begin, end;
};

static void load_free(struct load *load)
{
    cache_load_drop(load->cache);
    list_remove(&load->link);
    free(load);
}

/* ---- opening ---- */

/* What the origin said then, so that a reply can be made without asking it. */
static void take_origin(struct relay_object *o)
{
    const struct journal_origin *origin = cache_origin(o->disk);
    if (o->known || !origin || cache_extents(o->disk)->count == 0)
        return;
    o->known = true;
    o->size = cache_size(o->disk);
    str_copy(o->origin_etag, sizeof o->origin_etag, origin->etag);
    str_copy(o->origin_modified, sizeof o->origin_modified, origin->last_modified);
}

/* Somebody may have written it by hand: what it says must be what was asked for. */
static bool is_right(const struct relay_object *o)
{
    const struct journal_origin *origin = cache_origin(o->disk);
    return cache_size(o->disk) == o->size &&
           (!origin ||
            fetch_same_version(o->etag, o->last_modified, origin->etag, origin->last_modified));
}

static void take_opened(struct relay_object *o)
{
    if (is_right(o))
        take_origin(o);
    else
        o->disk = cache_close(o->disk);
}

static void on_open(void *arg)
{
    struct relay_object *o = arg;
    take_opened(o);
    relay_readers_opened(o);
}

void relay_disk_open(struct relay_object *object)
{
    struct cache *cache = object->relay->cache;
    if (!cache || !*object->key || object->disk)
        return;
    const char *const *signing = object->relay->signing;
    _cleanup_free_ char *url = object_url(object->url, signing);
    if (!url ||
        cache_open(&object->disk, cache, object->key, url, object->size, on_open, object) < 0)
        object->disk = NULL;
    else if (cache_is_open(object->disk))
        take_opened(object);
}

void relay_disk_close(struct relay_object *object)
{
    list_foreach (load, &object->loads, struct load, link)
        load_free(load);
    object->disk = cache_close(object->disk);
}

/* ---- what is there ---- */

static const struct extents *extents_of(const struct relay_object *o)
{
    static const struct extents none;
    return o->disk && o->known && cache_is_open(o->disk) ? cache_extents(o->disk) : &none;
}

bool relay_disk_has(const struct relay_object *object, uint64_t position)
{
    return extents_at(extents_of(object), position) != NULL;
}

uint64_t relay_disk_next(const struct relay_object *object, uint64_t begin, uint64_t end)
{
    struct range run;
    for (uint64_t at = begin; extents_next_run(extents_of(object), at, end, &run); at = run.end)
        if (run.begin > begin && range_length(run) >= WORTH_IT)
            return run.begin;
    return end;
}

/* ---- loads ---- */

/* Up to where they are there then. */
static uint64_t put_into_store(struct relay_object *o, uint64_t begin, const char *data,
                               size_t length)
{
    struct range gap;
    uint64_t end = begin + length;
    const struct rangeset *valid = store_valid(o->bytes);
    for (uint64_t at = begin; rangeset_next_gap(valid, at, end, &gap); at = gap.end)
        if (store_write(o->bytes, gap.begin, data + (gap.begin - begin),
                        (size_t)range_length(gap)) < 0)
            return gap.begin;
    return end;
}

/* Those that stand there go on, with what has come or with a fill. */
static void on_loaded(void *arg, uint64_t begin, const char *data, size_t length)
{
    struct load *load = arg;
    struct relay_object *o = load->object;
    uint64_t from = load->begin, to = load->end;
    load->cache = NULL;
    load_free(load);
    if (put_into_store(o, begin, data, length) < begin + length) {
        o->relay->starved = true; /* who stands behind goes on when there is room */
        to = rangeset_run_end(store_valid(o->bytes), from);
    }
    relay_readers_wake(o, from, to);
}

static struct load *load_of(const struct relay_object *o, uint64_t position)
{
    list_foreach (load, &o->loads, struct load, link)
        if (load->begin <= position && position < load->end)
            return load;
    return NULL;
}

/* As much as may be ahead of a reader. */
static bool start_load(struct relay_object *o, uint64_t position)
{
    uint64_t window = store_window(o->relay->store, o->relay->readers);
    uint64_t ahead = position + MIN(window, LOAD_MAX);
    uint64_t end = MIN(extents_run_end(extents_of(o), position), ahead);
    struct load *load = calloc(1, sizeof *load);
    if (!load || cache_load(&load->cache, o->disk, position, end, on_loaded, load) < 0) {
        free(load);
        return false;
    }
    load->object = o;
    load->begin = position;
    load->end = end;
    list_push_back(&o->loads, &load->link);
    return true;
}

bool relay_disk_ensure(struct relay_object *object, uint64_t position)
{
    if (object->disk && !cache_is_open(object->disk))
        return true;
    if (!relay_disk_has(object, position))
        return false;
    return load_of(object, position) || start_load(object, position);
}

void relay_disk_ahead(struct relay_object *object, uint64_t position, uint64_t end)
{
    uint64_t window = store_window(object->relay->store, object->relay->readers);
    uint64_t next = rangeset_run_end(store_valid(object->bytes), position);
    if (object->disk && next < end && next - position < window / 2 &&
        relay_disk_has(object, next) && !load_of(object, next))
        start_load(object, next);
}

void relay_disk_save(struct relay_object *object, uint64_t begin, uint64_t end)
{
    if (!object->disk || !cache_is_open(object->disk))
        return;
    char *block = object->relay->block;
    size_t length = (size_t)(end - begin);
    if (store_read(object->bytes, begin, block, length) < length)
        return;
    cache_set_origin(object->disk, object->origin_etag, object->origin_modified);
    cache_save(object->disk, begin, block, length);
}
