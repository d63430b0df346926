/* SPDX-License-Identifier: MIT */
/* A finished file gets its name. */
#ifndef DDM_GET_PUBLISH_H
#define DDM_GET_PUBLISH_H

#include "ddm/ddm.h"

#include <stdatomic.h>

struct publication {
    int fd;                  /* of the unfinished file */
    const char *part, *path; /* its name, and what it gets */
    const char *journal;     /* removed in the end */
    uint64_t size;           /* what is behind it is cut off */
    int64_t modified;        /* s since the epoch; 0: as it is */
    bool replace;            /* what is at `path`; else that is an error */
    const atomic_bool *cancelled;
};

/* Cuts, syncs, renames; then the journal is removed, when the name is on the disk: a power cut must
 * not leave the unfinished name without it. Blocks. 0; -DDM_E_DISK, -DDM_E_INTERRUPTED: nothing was
 * renamed. */
int publish(const struct publication *what, struct ddm_error *err);

#endif
