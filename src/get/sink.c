/* SPDX-License-Identifier: MIT */
/* The stage, on the loop: what moves the frontier starts turns of the verification and of the
 * stream; the end of a turn looks what can come next. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "base/whole.h"
#include "get/publish.h"
#include "get/sink_internal.h"
#include "io/digest.h"

#include <errno.h>
#include <string.h>

/* Hashing takes at most so much at once; a stream's reader gets what is behind it afterwards. */
#define FILE_TURN   (256 * MIB)
#define STREAM_TURN (4 * MIB)

static void advance(struct sink *s);

/* ---- what is there ---- */

bool sink_is_stream(const struct sink *sink)
{
    return sink->stream != NULL;
}

const struct rangeset *sink_there(const struct sink *sink)
{
    return sink->stream ? &sink->streamed : sparse_there(sink->sparse);
}

const char *sink_part(const struct sink *sink)
{
    return sink->part && (sink->keep || rangeset_total(sink_there(sink)) > 0) ? sink->part : NULL;
}

bool sink_resumable(const struct sink *sink)
{
    return sink->sparse && sink->resumable;
}

/* On the pool. */
static int read_back(void *arg, uint64_t offset, void *data, size_t length)
{
    struct sink *s = arg;
    if (s->stream) {
        stream_copy(s->stream, offset, data, length);
        return 0;
    }
    return whole_read(sparse_fd(s->sparse), offset, data, length);
}

int sink_read(struct sink *sink, uint64_t offset, void *data, size_t length)
{
    if (!sink->stream)
        return sparse_read(sink->sparse, offset, data, length);
    if (!rangeset_contains(&sink->streamed, offset, offset + length) ||
        !stream_holds(sink->stream, offset))
        return -1;
    stream_copy(sink->stream, offset, data, length);
    return 0;
}

/* ---- failures ---- */

static void finished(struct sink *s, const struct ddm_error *error)
{
    bool again = error->code == DDM_E_CHECKSUM && !s->stream;
    s->state = again ? SINK_WRITING : SINK_ENDED;
    if (again && s->sparse)
        sparse_go(s->sparse);
    s->ops->on_finished(s->arg, error);
}

static void failed(struct sink *s, const struct ddm_error *error)
{
    enum sink_state was = s->state;
    if (s->told || was == SINK_ENDED || was == SINK_PUBLISHING)
        return;
    s->told = true;
    s->state = SINK_ENDED;
    if (was == SINK_WRITING)
        s->ops->on_error(s->arg, error);
    else
        s->ops->on_finished(s->arg, error);
}

/* From within a call of the caller: told from the loop. */
static void fail_soon(struct sink *s, const struct ddm_error *error)
{
    if (s->state == SINK_PUBLISHING) /* the pool has the error */
        return;
    if (!s->error.code)
        s->error = *error;
    if (s->soon)
        loop_timer_start(s->soon, 0, false);
}

static void on_sparse_error(void *arg, const struct ddm_error *error)
{
    fail_soon(arg, error);
}

static void on_soon(void *arg)
{
    struct sink *s = arg;
    if (s->error.code)
        failed(s, &s->error);
    advance(s);
}

/* ---- turns ---- */

/* Starts what can go on; tells nobody anything. */
static void go(struct sink *s)
{
    if (s->state == SINK_ENDED || atomic_load(&s->cancelled))
        return;
    uint64_t frontier = verify_frontier(s->verify, sink_there(s));
    if (s->stream && !s->held)
        stream_go(s->stream, frontier);
    verify_go(s->verify, s->stream ? stream_given(s->stream) : frontier);
}

static void on_piece(void *arg, struct range piece, bool right)
{
    struct sink *s = arg;
    if (right) {
        s->ops->on_right_piece(s->arg, piece);
        return;
    }
    s->ops->on_wrong_piece(s->arg, piece);
    sink_forget(s, piece.begin, piece.end); /* in any case */
}

static void on_verify_turn(void *arg, int error)
{
    struct sink *s = arg;
    struct ddm_error why;
    if (error) {
        error_set(&why, DDM_E_DISK, "%s: cannot be read back: %s", s->stream ? "-" : s->part,
                  error == ENODATA ? "it became shorter" : strerror(error));
        failed(s, &why);
    }
    advance(s);
}

static const struct verify_ops verify_ops = { read_back, on_piece, on_verify_turn };

static void on_stream_turn(void *arg, const struct ddm_error *error)
{
    struct sink *s = arg;
    if (error->code && error->code != DDM_E_INTERRUPTED)
        failed(s, error);
    advance(s);
}

/* ---- the end ---- */

static void run_publish(void *arg)
{
    struct sink *s = arg;
    struct publication what = { .fd = sparse_fd(s->sparse),
                                .part = s->part,
                                .path = s->path,
                                .journal = s->journal,
                                .size = s->size,
                                .modified = s->modified,
                                .replace = s->replace,
                                .cancelled = &s->cancelled };
    s->published = publish(&what, &s->error) == 0;
}

