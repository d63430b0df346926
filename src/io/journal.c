/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "io/journal_internal.h"

#include <string.h>

const unsigned char journal_magic[8] = "DDMjrnl\n";

static void put_number(unsigned char *at, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(n >> (8 * i));
}

void journal_checksum(struct digest *digest, const unsigned char *id, const void *data,
                      size_t length, unsigned char out[static CHECKSUM_SIZE])
{
    digest_update(digest, id, JOURNAL_ID_SIZE);
    digest_update(digest, data, length);
    digest_final_raw(digest, out, CHECKSUM_SIZE);
}

/* ---- what it says ---- */

void journal_release(struct journal *journal)
{
    for (size_t i = 0; i < journal->origin_count; i++) {
        free(journal->origins[i].url);
        free(journal->origins[i].etag);
        free(journal->origins[i].last_modified);
    }
    for (size_t i = 0; i < journal->checksum_count; i++) {
        free(journal->checksums[i].algorithm);
        free(journal->checksums[i].hex);
    }
    free(journal->origins);
    free(journal->checksums);
    rangeset_release(&journal->valid);
    extents_release(&journal->extents);
    *journal = (struct journal){ 0 };
}

/* Copies all or nothing. */
static int copy_texts(const char *const *texts, char **copies, size_t count)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[i] ? texts[i] : "";
        copies[i] = strlen(text) <= JOURNAL_TEXT_MAX ? strdup(text) : NULL;
        ok &= copies[i] != NULL;
    }
    for (size_t i = 0; i < count && !ok; i++)
        free(copies[i]);
    return ok ? 0 : -1;
}

static struct journal_origin *origin_of(struct journal *journal, const char *url)
{
    for (size_t i = 0; i < journal->origin_count; i++)
        if (strcmp(journal->origins[i].url, url) == 0)
            return &journal->origins[i];
    return NULL;
}

int journal_add_origin(struct journal *journal, const char *url, const char *etag,
                       const char *last_modified)
{
    const char *texts[] = { url, etag, last_modified };
    char *copies[3];
    if (copy_texts(texts, copies, 3) < 0)
        return -1;
    struct journal_origin *origin = origin_of(journal, copies[0]);
    if (origin) {
        bool same =
            strcmp(origin->etag, copies[1]) == 0 && strcmp(origin->last_modified, copies[2]) == 0;
        free(origin->url);
        free(origin->etag);
        free(origin->last_modified);
        *origin = (struct journal_origin){ copies[0], copies[1], copies[2] };
        return !same;
    }
    struct journal_origin *more = NULL;
    if (journal->origin_count < JOURNAL_ORIGINS_MAX)
        more = reallocarray(journal->origins, journal->origin_count + 1, sizeof *more);
    if (!more) {
        for (size_t i = 0; i < 3; i++)
            free(copies[i]);
        return -1;
    }
    journal->origins = more;
    more[journal->origin_count++] = (struct journal_origin){ copies[0], copies[1], copies[2] };
    return 1;
}

int journal_add_checksum(struct journal *journal, const char *algorithm, const char *hex)
{
    const char *texts[] = { algorithm, hex };
    char *copies[2];
    for (size_t i = 0; i < journal->checksum_count; i++)
        if (strcmp(journal->checksums[i].algorithm, algorithm) == 0 &&
            strcmp(journal->checksums[i].hex, hex) == 0)
            return 0;
    if (copy_texts(texts, copies, 2) < 0)
        return -1;
    struct journal_checksum *more = NULL;
    if (journal->checksum_count < JOURNAL_CHECKSUMS_MAX)
        more = reallocarray(journal->checksums, journal->checksum_count + 1, sizeof *more);
    if (!more) {
        free(copies[0]);
        free(copies[1]);
        return -1;
    }
    journal->checksums = more;
    more[journal->checksum_count++] = (struct journal_checksum){ copies[0], copies[1] };
    return 1;
}

void journal_drop_checksum(struct journal *journal, size_t number)
{
    struct journal_checksum *gone = &journal->checksums[number];
    free(gone->algorithm);
    free(gone->hex);
    memmove(gone, gone + 1, (--journal->checksum_count - number) * sizeof *gone);
}

/* ---- writing ---- */

static unsigned char *grow(struct journal_writer *w, size_t more)
{
    size_t need = w->length + more;
    if (need > w->capacity) {
        size_t capacity = MAX(need, 2 * w->capacity);
        unsigned char *data = realloc(w->data, capacity);
        if (!data)
            return NULL;
        w->data = data;
        w->capacity = capacity;
    }
    return w->data + w->length;
}

int journal_put(struct journal_writer *writer, uint32_t type, const void *payload, size_t length)
{
    unsigned char *at = grow(writer, RECORD_HEAD + length + CHECKSUM_SIZE);
    if (!at)
        return -1;
    put_number(at, length, 4);
    put_number(at + 4, type, 4);
    put_number(at + 8, writer->sequence, 8);
    if (length > 0)
        memcpy(at + RECORD_HEAD, payload, length);
    journal_checksum(writer->digest, writer->id, at, RECORD_HEAD + length,
                     at + RECORD_HEAD + length);
    writer->length += RECORD_HEAD + length + CHECKSUM_SIZE;
    writer->sequence++;
    return 0;
}

