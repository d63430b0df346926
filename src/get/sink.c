/* SPDX-License-Identifier: MIT */
#include "get/sink.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define STAGE_CHUNK ((uint64_t)1024 * 1024) /* at most so much per turn on the pool */
#define STAGE_READ  (128 * 1024)
#define WRITE_READY 2048 /* what something that is ready takes without blocking */
#define CANCEL_POLL 100  /* ms between looks at `cancelled` while a reader is slow */

struct sink {
    struct loop *loop;
    const struct sink_ops *ops;
    void *arg;
    char *path, *part; /* NULL: a stream */
    bool force, written;
    int fd;
    bool own_fd;
    bool may_block; /* a terminal, a socket: write little, and only when it is ready */
    char *ring;     /* of a stream; offset modulo SINK_WINDOW */

    struct digest *digest;
    char algorithm[16], hex[DIGEST_HEX_SIZE];

    /* The ordered stage. */
    uint64_t frontier, consumed, size;
    bool finishing, busy, failed;
    uint64_t turn_end; /* what the turn on the pool works up to */
    bool turn_last;    /* and whether that is the end of all */
    bool turn_vain;    /* sink_restart came meanwhile */
    struct ddm_error error;
    atomic_bool cancelled;
};

/* ---- opening ---- */

int sink_check_path(const char *path, bool force, struct ddm_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return error_set(err, DDM_E_USAGE, "%s is a directory (-d puts the file into it)", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, DDM_E_USAGE, "%s is not a regular file: write to it with -o - > %s",
                         path, path);
    if (!force)
        return error_set(err, DDM_E_USAGE, "%s exists already (--force replaces it)", path);
    return 0;
}

int sink_make_directory(const char *path, struct ddm_error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return error_memory(err);
    if (!*copy)
        return 0;
    for (char *slash = copy; slash; *slash = '/') {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            return error_set(err, DDM_E_DISK, "%s: %s", copy, strerror(errno));
        if (!slash)
            break;
    }
    return 0;
}

