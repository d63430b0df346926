/* SPDX-License-Identifier: MIT */
/* What a process does to the files of one folder, as a log: preloaded (LD_PRELOAD) by run.py, which
 * makes of the log what a disk may hold after the power went.
 *
 *     DDM_POWER_FOLDER  absolute; files in it are watched
 *     DDM_POWER_LOG     the log: records as below, outside of that folder
 *     DDM_POWER_CUT     the process is killed at the so many-th step that is not a block of data;
 *                       an even number: before the step, an odd one: after it. 0: never
 *     DDM_POWER_SLOW    a sync takes up to so many milliseconds
 *
 * A change is in the log before it is made, and a sync begins when it is asked for: what was in the
 * log before that is on the disk when the end of the sync is in the log. Nothing is really synced.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FDS     4096
#define DATA_LENGTH 4096 /* a write that is longer is a block of data, not a step */

enum kind { CREATE = 1, WRITE, TRUNCATE, RENAME, LINK, UNLINK, SYNC_BEGIN, SYNC_END };

/* All that follows one is `length` bytes: the data, or names with their NULs. */
struct record {
    uint32_t kind, length;
    uint64_t file; /* number of the inode; 0: the folder */
    uint64_t offset;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static size_t folder_length;
static int log_fd = -1;
static long steps, cut;
static unsigned slow, seed;
static enum { OTHER, FILE_FD, FOLDER_FD } fds[MAX_FDS];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("DDM_POWER_LOG"), *at = getenv("DDM_POWER_CUT");
    const char *delay = getenv("DDM_POWER_SLOW");
    const char *name = getenv("DDM_POWER_FOLDER");
    if (!log || !name)
        return;
    folder_length = strlen(name);
    log_fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cut = at ? atol(at) : 0;
    slow = delay ? (unsigned)atoi(delay) : 0;
    seed = (unsigned)cut;
    if (log_fd < 0)
        abort();
    folder = name;
}

/* 1: a file in the folder, 2: the folder itself. */
static int watched(const char *path)
{
    if (!folder || strncmp(path, folder, folder_length) != 0)
        return 0;
    const char *rest = path + folder_length;
    if (!*rest || strcmp(rest, "/") == 0)
        return 2;
    return *rest == '/' && !strchr(rest + 1, '/') ? 1 : 0;
}

static const char *name_of(const char *path)
{
    return path + folder_length + 1;
}

static int kind_of(int fd)
{
    return fd >= 0 && fd < MAX_FDS ? (int)fds[fd] : OTHER;
}

static uint64_t inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : UINT64_MAX;
}

static void put(enum kind kind, uint64_t file, uint64_t offset, const void *data, size_t length)
{
    struct record r = { kind, (uint32_t)length, file, offset };
    struct iovec parts[2] = { { &r, sizeof r }, { (void *)(uintptr_t)data, length } };
    if (writev(log_fd, parts, 2) != (ssize_t)(sizeof r + length))
        abort();
}

/* The one way that a daemon's sandbox leaves open. */
static void power_off(void)
{
    syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
}

/* Held from before the record until the change was made. */
static void step_begin(bool counts)
{
    pthread_mutex_lock(&lock);
    if (counts && cut > 0 && ++steps == cut && cut % 2 == 0)
        power_off();
}

static void step_end(void)
{
    if (cut > 0 && steps >= cut)
        power_off();
    pthread_mutex_unlock(&lock);
}

/* ---- names ---- */

static int open_watched(const char *path, int flags, mode_t mode)
{
    struct stat st;
    step_begin(true);
    bool is_new = lstat(path, &st) < 0;
    int fd = REAL(open)(path, flags, mode);
    if (fd >= 0 && fd < MAX_FDS) {
        const char *name = name_of(path);
        fds[fd] = FILE_FD;
        if (is_new)
            put(CREATE, inode_of(fd), 0, name, strlen(name) + 1);
        else if (flags & O_TRUNC)
            put(TRUNCATE, inode_of(fd), 0, NULL, 0);
    }
    step_end();
    return fd;
}

static int open_any(const char *path, int flags, mode_t mode)
{
    int what = watched(path);
    if (what == 1)
        return open_watched(path, flags, mode);
    int fd = REAL(open)(path, flags, mode);
    if (what == 2 && fd >= 0 && fd < MAX_FDS)
        fds[fd] = FOLDER_FD;
    return fd;
}

#define MODE_ARGUMENT(flags)                                                                       \
    ({                                                                                             \
        mode_t mode_ = 0;                                                                          \
        if ((flags) & (O_CREAT | O_TMPFILE)) {                                                     \
            va_list ap_;                                                                           \
            va_start(ap_, flags);                                                                  \
            mode_ = va_arg(ap_, mode_t);                                                           \
            va_end(ap_);                                                                           \
        }                                                                                          \
        mode_;                                                                                     \
    })

