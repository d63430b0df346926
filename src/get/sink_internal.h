/* SPDX-License-Identifier: MIT */
/* What sink.c (the stage), sink_open.c (the unfinished file) and sink_resume.c (whether it can be
 * gone on with) share. */
#ifndef DDM_GET_SINK_INTERNAL_H
#define DDM_GET_SINK_INTERNAL_H

#include "get/sink.h"
#include "get/sink_stream.h"
#include "get/sink_verify.h"
#include "io/sparse.h"

#include <stdatomic.h>

struct sink {
    struct loop *loop;
    const struct sink_ops *ops;
    void *arg;

    struct stream *stream;       /* or: */
    char *path, *part, *journal; /* of a file */
    struct sparse *sparse;
    bool replace, force, resumable;
    bool keep; /* a .part of which nothing is known to be there stays all the same */
    int64_t modified;

    struct verify *verify;
    struct rangeset streamed; /* what is there, of a stream */
    bool held;                /* the stream gives nothing away */
    uint64_t consumed;        /* the stream's ring is free before it */
    uint64_t size;            /* DDM_SIZE_UNKNOWN: not known */

    /* WRITING ─sink_finish─▶ FINISHING ─all verified─▶ STOPPING ─▶ PUBLISHING ─▶ ENDED
     *     ▲─a piece, the checksum is wrong──┘ (no turns of the sparse file any more) */
    enum sink_state {
        SINK_WRITING,
        SINK_FINISHING,
        SINK_STOPPING,
        SINK_PUBLISHING,
        SINK_ENDED, /* published or failed: only sink_close is left */
    } state;
    bool published;
    bool closing, recording, closed;
    bool told; /* on_error was called */
    struct ddm_error error;
    struct loop_timer *soon; /* what must not happen inside the caller's call */
    atomic_bool cancelled;
};

/* Opens PATH.part as sink_new does it. */
int sink_open_part(struct sink *sink, const struct sink_config *config,
                   const struct sparse_ops *ops, enum sink_start *ret_start, const char **ret_why,
                   struct ddm_error *err);
/* NULL: what a run before left can be gone on with; else why not. `*ret_proved`: validators say
 * that all of it is of this version; else it is unproved from now on, see sink_new. */
const char *sink_why_not(const struct journal *was, const struct sink_config *config,
                         bool *ret_proved);
bool sink_is_same_url(const struct journal *was, const char *url);
/* Goes on with it, and tells the journal what this is. */
int sink_resume(struct sink *sink, const struct sink_config *config, bool proved,
                struct ddm_error *err);
/* Tells the journal what this is. */
void sink_describe(struct sink *sink, const struct sink_object *object, bool proved);

#endif
