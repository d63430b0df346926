/* SPDX-License-Identifier: MIT */
/* The ring between blocks in any order and a reader who takes them in order. */
#ifndef DDM_GET_SINK_STREAM_H
#define DDM_GET_SINK_STREAM_H

#include "ddm/ddm.h"
#include "io/loop.h"

struct stream;

/* A turn on the pool has ended: code 0, or why the reader gets no more. */
typedef void stream_turn_fn(void *arg, const struct ddm_error *error);

/* `fd` stays the caller's. -1 without memory. */
int stream_new(struct stream **ret, struct loop *loop, int fd, stream_turn_fn *on_turn, void *arg);
/* No turn is running. NULL allowed, returns NULL. */
struct stream *stream_free(struct stream *stream);

/* At most SINK_WINDOW past what nobody needs any more; the caller sees to that. */
void stream_put(struct stream *stream, uint64_t offset, const void *data, size_t length);
/* From any thread, as long as it is not overwritten: see stream_holds. */
void stream_copy(const struct stream *stream, uint64_t offset, void *data, size_t length);
/* Whether what was put at `offset` is in the ring still. */
bool stream_holds(const struct stream *stream, uint64_t offset);

/* Starts a turn, which writes to the reader up to `limit`. */
void stream_go(struct stream *stream, uint64_t limit);
bool stream_busy(const struct stream *stream);
uint64_t stream_given(const struct stream *stream);    /* what the reader has */
uint64_t stream_promised(const struct stream *stream); /* or gets in this turn */
/* The turn ends soon, and none begins any more. */
void stream_cancel(struct stream *stream);

#endif
