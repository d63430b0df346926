/* SPDX-License-Identifier: MIT */
/* Names, sets and bytes; the turns are in sparse_turn.c. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "base/whole.h"
#include "io/sparse_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

/* Where making room is a matter of a few extents: magic numbers of statfs(2). */
#define EXT4_MAGIC    0xef53
#define XFS_MAGIC     0x58465342
#define BTRFS_MAGIC   0x9123683e
#define RESERVE_ABOVE (4 * MIB) /* smaller files find their place anyway */

/* ---- opening ---- */

static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    return folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int open_locked(struct sparse *s, struct ddm_error *err)
{
    struct stat ours, there;
    s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (s->fd < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", s->path, strerror(errno));
    /* The other one may have given it another name between our open and our lock. */
    if (flock(s->fd, LOCK_EX | LOCK_NB) < 0 || fstat(s->fd, &ours) < 0 ||
        stat(s->path, &there) < 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
        return error_set(err, DDM_E_DISK, "%s: another download is writing it", s->path);
    if (!S_ISREG(ours.st_mode))
        return error_set(err, DDM_E_DISK, "%s is not a regular file", s->path);
    s->folder = open_folder(s->path);
    if (s->folder < 0)
        return error_set(err, DDM_E_DISK, "the folder of %s: %s", s->path, strerror(errno));
    return 0;
}

/* What cannot be read is left out: a reader of journals copes with any end. */
static void feed(struct journal_reader *reader, int fd)
{
    size_t total = 0;
    char buf[16 * 1024];
    while (total < JOURNAL_SIZE_MAX) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        journal_reader_feed(reader, buf, (size_t)n);
        total += (size_t)n;
    }
}

/* An empty one is nobody's. */
static enum sparse_found read_journal(struct sparse *s, uint64_t size)
{
    struct stat st;
    struct journal_reader *reader = NULL;
    _cleanup_close_ int fd = open(s->journal_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? SPARSE_UNRECORDED : SPARSE_FOREIGN;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || journal_reader_new(&reader) < 0)
        return SPARSE_FOREIGN;
    feed(reader, fd);
    enum journal_state state = journal_reader_end(reader, &s->is);
    journal_reader_free(reader);
    switch (state) {
    case JOURNAL_EMPTY:
        return SPARSE_UNRECORDED;
    case JOURNAL_BROKEN:
        return SPARSE_BROKEN;
    case JOURNAL_FOREIGN:
        return SPARSE_FOREIGN;
    case JOURNAL_OTHER_VERSION:
        return SPARSE_OTHER_VERSION;
    case JOURNAL_GOOD:
        break;
    }
    s->on_disk = true;
    s->there = s->is.valid;
    s->is.valid = (struct rangeset){ 0 };
    /* What was cut off the file is not there. */
    return rangeset_remove(&s->there, size, UINT64_MAX, NULL) < 0 ? SPARSE_BROKEN : SPARSE_RECORDED;
}

static int open_all(struct sparse *s, enum sparse_found *ret_found, struct ddm_error *err)
{
    struct stat st;
    int r = open_locked(s, err);
    if (r < 0)
        return r;
    if (fstat(s->fd, &st) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", s->path, strerror(errno));
    enum sparse_found found = read_journal(s, (uint64_t)st.st_size);
    bool empty = found == SPARSE_RECORDED ? rangeset_total(&s->there) == 0 : st.st_size == 0;
    bool theirs = found == SPARSE_FOREIGN || found == SPARSE_OTHER_VERSION;
    *ret_found = empty && !theirs ? SPARSE_EMPTY : found;
    return 0;
}

int sparse_open(struct sparse **ret, struct loop *loop, const char *path, const char *journal_path,
                const struct sparse_ops *ops, void *arg, enum sparse_found *ret_found,
                struct ddm_error *err)
{
    struct sparse *s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    s->loop = loop;
    s->ops = ops;
    s->arg = arg;
    s->fd = s->folder = s->journal = -1;
    s->path = strdup(path);
    s->journal_path = strdup(journal_path);
    s->new_path = str_format("%s.new", journal_path);
    int r =
        s->path && s->journal_path && s->new_path ? open_all(s, ret_found, err) : error_memory(err);
    if (r == 0 && loop_timer_new(&s->timer, loop, sparse_turn, s) < 0)
        r = error_memory(err);
    if (r < 0) {
        sparse_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct sparse *sparse_free(struct sparse *sparse)
{
    if (!sparse)
        return NULL;
    if (sparse->journal >= 0)
        close(sparse->journal);
    if (sparse->folder >= 0)
        close(sparse->folder);
    if (sparse->fd >= 0)
        close(sparse->fd);
    rangeset_release(&sparse->there);
    rangeset_release(&sparse->fresh);
    rangeset_release(&sparse->pending);
    journal_release(&sparse->is);
    journal_writer_release(&sparse->out);
    free(sparse->turn.image);
    free(sparse->path);
    free(sparse->journal_path);
    free(sparse->new_path);
    free(sparse);
    return NULL;
}

const struct journal *sparse_identity(const struct sparse *sparse)
{
    return &sparse->is;
}

const struct rangeset *sparse_there(const struct sparse *sparse)
{
    return &sparse->there;
}

int sparse_fd(const struct sparse *sparse)
{
    return sparse->fd;
}

/* ---- what it is ---- */

/* The journal is changed for good before a byte is written: after a power cut the old one must not
 * speak for the new bytes, and bytes of ours must not be there without one. */
int sparse_begin(struct sparse *sparse, uint64_t size, bool record, struct ddm_error *err)
{
    sparse_drop_journal(sparse);
    int error = sparse_first_journal(sparse, size);
    if (error)
        return error_set(err, DDM_E_DISK, "%s: %s", sparse->journal_path, strerror(error));
    /* Later somebody may be reading it: it keeps its length then. */
    if (!sparse->begun && ftruncate(sparse->fd, 0) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", sparse->path, strerror(errno));
    rangeset_release(&sparse->there);
    rangeset_release(&sparse->fresh);
    rangeset_release(&sparse->pending);
    journal_release(&sparse->is);
    sparse->is.size = size;
    sparse->record = record;
    sparse->on_disk = sparse->untold = false;
    sparse->begun = true;
    return 0;
}

void sparse_keep(struct sparse *sparse)
{
    unlink(sparse->new_path); /* of a turn that was killed */
    sparse->record = sparse->begun = true;
}

/* No record takes a checksum back: the first turn's new journal does not have it. */
void sparse_drop_checksum(struct sparse *sparse, size_t number)
{
    journal_drop_checksum(&sparse->is, number);
    sparse->untold = true;
    sparse_wake(sparse, SPARSE_PAUSE);
}

/* `r` of journal_add_…: 1 where the journal has to be told. */
static bool is_news(struct sparse *s, int r)
{
    if (r > 0 && s->on_disk) {
        s->untold = true;
        sparse_wake(s, SPARSE_PAUSE);
    }
    return r > 0 && sparse_is_made(s);
}

int sparse_add_origin(struct sparse *sparse, const char *url, const char *etag,
                      const char *last_modified)
{
    int r = journal_add_origin(&sparse->is, url, etag, last_modified);
    if (!is_news(sparse, r))
        return MIN(r, 0);
    const struct journal_origin *origins = sparse->is.origins;
    size_t i = sparse->is.origin_count - 1;
    while (i > 0 && strcmp(origins[i].url, url) != 0)
        i--;
    return sparse_flush(sparse, journal_put_origin(&sparse->out, &origins[i]));
}

int sparse_add_checksum(struct sparse *sparse, const char *algorithm, const char *hex)
{
    int r = journal_add_checksum(&sparse->is, algorithm, hex);
    if (!is_news(sparse, r))
        return MIN(r, 0);
    const struct journal_checksum *last = &sparse->is.checksums[sparse->is.checksum_count - 1];
    return sparse_flush(sparse, journal_put_checksum(&sparse->out, last));
}

int sparse_set_unproved(struct sparse *sparse)
{
    int r = !sparse->is.unproved;
    sparse->is.unproved = true;
    return is_news(sparse, r) ? sparse_flush(sparse, journal_put_unproved(&sparse->out)) : 0;
}

/* ---- room ---- */

static void run_reserve(void *arg)
{
    struct sparse *s = arg;
    int r = fallocate(s->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)s->reserve);
    s->reserve_error = r < 0 ? errno : 0;
}

static void reserve_done(void *arg)
{
    struct sparse *s = arg;
    s->reserving = false;
    if (s->reserve_error == ENOSPC) /* any other: it grows as it is written */
        sparse_fail(s, s->path, ENOSPC, false);
    sparse_rest(s);
}

static bool is_cheap(int fd)
{
    struct statfs st;
    if (fstatfs(fd, &st) < 0)
        return false;
    unsigned long type = (unsigned long)st.f_type & 0xffffffff;
    return type == EXT4_MAGIC || type == XFS_MAGIC || type == BTRFS_MAGIC;
}

int sparse_reserve(struct sparse *sparse, uint64_t size, struct ddm_error *err)
{
    struct stat st;
    struct statvfs disk;
    char need_text[32], free_text[32];
    if (fstat(sparse->fd, &st) < 0 || fstatvfs(sparse->fd, &disk) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", sparse->path, strerror(errno));
    uint64_t has = (uint64_t)st.st_blocks * 512, needs = size > has ? size - has : 0;
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (disk.f_blocks > 0 && needs > room)
        return error_set(err, DDM_E_DISK, "%s: needs %s, %s are free", sparse->path,
                         str_bytes(need_text, sizeof need_text, needs),
                         str_bytes(free_text, sizeof free_text, room));
    if (sparse->reserving || needs < RESERVE_ABOVE || size > INT64_MAX || !is_cheap(sparse->fd))
        return 0;
    sparse->reserve = size;
    sparse->reserving = loop_work(sparse->loop, run_reserve, reserve_done, sparse) == 0;
    return 0;
}

/* ---- bytes ---- */

static int add(struct sparse *s, uint64_t begin, uint64_t end)
{
    if (rangeset_add(&s->there, begin, end, NULL) < 0)
        return -1;
    return s->record ? rangeset_add(&s->fresh, begin, end, NULL) : 0;
}

int sparse_write(struct sparse *sparse, uint64_t offset, const void *data, size_t length,
                 struct ddm_error *err)
{
    size_t done;
    int error = whole_write(sparse->fd, offset, data, length, &done);
    if (add(sparse, offset, offset + done) < 0)
        return error_memory(err);
    if (done > 0)
        sparse_wake(sparse, SPARSE_PAUSE);
    return error ? error_set(err, DDM_E_DISK, "%s: %s", sparse->path, strerror(error)) : 0;
}

int sparse_read(const struct sparse *sparse, uint64_t offset, void *data, size_t length)
{
    bool there = rangeset_contains(&sparse->there, offset, offset + length);
    return there && whole_read(sparse->fd, offset, data, length) == 0 ? 0 : -1;
}

int sparse_forget(struct sparse *sparse, uint64_t begin, uint64_t end)
{
    struct rangeset *sets[] = { &sparse->there, &sparse->fresh, &sparse->pending };
    struct range range = { begin, end };
    struct rangeset gone = { .ranges = &range, .count = 1 };
    uint64_t removed = 0, unused;
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        if (rangeset_reserve(sets[i], sets[i]->count + 1) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        rangeset_remove(sets[i], begin, end, i == 0 ? &removed : &unused);
    if (removed == 0 || !(sparse->on_disk || sparse_is_made(sparse)))
        return 0;
    sparse->untold = true;
    sparse_wake(sparse, 0);
    if (sparse_is_made(sparse))
        sparse_flush(sparse, journal_put_forgotten(&sparse->out, &gone));
    return 0;
}

void sparse_remove(struct sparse *sparse)
{
    if (sparse->begun) {
        unlink(sparse->journal_path);
        unlink(sparse->new_path);
    }
    unlink(sparse->path);
}
