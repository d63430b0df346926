/* SPDX-License-Identifier: MIT */
/* The files of a peer's cache, which clients of its machine know, too: what has which name, and who
 * may touch it.
 *
 *     FOLDER/.lock        held by the peer whose cache it is (flock)
 *     FOLDER/KEY.data     a sparse file: bytes of one object
 *     FOLDER/KEY.ddm      its journal: what it is, and its extents (io/journal.h)
 *     FOLDER/KEY.ddm.new  a journal that is being written
 *     FOLDER/KEY.pin      empty: shall not be evicted
 *     FOLDER/KEY.clone    the whole object, finished by a client: shall become KEY.data
 *
 * KEY is that of swarm/object_key.h. When the journal was changed last is when the object was used
 * last. Everything is for its owner only. All calls block; but those of cache_folder_open and
 * cache_folder_list they are short. */
#ifndef DDM_SWARM_CACHE_FOLDER_H
#define DDM_SWARM_CACHE_FOLDER_H

#include "ddm/ddm.h"
#include "io/journal.h"
#include "swarm/object_key.h"

#define CACHE_NAME_SIZE (OBJECT_KEY_SIZE + 10)
#define CACHE_DATA      ".data"
#define CACHE_JOURNAL   ".ddm"
#define CACHE_NEW       ".ddm.new"
#define CACHE_PIN       ".pin"
#define CACHE_CLONE     ".clone"
#define CACHE_CLONE_NEW ".clone.new" /* while it is being made */

/* Where it is if nobody says so: the first of $CACHE_DIRECTORY (systemd), $XDG_CACHE_HOME/ddm,
 * $HOME/.cache/ddm; malloc'ed, NULL where there is none of these. */
char *cache_folder_default(void);

/* Opens the folder; `make`: it is made where it is not there. Its descriptor, or -DDM_E_DISK: also
 * where it is somebody else's, who could put there what he likes. */
int cache_folder_open(const char *path, bool make, struct ddm_error *err);
/* The lock: a descriptor that holds it until it is closed. -1: another process has it, or it cannot
 * be made. */
int cache_folder_lock(int folder);

/* KEY and one of the endings above. Returns out. */
char *cache_name(char out[static CACHE_NAME_SIZE], const char *key, const char *ending);

struct cache_item {
    char key[OBJECT_KEY_SIZE];
    uint64_t bytes; /* on the disk, of all its files */
    int64_t used;   /* last; ns since 1970 */
    bool pinned;
};

/* All objects, used longest ago first; malloc'ed. `tidy`, for who has the lock only: what is left
 * of an object whose journal or data are not there is removed. 0, or -DDM_E_DISK. */
int cache_folder_list(struct cache_item **ret, size_t *ret_count, int folder, bool tidy,
                      struct ddm_error *err);

/* What the journal of an object says; JOURNAL_EMPTY where there is none. The caller releases it. */
enum journal_state cache_read_journal(int folder, const char *key, struct journal *ret);

/* Journal first: data without a journal are nothing. 0, or errno of the first that failed; what is
 * not there is no error. The pin stays where `keep_pin`. */
int cache_remove(int folder, const char *key, bool keep_pin);

/* Makes KEY.clone of a finished file: a copy that shares its blocks (FICLONE). 0 or errno:
 * EOPNOTSUPP and EXDEV where that cannot be; ENOENT also where nothing of the object is kept there,
 * for then nobody would take it; EEXIST where another client is about it. */
int cache_clone(int folder, const char *key, const char *path);
bool cache_has_clone(int folder, const char *key);

bool cache_is_pinned(int folder, const char *key);
int cache_set_pinned(int folder, const char *key, bool pinned); /* 0 or errno */

#endif
