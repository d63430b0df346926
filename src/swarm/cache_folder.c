/* SPDX-License-Identifier: MIT */
#include "swarm/cache_folder.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define OPEN_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

char *cache_folder_default(void)
{
    const char *directory = getenv("CACHE_DIRECTORY");
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (directory && *directory == '/') /* several: "A:B" */
        return strndup(directory, strcspn(directory, ":"));
    if (xdg && *xdg == '/')
        return str_format("%s/ddm", xdg);
    return home && *home == '/' ? str_format("%s/.cache/ddm", home) : NULL;
}

/* As mkdir -p. What is wrong shows when it is opened. */
static void make_folders(const char *path)
{
    _cleanup_free_ char *part = strdup(path);
    if (!part)
        return;
    for (char *at = part; *at;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char was = *at;
        *at = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return;
        *at = was;
    }
}

int cache_folder_open(const char *path, bool make, struct ddm_error *err)
{
    struct stat st;
    if (make)
        make_folders(path);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", path, strerror(errno));
    if (st.st_uid != geteuid())
        return error_set(err, DDM_E_DISK, "%s belongs to another user", path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(err, DDM_E_DISK, "%s can be written by others", path);
    int ret = fd;
    fd = -1;
    return ret;
}

int cache_folder_lock(int folder)
{
    int fd = openat(folder, ".lock", O_RDWR | O_CREAT | OPEN_FLAGS, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

char *cache_name(char out[static CACHE_NAME_SIZE], const char *key, const char *ending)
{
    snprintf(out, CACHE_NAME_SIZE, "%s%s", key, ending);
    return out;
}

/* ---- what is there ---- */

/* What a name ends with, behind a key; NULL where it is none of ours. */
static const char *ending_of(const char *name)
{
    static const char *const endings[] = { CACHE_DATA, CACHE_JOURNAL, CACHE_NEW,
                                           CACHE_PIN,  CACHE_CLONE,   CACHE_CLONE_NEW };
    char key[OBJECT_KEY_SIZE];
    if (strlen(name) < sizeof key)
        return NULL;
    memcpy(key, name, sizeof key - 1);
    key[sizeof key - 1] = '\0';
    for (size_t i = 0; object_key_valid(key) && i < ARRAY_SIZE(endings); i++)
        if (strcmp(name + sizeof key - 1, endings[i]) == 0)
            return endings[i];
    return NULL;
}

static uint64_t disk_size(int folder, const char *key, const char *ending, int64_t *ret_changed)
{
    struct stat st;
    char name[CACHE_NAME_SIZE];
    if (fstatat(folder, cache_name(name, key, ending), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (ret_changed)
        *ret_changed = st.st_mtim.tv_sec * SEC + st.st_mtim.tv_nsec;
    return (uint64_t)st.st_blocks * 512;
}

static bool is_there(int folder, const char *key, const char *ending)
{
    char name[CACHE_NAME_SIZE];
    return faccessat(folder, cache_name(name, key, ending), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remove_one(int folder, const char *key, const char *ending, int *error)
{
    char name[CACHE_NAME_SIZE];
    if (unlinkat(folder, cache_name(name, key, ending), 0) < 0 && errno != ENOENT && !*error)
        *error = errno;
}

int cache_remove(int folder, const char *key, bool keep_pin)
{
    int error = 0;
    remove_one(folder, key, CACHE_JOURNAL, &error);
    remove_one(folder, key, CACHE_NEW, &error);
    remove_one(folder, key, CACHE_DATA, &error);
    remove_one(folder, key, CACHE_CLONE, &error);
    if (!keep_pin)
        remove_one(folder, key, CACHE_PIN, &error);
    return error;
}

static int by_use(const void *a, const void *b)
{
    const struct cache_item *one = a, *other = b;
    return one->used < other->used ? -1 : one->used > other->used;
}

struct listing {
    struct cache_item *items;
    size_t count, capacity;
};

static int list_one(struct listing *l, int folder, const char *key)
{
    if (l->count == l->capacity) {
        size_t capacity = MAX(2 * l->capacity, (size_t)64);
        struct cache_item *items = reallocarray(l->items, capacity, sizeof *items);
        if (!items)
            return -1;
        l->items = items;
        l->capacity = capacity;
    }
    struct cache_item *item = &l->items[l->count++];
    *item = (struct cache_item){ .pinned = cache_is_pinned(folder, key) };
    memcpy(item->key, key, sizeof item->key);
    item->bytes = disk_size(folder, key, CACHE_JOURNAL, &item->used) +
                  disk_size(folder, key, CACHE_DATA, NULL) +
                  disk_size(folder, key, CACHE_CLONE, NULL);
    return 0;
}

static int list_name(struct listing *l, int folder, const char *name, bool tidy)
{
    const char *ending = ending_of(name);
    char key[OBJECT_KEY_SIZE] = "";
    int unused = 0;
    if (!ending)
        return 0;
    memcpy(key, name, sizeof key - 1);
    if (strcmp(ending, CACHE_JOURNAL) == 0) {
        if (is_there(folder, key, CACHE_DATA))
            return list_one(l, folder, key);
    } else if (strcmp(ending, CACHE_NEW) != 0 && strcmp(ending, CACHE_CLONE_NEW) != 0 &&
               is_there(folder, key, CACHE_JOURNAL)) {
        return 0;
    }
    if (tidy)
        remove_one(folder, key, ending, &unused);
    return 0;
}

int cache_folder_list(struct cache_item **ret, size_t *ret_count, int folder, bool tidy,
                      struct ddm_error *err)
{
    struct listing l = { 0 };
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return error_set(err, DDM_E_DISK, "the cache's folder: %s", strerror(errno));
    }
    for (struct dirent *entry; r == 0 && (entry = readdir(directory));)
        r = list_name(&l, folder, entry->d_name, tidy);
    closedir(directory);
    if (r < 0) {
        free(l.items);
        return error_memory(err);
    }
    if (l.count > 0)
        qsort(l.items, l.count, sizeof *l.items, by_use);
    *ret = l.items;
    *ret_count = l.count;
    return 0;
}

enum journal_state cache_read_journal(int folder, const char *key, struct journal *ret)
{
    char name[CACHE_NAME_SIZE], buf[16 * 1024];
    struct journal_reader *reader = NULL;
    struct stat st;
    _cleanup_close_ int fd =
        openat(folder, cache_name(name, key, CACHE_JOURNAL), O_RDONLY | OPEN_FLAGS);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || journal_reader_new(&reader) < 0)
        return JOURNAL_EMPTY;
    for (size_t total = 0; total < JOURNAL_SIZE_MAX;) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        journal_reader_feed(reader, buf, (size_t)n);
        total += (size_t)n;
    }
    enum journal_state state = journal_reader_end(reader, ret);
    journal_reader_free(reader);
    return state;
}

/* ---- finished files ---- */

int cache_clone(int folder, const char *key, const char *path)
{
    char name[CACHE_NAME_SIZE], new_name[CACHE_NAME_SIZE];
    if (!is_there(folder, key, CACHE_DATA))
        return ENOENT;
    cache_name(name, key, CACHE_CLONE);
    cache_name(new_name, key, CACHE_CLONE_NEW);
    _cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return errno;
    _cleanup_close_ int to =
        openat(folder, new_name, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
    if (to < 0)
        return errno;
    int error =
        ioctl(to, FICLONE, from) < 0 || renameat(folder, new_name, folder, name) < 0 ? errno : 0;
    if (error)
        unlinkat(folder, new_name, 0);
    return error;
}

bool cache_has_clone(int folder, const char *key)
{
    return is_there(folder, key, CACHE_CLONE);
}

/* ---- pins ---- */

bool cache_is_pinned(int folder, const char *key)
{
    return is_there(folder, key, CACHE_PIN);
}

int cache_set_pinned(int folder, const char *key, bool pinned)
{
    char name[CACHE_NAME_SIZE];
    int error = 0;
    if (!pinned) {
        remove_one(folder, key, CACHE_PIN, &error);
        return error;
    }
    _cleanup_close_ int fd =
        openat(folder, cache_name(name, key, CACHE_PIN), O_WRONLY | O_CREAT | OPEN_FLAGS, 0600);
    return fd < 0 ? errno : 0;
}
