/* SPDX-License-Identifier: MIT */
#include "base/whole.h"

#include <errno.h>
#include <unistd.h>

int whole_read(int fd, uint64_t offset, void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, (char *)data + done, length - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENODATA;
        done += (size_t)n;
    }
    return 0;
}

int whole_write(int fd, uint64_t offset, const void *data, size_t length, size_t *ret_done)
{
    size_t done = 0;
    int error = 0;
    while (done < length && !error) {
        ssize_t n = pwrite(fd, (const char *)data + done, length - done, (off_t)(offset + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            error = ENOSPC;
        else if (errno != EINTR)
            error = errno;
    }
    *ret_done = done;
    return error;
}
