/* SPDX-License-Identifier: MIT */
/* Objects, opening them, and room for them. */
#include "peer/cache.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "peer/cache_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define LOW_PART      10 /* evicted down to the bound less a 10th of it */
#define AUTO_PART     20 /* of what is free */
#define AUTO_MAX      (20 * GIB)
#define OPEN_IDLE_MAX 32 /* entries kept open that nobody uses */

/* ---- entries ---- */

static struct list *bucket_of(struct cache *cache, const char *key)
{
    unsigned number = 0;
    for (size_t i = 0; i < 2; i++)
        number = number * 16 + (unsigned)(key[i] <= '9' ? key[i] - '0' : key[i] - 'a' + 10);
    return &cache->buckets[number % CACHE_BUCKETS];
}

static struct cache_entry *find_entry(const struct cache *cache, const char *key)
{
    struct list *bucket = bucket_of((struct cache *)cache, key);
    list_foreach (entry, bucket, struct cache_entry, bucket)
        if (strcmp(entry->key, key) == 0)
            return entry;
    return NULL;
}

static struct cache_entry *entry_new(struct cache *cache, const char *key)
{
    struct cache_entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->cache = cache;
    str_copy(e->key, sizeof e->key, key);
    e->journal = -1;
    list_init(&e->users);
    list_push_back(bucket_of(cache, key), &e->bucket);
    list_push_back(&cache->entries, &e->link);
    return e;
}

/* All but its identity; what it counts stays. */
static void drop_state(struct cache_entry *e)
{
    e->file = cache_file_free(e->file);
    if (e->journal >= 0)
        close(e->journal);
    e->journal = -1;
    extents_release(&e->is.extents);
    extents_release(&e->fresh);
    rangeset_release(&e->forgotten);
    e->anew = false;
    e->due = 0;
}

void cache_entry_reset(struct cache_entry *entry)
{
    uint64_t queued = rangeset_total(&entry->queued);
    drop_state(entry);
    cache_discharge(entry, entry->bytes - MIN(entry->bytes, queued));
}

void cache_entry_free(struct cache_entry *e)
{
    drop_state(e);
    journal_release(&e->is);
    journal_writer_release(&e->out);
    rangeset_release(&e->queued);
    list_remove(&e->link);
    list_remove(&e->bucket);
    free(e->url);
    free(e);
}

static bool is_idle(const struct cache_entry *e)
{
    return list_empty(&e->users) && e->jobs == 0 && e->due == 0 && !e->touched &&
           e->queued.count == 0;
}

/* What nobody uses is closed, but for those used last; what has no bytes is forgotten. */
void cache_entry_rest(struct cache_entry *entry)
{
    struct cache *cache = entry->cache;
    unsigned open = 0;
    if (is_idle(entry) && entry->bytes == 0)
        cache_entry_free(entry);
    list_foreach (e, &cache->entries, struct cache_entry, link)
        open += e->state == ENTRY_OPEN && is_idle(e);
    list_foreach (e, &cache->entries, struct cache_entry, link) {
        if (open <= OPEN_IDLE_MAX || e->state != ENTRY_OPEN || !is_idle(e))
            continue;
        drop_state(e);
        journal_release(&e->is);
        journal_writer_release(&e->out);
        e->state = ENTRY_CLOSED;
        open--;
    }
}

void cache_job_begin(struct cache_entry *entry)
{
    entry->jobs++;
    entry->cache->jobs++;
}

void cache_job_end(struct cache_entry *entry)
{
    struct cache *cache = entry->cache;
    entry->jobs--;
    cache->jobs--;
    cache_entry_rest(entry);
    cache_turn(cache);
}

/* ---- room ---- */

void cache_charge(struct cache_entry *entry, uint64_t more)
{
    entry->bytes += more;
    entry->cache->count.bytes += more;
}

void cache_discharge(struct cache_entry *entry, uint64_t less)
{
    less = MIN(less, entry->bytes);
    entry->bytes -= less;
    entry->cache->count.bytes -= less;
}

static void doom(struct cache_entry *e)
{
    struct cache *cache = e->cache;
    cache_discharge(e, e->bytes);
    drop_state(e);
    list_remove(&e->bucket);
    list_remove(&e->link);
    list_init(&e->bucket);
    list_push_back(&cache->doomed, &e->link);
    cache->count.evicted++;
}

/* An entry with something to be recorded need not be: it goes. */
static bool may_go(const struct cache_entry *e)
{
    return list_empty(&e->users) && e->jobs == 0 && e->queued.count == 0 &&
           !cache_is_pinned(e->cache->folder, e->key);
}

bool cache_could_have_room(const struct cache *cache, uint64_t length)
{
    uint64_t stays = 0;
    list_foreach (e, &cache->entries, struct cache_entry, link)
        stays += may_go(e) ? 0 : e->bytes;
    return stays + length <= cache->limit;
}

