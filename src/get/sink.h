/* SPDX-License-Identifier: MIT */
/* Where the bytes of a download go, and whether they are right.
 *
 *     file    block ─pwrite─▶ NAME.part at its offset ─all there, all right─▶ fsync, rename ─▶ NAME
 *                  └─ every second, on the pool: synced, then recorded in NAME.ddm
 *     stream  block ─▶ ring of SINK_WINDOW bytes ─in order─▶ write(2)
 *
 * A file is an io/sparse: what is in its journal a later run goes on from. Verification runs on the
 * thread pool: a piece whose hash is known as soon as all of it is there; the whole in order,
 * behind the *frontier* (all bytes before it are there, and their pieces are right), where a stream
 * is written, too. It never holds up the loop, nor the loop it. */
#ifndef DDM_GET_SINK_H
#define DDM_GET_SINK_H

#include "ddm/ddm.h"
#include "io/loop.h"
#include "plan/rangeset.h"

#define SINK_WINDOW ((uint64_t)32 * 1024 * 1024)

struct sink;

struct sink_ops {
    /* A stream's reader has taken all bytes before `consumed`. */
    void (*on_consumed)(void *arg, uint64_t consumed);
    /* The hash of a piece does not match. It can still be read (sink_read) to see who gave what;
     * the caller forgets it, and the sink does so behind the call in any case. A sink_finish before
     * it is as if it had not been called. */
    void (*on_wrong_piece)(void *arg, struct range piece);
    /* All of a piece is there and its hash matches. */
    void (*on_right_piece)(void *arg, struct range piece);
    /* The stage failed (the reader went away, the file cannot be read, synced or recorded). Once;
     * only sink_close is left. */
    void (*on_error)(void *arg, const struct ddm_error *error);
    /* After sink_finish: code 0, or why the download must not count as done. After DDM_E_CHECKSUM
     * of a file the sink goes on: sink_forget what is doubtful, write it again, sink_finish. */
    void (*on_finished)(void *arg, const struct ddm_error *error);
    /* After sink_close: all that was written is recorded, as far as that was possible. */
    void (*on_closed)(void *arg);
};

struct sink_checksum {
    const char *algorithm, *hex;
};

/* What is being downloaded, for the journal. Strings are copied. */
struct sink_object {
    const char *url; /* without a password */
    uint64_t size;   /* DDM_SIZE_UNKNOWN: not known */
    const char *etag, *last_modified;
    bool resumable; /* false: nothing is recorded, a later run begins anew */
};

struct sink_config {
    const char *path; /* of the finished file; NULL: a stream to `fd` */
    int fd;
    bool replace; /* what is at path */
    bool force;   /* drop a .part of another file, or of nobody knows what */
    struct sink_object object;
    const struct sink_checksum *checksums; /* that are known from the beginning, see sink_expect */
    size_t checksum_count;
    /* Hashes of pieces; piece_count 0: none. For a stream those above SINK_WINDOW / 4 are ignored.
     */
    const char *piece_algorithm;
    uint64_t piece_length;
    const char *const *pieces; /* hex; must stay as long as the sink */
    size_t piece_count;
    int64_t modified; /* of the origin's file, s since the epoch: what the finished file gets;
                       * 0: the time of the download */
};

enum sink_start {
    SINK_NEW,     /* there was nothing of it */
    SINK_RESUMED, /* sink_there says what a run before left */
    SINK_ANEW,    /* there was something, of an older version; it was dropped */
};

/* Opens and locks PATH.part and reads PATH.ddm. `*ret_why` is set for SINK_ANEW only; it stays.
 * What is there is gone on with where it is of the same object: same size, and the same checksum,
 * or the same version at the same URL, or (another URL) equal validators that can tell versions
 * apart; or pieces can tell. Else it is dropped where it came from the same URL or `force` is on
 * (SINK_ANEW, and *ret_why says in a few words why), or refused: -DDM_E_USAGE, as where there is a
 * file at PATH and no `replace`. -DDM_E_DISK: it cannot be made, another download holds the lock,
 * or the file cannot fit on the disk. -DDM_E_CHECKSUM: the hashes of pieces are of a file of
 * another size. No callback comes from within this call.
 *
 * Where only a checksum or pieces could tell, the bytes are *unproved*, and stay so: the journal
 * says it, and validators are not enough any more. A later run needs a checksum of the journal,
 * or pieces. The checksums of earlier runs are expected again in any case, unless this run has
 * another one of the same algorithm: that takes its place, and of what is unproved nothing is gone
 * on with then (SINK_ANEW).
 *
 * What is not of ddm is refused without `force`, too: a .part with bytes but no journal (ddm writes
 * one before the first byte), or a file PATH.ddm that does not begin as a journal. */