static int open_part(struct sink *s, struct ddm_error *err)
{
    int r = sink_check_path(s->path, s->force, err);
    if (r < 0)
        return r;
    s->fd = open(s->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (s->fd < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", s->part, strerror(errno));
    s->own_fd = true;
    struct stat ours, there;
    if (flock(s->fd, LOCK_EX | LOCK_NB) < 0 || fstat(s->fd, &ours) < 0 ||
        stat(s->part, &there) < 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
        s->written = true; /* by the other one, or published by it just now: not ours */
        return error_set(err, DDM_E_DISK, "%s: another download is writing it", s->part);
    }
    if (ftruncate(s->fd, 0) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", s->part, strerror(errno));
    return 0;
}

/* A pipe gets a file description of our own that does not block, so that a stuck reader cannot hold
 * up an interrupt, and others who share the pipe notice nothing. */
static void open_stream(struct sink *s, int fd)
{
    struct stat st;
    char name[40];
    s->fd = fd;
    s->may_block = fstat(fd, &st) == 0 &&
                   (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
    if (!s->may_block || !S_ISFIFO(st.st_mode))
        return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int mine = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (mine >= 0) {
        s->fd = mine;
        s->own_fd = true;
        s->may_block = false;
    }
}

int sink_new(struct sink **ret, struct loop *loop, const struct sink_config *config,
             const struct sink_ops *ops, void *arg, struct ddm_error *err)
{
    struct sink *s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    int r = 0;
    s->loop = loop;
    s->ops = ops;
    s->arg = arg;
    s->fd = -1;
    s->force = config->force;
    if (config->algorithm) {
        str_copy(s->algorithm, sizeof s->algorithm, config->algorithm);
        str_copy(s->hex, sizeof s->hex, config->hex);
        if (digest_new(&s->digest, config->algorithm) < 0)
            r = error_memory(err);
    }
    if (r == 0 && config->path) {
        s->path = strdup(config->path);
        s->part = str_format("%s.part", config->path);
        r = s->path && s->part ? open_part(s, err) : error_memory(err);
    } else if (r == 0) {
        s->ring = malloc(SINK_WINDOW);
        if (!s->ring)
            r = error_memory(err);
        else
            open_stream(s, config->fd);
    }
    if (r < 0) {
        sink_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

bool sink_is_stream(const struct sink *sink)
{
    return sink->ring != NULL;
}

const char *sink_part(const struct sink *sink)
{
    return sink->written ? sink->part : NULL;
}

/* ---- writing ---- */

static void ring_write(struct sink *s, uint64_t offset, const char *data, size_t length)
{
    size_t at = (size_t)(offset % SINK_WINDOW);
    size_t first = MIN(length, (size_t)SINK_WINDOW - at);
    memcpy(s->ring + at, data, first);
    memcpy(s->ring, data + first, length - first);
}

uint64_t sink_room(const struct sink *sink, uint64_t offset)
{
    if (!sink->ring)
        return UINT64_MAX;
    uint64_t limit = sink->consumed + SINK_WINDOW;
    return limit > offset ? limit - offset : 0;
}

int sink_write(struct sink *sink, uint64_t offset, const void *data, size_t length,
               struct ddm_error *err)
{
    sink->written = true;
    if (sink->ring) {
        if (length > sink_room(sink, offset))
            return error_set(err, DDM_E_FAIL, "a block came from beyond the window");
        ring_write(sink, offset, data, length);
        return 0;
    }
    for (size_t done = 0; done < length;) {
        ssize_t n =
            pwrite(sink->fd, (const char *)data + done, length - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, DDM_E_DISK, "%s: %s", sink->part,
                             n < 0 ? strerror(errno) : "nothing could be written");
        done += (size_t)n;
    }
    return 0;
}

/* ---- the ordered stage: these run on the pool ---- */

static int write_all(struct sink *s, const char *data, size_t length)
{
    struct pollfd ready = { .fd = s->fd, .events = POLLOUT };
    while (length > 0) {
        if (atomic_load(&s->cancelled))
            return error_set(&s->error, DDM_E_INTERRUPTED, "interrupted");
        if (s->may_block && poll(&ready, 1, CANCEL_POLL) == 0)
            continue;
        ssize_t n = write(s->fd, data, s->may_block ? MIN(length, (size_t)WRITE_READY) : length);
        if (n >= 0) {
            data += n;
            length -= (size_t)n;
            continue;
        }
        if (errno == EAGAIN) {
            poll(&ready, 1, CANCEL_POLL);
        } else if (errno == EPIPE) {
            return error_set(&s->error, DDM_E_DISK, "standard output: the reader went away");
        } else if (errno != EINTR) {
            return error_set(&s->error, DDM_E_DISK, "standard output: %s", strerror(errno));
        }
    }
    return 0;
}

static int pass_stream(struct sink *s)
{
    for (uint64_t at = s->consumed; at < s->turn_end;) {
        size_t begin = (size_t)(at % SINK_WINDOW);
        size_t n = (size_t)MIN(s->turn_end - at, SINK_WINDOW - begin);
        if (write_all(s, s->ring + begin, n) < 0)
            return -1;
        if (s->digest)
            digest_update(s->digest, s->ring + begin, n);
        at += n;
    }
    return 0;
}

static int pass_file(struct sink *s)
{
    char *buf = malloc(STAGE_READ);
    if (!buf)
        return error_memory(&s->error);
    for (uint64_t at = s->consumed; at < s->turn_end;) {
        ssize_t n =
            pread(s->fd, buf, (size_t)MIN(s->turn_end - at, (uint64_t)STAGE_READ), (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error_set(&s->error, DDM_E_DISK, "%s: cannot be read back: %s", s->part,
                      n < 0 ? strerror(errno) : "it became shorter");
            break;
        }
        digest_update(s->digest, buf, (size_t)n);
        at += (uint64_t)n;
    }
    free(buf);
    return s->error.code ? -1 : 0;
}

static void check_digest(struct sink *s)
{
    char hex[DIGEST_HEX_SIZE];
    digest_final(s->digest, hex);
    if (strcmp(hex, s->hex) != 0)
        error_set(&s->error, DDM_E_CHECKSUM, "%s does not match: expected %s, the file has %s",
                  s->algorithm, s->hex, hex);
}

/* Without --force it must not replace what has come to be there meanwhile. */
static int publish(struct sink *s)
{
    int r = s->force ? -1 : renameat2(AT_FDCWD, s->part, AT_FDCWD, s->path, RENAME_NOREPLACE);
    if (r < 0 && !s->force && (errno == EINVAL || errno == ENOSYS)) { /* not on this file system */
        r = link(s->part, s->path);
        if (r == 0)
            unlink(s->part);
    }
    if (s->force)
        r = rename(s->part, s->path);
    return r < 0 ? -errno : 0;
}

static void finish_file(struct sink *s)
{
    if (ftruncate(s->fd, (off_t)s->size) < 0 || (fsync(s->fd) < 0 && errno != EINVAL)) {
        error_set(&s->error, DDM_E_DISK, "%s: %s", s->part, strerror(errno));
        return;
    }
    if (atomic_load(&s->cancelled)) {
        error_set(&s->error, DDM_E_INTERRUPTED, "interrupted");
        return;
    }
    int r = publish(s);
    if (r == -EEXIST)
        error_set(&s->error, DDM_E_DISK, "%s has come to exist meanwhile; the download is in %s",
                  s->path, s->part);
    else if (r < 0)
        error_set(&s->error, DDM_E_DISK, "%s: %s", s->path, strerror(-r));
}

static void run_turn(void *arg)
{
    struct sink *s = arg;
    if (s->consumed < s->turn_end && (s->ring ? pass_stream(s) : pass_file(s)) < 0)
        return;
    if (!s->turn_last)
        return;
    if (s->digest)
        check_digest(s);
    if (!s->error.code && s->path)
        finish_file(s);
}

/* ---- the stage, seen from the loop ---- */

static void turn_done(void *arg);

static void start_turn(struct sink *s)
{
    bool ordered = s->ring || s->digest;
    if (s->busy || s->failed || atomic_load(&s->cancelled))
        return;
    if (!ordered)
        s->consumed = s->frontier;
    s->turn_end = MIN(s->frontier, s->consumed + STAGE_CHUNK);
    if (s->turn_end == s->consumed && !(s->finishing && s->consumed == s->size))
        return;
    s->busy = true;
    s->turn_last = s->finishing && s->turn_end == s->size; /* the pool looks at this copy only */
    if (loop_work(s->loop, run_turn, turn_done, s) < 0) {
        s->busy = false;
        s->failed = true;
        error_memory(&s->error);
        s->ops->on_error(s->arg, &s->error);
    }
}

static void turn_done(void *arg)
{
    struct sink *s = arg;
    s->busy = false;
    s->consumed = s->turn_vain ? 0 : s->turn_end;
    if (s->turn_vain) {
        s->turn_vain = false;
        s->error.code = DDM_OK;
        digest_reset(s->digest);
    }
    bool cancelled = atomic_load(&s->cancelled);
    if (cancelled && !s->finishing)
        return;
    if (cancelled && !s->turn_last && !s->error.code)
        error_set(&s->error, DDM_E_INTERRUPTED, "interrupted");
    if (s->error.code || s->turn_last) {
        s->failed = true; /* nothing more to do, either way */
        if (s->finishing)
            s->ops->on_finished(s->arg, &s->error);
        else
            s->ops->on_error(s->arg, &s->error);
        return;
    }
    if (s->ring)
        s->ops->on_consumed(s->arg, s->consumed);
    start_turn(s);
}

void sink_frontier(struct sink *sink, uint64_t frontier)
{
    sink->frontier = MAX(sink->frontier, frontier);
    if (sink->ring || sink->digest)
        start_turn(sink);
}

/* The file keeps its length until it is finished: a turn may be reading it. */
bool sink_restart(struct sink *sink)
{
    if (sink->ring && (sink->busy || sink->consumed > 0))
        return false;
    sink->frontier = 0;
    if (sink->busy) {
        sink->turn_vain = true;
    } else {
        sink->consumed = 0;
        if (sink->digest)
            digest_reset(sink->digest);
    }
    return true;
}

void sink_finish(struct sink *sink, uint64_t size)
{
    sink->finishing = true;
    sink->size = sink->frontier = size;
    start_turn(sink);
}

void sink_cancel(struct sink *sink)
{
    atomic_store(&sink->cancelled, true);
}

struct sink *sink_free(struct sink *sink)
{
    if (!sink)
        return NULL;
    if (sink->own_fd)
        close(sink->fd);
    if (sink->part && !sink->written && sink->own_fd)
        unlink(sink->part);
    digest_free(sink->digest);
    free(sink->ring);
    free(sink->path);
    free(sink->part);
    free(sink);
    return NULL;
}
