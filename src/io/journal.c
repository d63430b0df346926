/* SPDX-License-Identifier: MIT */
#include "io/journal.h"

#include "base/util.h"
#include "io/digest.h"

#include <string.h>

#define CHECKSUM_SIZE 8
#define RECORD_HEAD   16
#define RANGE_SIZE    16

static const unsigned char magic[8] = "DDMjrnl\n";

enum record_type {
    RECORD_OBJECT = 1,
    RECORD_ORIGIN,
    RECORD_CHECKSUM,
    RECORD_VALID,
    RECORD_FORGOTTEN,
    RECORD_UNPROVED,
};

static uint64_t get_number(const unsigned char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = bytes; i > 0; i--)
        n = n << 8 | at[i - 1];
    return n;
}

static void put_number(unsigned char *at, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(n >> (8 * i));
}

static void checksum(struct digest *digest, const unsigned char *id, const void *data,
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

/* ---- reading ---- */

struct journal_reader {
    struct digest *digest;
    struct journal said;
    unsigned char id[JOURNAL_ID_SIZE];
    uint64_t sequence; /* of the next record */
    uint64_t fed;
    bool header, ended, other_version;
    size_t length; /* of what has come and was not whole yet */
    unsigned char data[RECORD_HEAD + JOURNAL_RECORD_MAX + CHECKSUM_SIZE];
};

int journal_reader_new(struct journal_reader **ret)
{
    struct journal_reader *r = calloc(1, sizeof *r);
    if (!r)
        return -1;
    if (digest_new(&r->digest, "sha-256") < 0) {
        free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

static bool is_right(struct journal_reader *r, size_t length)
{
    unsigned char right[CHECKSUM_SIZE];
    checksum(r->digest, r->id, r->data, length, right);
    return memcmp(r->data + length, right, CHECKSUM_SIZE) == 0;
}

static void read_header(struct journal_reader *r)
{
    size_t length = JOURNAL_HEADER_SIZE - CHECKSUM_SIZE;
    memcpy(r->id, r->data + 12, JOURNAL_ID_SIZE);
    bool right = memcmp(r->data, magic, sizeof magic) == 0 && is_right(r, length);
    r->other_version = right && get_number(r->data + 8, 4) != JOURNAL_VERSION;
    r->header = right && !r->other_version;
    r->ended = !r->header;
}

/* Takes `count` texts that fill the payload; malloc'ed. */
static int read_texts(const unsigned char *at, size_t length, char **texts, size_t count)
{
    size_t taken = 0;
    for (; taken < count && length >= 2; taken++) {
        size_t n = (size_t)get_number(at, 2);
        if (n > length - 2 || n > JOURNAL_TEXT_MAX || memchr(at + 2, '\0', n))
            break;
        texts[taken] = strndup((const char *)at + 2, n);
        if (!texts[taken])
            break;
        at += 2 + n;
        length -= 2 + n;
    }
    if (taken == count && length == 0)
        return 0;
    while (taken > 0)
        free(texts[--taken]);
    return -1;
}

static int read_origin(struct journal_reader *r, const unsigned char *payload, size_t length)
{
    char *texts[3];
    if (read_texts(payload, length, texts, 3) < 0)
        return -1;
    int ret = journal_add_origin(&r->said, texts[0], texts[1], texts[2]);
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    return ret < 0 ? -1 : 0;
}

static int read_checksum(struct journal_reader *r, const unsigned char *payload, size_t length)
{
    char *texts[2];
    if (read_texts(payload, length, texts, 2) < 0)
        return -1;
    int ret = journal_add_checksum(&r->said, texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    return ret < 0 ? -1 : 0;
}

static int read_ranges(struct journal_reader *r, const unsigned char *payload, size_t length,
                       bool valid)
{
    struct rangeset *set = &r->said.valid;
    size_t count = length / RANGE_SIZE;
    if (length == 0 || length % RANGE_SIZE != 0 ||
        (valid && set->count + count > JOURNAL_RANGES_MAX) ||
        rangeset_reserve(set, set->count + count) < 0)
        return -1;
    for (size_t i = 0; i < length; i += RANGE_SIZE) { /* first: a record counts as a whole */
        uint64_t begin = get_number(payload + i, 8), end = get_number(payload + i + 8, 8);
        if (begin >= end || end > MIN(r->said.size, (uint64_t)INT64_MAX))
            return -1;
    }
    for (size_t i = 0; i < length; i += RANGE_SIZE) {
        uint64_t begin = get_number(payload + i, 8), end = get_number(payload + i + 8, 8);
        if ((valid ? rangeset_add : rangeset_remove)(set, begin, end, NULL) < 0)
            return -1;
    }
    return 0;
}

static int read_object(struct journal_reader *r, const unsigned char *payload, size_t length)
{
    if (length != 8)
        return -1;
    r->said.size = get_number(payload, 8);
    return r->said.size > INT64_MAX && r->said.size != JOURNAL_SIZE_UNKNOWN ? -1 : 0;
}

static int read_payload(struct journal_reader *r, uint64_t type, const unsigned char *payload,
                        size_t length)
{
    if ((type == RECORD_OBJECT) != (r->sequence == 0))
        return -1;
    switch (type) {
    case RECORD_OBJECT:
        return read_object(r, payload, length);
    case RECORD_ORIGIN:
        return read_origin(r, payload, length);
    case RECORD_CHECKSUM:
        return read_checksum(r, payload, length);
    case RECORD_VALID:
        return read_ranges(r, payload, length, true);
    case RECORD_FORGOTTEN:
        return read_ranges(r, payload, length, false);
    case RECORD_UNPROVED:
        r->said.unproved |= length == 0;
        return length == 0 ? 0 : -1;
    default:
        return -1;
    }
}

static size_t record_size(const struct journal_reader *r)
{
    return RECORD_HEAD + (size_t)get_number(r->data, 4) + CHECKSUM_SIZE;
}

static void read_record(struct journal_reader *r)
{
    size_t length = r->length - CHECKSUM_SIZE;
    r->ended = get_number(r->data + 8, 8) != r->sequence || !is_right(r, length) ||
               read_payload(r, get_number(r->data + 4, 4), r->data + RECORD_HEAD,
                            length - RECORD_HEAD) < 0;
    if (!r->ended)
        r->sequence++;
}

/* How many bytes there must be before the next step. */
static size_t wanted(const struct journal_reader *r)
{
    if (!r->header)
        return JOURNAL_HEADER_SIZE;
    return r->length < RECORD_HEAD ? RECORD_HEAD : record_size(r);
}

void journal_reader_feed(struct journal_reader *reader, const void *data, size_t length)
{
    const unsigned char *from = data;
    reader->fed += length;
    while (length > 0 && !reader->ended) {
        size_t n = MIN(length, wanted(reader) - reader->length);
        memcpy(reader->data + reader->length, from, n);
        reader->length += n;
        from += n;
        length -= n;
        if (reader->length < wanted(reader))
            continue;
        if (!reader->header) {
            read_header(reader);
            reader->length = 0;
        } else if (get_number(reader->data, 4) > JOURNAL_RECORD_MAX) {
            reader->ended = true;
        } else if (reader->length == record_size(reader)) {
            read_record(reader);
            reader->length = 0;
        }
    }
}

enum journal_state journal_reader_end(struct journal_reader *reader, struct journal *ret)
{
    if (reader->other_version)
        return JOURNAL_OTHER_VERSION;
    if (reader->sequence > 0) {
        *ret = reader->said;
        reader->said = (struct journal){ 0 };
        return JOURNAL_GOOD;
    }
    if (reader->fed == 0)
        return JOURNAL_EMPTY;
    bool ours = reader->header ||
                (reader->fed >= sizeof magic && memcmp(reader->data, magic, sizeof magic) == 0);
    return ours ? JOURNAL_BROKEN : JOURNAL_FOREIGN;
}

struct journal_reader *journal_reader_free(struct journal_reader *reader)
{
    if (reader) {
        journal_release(&reader->said);
        digest_free(reader->digest);
        free(reader);
    }
    return NULL;
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
    checksum(writer->digest, writer->id, at, RECORD_HEAD + length, at + RECORD_HEAD + length);
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

static int put_header(struct journal_writer *w)
{
    unsigned char *at = grow(w, JOURNAL_HEADER_SIZE);
    if (!at)
        return -1;
    memcpy(at, magic, sizeof magic);
    put_number(at + 8, JOURNAL_VERSION, 4);
    memcpy(at + 12, w->id, JOURNAL_ID_SIZE);
    size_t length = JOURNAL_HEADER_SIZE - CHECKSUM_SIZE;
    checksum(w->digest, w->id, at, length, at + length);
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
