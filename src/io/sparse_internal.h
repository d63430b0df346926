/* SPDX-License-Identifier: MIT */
/* What sparse.c (names, sets, bytes) and sparse_turn.c (turns: syncing and recording) share. */
#ifndef DDM_IO_SPARSE_INTERNAL_H
#define DDM_IO_SPARSE_INTERNAL_H

#include "base/util.h"
#include "io/sparse.h"

#define SPARSE_PAUSE SEC /* from the end of a turn, or the first news, to the next turn */
/* With more ranges than that each turn makes a new journal, of so many of them. */
#define SPARSE_RANGES_MOST (JOURNAL_RANGES_MAX / 2)

/* A step of a turn on the pool, which sees this copy only. */
struct turn {
    enum turn_step {
        TURN_NONE,
        TURN_DATA,    /* the data are synced */
        TURN_JOURNAL, /* what was appended to the journal is */
        TURN_IMAGE,   /* a new journal is written and synced */
        TURN_FOLDER,  /* its name is synced */
    } step;
    int fd; /* of data, journal, new journal, or folder */
    bool own_fd;
    unsigned char *image;
    size_t length;
    int error; /* errno */
};

struct sparse {
    struct loop *loop;
    const struct sparse_ops *ops;
    void *arg;
    char *path, *journal_path, *new_path;
    int fd, folder;

    /* What is there is fresh, pending, or recorded; a range is in one of these. */
    struct rangeset there;
    struct rangeset fresh;   /* written since the last turn began */
    struct rangeset pending; /* written before this turn began */

    struct journal is;           /* identity; its `valid` is not used */
    struct journal_writer out;   /* records that are not in the file yet */
    int journal;                 /* -1: there is none that records can be appended to */
    uint64_t length, image_size; /* of the journal now, and when it was new */
    bool begun;                  /* sparse_begin or sparse_keep was called */
    bool record;                 /* there is to be a journal */
    bool on_disk;                /* one says what is there, of this run or the one before */
    bool untold;                 /* and it lacks something besides fresh bytes */
    bool unsynced;               /* it has records that were not synced */

    struct turn turn;
    bool outdated; /* sparse_begin came during this turn */
    struct loop_timer *timer;
    bool armed, stopped, closing;
    bool failed;         /* nothing can be recorded any more */
    bool told;           /* on_error was called */
    loop_timer_fn *done; /* of stop or close, while a turn runs */
    void *done_arg;

    bool reserving;
    uint64_t reserve; /* bytes; the pool's while reserving */
    int reserve_error;
    struct ddm_error error;
};

/* sparse_turn.c */

/* A turn after `pause` ns, or sooner. */
void sparse_wake(struct sparse *s, int64_t pause);
/* The timer's. */
void sparse_turn(void *arg);
/* Nothing runs on the pool (any more): goes on with what that was waited for. */
void sparse_rest(struct sparse *s);
/* Whether records have to be put for what changes now: there is a journal to append to, or its
 * image is on its way. */
bool sparse_is_made(const struct sparse *s);
/* Records were put (r == 0) into `out`: appends them, unless a new journal is on its way. */
int sparse_flush(struct sparse *s, int r);
void sparse_drop_journal(struct sparse *s);
/* A journal that says that nothing is there takes the name of what there was. 0 or errno. */
int sparse_first_journal(struct sparse *s, uint64_t size);
/* Tells of an error, once; `for_good`: nothing can be recorded any more. */
void sparse_fail(struct sparse *s, const char *path, int error, bool for_good);

#endif
