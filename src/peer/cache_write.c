/* SPDX-License-Identifier: MIT */
/* Writing: two lanes on the pool, with one job at a time each.
 *
 *     removing, writing     files of what was evicted; then blocks of the queue: checksum, pwrite
 *     recording             fdatasync of the data, then records of what was written before, or a
 *                           whole new journal: KEY.ddm.new, fdatasync, rename, fsync of the folder
 *
 * Removing comes first: the files may be those of an object that has come anew. A new journal is
 * made where this process has not made one yet: behind the last record that is right there may be
 * anything. */
#include "base/error.h"
#include "base/log.h"
#include "base/whole.h"
#include "peer/cache_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define DISK_BLOCK  4096       /* bytes, of most file systems */
#define WRITE_MAX   16         /* blocks in one job */
#define RECORD_WAIT SEC        /* from the first news to their record */
#define SPARE_PART  64         /* of a disk is left free, … */
#define SPARE_MIN   MIB        /* … so much at least, … */
#define SPARE_MAX   GIB        /* … and so much at most */
#define FULL_WAIT   (30 * SEC) /* until a disk that could not be written is tried again */

struct block {
    struct list link;
    struct cache_entry *entry;
    struct extent extent;
    bool written;
    char data[];
};

/* The disk is full, or it fails: what waits is not kept. */
static void go_full(struct cache *cache, int error)
{
    if (cache->full_until == 0)
        log_warn("cache", "nothing more is kept on disk for now: %s", strerror(error));
    cache->full_until = loop_now() + FULL_WAIT;
}

static bool is_full(struct cache *cache)
{
    if (cache->full_until && loop_now() >= cache->full_until)
        cache->full_until = 0;
    return cache->full_until != 0;
}

/* ---- the queue ---- */

/* The first part of [begin, end) that is neither there nor on its way. */
static bool next_missing(const struct cache_entry *e, uint64_t begin, uint64_t end,
                         struct range *ret)
{
    struct range gap, run;
    while (rangeset_next_gap(&e->queued, begin, end, &gap)) {
        begin = gap.begin;
        if (!extents_next_run(&e->is.extents, begin, gap.end, &run)) {
            *ret = gap;
            return true;
        }
        if (run.begin > begin) {
            *ret = (struct range){ begin, run.begin };
            return true;
        }
        begin = run.end;
    }
    return false;
}

/* What a file system takes for it: else many a byte here and there would fill the disk. */
static uint64_t cost(uint64_t begin, uint64_t end)
{
    uint64_t first = begin / DISK_BLOCK, last = (end + DISK_BLOCK - 1) / DISK_BLOCK;
    return (last - first) * DISK_BLOCK;
}

static int put_into_queue(struct cache_entry *e, struct range range, const char *data)
{
    struct cache *cache = e->cache;
    size_t length = (size_t)range_length(range);
    struct block *block = malloc(sizeof *block + length);
    if (!block)
        return -1;
    if (rangeset_add(&e->queued, range.begin, range.end, NULL) < 0) {
        free(block);
        return -1;
    }
    *block = (struct block){ .entry = e, .extent = { .begin = range.begin, .end = range.end } };
    memcpy(block->data, data, length);
    list_push_back(&cache->queue, &block->link);
    cache->queued++;
    cache_charge(e, cost(range.begin, range.end));
    return 0;
}

void cache_save(struct cache_object *object, uint64_t offset, const char *data, size_t length)
{
    struct cache_entry *e = object->entry;
    struct cache *cache = e->cache;
    struct range part;
    for (uint64_t at = offset; next_missing(e, at, offset + length, &part); at = part.end) {
        uint64_t n = range_length(part);
        if (is_full(cache) || cache->queued >= CACHE_QUEUE_MAX ||
            !cache_has_room(cache, cost(part.begin, part.end)) ||
            e->is.extents.count >= EXTENTS_MAX - CACHE_QUEUE_MAX ||
            put_into_queue(e, part, data + (part.begin - offset)) < 0)
            cache->count.skipped += n;
    }
    cache_turn(cache);
}

