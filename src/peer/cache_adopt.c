/* SPDX-License-Identifier: MIT */
/* A finished file of a client on this machine, of which there is a clone in the folder, becomes the
 * object's data.
 *
 *     recording: KEY.clone? ──pool─▶ its checksums, a part in each job ─▶ it is KEY.data
 *
 * What is kept of the object already must be the same in it; else it is another file, and goes. A
 * kill in between leaves the new data with the old journal, whose extents are right in both. One
 * object at a time: the others are looked at again a second later. */
#include "base/log.h"
#include "base/whole.h"
#include "peer/cache_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART (8 * MIB) /* that one job reads */

struct adoption {
    struct cache_entry *entry;
    enum { ADOPT_LOOKS, ADOPT_READS, ADOPT_DONE, ADOPT_REFUSED } state;
    int folder;
    char clone[CACHE_NAME_SIZE], data[CACHE_NAME_SIZE];
    struct cache_file *file;
    uint64_t size, bytes; /* of the object; on disk */
    struct extent *known; /* what is kept already, and has to be the same */
    size_t known_count, compared;
    struct extents found;
    char *buf;
};

static void adoption_free(struct adoption *a)
{
    if (a->file && a->file->fd >= 0)
        cache_file_free(a->file);
    else
        free(a->file);
    extents_release(&a->found);
    free(a->known);
    free(a->buf);
    free(a);
}

/* ---- on the pool ---- */

static void open_clone(struct adoption *a)
{
    struct stat st;
    int fd = openat(a->folder, a->clone, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    a->file->fd = fd;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
                (uint64_t)st.st_size == a->size;
    a->state = good ? ADOPT_READS : ADOPT_REFUSED;
    a->bytes = good ? (uint64_t)st.st_blocks * 512 : 0;
}

/* -1: it is another file, or it cannot be read. */
static int compare_next(struct adoption *a, uint64_t *left)
{
    const struct extent *extent = &a->known[a->compared++];
    *left -= MIN(*left, extent->end - extent->begin);
    return cache_is_right(a->file->fd, extent, a->buf) ? 0 : -1;
}

static int sum_next(struct adoption *a, uint64_t *left)
{
    uint64_t begin = a->found.total, end = MIN(begin + EXTENT_LENGTH_MAX, a->size);
    struct extent extent = { .begin = begin, .end = end };
    *left -= MIN(*left, end - begin);
    return whole_read(a->file->fd, begin, a->buf, (size_t)(end - begin)) != 0 ||
                   extent_sum(extent.sum, a->buf, (size_t)(end - begin)) < 0
               ? -1
               : extents_add(&a->found, &extent);
}

static void read_part(struct adoption *a)
{
    int r = 0;
    for (uint64_t left = PART; a->state == ADOPT_READS && r == 0 && left > 0;) {
        if (a->compared < a->known_count)
            r = compare_next(a, &left);
        else if (a->found.total < a->size)
            r = sum_next(a, &left);
        else if ((r = renameat(a->folder, a->clone, a->folder, a->data)) == 0)
            a->state = ADOPT_DONE;
    }
    if (r < 0)
        a->state = ADOPT_REFUSED;
}

static void run_adoption(void *arg)
{
    struct adoption *a = arg;
    if (a->state == ADOPT_LOOKS)
        open_clone(a);
    else if (a->state == ADOPT_READS)
        read_part(a);
    if (a->state == ADOPT_REFUSED)
        unlinkat(a->folder, a->clone, 0);
}

/* ---- on the loop ---- */

static void take(struct adoption *a)
{
    struct cache_entry *e = a->entry;
    cache_unqueue(e);
    cache_entry_reset(e);
    e->file = TAKE(a->file);
    e->is.extents = a->found;
    a->found = (struct extents){ 0 };
    e->anew = true;
    cache_charge(e, MAX(a->bytes, e->is.extents.total));
    cache_has_room(e->cache, 0);
    cache_note(e);
    log_info("cache", "%.12s: all of it is kept, from a client of this machine", e->key);
}

/* There is a file: whether there is room for what it takes besides what is kept already. */
static bool prepare(struct adoption *a)
{
    const struct cache_entry *e = a->entry;
    const struct extents *known = &e->is.extents;
    uint64_t more = a->bytes - MIN(a->bytes, e->bytes);
    if (!cache_could_have_room(e->cache, more) || !cache_has_room(e->cache, more))
        return false;
    a->known = calloc(known->count + 1, sizeof *a->known);
    a->buf = malloc(EXTENT_LENGTH_MAX);
    if (!a->known || !a->buf)
        return false;
    a->known_count = known->count;
    memcpy(a->known, known->list, known->count * sizeof *a->known);
    return true;
}

static void adoption_done(void *arg)
{
    struct adoption *a = arg;
    struct cache_entry *e = a->entry;
    bool goes_on = a->state == ADOPT_READS && !e->cache->closing;
    if (goes_on && !a->buf && !prepare(a))
        a->state = ADOPT_REFUSED; /* the next job removes it */
    if (goes_on && loop_work(e->cache->loop, run_adoption, adoption_done, a) == 0)
        return;
    if (a->state == ADOPT_DONE)
        take(a);
    e->adopting = e->cache->adopting = false;
    adoption_free(a);
    cache_job_end(e);
}

static struct adoption *adoption_new(struct cache_entry *e)
{
    struct adoption *a = calloc(1, sizeof *a);
    if (!a || !(a->file = malloc(sizeof *a->file))) {
        free(a);
        return NULL;
    }
    *a->file = (struct cache_file){ .fd = -1, .users = 1 };
    a->entry = e;
    a->folder = e->cache->folder;
    a->size = e->is.size;
    cache_name(a->clone, e->key, CACHE_CLONE);
    cache_name(a->data, e->key, CACHE_DATA);
    return a;
}

/* What is there already needs no clone; nor is there one for more than can be kept. */
static bool is_of_use(const struct cache_entry *e)
{
    return e->is.extents.total < e->is.size && e->is.size / EXTENT_LENGTH_MAX < EXTENTS_MAX / 2;
}

void cache_adopt(struct cache_entry *entry)
{
    struct cache *cache = entry->cache;
    if (cache->closing || entry->state != ENTRY_OPEN)
        return;
    struct adoption *a = cache->adopting ? NULL : adoption_new(entry);
    if (a && !is_of_use(entry))
        a->state = ADOPT_REFUSED;
    if (!a || loop_work(cache->loop, run_adoption, adoption_done, a) < 0) {
        entry->touched = true;
        cache_note(entry);
        if (a)
            adoption_free(a);
        return;
    }
    entry->adopting = cache->adopting = true;
    cache_job_begin(entry);
}
