/* SPDX-License-Identifier: MIT */
/* What a peer keeps on disk of objects that it fetched, for later and for after a restart.
 *
 *     bytes ──save──▶ queue ──pool: checksum, pwrite──▶ extents ──load──▶ pool: pread, checksum
 * right? └─ a second later: fdatasync, then recorded       ├─ the bytes └─ dropped
 *
 * Extents are at most 128 KiB long. Nothing that is read from the disk is given to anybody whose
 * checksum, made when the bytes came from the network, is not right. So the disk may hold what it
 * likes after a crash.
 *
 * All objects together are kept below a bound: those used longest ago go first, as a whole, down to
 * nine tenths of it; never those that somebody has open, nor those with a pin. Where that does not
 * make room, or the disk is full or broken, bytes are not kept; there is no error.
 *
 * Nothing waits on the loop but the opening of the cache itself. What other processes remove is
 * noticed at the next opening or sync of the object. */
#ifndef DDM_PEER_CACHE_H
#define DDM_PEER_CACHE_H

#include "ddm/ddm.h"
#include "io/journal.h"
#include "io/loop.h"
#include "swarm/object_key.h"

struct cache;
struct cache_object; /* an object as somebody has it open */
struct cache_load;

#define CACHE_SIZE_AUTO UINT64_MAX /* 5 % of what is free and its own, at most 20 GiB */

struct cache_counters {
    uint64_t bytes, limit; /* on disk now, and at most */
    uint64_t objects;      /* on disk now */
    uint64_t loaded;       /* bytes from disk, so far */
    uint64_t evicted;      /* objects, so far */
    uint64_t failed;       /* extents whose checksum was wrong, so far */
    uint64_t skipped;      /* bytes that were not kept: no room, full or slow disk, so far */
};

/* Opens the folder and takes the lock; `*ret` is NULL where another process has it, which is no
 * error. Nothing is on the pool before the loop runs. -DDM_E_DISK. */
int cache_new(struct cache **ret, struct loop *loop, const char *folder, uint64_t limit,
              struct ddm_error *err);
/* After all objects and loads: what is not recorded yet will be, while the loop is freed, which
 * must come next. NULL allowed, returns NULL. */
struct cache *cache_free(struct cache *cache);
/* How much memory it may come to need; `window`: bytes that loads may be ahead of all readers. */
uint64_t cache_memory(const struct cache *cache, uint64_t window);
void cache_count(const struct cache *cache, struct cache_counters *ret);

/* Opens an object, which need not be there; it is not evicted until it is closed. Reading its
 * journal is the pool's: `on_open` is called then, never from within this call; not at all where
 * cache_is_open() is already true. `url`: to show to people, without a password. `size`
 * DDM_SIZE_UNKNOWN and `url` "": to look only. -1 without memory. */
int cache_open(struct cache_object **ret, struct cache *cache, const char *key, const char *url,
               uint64_t size, loop_timer_fn *on_open, void *arg);
struct cache_object *cache_close(struct cache_object *object); /* NULL allowed; returns NULL */
/* Whether an object is on disk, as far as is known now. */
bool cache_knows(const struct cache *cache, const char *key);

bool cache_is_open(const struct cache_object *object);
/* What is there, once it is open. Belongs to the object, and is another one after any return to the
 * loop. */
const struct extents *cache_extents(const struct cache_object *object);
uint64_t cache_size(const struct cache_object *object); /* of the whole object */
/* What the origin called this version; texts may be empty. */
const struct journal_origin *cache_origin(const struct cache_object *object);
void cache_set_origin(struct cache_object *object, const char *etag, const char *last_modified);

/* Keeps a copy of what is not there yet of these bytes. Only of an object that is open; they lie
 * between two multiples of 128 KiB. */
void cache_save(struct cache_object *object, uint64_t offset, const char *data, size_t length);

/* Reads the extents that hold [begin, end), which are there. `done` is called once, never from
 * within this call, with what is there from the beginning of the first one on and right, in one
 * piece: maybe nothing. What is wrong is not among the extents any more then. -1 without memory. */
typedef void cache_load_fn(void *arg, uint64_t begin, const char *data, size_t length);
int cache_load(struct cache_load **ret, struct cache_object *object, uint64_t begin, uint64_t end,
               cache_load_fn *done, void *arg);
/* `done` will not be called. NULL allowed; returns NULL. */
struct cache_load *cache_load_drop(struct cache_load *load);

#endif
