/* SPDX-License-Identifier: MIT */
/* Turns: what was written is synced, then recorded.
 *
 *     DATA ─▶ append ─▶ JOURNAL            there is a journal of this run
 *        └──▶ IMAGE ─▶ rename ─▶ FOLDER    else, and where it has grown well past what it says
 *
 * Steps in capitals are on the pool. What changes while an IMAGE is on its way is put into `out`
 * as records of the new journal, and appended when it has its name. */
#include "base/error.h"
#include "base/util.h"
#include "base/whole.h"
#include "io/sparse_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define COMPACT_ABOVE (64 * KIB) /* a journal is made anew above this, … */
#define COMPACT_TIMES 4          /* … and above so many times of what it needs */

/* ---- on the pool ---- */

static int write_image(struct turn *turn)
{
    for (size_t done = 0; done < turn->length;) {
        ssize_t n = write(turn->fd, turn->image + done, turn->length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        done += (size_t)n;
    }
    return 0;
}

static void do_step(struct turn *turn)
{
    int r = 0;
    turn->error = turn->step == TURN_IMAGE ? write_image(turn) : 0;
    if (turn->error)
        return;
    r = turn->step == TURN_FOLDER ? fsync(turn->fd) : fdatasync(turn->fd);
    if (r < 0 && errno != EINVAL) /* a file system that has nothing to sync */
        turn->error = errno;
}

static void run_step(void *arg)
{
    do_step(&((struct sparse *)arg)->turn);
}

/* ---- the journal, on the loop ---- */

void sparse_fail(struct sparse *s, const char *path, int error, bool for_good)
{
    s->failed |= for_good;
    if (s->told)
        return;
    s->told = true;
    error_set(&s->error, DDM_E_DISK, "%s: %s", path, strerror(error));
    s->ops->on_error(s->arg, &s->error);
}

bool sparse_is_made(const struct sparse *s)
{
    bool image = s->turn.step == TURN_IMAGE && !s->outdated;
    return (s->journal >= 0 || image) && !s->failed;
}

/* To the page cache. A record that was not taken whole is cut off again. */
static int append(struct sparse *s)
{
    size_t done;
    int error = whole_write(s->journal, s->length, s->out.data, s->out.length, &done);
    s->unsynced |= done > 0;
    s->out.length = 0;
    if (!error) {
        s->length += done;
        return 0;
    }
    if (ftruncate(s->journal, (off_t)s->length) < 0)
        error = errno;
    sparse_fail(s, s->journal_path, error, true);
    return -1;
}

int sparse_flush(struct sparse *s, int r)
{
    if (r < 0) {
        sparse_fail(s, s->journal_path, ENOMEM, true);
        return -1;
    }
    return s->turn.step == TURN_IMAGE ? 0 : append(s);
}

void sparse_drop_journal(struct sparse *s)
{
    bool syncing = s->turn.step == TURN_JOURNAL && s->turn.fd == s->journal;
    s->outdated = s->turn.step != TURN_NONE;
    s->turn.own_fd |= syncing; /* closed when that has come to its end */
    if (s->journal >= 0 && !syncing)
        close(s->journal);
    s->journal = -1;
    s->unsynced = false;
    s->out.length = 0;
}

/* A turn that is under way may still write into a file of that name: another one takes its place.
 */
int sparse_first_journal(struct sparse *s, uint64_t size)
{
    const struct journal is = { .size = size };
    const struct rangeset nothing = { 0 };
    unlink(s->new_path);
    if (journal_writer_begin(&s->out, &is, &nothing) < 0)
        return ENOMEM;
    _cleanup_close_ int fd = open(s->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct turn image = {
        .step = TURN_IMAGE, .fd = fd, .image = s->out.data, .length = s->out.length
    };
    struct turn name = { .step = TURN_FOLDER, .fd = s->folder };
    s->out.length = 0;
    if (fd < 0)
        return errno;
    do_step(&image);
    if (!image.error && rename(s->new_path, s->journal_path) < 0)
        image.error = errno;
    if (image.error)
        unlink(s->new_path);
    else
        do_step(&name);
    return image.error ? image.error : name.error;
}

/* ---- steps ---- */

static void step_done(void *arg);

static void start_step(struct sparse *s, enum turn_step step, int fd)
{
    s->turn.step = step;
    s->turn.fd = fd;
    s->turn.error = 0;
    if (loop_work(s->loop, run_step, step_done, s) < 0) {
        s->turn.error = ENOMEM;
        step_done(s);
    }
}

static void sync_journal(struct sparse *s)
{
    s->unsynced = s->untold = false;
    start_step(s, TURN_JOURNAL, s->journal);
}

/* What is there and synced. */
static int synced_set(const struct sparse *s, struct rangeset *ret)
{
    struct rangeset set = { 0 };
    size_t count = s->there.count + s->fresh.count + 1;
    if (rangeset_reserve(&set, count) < 0)
        return -1;
    for (size_t i = 0; i < s->there.count; i++)
        rangeset_add(&set, s->there.ranges[i].begin, s->there.ranges[i].end, NULL);
    for (size_t i = 0; i < s->fresh.count; i++)
        rangeset_remove(&set, s->fresh.ranges[i].begin, s->fresh.ranges[i].end, NULL);
    *ret = set;
    return 0;
}

static void start_image(struct sparse *s)
{
    struct rangeset set = { 0 };
    int r = synced_set(s, &set);
    if (r == 0)
        r = journal_writer_begin(&s->out, &s->is, &set);
    rangeset_release(&set);
    int fd =
        r < 0 ? -1 : open(s->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        sparse_fail(s, s->new_path, r < 0 ? ENOMEM : errno, true);
        sparse_rest(s);
        return;
    }
    s->turn.image = TAKE(s->out.data);
    s->turn.length = s->out.length;
    s->turn.own_fd = true;
    s->out.length = s->out.capacity = 0;
    s->untold = false;
    rangeset_release(&s->pending);
    start_step(s, TURN_IMAGE, fd);
}

static void image_done(struct sparse *s)
{
    if (rename(s->new_path, s->journal_path) < 0) {
        sparse_fail(s, s->journal_path, errno, true);
        return;
    }
    if (s->journal >= 0)
        close(s->journal);
    s->journal = s->turn.fd;
    s->turn.own_fd = false;
    s->length = s->image_size = s->turn.length;
    s->on_disk = true;
    s->unsynced = false;
    if (s->out.length > 0)
        append(s);
}

static bool needs_image(const struct sparse *s)
{
    uint64_t needs = MAX(s->image_size, (uint64_t)s->there.count * 16);
    return s->journal < 0 || s->there.count > SPARSE_RANGES_MOST ||
           (s->length > COMPACT_ABOVE && s->length > COMPACT_TIMES * needs);
}

/* The data are synced: now it may be said. */
static void record(struct sparse *s)
{
    if (needs_image(s)) {
        start_image(s);
        return;
    }
    int r = s->pending.count > 0 ? journal_put_valid(&s->out, &s->pending) : 0;
    rangeset_release(&s->pending);
    if (sparse_flush(s, r) < 0)
        sparse_rest(s);
    else
        sync_journal(s);
}

static void step_done(void *arg)
{
    struct sparse *s = arg;
    enum turn_step step = s->turn.step;
    bool outdated = s->outdated, failed = s->failed || s->turn.error;
    s->turn.step = TURN_NONE;
    s->outdated = false;
    free(TAKE(s->turn.image));
    if (s->turn.error && !outdated)
        sparse_fail(s, step == TURN_DATA ? s->path : s->journal_path, s->turn.error, true);
    if (!outdated && !failed && step == TURN_IMAGE)
        image_done(s);
    if (s->turn.own_fd) { /* nobody has taken it over */
        if (step == TURN_IMAGE)
            unlink(s->new_path);
        close(s->turn.fd);
        s->turn.own_fd = false;
    }
    if (!outdated && !s->failed && step == TURN_DATA)
        record(s);
    else if (!outdated && !s->failed && step == TURN_IMAGE)
        start_step(s, TURN_FOLDER, s->folder);
    else
        sparse_rest(s);
}

/* ---- turns ---- */

static bool has_news(const struct sparse *s)
{
    return s->record && !s->failed && (s->fresh.count > 0 || s->untold || s->unsynced);
}

void sparse_turn(void *arg)
{
    struct sparse *s = arg;
    s->armed = false;
    if (s->turn.step != TURN_NONE || !has_news(s))
        return;
    rangeset_release(&s->pending);
    s->pending = s->fresh;
    s->fresh = (struct rangeset){ 0 };
    if (s->pending.count > 0)
        start_step(s, TURN_DATA, s->fd);
    else
        record(s);
}

void sparse_wake(struct sparse *s, int64_t pause)
{
    if (!s->record || s->stopped || s->failed || s->closing || s->turn.step != TURN_NONE ||
        (s->armed && pause > 0))
        return;
    s->armed = true;
    loop_timer_start(s->timer, pause, false);
}

void sparse_rest(struct sparse *s)
{
    if (s->turn.step != TURN_NONE || (s->done && s->reserving))
        return;
    if (s->closing && has_news(s)) {
        sparse_turn(s);
        return;
    }
    loop_timer_fn *done = TAKE(s->done);
    if (s->closing)
        s->timer = loop_timer_free(s->timer);
    if (done)
        done(s->done_arg);
    else if (has_news(s))
        sparse_wake(s, SPARSE_PAUSE);
}

static void wait_for_rest(struct sparse *s, loop_timer_fn *done, void *arg)
{
    loop_timer_stop(s->timer);
    s->armed = false;
    s->done = done;
    s->done_arg = arg;
    sparse_rest(s);
}

void sparse_stop(struct sparse *sparse, loop_timer_fn *done, void *arg)
{
    sparse->stopped = true;
    wait_for_rest(sparse, done, arg);
}

void sparse_go(struct sparse *sparse)
{
    sparse->stopped = false;
    if (has_news(sparse))
        sparse_wake(sparse, SPARSE_PAUSE);
}

void sparse_close(struct sparse *sparse, loop_timer_fn *done, void *arg)
{
    sparse->closing = true;
    wait_for_rest(sparse, done, arg);
}