static void publish_done(void *arg)
{
    struct sink *s = arg;
    finished(s, &s->error);
    advance(s);
}

static void on_stopped(void *arg)
{
    struct sink *s = arg;
    if (s->state != SINK_STOPPING) /* it failed meanwhile */
        return;
    s->state = SINK_FINISHING;
    /* After a failed sync the next one may well succeed, without the bytes: never publish then. */
    if (!atomic_load(&s->cancelled) && !s->error.code) {
        s->state = SINK_PUBLISHING;
        if (loop_work(s->loop, run_publish, publish_done, s) == 0)
            return;
        error_memory(&s->error);
        finished(s, &s->error);
    }
    loop_timer_start(s->soon, 0, false);
}

static void try_to_finish(struct sink *s)
{
    struct ddm_error error = { .code = DDM_OK };
    if (s->error.code) /* it is about to be told */
        return;
    if (!rangeset_contains(sink_there(s), 0, s->size)) {
        error_set(&error, DDM_E_FAIL, "bytes are missing"); /* the caller was wrong */
        finished(s, &error);
        return;
    }
    if (!verify_done(s->verify, s->size) ||
        (s->stream && (stream_busy(s->stream) || stream_given(s->stream) < s->size)))
        return;
    if (verify_result(s->verify, &error) < 0 || s->stream) {
        finished(s, &error);
        return;
    }
    s->state = SINK_STOPPING;
    sparse_stop(s->sparse, on_stopped, s);
}

static void on_recorded(void *arg)
{
    struct sink *s = arg;
    s->closed = true;
    s->soon = loop_timer_free(s->soon);
    s->ops->on_closed(s->arg);
}

static void try_to_close(struct sink *s)
{
    const struct ddm_error error = { .code = DDM_E_INTERRUPTED, .message = "interrupted" };
    bool busy = verify_busy(s->verify) || (s->stream && stream_busy(s->stream)) ||
                s->state == SINK_STOPPING || s->state == SINK_PUBLISHING;
    if (busy || s->recording)
        return;
    if (s->state == SINK_FINISHING)
        finished(s, &error);
    s->state = SINK_ENDED;
    s->recording = true;
    if (s->sparse && !s->published)
        sparse_close(s->sparse, on_recorded, s);
    else
        on_recorded(s);
}

static void tell_consumed(struct sink *s)
{
    uint64_t consumed = MIN(stream_given(s->stream), verify_passed(s->verify));
    if (consumed == s->consumed)
        return;
    s->consumed = consumed;
    s->ops->on_consumed(s->arg, consumed);
}

static void advance(struct sink *s)
{
    if (s->closed)
        return;
    if (s->stream && s->state != SINK_ENDED && !atomic_load(&s->cancelled))
        tell_consumed(s);
    go(s);
    if (s->state == SINK_FINISHING && !atomic_load(&s->cancelled))
        try_to_finish(s);
    if (s->closing)
        try_to_close(s);
}

/* ---- opening ---- */

static const struct sparse_ops sparse_ops = { on_sparse_error };

static int expect_all(struct sink *s, const struct sink_config *config, struct ddm_error *err)
{
    for (size_t i = 0; i < config->checksum_count; i++)
        if (verify_expect(s->verify, config->checksums[i].algorithm, config->checksums[i].hex) < 0)
            return error_set(err, DDM_E_FAIL, "checksum %s: not known, or out of memory",
                             config->checksums[i].algorithm);
    bool too_long = !config->path && config->piece_length > SINK_WINDOW / 4;
    if (config->piece_count > 0 && !too_long &&
        verify_set_pieces(s->verify, config->piece_algorithm, config->piece_length, config->pieces,
                          config->piece_count) < 0)
        return error_set(err, DDM_E_FAIL, "hashes of pieces: not known, or out of memory");
    if (!verify_set_size(s->verify, s->size))
        return error_set(err, DDM_E_CHECKSUM, "the hashes of pieces are of a file of another size");
    return 0;
}

static int open_file(struct sink *s, const struct sink_config *config, enum sink_start *ret_start,
                     const char **ret_why, struct ddm_error *err)
{
    s->path = strdup(config->path);
    s->part = str_format("%s.part", config->path);
    s->journal = str_format("%s.ddm", config->path);
    if (!s->path || !s->part || !s->journal)
        return error_memory(err);
    return sink_open_part(s, config, &sparse_ops, ret_start, ret_why, err);
}

static int open_sink(struct sink *s, const struct sink_config *config, enum sink_start *ret_start,
                     const char **ret_why, struct ddm_error *err)
{
    uint64_t turn = config->path ? FILE_TURN : STREAM_TURN;
    if (verify_new(&s->verify, s->loop, turn, &verify_ops, s) < 0 ||
        loop_timer_new(&s->soon, s->loop, on_soon, s) < 0)
        return error_memory(err);
    int r = expect_all(s, config, err);
    if (r < 0)
        return r;
    if (config->path)
        return open_file(s, config, ret_start, ret_why, err);
    *ret_start = SINK_NEW;
    return stream_new(&s->stream, s->loop, config->fd, on_stream_turn, s) < 0 ? error_memory(err)
                                                                              : 0;
}