/* ---- writing ---- */

struct writing {
    struct cache_entry *entry;
    struct list blocks;
    struct cache_file *file; /* NULL: it has to be made, with this name */
    uint64_t length;         /* of all blocks */
    int folder, fd, error;
    char name[CACHE_NAME_SIZE];
};

/* The last of a disk is not the cache's: also its own journals need some. */
static bool is_nearly_full(int fd, uint64_t length)
{
    struct statvfs disk;
    if (fstatvfs(fd, &disk) < 0)
        return false;
    uint64_t size = (uint64_t)disk.f_blocks * disk.f_frsize;
    uint64_t spare = MAX(MIN(size / SPARE_PART, SPARE_MAX), SPARE_MIN);
    return size > 0 && (uint64_t)disk.f_bavail * disk.f_frsize < spare + length;
}

static void run_writing(void *arg)
{
    struct writing *w = arg;
    size_t done;
    if (w->fd < 0)
        w->fd = openat(w->folder, w->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                       0600);
    w->error = w->fd < 0 ? errno : is_nearly_full(w->fd, w->length) ? ENOSPC : 0;
    list_foreach (block, &w->blocks, struct block, link) {
        size_t length = (size_t)(block->extent.end - block->extent.begin);
        if (!w->error && extent_sum(block->extent.sum, block->data, length) < 0)
            w->error = ENOMEM;
        if (!w->error)
            w->error = whole_write(w->fd, block->extent.begin, block->data, length, &done);
        block->written = !w->error;
    }
}

/* The file is the entry's from now on, if it was made. False where its bytes are of no use. */
static bool take_file(struct writing *w)
{
    struct cache_entry *e = w->entry;
    if (w->file) {
        bool same = w->file == e->file;
        cache_file_free(w->file);
        return same;
    }
    if (w->fd >= 0 && !e->file && (e->file = malloc(sizeof *e->file)))
        *e->file = (struct cache_file){ w->fd, 1 };
    else if (w->fd >= 0)
        close(w->fd);
    return e->file != NULL && e->file->fd == w->fd;
}

static void take_block(struct block *block, bool good)
{
    struct cache_entry *e = block->entry;
    uint64_t begin = block->extent.begin, end = block->extent.end;
    rangeset_remove(&e->queued, begin, end, NULL);
    if (good && extents_add(&e->is.extents, &block->extent) == 0) {
        extents_add(&e->fresh, &block->extent);
    } else {
        cache_discharge(e, cost(begin, end));
        e->cache->count.skipped += end - begin;
    }
    list_remove(&block->link);
    free(block);
}

static void writing_done(void *arg)
{
    struct writing *w = arg;
    struct cache_entry *e = w->entry;
    struct cache *cache = e->cache;
    bool useful = take_file(w);
    cache->writing = false;
    list_foreach (block, &w->blocks, struct block, link)
        take_block(block, useful && block->written);
    if (w->error)
        go_full(cache, w->error);
    if (e->fresh.count > 0)
        cache_note(e);
    free(w);
    cache_job_end(e);
}

/* Those of one object that wait longest. */
static void start_writing(struct cache *cache)
{
    struct cache_entry *e = list_entry(cache->queue.next, struct block, link)->entry;
    struct writing *w = calloc(1, sizeof *w);
    unsigned count = 0;
    if (!w)
        return;
    list_init(&w->blocks);
    w->entry = e;
    w->folder = cache->folder;
    w->file = cache_file_use(e->file);
    w->fd = e->file ? e->file->fd : -1;
    cache_name(w->name, e->key, CACHE_DATA);
    list_foreach (block, &cache->queue, struct block, link) {
        if (block->entry != e || count++ == WRITE_MAX)
            continue;
        list_remove(&block->link);
        list_push_back(&w->blocks, &block->link);
        w->length += block->extent.end - block->extent.begin;
        cache->queued--;
    }
    cache->writing = true;
    cache_job_begin(e);
    if (loop_work(cache->loop, run_writing, writing_done, w) < 0) {
        w->error = ENOMEM;
        writing_done(w);
    }
}

