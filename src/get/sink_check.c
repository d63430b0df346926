/* SPDX-License-Identifier: MIT */
/* Whether a file that is there already is what it should be. */
#include "base/error.h"
#include "base/util.h"
#include "base/whole.h"
#include "get/sink.h"
#include "get/sink_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TURN (64 * MIB) /* hashed at once */

struct sink_verify {
    struct verify *verify;
    int fd;
    char *path;
    uint64_t size;
    struct loop_timer *soon; /* the first turn: `done` must not come from within the call */
    bool cancelled;
    void (*done)(void *arg, const struct ddm_error *error);
    void *arg;
};

static void check_free(struct sink_verify *c)
{
    loop_timer_free(c->soon);
    verify_free(c->verify);
    if (c->fd >= 0)
        close(c->fd);
    free(c->path);
    free(c);
}

static int read_file(void *arg, uint64_t offset, void *data, size_t length)
{
    struct sink_verify *c = arg;
    return whole_read(c->fd, offset, data, length);
}

static void on_turn(void *arg, int error)
{
    struct sink_verify *c = arg;
    struct ddm_error result = { .code = DDM_OK };
    if (c->cancelled) {
        check_free(c);
        return;
    }
    if (!error && !verify_done(c->verify, c->size)) {
        verify_go(c->verify, c->size);
        return;
    }
    if (error)
        error_set(&result, DDM_E_DISK, "%s: %s", c->path, strerror(error));
    else
        verify_result(c->verify, &result);
    void (*done)(void *, const struct ddm_error *) = c->done;
    void *done_arg = c->arg;
    check_free(c);
    done(done_arg, &result);
}

static void on_soon(void *arg)
{
    struct sink_verify *c = arg;
    c->soon = loop_timer_free(c->soon);
    on_turn(c, 0);
}

static const struct verify_ops ops = { .read = read_file, .on_turn = on_turn };

static int open_file(struct sink_verify *c, const char *path, struct ddm_error *err)
{
    struct stat st;
    c->path = strdup(path);
    if (!c->path)
        return error_memory(err);
    c->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0 || fstat(c->fd, &st) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", path, strerror(errno));
    c->size = (uint64_t)st.st_size;
    return 0;
}

int sink_verify_file(struct sink_verify **ret, struct loop *loop, const char *path,
                     const struct sink_checksum *checksums, size_t count,
                     void (*done)(void *arg, const struct ddm_error *error), void *arg,
                     struct ddm_error *err)
{
    struct sink_verify *c = calloc(1, sizeof *c);
    if (!c)
        return error_memory(err);
    c->fd = -1;
    c->done = done;
    c->arg = arg;
    int r = 0;
    if (verify_new(&c->verify, loop, TURN, &ops, c) < 0 ||
        loop_timer_new(&c->soon, loop, on_soon, c) < 0)
        r = error_memory(err);
    if (r == 0)
        r = open_file(c, path, err);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (verify_expect(c->verify, checksums[i].algorithm, checksums[i].hex) < 0)
            r = error_set(err, DDM_E_FAIL, "checksum %s: not known, or out of memory",
                          checksums[i].algorithm);
    if (r < 0) {
        check_free(c);
        return r;
    }
    *ret = c;
    loop_timer_start(c->soon, 0, false);
    return 0;
}

struct sink_verify *sink_verify_cancel(struct sink_verify *verify)
{
    if (verify && verify_busy(verify->verify)) { /* it is freed when the turn has ended */
        verify->cancelled = true;
        verify_cancel(verify->verify);
    } else if (verify) {
        check_free(verify);
    }
    return NULL;
}