int sink_new(struct sink **ret, struct loop *loop, const struct sink_config *config,
             const struct sink_ops *ops, void *arg, enum sink_start *ret_start,
             const char **ret_why, struct ddm_error *err)
{
    struct sink *s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    s->loop = loop;
    s->ops = ops;
    s->arg = arg;
    s->replace = config->replace;
    s->force = config->force;
    s->resumable = config->object.resumable;
    s->modified = config->modified;
    s->size = config->object.size;
    int r = open_sink(s, config, ret_start, ret_why, err);
    if (r < 0) {
        s->soon = loop_timer_free(s->soon);
        sink_free(s);
        return r;
    }
    if (s->sparse && *ret_start == SINK_RESUMED) {
        verify_there(s->verify, sink_there(s), 0, s->size);
        go(s);
    }
    *ret = s;
    return 0;
}

struct sink *sink_free(struct sink *sink)
{
    if (!sink)
        return NULL;
    if (sink->sparse && !sink->published && !sink_part(sink))
        sparse_remove(sink->sparse);
    sparse_free(sink->sparse);
    stream_free(sink->stream);
    verify_free(sink->verify);
    rangeset_release(&sink->streamed);
    free(sink->path);
    free(sink->part);
    free(sink->journal);
    free(sink);
    return NULL;
}

/* ---- what the caller does ---- */

static bool is_settled(const struct sink *s)
{
    return s->state >= SINK_STOPPING;
}

bool sink_expect(struct sink *sink, const char *algorithm, const char *hex)
{
    if (verify_expects(sink->verify, algorithm, hex))
        return true;
    if (is_settled(sink) || (sink->stream && stream_promised(sink->stream) > 0) ||
        verify_expect(sink->verify, algorithm, hex) < 0)
        return false;
    if (sink->sparse)
        sparse_add_checksum(sink->sparse, digest_name(algorithm), hex);
    go(sink);
    return true;
}

void sink_hold(struct sink *sink, bool held)
{
    sink->held = held;
    go(sink);
}

void sink_set_modified(struct sink *sink, int64_t modified)
{
    sink->modified = modified;
}

uint64_t sink_room(const struct sink *sink, uint64_t offset)
{
    if (!sink->stream)
        return UINT64_MAX;
    uint64_t limit = sink->consumed + SINK_WINDOW;
    return limit > offset ? limit - offset : 0;
}

int sink_write(struct sink *sink, uint64_t offset, const void *data, size_t length,
               struct ddm_error *err)
{
    int r = 0;
    if (sink->stream) {
        if (length > sink_room(sink, offset))
            return error_set(err, DDM_E_FAIL, "a block came from beyond the window");
        stream_put(sink->stream, offset, data, length);
        if (rangeset_add(&sink->streamed, offset, offset + length, NULL) < 0)
            return error_memory(err);
    } else {
        r = sparse_write(sink->sparse, offset, data, length, err);
    }
    verify_there(sink->verify, sink_there(sink), offset, offset + length);
    go(sink);
    return r;
}

bool sink_forget(struct sink *sink, uint64_t begin, uint64_t end)
{
    struct ddm_error error;
    if (is_settled(sink) || (sink->stream && begin < stream_promised(sink->stream)))
        return false;
    sink->state = SINK_WRITING;
    int r = verify_forget(sink->verify, begin, end);
    if (r == 0)
        r = sink->stream ? rangeset_remove(&sink->streamed, begin, end, NULL)
                         : sparse_forget(sink->sparse, begin, end);
    if (r < 0) {
        error_memory(&error);
        fail_soon(sink, &error);
    }
    return r == 0;
}

bool sink_restart(struct sink *sink, const struct sink_object *object)
{
    struct ddm_error error;
    if (is_settled(sink) || (sink->stream && stream_promised(sink->stream) > 0))
        return false;
    sink->state = SINK_WRITING;
    sink->size = object->size;
    sink->resumable = object->resumable;
    sink->keep = false;
    verify_restart(sink->verify);
    verify_set_size(sink->verify, object->size);
    if (sink->stream) {
        rangeset_release(&sink->streamed);
        return true;
    }
    if (sparse_begin(sink->sparse, object->size, object->resumable, &error) < 0) {
        fail_soon(sink, &error);
        return false;
    }
    sink_describe(sink, object, true);
    return true;
}

void sink_finish(struct sink *sink, uint64_t size)
{
    if (sink->state != SINK_WRITING)
        return;
    sink->state = SINK_FINISHING;
    sink->size = size;
    verify_set_size(sink->verify, size);
    verify_there(sink->verify, sink_there(sink), 0, size);
    loop_timer_start(sink->soon, 0, false);
}

void sink_close(struct sink *sink)
{
    sink->closing = true;
    atomic_store(&sink->cancelled, true);
    verify_cancel(sink->verify);
    if (sink->stream)
        stream_cancel(sink->stream);
    if (sink->soon)
        loop_timer_start(sink->soon, 0, false);
}
