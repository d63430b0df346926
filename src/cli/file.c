/* SPDX-License-Identifier: MIT */
#include "cli/file.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { FIRST_SIZE = 16 * 1024 };

static int open_file(const char *path)
{
    if (strcmp(path, "-") == 0)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int read_all(int fd, size_t limit, char **ret, size_t *ret_length)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0, size = 0;
    for (;;) {
        if (size - length < 2) {
            size = size ? 2 * size : FIRST_SIZE;
            char *grown = realloc(text, size);
            if (!grown)
                return -ENOMEM;
            text = grown;
        }
        ssize_t n = read(fd, text + length, size - length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > limit)
            return -EFBIG;
    }
    text[length] = '\0';
    *ret = TAKE(text);
    *ret_length = length;
    return 0;
}

int file_read(const char *path, size_t limit, char **ret, size_t *ret_length, struct ddm_error *err)
{
    _cleanup_close_ int fd = open_file(path);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (fd < 0)
        return error_set(err, DDM_E_USAGE, "%s: %s", path, strerror(errno));
    int r = read_all(fd, limit, ret, ret_length);
    if (r == -EFBIG)
        return error_set(err, DDM_E_USAGE, "%s: larger than %zu MiB", path, limit / (size_t)MIB);
    return r < 0 ? error_set(err, DDM_E_USAGE, "%s: %s", path, strerror(-r)) : 0;
}
