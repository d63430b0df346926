/* SPDX-License-Identifier: MIT */
/* What the cache's files share: objects and room (cache.c), writing (cache_write.c), reading
 * (cache_load.c), finished files of clients (cache_adopt.c). */
#ifndef DDM_PEER_CACHE_INTERNAL_H
#define DDM_PEER_CACHE_INTERNAL_H

#include "base/list.h"
#include "base/util.h"
#include "peer/cache.h"
#include "swarm/cache_folder.h"

#define CACHE_BUCKETS   256
#define CACHE_QUEUE_MAX 32 /* blocks; what the disk does not keep up with is not kept */

struct cache {
    struct loop *loop;
    int folder, lock;
    uint64_t limit;
    struct list buckets[CACHE_BUCKETS]; /* entries by key */
    struct list entries;                /* all of them, used longest ago first */
    struct list doomed;                 /* evicted, their files are still there */
    struct list queue;                  /* blocks to be written */
    size_t queued;                      /* so many */
    unsigned open_idle;                 /* entries that are open, and that nobody uses */

    struct loop_timer *timer; /* the next turn */
    bool writing, syncing;    /* such a job is on the pool */
    unsigned jobs;            /* of all kinds, on the pool */
    bool adopting;            /* one of the entries */
    bool closing;
    int64_t full_until; /* no room on the disk, or it is broken: nothing is written until then */
    struct cache_counters count;
};

/* A descriptor that is closed by the last one who uses it. */
struct cache_file {
    int fd;
    unsigned users;
};

/* An object that is on disk, or will be. */
struct cache_entry {
    struct list link, bucket;
    struct cache *cache;
    char key[OBJECT_KEY_SIZE];
    enum { ENTRY_CLOSED, ENTRY_OPENING, ENTRY_OPEN } state;
    struct list users; /* cache_object */
    unsigned jobs;     /* on the pool */
    uint64_t bytes;    /* that count for the bound */
    char *url;         /* to be recorded, where nothing is yet */

    /* Where it is open: */
    struct journal is;         /* with what is there */
    struct rangeset queued;    /* in the queue or being written */
    struct cache_file *file;   /* the data; NULL: not made yet */
    int journal;               /* to append to; -1: a new one is needed */
    uint64_t length;           /* of the journal */
    struct journal_writer out; /* of the journal */

    struct extents fresh;      /* written, not recorded */
    struct rangeset forgotten; /* dropped, not recorded */
    bool anew;                 /* the journal on disk lacks something else: a new one is needed */
    int64_t due;               /* when it shall be recorded; 0: nothing is new */
    bool touched;              /* used since that was noted on disk */
    bool adopting;             /* a finished file may become its data */
};

struct cache_object {
    struct list link;
    struct cache_entry *entry;
    loop_timer_fn *on_open;
    void *arg;
};

/* cache.c */

/* Forgets all that is known of what is on disk; readers that are under way keep the file. */
void cache_entry_reset(struct cache_entry *entry);
/* A job or a user of the entry has come to its end: what nobody uses is closed, but for those used
 * last; what has no bytes is gone then. */
void cache_entry_rest(struct cache_entry *entry);
/* Changes what an entry counts for the bound. */
void cache_charge(struct cache_entry *entry, uint64_t more);
void cache_discharge(struct cache_entry *entry, uint64_t less);
/* Whether there would be room for so many bytes more, were all evicted that may be. */
bool cache_could_have_room(const struct cache *cache, uint64_t length);
/* Whether there is room for so many bytes more; evicts where there is none. */
bool cache_has_room(struct cache *cache, uint64_t length);
/* These bytes are not there any more. */
void cache_forget(struct cache_entry *entry, uint64_t begin, uint64_t end);
void cache_entry_free(struct cache_entry *entry);
/* A job begins: nothing that it works on goes away. */
void cache_job_begin(struct cache_entry *entry);
/* It has ended; the cache may be gone then, when it was closing. */
void cache_job_end(struct cache_entry *entry);
/* Frees the cache when it is closing and nothing is left to do. */
void cache_end(struct cache *cache);

/* cache_load.c */

struct cache_file *cache_file_use(struct cache_file *file);
struct cache_file *cache_file_free(struct cache_file *file); /* NULL allowed; returns NULL */
/* Whether the bytes of an extent are those that were kept; `data` has room for them, and gets them.
 * Blocks. */
bool cache_is_right(int fd, const struct extent *extent, char *data);

/* cache_adopt.c */

/* A client has put a clone of the finished file into the folder: it becomes the object's data, if
 * it is that. */
void cache_adopt(struct cache_entry *entry);

/* cache_write.c */

/* What waits to be written of it is not kept. */
void cache_unqueue(struct cache_entry *entry);

/* Goes on with what there is to do, now or when it is due. */
void cache_turn(void *cache);
void cache_note(struct cache_entry *entry); /* something is to be recorded */

#endif
