/* SPDX-License-Identifier: MIT */
/* The token of this machine, in its state folder. Whoever reads it is a member and whoever writes
 * it chooses the swarm: so nobody else may do either, and what looks as if somebody could is an
 * error that says what to do. */
#include "swarm/membership.h"

#include "base/error.h"
#include "base/private_file.h"
#include "base/str.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "swarm.token"

enum { FILE_MAX = 2 * TOKEN_MAX };

/* A folder that cannot be looked into has a token that cannot be read. */
bool membership_exists(const char *folder)
{
    struct stat status;
    _cleanup_free_ char *path = str_format("%s/%s", folder, FILE_NAME);
    return !path || lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* ---- reading ---- */

/* Of this user, or of root; root may use everybody's. */
static bool is_trusted(const struct stat *status)
{
    return geteuid() == 0 || status->st_uid == geteuid() || status->st_uid == 0;
}

static int check_folder(int fd, const char *folder, struct ddm_error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(err, DDM_E_PERMISSION, "%s: %s", folder, strerror(errno));
    if (!is_trusted(&status))
        return error_set(err, DDM_E_PERMISSION,
                         "%s belongs to another user, who could change the swarm key in it",
                         folder);
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(err, DDM_E_PERMISSION,
                         "others can write to %s, and so change the swarm key in it: chmod 700 %s",
                         folder, folder);
    return 0;
}

static int check_file(int fd, const char *folder, struct ddm_error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(err, DDM_E_PERMISSION, "%s/%s: %s", folder, FILE_NAME, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, DDM_E_PERMISSION, "%s/%s is not a file", folder, FILE_NAME);
    if (!is_trusted(&status))
        return error_set(err, DDM_E_PERMISSION, "%s/%s belongs to another user", folder, FILE_NAME);
    if (status.st_mode & 077)
        return error_set(
            err, DDM_E_PERMISSION,
            "others can read or change the swarm key: chmod 600 %s/%s; if somebody may "
            "have, change it with 'ddm swarm init --rotate'",
            folder, FILE_NAME);
    return 0;
}

static int error_open(struct ddm_error *err, const char *folder, int reason)
{
    if (reason == ENOENT || reason == ENOTDIR)
        return error_set(err, DDM_E_PERMISSION,
                         "no swarm key in %s: 'ddm swarm init' makes one, 'ddm swarm join' takes "
                         "that of another machine",
                         folder);
    if (reason == ELOOP)
        return error_set(err, DDM_E_PERMISSION,
                         "%s/%s is a symbolic link, which is not followed: put the file there",
                         folder, FILE_NAME);
    return error_set(err, DDM_E_PERMISSION, "%s/%s: %s", folder, FILE_NAME, strerror(reason));
}

/* All of the file, with a NUL behind it. */
static int read_text(int fd, char out[static FILE_MAX + 1], const char *folder,
                     struct ddm_error *err)
{
    size_t length = 0;
    while (length < FILE_MAX) {
        ssize_t n = read(fd, out + length, FILE_MAX - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, DDM_E_PERMISSION, "%s/%s: %s", folder, FILE_NAME,
                             strerror(errno));
        if (n == 0)
            break;
        length += (size_t)n;
    }
    out[length] = '\0';
    if (strlen(out) != length)
        return error_set(err, DDM_E_PERMISSION, "%s/%s holds no token", folder, FILE_NAME);
    return 0;
}

/* The folder is opened first, so that it is the one that was checked. */
static int open_file(const char *folder, int *ret, struct ddm_error *err)
{
    _cleanup_close_ int place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place < 0)
        return error_open(err, folder, errno);
    _cleanup_close_ int fd =
        openat(place, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return error_open(err, folder, errno);
    int r = check_folder(place, folder, err);
    if (r == 0)
        r = check_file(fd, folder, err);
    if (r < 0)
        return r;
    *ret = fd;
    fd = -1;
    return 0;
}

int membership_read_token(const char *folder, struct token *ret, struct ddm_error *err)
{
    char text[FILE_MAX + 1];
    _cleanup_close_ int fd = -1;
    int r = open_file(folder, &fd, err);
    if (r == 0)
        r = read_text(fd, text, folder, err);
    if (r == 0 && token_parse(ret, text, err) < 0) {
        error_prefix(err, "%s/%s", folder, FILE_NAME);
        if (err)
            err->code = DDM_E_PERMISSION; /* nobody typed it on this command line */
        r = -DDM_E_PERMISSION;
    }
    explicit_bzero(text, sizeof text);
    return r;
}

/* ---- writing ---- */

/* The folder is looked at before anything secret goes there. */
static int write_text(const char *folder, const char *text, bool replace, struct ddm_error *err)
{
    int r = private_folder_make(folder, err);
    if (r < 0)
        return r;
    _cleanup_close_ int place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place < 0)
        return error_set(err, DDM_E_PERMISSION, "%s: %s", folder, strerror(errno));
    r = check_folder(place, folder, err);
    if (r < 0)
        return r;
    r = (replace ? private_file_write : private_file_create)(folder, FILE_NAME, text, strlen(text),
                                                             err);
    return r == 1 ? error_set(err, DDM_E_PERMISSION, "%s has a swarm key already", folder) : r;
}

static int store_token(const char *folder, const struct token *token, bool replace,
                       struct ddm_error *err)
{
    char *text = token_format(token);
    char *line = text ? str_format("%s\n", text) : NULL;
    int r = line ? write_text(folder, line, replace, err) : error_memory(err);
    if (text)
        explicit_bzero(text, strlen(text));
    if (line)
        explicit_bzero(line, strlen(line));
    free(text);
    free(line);
    return r;
}

int membership_write_token(const char *folder, const struct token *token, struct ddm_error *err)
{
    return store_token(folder, token, true, err);
}

int membership_create_token(const char *folder, const struct token *token, struct ddm_error *err)
{
    return store_token(folder, token, false, err);
}