int open(const char *path, int flags, ...)
{
    return open_any(path, flags, MODE_ARGUMENT(flags));
}

int open64(const char *path, int flags, ...)
{
    return open_any(path, flags, MODE_ARGUMENT(flags));
}

/* The path of a name in the folder, where it is given by the folder's descriptor; else NULL. */
static const char *path_in(char buf[static PATH_MAX], int at, const char *name)
{
    if (kind_of(at) != FOLDER_FD || strchr(name, '/') || strcmp(name, ".") == 0)
        return NULL;
    snprintf(buf, PATH_MAX, "%s/%s", folder, name);
    return buf;
}

int openat(int at, const char *name, int flags, ...)
{
    char buf[PATH_MAX];
    const char *path = path_in(buf, at, name);
    mode_t mode = MODE_ARGUMENT(flags);
    return path ? open_any(path, flags, mode) : REAL(openat)(at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...)
{
    return openat(at, name, flags, MODE_ARGUMENT(flags));
}

int close(int fd)
{
    if (fd >= 0 && fd < MAX_FDS)
        fds[fd] = OTHER;
    return REAL(close)(fd);
}

static void put_names(enum kind kind, const char *from, const char *to)
{
    char names[2 * PATH_MAX];
    int n = snprintf(names, sizeof names, "%s%c%s", name_of(from), 0, to ? name_of(to) : "");
    put(kind, 0, 0, names, (size_t)n + 1);
}

/* What fails changes nothing: it is in the log only when it was done, which the lock hides. */
int rename(const char *from, const char *to)
{
    if (watched(from) != 1 || watched(to) != 1)
        return REAL(rename)(from, to);
    step_begin(true);
    int r = REAL(rename)(from, to);
    if (r == 0)
        put_names(RENAME, from, to);
    step_end();
    return r;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (watched(from) != 1 || watched(to) != 1)
        return REAL(renameat2)(from_fd, from, to_fd, to, flags);
    step_begin(true);
    int r = REAL(renameat2)(from_fd, from, to_fd, to, flags);
    if (r == 0)
        put_names(RENAME, from, to);
    step_end();
    return r;
}

int link(const char *from, const char *to)
{
    if (watched(from) != 1 || watched(to) != 1)
        return REAL(link)(from, to);
    step_begin(true);
    int r = REAL(link)(from, to);
    if (r == 0)
        put_names(LINK, from, to);
    step_end();
    return r;
}

int unlink(const char *path)
{
    if (watched(path) != 1)
        return REAL(unlink)(path);
    step_begin(true);
    int r = REAL(unlink)(path);
    if (r == 0)
        put_names(UNLINK, path, NULL);
    step_end();
    return r;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    char buf[2][PATH_MAX];
    const char *from_path = path_in(buf[0], from_at, from), *to_path = path_in(buf[1], to_at, to);
    return from_path && to_path ? rename(from_path, to_path)
                                : REAL(renameat)(from_at, from, to_at, to);
}

int unlinkat(int at, const char *name, int flags)
{
    char buf[PATH_MAX];
    const char *path = flags ? NULL : path_in(buf, at, name);
    return path ? unlink(path) : REAL(unlinkat)(at, name, flags);
}

/* ---- bytes ---- */

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    if (kind_of(fd) != FILE_FD)
        return REAL(pwrite)(fd, data, length, offset);
    step_begin(length <= DATA_LENGTH);
    put(WRITE, inode_of(fd), (uint64_t)offset, data, length);
    ssize_t n = REAL(pwrite)(fd, data, length, offset);
    if (n != (ssize_t)length)
        abort(); /* not what this is made for */
    step_end();
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    return pwrite(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length)
{
    if (kind_of(fd) != FILE_FD)
        return REAL(write)(fd, data, length);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t n = pwrite(fd, data, length, at);
    lseek(fd, at + n, SEEK_SET);
    return n;
}

int ftruncate(int fd, off_t length)
{
    if (kind_of(fd) != FILE_FD)
        return REAL(ftruncate)(fd, length);
    step_begin(true);
    put(TRUNCATE, inode_of(fd), (uint64_t)length, NULL, 0);
    int r = REAL(ftruncate)(fd, length);
    step_end();
    return r;
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}

static int sync_any(int fd, int (*sync)(int))
{
    int kind = kind_of(fd);
    if (kind == OTHER)
        return sync(fd);
    uint64_t file = kind == FOLDER_FD ? 0 : inode_of(fd);
    step_begin(true);
    put(SYNC_BEGIN, file, 0, NULL, 0);
    step_end();
    if (slow > 0)
        usleep((unsigned)rand_r(&seed) % (slow * 1000));
    step_begin(true);
    put(SYNC_END, file, 0, NULL, 0);
    step_end();
    return 0;
}

int fsync(int fd)
{
    return sync_any(fd, REAL(fsync));
}

int fdatasync(int fd)
{
    return sync_any(fd, REAL(fdatasync));
}