void cache_unqueue(struct cache_entry *entry)
{
    list_foreach (block, &entry->cache->queue, struct block, link) {
        if (block->entry == entry) {
            take_block(block, false);
            entry->cache->queued--;
        }
    }
}

static void drop_queue(struct cache *cache)
{
    list_foreach (block, &cache->queue, struct block, link)
        take_block(block, false);
    cache->queued = 0;
}

/* ---- removing ---- */

struct removal {
    struct cache *cache;
    struct list entries;
};

static void run_removal(void *arg)
{
    struct removal *r = arg;
    list_foreach (e, &r->entries, struct cache_entry, link)
        cache_remove(r->cache->folder, e->key, true);
}

static void removal_done(void *arg)
{
    struct removal *r = arg;
    struct cache *cache = r->cache;
    list_foreach (e, &r->entries, struct cache_entry, link)
        cache_entry_free(e);
    free(r);
    cache->writing = false;
    cache->jobs--;
    cache_turn(cache);
}

static void start_removal(struct cache *cache)
{
    struct removal *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->cache = cache;
    list_init(&r->entries);
    list_foreach (e, &cache->doomed, struct cache_entry, link) {
        list_remove(&e->link);
        list_push_back(&r->entries, &e->link);
    }
    cache->writing = true;
    cache->jobs++;
    if (loop_work(cache->loop, run_removal, removal_done, r) < 0) {
        run_removal(r);
        removal_done(r);
    }
}

/* ---- recording ---- */

struct recording {
    struct cache_entry *entry;
    struct cache_file *file;
    int folder;
    int journal; /* -1: a new one is made of the records */
    unsigned char *records;
    size_t length;
    uint64_t offset;
    bool gone;  /* somebody has removed the file */
    bool clone; /* a client has a finished one for it */
    int error;
    char name[CACHE_NAME_SIZE], new_name[CACHE_NAME_SIZE];
};

static int sync_data(int fd)
{
    return fdatasync(fd) < 0 && errno != EINVAL ? errno
                                                : 0; /* nothing to sync: a file system's way */
}

static int append(const struct recording *r)
{
    size_t done;
    int error = whole_write(r->journal, r->offset, r->records, r->length, &done);
    if (error && ftruncate(r->journal, (off_t)r->offset) < 0)
        return errno;
    return error ? error : sync_data(r->journal);
}