int sink_new(struct sink **ret, struct loop *loop, const struct sink_config *config,
             const struct sink_ops *ops, void *arg, enum sink_start *ret_start,
             const char **ret_why, struct ddm_error *err);

/* What stands at `path`, before anything is opened. */
enum sink_found {
    SINK_FOUND_NOTHING,
    SINK_FOUND_FILE, /* a regular file */
};
/* 0; -DDM_E_USAGE where no file can be made there (a directory, a device). */
int sink_look(const char *path, enum sink_found *ret, uint64_t *ret_size, int64_t *ret_modified,
              struct ddm_error *err);

/* Digests an existing file on the pool and compares; `done` gets code 0 where all match,
 * DDM_E_CHECKSUM where not, DDM_E_DISK where it cannot be read. Strings are copied. The handle ends
 * with `done`, or with sink_verify_cancel: no `done` then; one of them before the loop's end. */
struct sink_verify;
int sink_verify_file(struct sink_verify **ret, struct loop *loop, const char *path,
                     const struct sink_checksum *checksums, size_t count,
                     void (*done)(void *arg, const struct ddm_error *error), void *arg,
                     struct ddm_error *err);
/* NULL allowed, returns NULL. */
struct sink_verify *sink_verify_cancel(struct sink_verify *verify);

/* Makes a directory and those above it; 0 where it is there. */
int sink_make_directory(const char *path, struct ddm_error *err);

bool sink_is_stream(const struct sink *sink);
/* The unfinished file; NULL: nothing in it, or a stream. */
const char *sink_part(const struct sink *sink);
/* Whether a later run can go on from it. */
bool sink_resumable(const struct sink *sink);

/* All that is there: written now or by an earlier run, and not forgotten; for a stream also what
 * its reader has. Belongs to the sink. */
const struct rangeset *sink_there(const struct sink *sink);

/* One more origin (mirror) that gives the same object: a later run may begin with it. `proved`: its
 * validators say so; else only a checksum or pieces will tell, see sink_new. Before its bytes are
 * written. 0; -1: it could not be noted. */
int sink_add_origin(struct sink *sink, const char *url, const char *etag, const char *last_modified,
                    bool proved);

/* The file must have this checksum, too; twice the same is once. False where it came too late: a
 * stream that has given bytes away, a file that is getting its name; or is none that is known. */
bool sink_expect(struct sink *sink, const char *algorithm, const char *hex);

/* A stream gives nothing away as long as it is held; a file does not care. */
void sink_hold(struct sink *sink, bool held);

/* Writes at an offset. For a stream, [offset, offset + length) must end at most SINK_WINDOW after
 * what was consumed: sink_room. What is there already must not be written again, unless it was
 * forgotten: it may be being verified. */
int sink_write(struct sink *sink, uint64_t offset, const void *data, size_t length,
               struct ddm_error *err);
uint64_t sink_room(const struct sink *sink, uint64_t offset);

/* Reads what is there, from the page cache or the ring; 0, or -1 where it is not (any more). For
 * small ranges: it blocks. */
int sink_read(struct sink *sink, uint64_t offset, void *data, size_t length);

/* [begin, end) is wrong or doubtful and will be written again. False where it cannot be taken back:
 * a stream that has given it away. */
bool sink_forget(struct sink *sink, uint64_t begin, uint64_t end);

/* Forgets all that was written, for another version; false where it cannot: a stream that has given
 * bytes away, or the disk failed. The journal begins anew; that is synced at once, before it
 * returns. The checksums are forgotten, too; the hashes of pieces stay. */
bool sink_restart(struct sink *sink, const struct sink_object *object);
/* Another time of the origin's file than in the config. */
void sink_set_modified(struct sink *sink, int64_t modified);

/* All `size` bytes are there: the stage comes to its end, then on_finished. */
void sink_finish(struct sink *sink, uint64_t size);

/* The stage stops soon; for a file what was written is synced and recorded; then on_closed, and
 * nothing after it. After sink_finish on_finished still comes before it: whether the file was
 * published, or DDM_E_INTERRUPTED. Never from within this call. */
void sink_close(struct sink *sink);

/* After on_closed, which the loop must still be there for. An unfinished .part stays with its
 * journal, unless nothing is in it. NULL allowed, returns NULL. */
struct sink *sink_free(struct sink *sink);

#endif