bool cache_has_room(struct cache *cache, uint64_t length)
{
    uint64_t low = cache->limit - cache->limit / LOW_PART;
    if (cache->count.bytes + length <= cache->limit)
        return true;
    list_foreach (e, &cache->entries, struct cache_entry, link) {
        if (cache->count.bytes + length > low && may_go(e))
            doom(e);
    }
    return cache->count.bytes + length <= cache->limit;
}

/* ---- opening an object ---- */

struct opening {
    struct cache_entry *entry;
    int folder;
    char key[OBJECT_KEY_SIZE];
    uint64_t size; /* that it must have; DDM_SIZE_UNKNOWN: any */
    struct journal is;
    int fd;
    uint64_t bytes;
};

static void run_opening(void *arg)
{
    struct opening *o = arg;
    struct stat st;
    char name[CACHE_NAME_SIZE];
    bool good = cache_read_journal(o->folder, o->key, &o->is) == JOURNAL_GOOD;
    if (good && (o->is.size == o->size || o->size == DDM_SIZE_UNKNOWN))
        o->fd = openat(o->folder, cache_name(name, o->key, CACHE_DATA),
                       O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (o->fd >= 0 && (fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(o->fd);
        o->fd = -1;
    }
    if (o->fd < 0) {
        cache_remove(o->folder, o->key, true);
    } else { /* what was cut off is not there */
        o->bytes = MAX((uint64_t)st.st_blocks * 512, o->is.extents.total);
        extents_remove(&o->is.extents, (uint64_t)st.st_size, UINT64_MAX);
    }
}

/* What cannot be used is not there any more. */
static void take_opened(struct cache_entry *e, struct opening *o)
{
    cache_discharge(e, e->bytes);
    if (o->fd >= 0)
        e->file = malloc(sizeof *e->file);
    if (!e->file) {
        if (o->fd >= 0)
            close(o->fd);
        journal_release(&o->is);
    } else {
        *e->file = (struct cache_file){ o->fd, 1 };
        e->is = o->is;
        cache_charge(e, o->bytes);
    }
    if (!e->file)
        e->is.size = o->size;
}

static void opening_done(void *arg)
{
    struct opening *o = arg;
    struct cache_entry *e = o->entry;
    e->state = ENTRY_OPEN;
    take_opened(e, o);
    free(o);
    list_foreach (user, &e->users, struct cache_object, link)
        user->on_open(user->arg);
    cache_job_end(e);
}

static int start_opening(struct cache_entry *e, uint64_t size)
{
    struct opening *o = calloc(1, sizeof *o);
    if (!o)
        return -1;
    o->entry = e;
    o->folder = e->cache->folder;
    o->size = size;
    o->fd = -1;
    memcpy(o->key, e->key, sizeof o->key);
    if (loop_work(e->cache->loop, run_opening, opening_done, o) < 0) {
        free(o);
        return -1;
    }
    e->state = ENTRY_OPENING;
    cache_job_begin(e);
    return 0;
}

static bool is_gone(const struct cache_entry *e)
{
    struct stat st;
    return e->file && !e->adopting && (fstat(e->file->fd, &st) < 0 || st.st_nlink == 0);
}

/* Closed, it is read; new, there is nothing to read. */
static int prepare(struct cache_entry *e, const char *url, uint64_t size, bool is_new)
{
    if (!e->url || (!*e->url && *url)) {
        free(e->url);
        e->url = strdup(url);
    }
    if (!e->url)
        return -1;
    if (is_new || (e->state == ENTRY_OPEN && e->is.size == DDM_SIZE_UNKNOWN)) {
        e->state = ENTRY_OPEN;
        e->is.size = size;
    } else if (e->state == ENTRY_CLOSED) {
        return start_opening(e, size);
    } else if (e->state == ENTRY_OPEN && is_gone(e)) {
        cache_entry_reset(e);
    }
    return 0;
}

int cache_open(struct cache_object **ret, struct cache *cache, const char *key, const char *url,
               uint64_t size, loop_timer_fn *on_open, void *arg)
{
    struct cache_entry *e = find_entry(cache, key);
    struct cache_object *object = calloc(1, sizeof *object);
    bool is_new = !e;
    if (object && is_new)
        e = entry_new(cache, key);
    if (!object || !e || prepare(e, url, size, is_new) < 0) {
        free(object);
        if (e && is_new)
            cache_entry_free(e);
        return -1;
    }
    list_remove(&e->link); /* used last */
    list_push_back(&cache->entries, &e->link);
    *object = (struct cache_object){ .entry = e, .on_open = on_open, .arg = arg };
    list_push_back(&e->users, &object->link);
    *ret = object;
    return 0;
}

struct cache_object *cache_close(struct cache_object *object)
{
    if (object) {
        struct cache_entry *e = object->entry;
        struct cache *cache = e->cache;
        list_remove(&object->link);
        free(object);
        if (list_empty(&e->users) && e->bytes > 0 && e->state == ENTRY_OPEN) {
            e->touched = true;
            cache_note(e);
        }
        cache_entry_rest(e);
        cache_turn(cache);
    }
    return NULL;
}

bool cache_knows(const struct cache *cache, const char *key)
{
    const struct cache_entry *e = find_entry(cache, key);
    return e && e->bytes > 0;
}

/* ---- an object ---- */

bool cache_is_open(const struct cache_object *object)
{
    return object->entry->state == ENTRY_OPEN;
}

const struct extents *cache_extents(const struct cache_object *object)
{
    return &object->entry->is.extents;
}

uint64_t cache_size(const struct cache_object *object)
{
    return object->entry->is.size;
}

const struct journal_origin *cache_origin(const struct cache_object *object)
{
    const struct journal *is = &object->entry->is;
    return is->origin_count > 0 ? &is->origins[0] : NULL;
}

void cache_set_origin(struct cache_object *object, const char *etag, const char *last_modified)
{
    struct cache_entry *e = object->entry;
    if (e->state == ENTRY_OPEN && e->is.origin_count == 0)
        journal_add_origin(&e->is, e->url, etag, last_modified);
}

void cache_forget(struct cache_entry *entry, uint64_t begin, uint64_t end)
{
    uint64_t was = entry->is.extents.total;
    extents_remove(&entry->is.extents, begin, end);
    extents_remove(&entry->fresh, begin, end);
    if (entry->is.extents.total == was)
        return;
    cache_discharge(entry, was - entry->is.extents.total);
    if (rangeset_add(&entry->forgotten, begin, end, NULL) < 0)
        entry->anew = true;
    cache_note(entry);
}

/* ---- the cache ---- */

static uint64_t auto_limit(const struct cache *cache)
{
    struct statvfs disk;
    if (fstatvfs(cache->folder, &disk) < 0)
        return 0;
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    return MIN((room + cache->count.bytes) / AUTO_PART, AUTO_MAX);
}

static int read_folder(struct cache *cache, struct ddm_error *err)
{
    _cleanup_free_ struct cache_item *items = NULL;
    size_t count;
    int r = cache_folder_list(&items, &count, cache->folder, true, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct cache_entry *e = entry_new(cache, items[i].key);
        if (e)
            cache_charge(e, MAX(items[i].bytes, (uint64_t)1));
        else
            r = error_memory(err);
    }
    return r;
}

int cache_new(struct cache **ret, struct loop *loop, const char *folder, uint64_t limit,
              struct ddm_error *err)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c)
        return error_memory(err);
    c->loop = loop;
    c->lock = -1;
    list_init(&c->entries);
    list_init(&c->doomed);
    list_init(&c->queue);
    for (size_t i = 0; i < CACHE_BUCKETS; i++)
        list_init(&c->buckets[i]);
    int r = c->folder = cache_folder_open(folder, true, err);
    if (r >= 0)
        r = loop_timer_new(&c->timer, loop, cache_turn, c) < 0 ? error_memory(err) : 0;
    if (r == 0 && (c->lock = cache_folder_lock(c->folder)) >= 0)
        r = read_folder(c, err);
    if (r < 0 || c->lock < 0) {
        cache_free(c);
        c = NULL;
    } else {
        c->limit = c->count.limit = limit == CACHE_SIZE_AUTO ? auto_limit(c) : limit;
        cache_has_room(c, 0);
        loop_timer_start(c->timer, 0, false); /* what has to go, goes once the loop runs */
    }
    if (r == 0)
        *ret = c;
    return r;
}

