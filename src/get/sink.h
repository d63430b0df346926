/* SPDX-License-Identifier: MIT */
/* Where the bytes of a download go.
 *
 *     file    block ─pwrite─▶ NAME.part at its offset ─all there─▶ fsync ─▶ rename to NAME
 *     stream  block ─▶ ring of SINK_WINDOW bytes ─in order─▶ write(2)
 *
 * Behind the *frontier* (all bytes before it are there) an ordered stage runs on the thread pool:
 * for a stream it writes, and where a checksum was asked for it digests what it passes. It never
 * holds up the loop, nor the loop it. */
#ifndef DDM_GET_SINK_H
#define DDM_GET_SINK_H

#include "ddm/ddm.h"
#include "io/loop.h"

#define SINK_WINDOW ((uint64_t)32 * 1024 * 1024)

struct sink;

struct sink_ops {
    /* A stream's reader has taken all bytes before `consumed`. */
    void (*on_consumed)(void *arg, uint64_t consumed);
    /* The stage failed (the reader went away, the file cannot be read). */
    void (*on_error)(void *arg, const struct ddm_error *error);
    /* After sink_finish: code 0, or why the download must not count as done. */
    void (*on_finished)(void *arg, const struct ddm_error *error);
};

struct sink_config {
    const char *path; /* of the finished file; NULL: a stream to `fd` */
    int fd;
    bool force;            /* replace what is at path */
    const char *algorithm; /* of the checksum; NULL: none */
    const char *hex;       /* what it must be */
};

/* Opens (and locks) PATH.part; the file that was there before is emptied. -DDM_E_USAGE where `path`
 * exists, -DDM_E_DISK where it cannot be made. */
int sink_new(struct sink **ret, struct loop *loop, const struct sink_config *config,
             const struct sink_ops *ops, void *arg, struct ddm_error *err);

/* Whether `path` may be made: 0, or -DDM_E_USAGE with "exists" (and force is off). */
int sink_check_path(const char *path, bool force, struct ddm_error *err);

/* Makes a directory and those above it; 0 where it is there. */
int sink_make_directory(const char *path, struct ddm_error *err);

bool sink_is_stream(const struct sink *sink);
const char *
sink_part(const struct sink *sink); /* the unfinished file; NULL: nothing in it, or a stream */

/* Writes at an offset. For a stream, [offset, offset + length) must end at most SINK_WINDOW after
 * what was consumed: sink_room. */
int sink_write(struct sink *sink, uint64_t offset, const void *data, size_t length,
               struct ddm_error *err);
uint64_t sink_room(const struct sink *sink, uint64_t offset);

/* All bytes before `frontier` are there. It only grows, except after sink_restart. */
void sink_frontier(struct sink *sink, uint64_t frontier);

/* Forgets all that was written; false where it cannot: a stream that has given bytes away. */
bool sink_restart(struct sink *sink);

/* All `size` bytes are there: the stage comes to its end, then on_finished. */
void sink_finish(struct sink *sink, uint64_t size);

/* The stage stops soon, and tells nothing any more; but where its last turn is running, on_finished
 * still says whether the file was published. */
void sink_cancel(struct sink *sink);

/* After the loop has ended, and so the stage. An unfinished .part stays, unless nothing was ever
 * written to it. NULL allowed, returns NULL. */
struct sink *sink_free(struct sink *sink);

#endif