static int put_texts(struct journal_writer *w, uint32_t type, const char *const *texts,
                     size_t count)
{
    unsigned char payload[3 * (2 + JOURNAL_TEXT_MAX)];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(texts[i]);
        if (n > JOURNAL_TEXT_MAX)
            return -1;
        put_number(payload + length, n, 2);
        memcpy(payload + length + 2, texts[i], n);
        length += 2 + n;
    }
    return journal_put(w, type, payload, length);
}

int journal_put_origin(struct journal_writer *writer, const struct journal_origin *origin)
{
    const char *texts[] = { origin->url, origin->etag, origin->last_modified };
    return put_texts(writer, RECORD_ORIGIN, texts, 3);
}

int journal_put_checksum(struct journal_writer *writer, const struct journal_checksum *checksum)
{
    const char *texts[] = { checksum->algorithm, checksum->hex };
    return put_texts(writer, RECORD_CHECKSUM, texts, 2);
}

int journal_put_unproved(struct journal_writer *writer)
{
    return journal_put(writer, RECORD_UNPROVED, NULL, 0);
}

/* In as many records as that takes. */
static int put_ranges(struct journal_writer *w, uint32_t type, const struct rangeset *ranges)
{
    unsigned char payload[256 * RANGE_SIZE];
    size_t length = 0, count = MIN(ranges->count, (size_t)JOURNAL_RANGES_MAX / 2);
    struct journal_writer was = *w;
    for (size_t i = 0; i < count; i++) {
        put_number(payload + length, ranges->ranges[i].begin, 8);
        put_number(payload + length + 8, ranges->ranges[i].end, 8);
        length += RANGE_SIZE;
        if (length < sizeof payload && i + 1 < count)
            continue;
        if (journal_put(w, type, payload, length) < 0) {
            w->length = was.length;
            w->sequence = was.sequence;
            return -1;
        }
        length = 0;
    }
    return 0;
}

int journal_put_valid(struct journal_writer *writer, const struct rangeset *ranges)
{
    return put_ranges(writer, RECORD_VALID, ranges);
}

int journal_put_forgotten(struct journal_writer *writer, const struct rangeset *ranges)
{
    return put_ranges(writer, RECORD_FORGOTTEN, ranges);
}

int journal_put_extents(struct journal_writer *writer, const struct extent *extents, size_t count)
{
    unsigned char payload[128 * EXTENT_SIZE];
    struct journal_writer was = *writer;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        put_number(payload + length, extents[i].begin, 8);
        put_number(payload + length + 8, extents[i].end, 8);
        memcpy(payload + length + 16, extents[i].sum, EXTENT_SUM_SIZE);
        length += EXTENT_SIZE;
        if (length < sizeof payload && i + 1 < count)
            continue;
        if (journal_put(writer, RECORD_EXTENTS, payload, length) < 0) {
            writer->length = was.length;
            writer->sequence = was.sequence;
            return -1;
        }
        length = 0;
    }
    return 0;
}

static int put_header(struct journal_writer *w)
{
    unsigned char *at = grow(w, JOURNAL_HEADER_SIZE);
    if (!at)
        return -1;
    memcpy(at, journal_magic, sizeof journal_magic);
    put_number(at + 8, JOURNAL_VERSION, 4);
    memcpy(at + 12, w->id, JOURNAL_ID_SIZE);
    size_t length = JOURNAL_HEADER_SIZE - CHECKSUM_SIZE;
    journal_checksum(w->digest, w->id, at, length, at + length);
    w->length = JOURNAL_HEADER_SIZE;
    return 0;
}

int journal_writer_begin(struct journal_writer *writer, const struct journal *journal,
                         const struct rangeset *valid)
{
    unsigned char size[8];
    if (!writer->digest && digest_new(&writer->digest, "sha-256") < 0)
        return -1;
    writer->sequence = 0;
    writer->length = 0;
    put_number(size, journal->size, 8);
    if (digest_random(writer->id, JOURNAL_ID_SIZE) < 0 || put_header(writer) < 0 ||
        journal_put(writer, RECORD_OBJECT, size, sizeof size) < 0 ||
        (journal->unproved && journal_put_unproved(writer) < 0))
        return -1;
    for (size_t i = 0; i < journal->origin_count; i++)
        if (journal_put_origin(writer, &journal->origins[i]) < 0)
            return -1;
    for (size_t i = 0; i < journal->checksum_count; i++)
        if (journal_put_checksum(writer, &journal->checksums[i]) < 0)
            return -1;
    return journal_put_valid(writer, valid);
}

void journal_writer_release(struct journal_writer *writer)
{
    digest_free(writer->digest);
    free(writer->data);
    *writer = (struct journal_writer){ 0 };
}
