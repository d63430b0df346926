/* SPDX-License-Identifier: MIT */
#include "get/sink_stream.h"

#include "base/error.h"
#include "base/util.h"
#include "get/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TURN_BYTES  MIB  /* at most per turn */
#define WRITE_READY 2048 /* what something that is ready takes without blocking */
#define CANCEL_POLL 100  /* ms between looks at `cancelled` while a reader is slow */

struct stream {
    struct loop *loop;
    stream_turn_fn *on_turn;
    void *arg;
    int fd;
    bool own_fd;
    bool may_block;          /* a terminal, a socket: write little, and only when it is ready */
    char *ring;              /* offset modulo SINK_WINDOW */
    uint64_t given, highest; /* what was written to the reader; end of what was put */
    bool busy;
    uint64_t turn_end; /* what the turn on the pool works up to */
    struct ddm_error error;
    atomic_bool cancelled;
};

/* A pipe gets a file description of our own that does not block, so that a stuck reader cannot hold
 * up an interrupt, and others who share the pipe notice nothing. */
static void open_stream(struct stream *s, int fd)
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

int stream_new(struct stream **ret, struct loop *loop, int fd, stream_turn_fn *on_turn, void *arg)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s || !(s->ring = malloc(SINK_WINDOW))) {
        free(s);
        return -1;
    }
    s->loop = loop;
    s->on_turn = on_turn;
    s->arg = arg;
    open_stream(s, fd);
    *ret = s;
    return 0;
}

struct stream *stream_free(struct stream *stream)
{
    if (stream) {
        if (stream->own_fd)
            close(stream->fd);
        free(stream->ring);
        free(stream);
    }
    return NULL;
}

/* ---- the ring ---- */

void stream_put(struct stream *stream, uint64_t offset, const void *data, size_t length)
{
    size_t at = (size_t)(offset % SINK_WINDOW);
    size_t first = MIN(length, (size_t)SINK_WINDOW - at);
    memcpy(stream->ring + at, data, first);
    memcpy(stream->ring, (const char *)data + first, length - first);
    stream->highest = MAX(stream->highest, offset + length);
}

void stream_copy(const struct stream *stream, uint64_t offset, void *data, size_t length)
{
    size_t at = (size_t)(offset % SINK_WINDOW);
    size_t first = MIN(length, (size_t)SINK_WINDOW - at);
    memcpy(data, stream->ring + at, first);
    memcpy((char *)data + first, stream->ring, length - first);
}

bool stream_holds(const struct stream *stream, uint64_t offset)
{
    return stream->highest <= offset + SINK_WINDOW;
}

/* ---- turns ---- */

static int write_all(struct stream *s, const char *data, size_t length)
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

static void run_turn(void *arg)
{
    struct stream *s = arg;
    for (uint64_t at = s->given; at < s->turn_end;) {
        size_t begin = (size_t)(at % SINK_WINDOW);
        size_t n = (size_t)MIN(s->turn_end - at, SINK_WINDOW - begin);
        if (write_all(s, s->ring + begin, n) < 0)
            return;
        at += n;
    }
}

static void turn_done(void *arg)
{
    struct stream *s = arg;
    s->busy = false;
    if (!s->error.code)
        s->given = s->turn_end;
    s->on_turn(s->arg, &s->error);
}

void stream_go(struct stream *stream, uint64_t limit)
{
    if (stream->busy || stream->error.code || atomic_load(&stream->cancelled) ||
        limit <= stream->given)
        return;
    stream->turn_end = MIN(limit, stream->given + TURN_BYTES);
    stream->busy = true;
    if (loop_work(stream->loop, run_turn, turn_done, stream) < 0) {
        error_memory(&stream->error);
        turn_done(stream);
    }
}

bool stream_busy(const struct stream *stream)
{
    return stream->busy;
}

uint64_t stream_given(const struct stream *stream)
{
    return stream->given;
}

uint64_t stream_promised(const struct stream *stream)
{
    return stream->busy || stream->error.code ? stream->turn_end : stream->given;
}

void stream_cancel(struct stream *stream)
{
    atomic_store(&stream->cancelled, true);
}
