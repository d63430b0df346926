/* SPDX-License-Identifier: MIT */
#include "io/store.h"

#include <errno.h>
#include <string.h>

#define WINDOW_MAX ((uint64_t)2 * 1024 * 1024) /* more does not make a LAN faster */
#define KEEP_PART  4                           /* 1/4 of the bound, for those who come later */

struct store {
    uint64_t limit, used; /* bytes, whole cells */
    struct list cells;    /* of all objects, begun longest ago first */
    struct list spare;    /* evicted, to be used again */
};

struct store_object {
    struct store *store;
    struct rangeset valid;
    struct list readers;
};

struct cell {
    struct list link;
    struct store_object *object;
    uint64_t index; /* offset / STORE_CELL */
    char memory[STORE_CELL];
};

int store_new(struct store **ret, uint64_t limit)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    s->limit = limit;
    list_init(&s->cells);
    list_init(&s->spare);
    *ret = s;
    return 0;
}

struct store *store_free(struct store *store)
{
    if (store) {
        list_foreach (cell, &store->spare, struct cell, link)
            free(cell);
        free(store);
    }
    return NULL;
}

uint64_t store_used(const struct store *store)
{
    return store->used;
}

/* A window of one cell touches two; one more cell is the one being written. */
unsigned store_max_readers(const struct store *store)
{
    return (unsigned)MAX(store->limit / (3 * STORE_CELL), (uint64_t)1);
}

uint64_t store_window(const struct store *store, unsigned readers)
{
    uint64_t share = store->limit / MAX(readers, 1u);
    if (share < 3 * STORE_CELL)
        return STORE_CELL;
    return MIN(share - 2 * STORE_CELL, WINDOW_MAX);
}

int store_object_new(struct store_object **ret, struct store *store)
{
    struct store_object *o = calloc(1, sizeof *o);
    if (!o)
        return -1;
    o->store = store;
    list_init(&o->readers);
    *ret = o;
    return 0;
}

static void forget(struct cell *cell)
{
    list_remove(&cell->link);
    list_push_back(&cell->object->store->spare, &cell->link);
    cell->object->store->used -= STORE_CELL;
}

struct store_object *store_object_free(struct store_object *object)
{
    if (object) {
        list_foreach (cell, &object->store->cells, struct cell, link)
            if (cell->object == object)
                forget(cell);
        rangeset_release(&object->valid);
        free(object);
    }
    return NULL;
}

bool store_object_empty(const struct store_object *object)
{
    return object->valid.count == 0;
}

void store_reader_add(struct store_object *object, struct store_reader *reader, uint64_t position)
{
    reader->position = position;
    list_push_back(&object->readers, &reader->link);
}

void store_reader_remove(struct store_reader *reader)
{
    list_remove(&reader->link);
}

/* Whether a reader will come to a cell: soon (within a cell's length, it must stay), or at all. */
static bool is_wanted(const struct cell *cell, bool soon)
{
    uint64_t begin = cell->index * STORE_CELL, end = begin + STORE_CELL;
    list_foreach (reader, &cell->object->readers, struct store_reader, link)
        if (reader->position < end && (!soon || reader->position + STORE_CELL > begin))
            return true;
    return false;
}

static int evict(struct cell *cell)
{
    uint64_t begin = cell->index * STORE_CELL;
    if (rangeset_remove(&cell->object->valid, begin, begin + STORE_CELL, NULL) < 0)
        return -ENOMEM;
    forget(cell);
    return 0;
}

/* Makes room for one more cell. What has been read is kept up to a part of the bound only: memory
 * that is used again soon is still in the processor's cache. */
static int make_room(struct store *store)
{
    struct cell *read = NULL, *unread = NULL; /* of each, the one begun longest ago */
    uint64_t kept = 0;
    list_foreach (cell, &store->cells, struct cell, link) {
        if (!is_wanted(cell, false)) {
            read = read ? read : cell;
            kept += STORE_CELL;
        } else if (!unread && !is_wanted(cell, true)) {
            unread = cell;
        }
    }
    bool full = store->used + STORE_CELL > store->limit;
    if (!full && kept < store->limit / KEEP_PART)
        return 0;
    if (read)
        return evict(read);
    if (full)
        return unread ? evict(unread) : -EAGAIN;
    return 0;
}

/* The cells in use are mostly among those begun last. */
static struct cell *find_cell(const struct store_object *object, uint64_t index)
{
    const struct list *cells = &object->store->cells;
    for (struct list *l = cells->prev; l != cells; l = l->prev) {
        struct cell *cell = list_entry(l, struct cell, link);
        if (cell->object == object && cell->index == index)
            return cell;
    }
    return NULL;
}

static int claim_cell(struct store_object *object, uint64_t index, struct cell **ret)
{
    struct store *s = object->store;
    struct cell *cell = find_cell(object, index);
    if (!cell) {
        int r = make_room(s);
        if (r < 0)
            return r;
        if (!list_empty(&s->spare)) {
            cell = list_entry(s->spare.next, struct cell, link);
            list_remove(&cell->link);
        } else if (!(cell = malloc(sizeof *cell))) {
            return -ENOMEM;
        }
        cell->object = object;
        cell->index = index;
        list_push_back(&s->cells, &cell->link);
        s->used += STORE_CELL;
    }
    *ret = cell;
    return 0;
}

int store_write(struct store_object *object, uint64_t offset, const void *data, size_t length)
{
    while (length > 0) {
        struct cell *cell;
        int r = claim_cell(object, offset / STORE_CELL, &cell);
        if (r < 0)
            return r;
        size_t at = (size_t)(offset % STORE_CELL);
        size_t n = MIN(length, (size_t)STORE_CELL - at);
        memcpy(cell->memory + at, data, n);
        if (rangeset_add(&object->valid, offset, offset + n, NULL) < 0)
            return -ENOMEM;
        data = (const char *)data + n;
        offset += n;
        length -= n;
    }
    return 0;
}

size_t store_read(const struct store_object *object, uint64_t offset, void *buf, size_t size)
{
    uint64_t there = rangeset_run_end(&object->valid, offset) - offset;
    size_t length = (size_t)MIN(there, (uint64_t)size), done = 0;
    while (done < length) {
        const struct cell *cell = find_cell(object, (offset + done) / STORE_CELL);
        size_t at = (size_t)((offset + done) % STORE_CELL);
        size_t n = MIN(length - done, (size_t)STORE_CELL - at);
        if (!cell)
            break;
        memcpy((char *)buf + done, cell->memory + at, n);
        done += n;
    }
    return done;
}

const struct rangeset *store_valid(const struct store_object *object)
{
    return &object->valid;
}
