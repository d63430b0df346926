/* SPDX-License-Identifier: MIT */
/* Positioned reads and writes of all that was asked for, however many calls that takes. They block.
 */
#ifndef DDM_BASE_WHOLE_H
#define DDM_BASE_WHOLE_H

#include <stddef.h>
#include <stdint.h>

/* 0 or errno; ENODATA where the file ends before. */
int whole_read(int fd, uint64_t offset, void *data, size_t length);
/* 0 or errno (ENOSPC where nothing could be written); *ret_done: what was written in any case. */
int whole_write(int fd, uint64_t offset, const void *data, size_t length, size_t *ret_done);

#endif
