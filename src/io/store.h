/* SPDX-License-Identifier: MIT */
/* Bytes of objects that were fetched, for whoever reads them next: per object the set of ranges
 * that are valid, and over all objects one bound.
 *
 *     object   ░░████████░░░░██████░░░░     █ valid, ░ not there
 *     cells    |....|....|....|....|...     of STORE_CELL bytes: what is evicted at a time
 *     reader         ▲=====                 [position, position + window) is never evicted
 *
 * Cells are memory that is used again and again. (A sparse memfd per object with holes punched into
 * it relayed at 0.4 times the rate: the kernel then takes and clears every page anew.)
 *
 * A write that would go over the bound first evicts the cells that were begun longest ago and that
 * no reader stands before; where there is none it fails, and the writer pauses. As long as there
 * are at most store_max_readers readers, somebody can always go on. */
#ifndef DDM_IO_STORE_H
#define DDM_IO_STORE_H

#include "base/list.h"
#include "plan/rangeset.h"

#include <sys/types.h>

#define STORE_CELL ((uint64_t)128 * 1024)

struct store;
struct store_object;

/* Embedded in whoever reads; the store looks at the position when it evicts. */
struct store_reader {
    struct list link;
    uint64_t position;
};

int store_new(struct store **ret, uint64_t limit); /* bytes; -1 without memory */
struct store *store_free(struct store *store);     /* after all its objects */
uint64_t store_used(const struct store *store);

/* How many readers the bound allows at the same time, and how far ahead of a reader a writer may
 * go with so many of them. */
unsigned store_max_readers(const struct store *store);
uint64_t store_window(const struct store *store, unsigned readers);

int store_object_new(struct store_object **ret, struct store *store); /* -1 without memory */
struct store_object *store_object_free(struct store_object *object);  /* drops its bytes */
bool store_object_empty(const struct store_object *object);

void store_reader_add(struct store_object *object, struct store_reader *reader, uint64_t position);
void store_reader_remove(struct store_reader *reader);

/* Adds [offset, offset + length). -EAGAIN: no room now; -ENOMEM. */
int store_write(struct store_object *object, uint64_t offset, const void *data, size_t length);

/* Reads what is valid from offset on, at most size bytes. Returns how many; 0: nothing there. */
size_t store_read(const struct store_object *object, uint64_t offset, void *buf, size_t size);

/* The valid set; it belongs to the object. */
const struct rangeset *store_valid(const struct store_object *object);

#endif
