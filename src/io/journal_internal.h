/* SPDX-License-Identifier: MIT */
/* What writing (journal.c) and reading (journal_read.c) of journals share. */
#ifndef DDM_IO_JOURNAL_INTERNAL_H
#define DDM_IO_JOURNAL_INTERNAL_H

#include "io/digest.h"
#include "io/journal.h"

#define CHECKSUM_SIZE 8
#define RECORD_HEAD   16
#define RANGE_SIZE    16
#define EXTENT_SIZE   (16 + EXTENT_SUM_SIZE)

enum record_type {
    RECORD_OBJECT = 1,
    RECORD_ORIGIN,
    RECORD_CHECKSUM,
    RECORD_VALID,
    RECORD_FORGOTTEN,
    RECORD_UNPROVED,
    RECORD_EXTENTS,
};

extern const unsigned char journal_magic[8];

/* Of a header or record: over the id and what stands before it. */
void journal_checksum(struct digest *digest, const unsigned char *id, const void *data,
                      size_t length, unsigned char out[static CHECKSUM_SIZE]);

#endif