static int replace(struct recording *r)
{
    r->journal =
        openat(r->folder, r->new_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = r->journal < 0 ? errno : append(r);
    if (!error &&
        (renameat(r->folder, r->new_name, r->folder, r->name) < 0 || fsync(r->folder) < 0))
        error = errno;
    if (error)
        unlinkat(r->folder, r->new_name, 0);
    return error;
}

static void run_recording(void *arg)
{
    struct recording *r = arg;
    struct stat st;
    if (!r->file || fstat(r->file->fd, &st) < 0 || st.st_nlink == 0) {
        r->gone = true;
        return;
    }
    r->clone = cache_has_clone(r->folder, r->entry->key);
    if (r->length == 0) { /* used only: the order of use outlives this process, to a second */
        utimensat(r->folder, r->name, NULL, AT_SYMLINK_NOFOLLOW);
        return;
    }
    r->error = sync_data(r->file->fd);
    if (!r->error)
        r->error = r->journal < 0 ? replace(r) : append(r);
}

static void recording_done(void *arg)
{
    struct recording *r = arg;
    struct cache_entry *e = r->entry;
    struct cache *cache = e->cache;
    bool useful = r->file == e->file && !r->error && !r->gone;
    cache->syncing = false;
    if (r->length > 0 && useful) {
        e->journal = r->journal;
        e->length = r->offset + r->length;
    } else if (r->journal >= 0) {
        close(r->journal);
    }
    if (r->gone && r->file == e->file && !e->adopting)
        cache_entry_reset(e);
    if (r->error) {
        go_full(cache, r->error);
        e->anew = true;
        e->due = cache->closing ? 0 : cache->full_until;
    }
    if (r->clone)
        cache_adopt(e);
    cache_file_free(r->file);
    free(r->records);
    free(r);
    cache_job_end(e);
}

/* The records, of a new journal or to be appended. 0, or -1 without memory. */
static int make_records(struct cache_entry *e)
{
    const struct rangeset none = { 0 };
    int r;
    if (e->anew && e->journal >= 0) {
        close(e->journal);
        e->journal = -1;
    }
    if (e->journal < 0) {
        r = journal_writer_begin(&e->out, &e->is, &none);
        return r < 0 ? r : journal_put_extents(&e->out, e->is.extents.list, e->is.extents.count);
    }
    r = e->forgotten.count > 0 ? journal_put_forgotten(&e->out, &e->forgotten) : 0;
    return r < 0 ? r : journal_put_extents(&e->out, e->fresh.list, e->fresh.count);
}

static void start_recording(struct cache_entry *e)
{
    struct recording *r = calloc(1, sizeof *r);
    bool news = e->fresh.count > 0 || e->forgotten.count > 0 || e->anew;
    e->due = 0;
    e->touched = false;
    if (!r || (news && make_records(e) < 0)) {
        free(r);
        e->anew = true;
        if (!e->cache->closing)
            cache_note(e); /* the next time */
        return;
    }
    r->entry = e;
    r->folder = e->cache->folder;
    r->file = cache_file_use(e->file);
    r->journal = e->journal;
    if (news) {
        e->journal = -1; /* until it has been told */
        r->records = TAKE(e->out.data);
        r->length = e->out.length;
        r->offset = r->journal < 0 ? 0 : e->length;
        e->out.length = e->out.capacity = 0;
        e->anew = false;
        extents_release(&e->fresh);
        rangeset_release(&e->forgotten);
    } else {
        r->journal = -1;
    }
    cache_name(r->name, e->key, CACHE_JOURNAL);
    cache_name(r->new_name, e->key, CACHE_NEW);
    e->cache->syncing = true;
    cache_job_begin(e);
    if (loop_work(e->cache->loop, run_recording, recording_done, r) < 0) {
        r->error = ENOMEM;
        recording_done(r);
    }
}

/* ---- turns ---- */

void cache_note(struct cache_entry *entry)
{
    struct cache *cache = entry->cache;
    if (entry->due == 0)
        entry->due = MAX(loop_now() + RECORD_WAIT, cache->full_until);
}

/* The entry that is due, if any; else when the next one will be (0: none). */
static struct cache_entry *find_due(struct cache *cache, int64_t *ret_next)
{
    struct cache_entry *first = NULL;
    list_foreach (e, &cache->entries, struct cache_entry, link)
        if (e->due && (!first || e->due < first->due))
            first = e;
    *ret_next = first ? first->due : 0;
    return first && (cache->closing || first->due <= loop_now()) ? first : NULL;
}

void cache_turn(void *arg)
{
    struct cache *cache = arg;
    int64_t next = 0;
    cache->jobs++; /* it stays until the end of this */
    if (is_full(cache))
        drop_queue(cache);
    if (!cache->writing && !list_empty(&cache->doomed))
        start_removal(cache);
    else if (!cache->writing && !list_empty(&cache->queue))
        start_writing(cache);
    struct cache_entry *due = cache->syncing ? NULL : find_due(cache, &next);
    if (due)
        start_recording(due);
    else if (next && cache->timer)
        loop_timer_start(cache->timer, MAX(next - loop_now(), (int64_t)0), false);
    cache->jobs--;
    cache_end(cache);
}
