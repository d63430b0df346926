/* SPDX-License-Identifier: MIT */
#include "get/publish.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int sync_file(const struct publication *what)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = what->modified } };
    if (ftruncate(what->fd, (off_t)what->size) < 0)
        return -errno;
    if (what->modified != 0)
        futimens(what->fd, times); /* where it cannot: the time of the download */
    return fsync(what->fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* Without `replace` it must not take the place of what has come to be there meanwhile. */
static int give_name(const struct publication *what)
{
    int r;
    if (what->replace) {
        r = rename(what->part, what->path);
    } else {
        r = renameat2(AT_FDCWD, what->part, AT_FDCWD, what->path, RENAME_NOREPLACE);
        if (r < 0 && (errno == EINVAL || errno == ENOSYS)) { /* not on this file system */
            r = link(what->part, what->path);
            if (r == 0)
                unlink(what->part);
        }
    }
    return r < 0 ? -errno : 0;
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    _cleanup_close_ int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0)
        fsync(fd);
}

int publish(const struct publication *what, struct ddm_error *err)
{
    int r = sync_file(what);
    if (r < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", what->part, strerror(-r));
    if (atomic_load(what->cancelled))
        return error_set(err, DDM_E_INTERRUPTED, "interrupted");
    r = give_name(what);
    if (r == -EEXIST)
        return error_set(err, DDM_E_DISK, "%s has come to exist meanwhile; the download is in %s",
                         what->path, what->part);
    if (r < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", what->path, strerror(-r));
    sync_folder(what->path);
    unlink(what->journal);
    return 0;
}