void cache_end(struct cache *cache)
{
    if (!cache->closing || cache->jobs > 0 || cache->writing)
        return;
    list_foreach (e, &cache->entries, struct cache_entry, link)
        if (e->due || e->touched || e->queued.count > 0)
            return;
    if (!list_empty(&cache->doomed))
        return;
    list_foreach (e, &cache->entries, struct cache_entry, link)
        cache_entry_free(e);
    if (cache->lock >= 0)
        close(cache->lock);
    if (cache->folder >= 0)
        close(cache->folder);
    free(cache);
}

struct cache *cache_free(struct cache *cache)
{
    if (cache) {
        cache->closing = true;
        cache->timer = loop_timer_free(cache->timer);
        cache_turn(cache);
    }
    return NULL;
}

/* Blocks in the queue and in one job; extents, and their records on the way into a journal. */
uint64_t cache_memory(const struct cache *cache, uint64_t window)
{
    uint64_t extents = cache->limit / EXTENT_LENGTH_MAX;
    return 2 * CACHE_QUEUE_MAX * EXTENT_LENGTH_MAX + 2 * extents * sizeof(struct extent) + window;
}

void cache_count(const struct cache *cache, struct cache_counters *ret)
{
    *ret = cache->count;
    ret->objects = 0;
    list_foreach (e, &cache->entries, struct cache_entry, link)
        ret->objects += e->bytes > 0;
}
