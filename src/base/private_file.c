/* SPDX-License-Identifier: MIT */
#include "base/private_file.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int fail(struct ddm_error *err, const char *path)
{
    enum ddm_code code = errno == EACCES || errno == EPERM ? DDM_E_PERMISSION : DDM_E_DISK;
    return error_set(err, code, "%s: %s", path, strerror(errno));
}

int private_folder_make(const char *folder, struct ddm_error *err)
{
    char path[PATH_MAX];
    if (strlen(folder) >= sizeof path)
        return error_set(err, DDM_E_DISK, "%.60s…: the name is too long", folder);
    str_copy(path, sizeof path, folder);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return fail(err, path);
        *slash = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? fail(err, path) : 0;
}

/* So that the name is there after a power cut, too. */
static int sync_folder(const char *folder)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fsync(fd) : -1;
}

static int write_synced(const char *path, const void *data, size_t length)
{
    size_t done;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    errno = whole_write(fd, 0, data, length, &done);
    return errno != 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 ? -1 : 0;
}

/* Gives what was written beside it its name; -1 with errno. */
static int put_in_place(const char *beside, const char *path, bool replace)
{
    if (replace)
        return rename(beside, path);
    int r = link(beside, path), reason = errno;
    unlink(beside);
    errno = reason;
    return r;
}

static int put(const char *folder, const char *name, const void *data, size_t length, bool replace,
               struct ddm_error *err)
{
    int r = private_folder_make(folder, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = str_format("%s/%s", folder, name);
    _cleanup_free_ char *beside = str_format("%s/.%s.%ld", folder, name, (long)gettid());
    if (!path || !beside)
        return error_memory(err);
    if (unlink(beside) < 0 && errno != ENOENT) /* of one that was killed */
        return fail(err, beside);
    if (write_synced(beside, data, length) == 0 && put_in_place(beside, path, replace) == 0 &&
        sync_folder(folder) == 0)
        return 0;
    if (!replace && errno == EEXIST)
        return 1;
    r = fail(err, path);
    unlink(beside);
    return r;
}

int private_file_write(const char *folder, const char *name, const void *data, size_t length,
                       struct ddm_error *err)
{
    return put(folder, name, data, length, true, err);
}

int private_file_create(const char *folder, const char *name, const void *data, size_t length,
                        struct ddm_error *err)
{
    return put(folder, name, data, length, false, err);
}

static int check_mode(int fd, const char *path, struct ddm_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, DDM_E_PERMISSION, "%s: no regular file", path);
    if (st.st_mode & 077)
        return error_set(
            err, DDM_E_PERMISSION,
            "%s: other users may read it, so it is no secret any more (if it still is: "
            "chmod 600 %s)",
            path, path);
    return 0;
}

int private_file_read(const char *folder, const char *name, size_t limit, char **ret,
                      struct ddm_error *err)
{
    _cleanup_free_ char *path = str_format("%s/%s", folder, name);
    char *text = NULL;
    if (!path)
        return error_memory(err);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (fd < 0)
        return error_set(err, DDM_E_PERMISSION, "%s: %s", path,
                         errno == ELOOP ? "a symbolic link" : strerror(errno));
    int r = check_mode(fd, path, err);
    if (r == 0 && !(text = calloc(1, limit + 2)))
        r = error_memory(err);
    ssize_t n = r == 0 ? read(fd, text, limit + 1) : 0; /* regular files are read at once */
    if (r == 0 && n < 0)
        r = error_set(err, DDM_E_PERMISSION, "%s: %s", path, strerror(errno));
    else if (r == 0 && (size_t)n > limit)
        r = error_set(err, DDM_E_DISK, "%s: larger than %zu bytes", path, limit);
    if (r < 0) {
        free(text);
        return r;
    }
    *ret = text;
    return 0;
}
