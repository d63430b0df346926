/* SPDX-License-Identifier: MIT */
/* The format of a journal: what of a file is there, and what the file is. Bytes in, bytes out; the
 * files are the matter of sparse.h. Numbers are little endian.
 *
 *     header  0 ┌─────────────────┐        record  0 ┌──────────────────────┐
 *               │ "DDMjrnl\n"     │                  │ length of payload  4 │
 *             8 ├─────────────────┤                4 ├──────────────────────┤
 *               │ version, 1    4 │                  │ type               4 │
 *            12 ├─────────────────┤                8 ├──────────────────────┤
 *               │ id, random   16 │                  │ sequence number    8 │ 0, 1, 2, …
 *            28 ├─────────────────┤               16 ├──────────────────────┤
 *               │ checksum      8 │                  │ payload              │
 *            36 └─────────────────┘                  ├──────────────────────┤
 *                                                    │ checksum           8 │
 *                                                    └──────────────────────┘
 *     type         payload
 *     1 OBJECT     size 8; the first record, and no other
 *     2 ORIGIN     three texts: URL (without a password), ETag, Last-Modified
 *     3 CHECKSUM   two texts: algorithm, hex
 *     4 VALID      pairs of begin 8, end 8: these bytes are there, and were synced before
 *     5 FORGOTTEN  the same: these are not, or are wrong
 *     6 UNPROVED   none: the bytes may be of several versions, whatever the validators say; only
 *                  a checksum of the whole or hashes of pieces can tell. Holds for good
 *     7 EXTENTS    extents.h, each begin 8, end 8, sum 16: of a cache; FORGOTTEN takes those out
 *                  that it touches
 *     text         length 2, bytes without NUL
 *
 * Records are only ever appended. A checksum is the first 8 bytes of a SHA-256 over the id and what
 * stands before it in the header or record: what is left over from another journal is not of this
 * one. The first record that is not whole, not next, or says what cannot be ends the journal there:
 * what follows is never looked at, so that a reader knows a prefix of the truth. */
#ifndef DDM_IO_JOURNAL_H
#define DDM_IO_JOURNAL_H

#include "io/extents.h"
#include "plan/rangeset.h"

#define JOURNAL_VERSION     1
#define JOURNAL_ID_SIZE     16
#define JOURNAL_HEADER_SIZE 36

/* What does not fit is not recorded, and not believed. */
#define JOURNAL_RECORD_MAX    (64 * 1024)        /* a payload */
#define JOURNAL_SIZE_MAX      (64 * 1024 * 1024) /* a journal */
#define JOURNAL_TEXT_MAX      8192
#define JOURNAL_ORIGINS_MAX   128
#define JOURNAL_CHECKSUMS_MAX 16
#define JOURNAL_RANGES_MAX    65536 /* VALID at a time; a writer stays below the half */
#define JOURNAL_SIZE_UNKNOWN  UINT64_MAX

struct journal_origin {
    char *url, *etag, *last_modified; /* never NULL; "" where not known */
};

struct journal_checksum {
    char *algorithm, *hex;
};

/* What a journal says. Embedded; all zero is nothing. */
struct journal {
    uint64_t size; /* JOURNAL_SIZE_UNKNOWN: not known */
    struct journal_origin *origins;
    size_t origin_count;
    struct journal_checksum *checksums;
    size_t checksum_count;
    bool unproved;
    struct rangeset valid;
    struct extents extents; /* of a cache, which has no `valid` */
};

void journal_release(struct journal *journal);

/* Adds what is not in it yet; an origin whose URL is in it gets these validators. Strings are
 * copied; NULL is "". Returns 1 where that changed it, 0 where not, -1 where there is no room for
 * it or no memory. */
int journal_add_origin(struct journal *journal, const char *url, const char *etag,
                       const char *last_modified);
int journal_add_checksum(struct journal *journal, const char *algorithm, const char *hex);
/* Those behind it move up. */
void journal_drop_checksum(struct journal *journal, size_t number);

/* ---- reading: untrusted bytes ---- */

enum journal_state {
    JOURNAL_EMPTY,         /* no bytes */
    JOURNAL_GOOD,          /* header and OBJECT, and what is right of the rest */
    JOURNAL_BROKEN,        /* not even that, but it begins as a journal does */
    JOURNAL_FOREIGN,       /* it does not */
    JOURNAL_OTHER_VERSION, /* a journal, of a version that this program does not know */
};

struct journal_reader;

int journal_reader_new(struct journal_reader **ret); /* 0 or -1 */
/* The bytes in their order, in blocks of any length. */
void journal_reader_feed(struct journal_reader *reader, const void *data, size_t length);
/* All have come. `ret` gets what it says (JOURNAL_GOOD; the caller releases it). */
enum journal_state journal_reader_end(struct journal_reader *reader, struct journal *ret);
struct journal_reader *journal_reader_free(struct journal_reader *reader);

/* ---- writing ---- */

/* Makes bytes: the caller takes `data` away to write it and sets `length` to 0, or takes the memory
 * too. Embedded; all zero before journal_writer_begin. */
struct journal_writer {
    unsigned char id[JOURNAL_ID_SIZE];
    uint64_t sequence; /* of the next record */
    struct digest *digest;
    unsigned char *data;
    size_t length, capacity;
};

/* All return 0, or -1 without memory (or random bytes); `data` is what it was then. */

/* A new journal with a new id: header, OBJECT, UNPROVED, ORIGINs, CHECKSUMs, and `valid` (not that
 * of `journal`). No EXTENTS. Drops what was in `data`. */
int journal_writer_begin(struct journal_writer *writer, const struct journal *journal,
                         const struct rangeset *valid);
int journal_put_origin(struct journal_writer *writer, const struct journal_origin *origin);
int journal_put_checksum(struct journal_writer *writer, const struct journal_checksum *checksum);
int journal_put_unproved(struct journal_writer *writer);
int journal_put_valid(struct journal_writer *writer, const struct rangeset *ranges);
int journal_put_forgotten(struct journal_writer *writer, const struct rangeset *ranges);
int journal_put_extents(struct journal_writer *writer, const struct extent *extents, size_t count);
/* Any record; for tests. */
int journal_put(struct journal_writer *writer, uint32_t type, const void *payload, size_t length);
void journal_writer_release(struct journal_writer *writer);

#endif
