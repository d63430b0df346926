/* SPDX-License-Identifier: MIT */
/* Small files that only this user may read, in a folder of their own. They block. */
#ifndef DDM_BASE_PRIVATE_FILE_H
#define DDM_BASE_PRIVATE_FILE_H

#include "ddm/ddm.h"

#include <stddef.h>

/* Makes the folder (0700) and those above it where they are not there. -DDM_E_DISK, or
 * -DDM_E_PERMISSION where the system forbids it; so do those that write. */
int private_folder_make(const char *folder, struct ddm_error *err);

/* Puts FOLDER/NAME there with mode 0600: written beside it, synced, renamed, so that a reader sees
 * the old one or the new one. -DDM_E_DISK. */
int private_file_write(const char *folder, const char *name, const void *data, size_t length,
                       struct ddm_error *err);
/* The same where there is none yet; else it returns 1 and leaves what is there. Of several at a
 * time one wins. */
int private_file_create(const char *folder, const char *name, const void *data, size_t length,
                        struct ddm_error *err);

/* Reads FOLDER/NAME as text: malloc'ed, the caller wipes it. Returns 1 where there is no such file.
 * -DDM_E_PERMISSION where others may read it, it is no file, or it cannot be read;
 * -DDM_E_DISK where it has more than `limit` bytes. */
int private_file_read(const char *folder, const char *name, size_t limit, char **ret,
                      struct ddm_error *err);

#endif
