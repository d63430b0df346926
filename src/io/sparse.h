/* SPDX-License-Identifier: MIT */
/* A sparse file, the set of bytes in it that are there, and the journal of that set.
 *
 *     sparse_write ─▶ page cache        a turn, a second after the last one, if anything is new:
 *          └▶ set: there                1 pool  fdatasync of the data
 *                                       2 loop  a VALID record for what was there before 1
 *                                       3 pool  fdatasync of the journal
 *
 *     the first turn, and where the journal has grown: instead of 2 and 3
 *                                       2 pool  a whole new journal in JOURNAL.new, fsync
 *                                       3 loop  rename over JOURNAL
 *                                       4 pool  fsync of the folder
 *
 * So a record never says more than what the disk has, whatever dies when. Whoever is killed loses
 * what came since the last record; nothing of it waits on the loop. Only the pool syncs, only the
 * loop changes the set, the journal and names: no two of them at once. sparse_begin is the
 * exception: a journal that says that nothing is there has its name, synced, before the first byte
 * is written. So bytes without a journal are never ours. */
#ifndef DDM_IO_SPARSE_H
#define DDM_IO_SPARSE_H

#include "ddm/ddm.h"
#include "io/journal.h"
#include "io/loop.h"

struct sparse;

struct sparse_ops {
    /* Once: it cannot be synced or recorded, or the disk is full. What was recorded stays. */
    void (*on_error)(void *arg, const struct ddm_error *error);
};

enum sparse_found {
    SPARSE_EMPTY,         /* the file is new, or nothing is known to be in it */
    SPARSE_RECORDED,      /* the journal says what it is and what is there */
    SPARSE_UNRECORDED,    /* there are bytes, but no journal: somebody else's */
    SPARSE_BROKEN,        /* there are bytes, and what is left of a journal */
    SPARSE_FOREIGN,       /* what has the journal's name is none */
    SPARSE_OTHER_VERSION, /* the journal is of a version that is not known */
};

/* Opens and locks the file, which is made where it is not there, and reads the journal beside it.
 * The lock is the kernel's (flock) and ends with the process. Nothing is changed yet; sparse_begin
 * or sparse_keep must come before the first write. -DDM_E_DISK: it cannot be opened, or another one
 * has the lock. */
int sparse_open(struct sparse **ret, struct loop *loop, const char *path, const char *journal_path,
                const struct sparse_ops *ops, void *arg, enum sparse_found *ret_found,
                struct ddm_error *err);

/* What it is, and what a later run will read: size, origins, checksums (not `valid`). */
const struct journal *sparse_identity(const struct sparse *sparse);
/* What is there. Belongs to the sparse file. */
const struct rangeset *sparse_there(const struct sparse *sparse);
int sparse_fd(const struct sparse *sparse);

/* Begins anew, at any time: nothing is there, and a journal that says so is in the old one's place
 * for good (this syncs it and the folder, at once). `record` false: it stays as it is.
 * -DDM_E_DISK. */
int sparse_begin(struct sparse *sparse, uint64_t size, bool record, struct ddm_error *err);
/* Goes on from what was recorded. */
void sparse_keep(struct sparse *sparse);
/* What was recorded is not bound to that checksum any more (see journal_drop_checksum); right after
 * sparse_keep only. */
void sparse_drop_checksum(struct sparse *sparse, size_t number);

/* See journal_add_origin, journal_add_checksum; what is new will be recorded. 0 or -1. */
int sparse_add_origin(struct sparse *sparse, const char *url, const char *etag,
                      const char *last_modified);
int sparse_add_checksum(struct sparse *sparse, const char *algorithm, const char *hex);
/* Validators cannot tell any more that what is there is of one version: before the bytes that make
 * it so are written. 0 or -1. */
int sparse_set_unproved(struct sparse *sparse);

/* Whether `size` bytes fit on the disk, with what the file already has; where making room is cheap
 * (ext4, xfs, btrfs) it is made, on the pool. -DDM_E_DISK with what it needs and what is free. */
int sparse_reserve(struct sparse *sparse, uint64_t size, struct ddm_error *err);

/* What could be written before a failure is there. -DDM_E_DISK. */
int sparse_write(struct sparse *sparse, uint64_t offset, const void *data, size_t length,
                 struct ddm_error *err);
/* 0, or -1 where not all of it is there or it cannot be read. */
int sparse_read(const struct sparse *sparse, uint64_t offset, void *data, size_t length);
/* These bytes are not there any more; in the journal at once, synced soon. 0; -1 without memory,
 * nothing is forgotten then. */
int sparse_forget(struct sparse *sparse, uint64_t begin, uint64_t end);

/* No more turns; `done` on the loop when none is running, maybe from within this call. */
void sparse_stop(struct sparse *sparse, loop_timer_fn *done, void *arg);
/* Turns again, after sparse_stop. */
void sparse_go(struct sparse *sparse);
/* What is not recorded yet is synced and recorded, as far as that is possible, then `done` (maybe
 * from within this call). No writes after it; sparse_free is left. */
void sparse_close(struct sparse *sparse, loop_timer_fn *done, void *arg);
/* The names of the file and, where it is of this run, its journal are removed. */
void sparse_remove(struct sparse *sparse);
/* After sparse_close has come to its end. NULL allowed, returns NULL. */
struct sparse *sparse_free(struct sparse *sparse);

#endif
