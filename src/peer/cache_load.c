/* SPDX-License-Identifier: MIT */
/* Reading what is on disk: on the pool, and with the checksum of each extent. */
#include "base/log.h"
#include "base/whole.h"
#include "peer/cache_internal.h"

#include <string.h>
#include <unistd.h>

struct cache_load {
    struct cache_entry *entry;
    struct cache_file *file;
    cache_load_fn *done; /* NULL: nobody wants it any more */
    void *arg;
    struct extent *extents;
    size_t count, right; /* all, and those before the first that is wrong */
    uint64_t length;     /* of these */
    char *data;
};

struct cache_file *cache_file_use(struct cache_file *file)
{
    if (file)
        file->users++;
    return file;
}

struct cache_file *cache_file_free(struct cache_file *file)
{
    if (file && --file->users == 0) {
        close(file->fd);
        free(file);
    }
    return NULL;
}

bool cache_is_right(int fd, const struct extent *extent, char *data)
{
    unsigned char sum[EXTENT_SUM_SIZE];
    size_t length = (size_t)(extent->end - extent->begin);
    return whole_read(fd, extent->begin, data, length) == 0 && extent_sum(sum, data, length) == 0 &&
           memcmp(sum, extent->sum, sizeof sum) == 0;
}

static void run_load(void *arg)
{
    struct cache_load *l = arg;
    for (; l->right < l->count; l->right++) {
        const struct extent *extent = &l->extents[l->right];
        if (!cache_is_right(l->file->fd, extent, l->data + l->length))
            return;
        l->length += extent->end - extent->begin;
    }
}

static void load_free(struct cache_load *l)
{
    cache_file_free(l->file);
    free(l->extents);
    free(l->data);
    free(l);
}

/* Unless it is another one by now. */
static void drop_wrong(struct cache_load *l)
{
    struct cache_entry *e = l->entry;
    const struct extent *wrong = &l->extents[l->right];
    const struct extent *now = extents_at(&e->is.extents, wrong->begin);
    if (l->file != e->file || !now || memcmp(now, wrong, sizeof *now) != 0)
        return;
    e->cache->count.failed++;
    log_warn("cache", "%.12s: bytes %llu to %llu are not what was kept; they will be fetched again",
             e->key, (unsigned long long)wrong->begin, (unsigned long long)wrong->end);
    cache_forget(e, wrong->begin, wrong->end);
}

static void load_done(void *arg)
{
    struct cache_load *l = arg;
    struct cache_entry *e = l->entry;
    if (l->right < l->count)
        drop_wrong(l);
    e->cache->count.loaded += l->length;
    if (l->done)
        l->done(l->arg, l->extents[0].begin, l->data, (size_t)l->length);
    load_free(l);
    cache_job_end(e);
}

static int prepare(struct cache_load *l, uint64_t begin, uint64_t end)
{
    const struct extents *there = &l->entry->is.extents;
    const struct extent *first = extents_at(there, begin), *last = extents_at(there, end - 1);
    l->file = cache_file_use(l->entry->file);
    if (!first || !last || !l->file)
        return -1;
    l->count = (size_t)(last - first) + 1;
    l->extents = calloc(l->count, sizeof *l->extents);
    l->data = malloc((size_t)(last->end - first->begin));
    if (!l->extents || !l->data)
        return -1;
    memcpy(l->extents, first, l->count * sizeof *first);
    return 0;
}

int cache_load(struct cache_load **ret, struct cache_object *object, uint64_t begin, uint64_t end,
               cache_load_fn *done, void *arg)
{
    struct cache_entry *e = object->entry;
    struct cache_load *l = calloc(1, sizeof *l);
    if (!l)
        return -1;
    l->entry = e;
    l->done = done;
    l->arg = arg;
    if (prepare(l, begin, end) < 0 || loop_work(e->cache->loop, run_load, load_done, l) < 0) {
        load_free(l);
        return -1;
    }
    cache_job_begin(e);
    *ret = l;
    return 0;
}

struct cache_load *cache_load_drop(struct cache_load *load)
{
    if (load)
        load->done = NULL;
    return NULL;
}
