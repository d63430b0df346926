/* SPDX-License-Identifier: MIT */
/* Reading journals: untrusted bytes. */
#include "base/util.h"
#include "io/journal_internal.h"

#include <string.h>

static uint64_t get_number(const unsigned char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = bytes; i > 0; i--)
        n = n << 8 | at[i - 1];
    return n;
}

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
    journal_checksum(r->digest, r->id, r->data, length, right);
    return memcmp(r->data + length, right, CHECKSUM_SIZE) == 0;
}

static void read_header(struct journal_reader *r)
{
    size_t length = JOURNAL_HEADER_SIZE - CHECKSUM_SIZE;
    memcpy(r->id, r->data + 12, JOURNAL_ID_SIZE);
    bool right = memcmp(r->data, journal_magic, sizeof journal_magic) == 0 && is_right(r, length);
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
        if (!valid)
            extents_remove(&r->said.extents, begin, end);
        if ((valid ? rangeset_add : rangeset_remove)(set, begin, end, NULL) < 0)
            return -1;
    }
    return 0;
}

static int read_extents(struct journal_reader *r, const unsigned char *payload, size_t length)
{
    size_t count = length / EXTENT_SIZE;
    if (length == 0 || length % EXTENT_SIZE != 0 ||
        extents_reserve(&r->said.extents, r->said.extents.count + count) < 0)
        return -1;
    for (size_t i = 0; i < length; i += EXTENT_SIZE) { /* first: a record counts as a whole */
        uint64_t begin = get_number(payload + i, 8), end = get_number(payload + i + 8, 8);
        if (begin >= end || end > MIN(r->said.size, (uint64_t)INT64_MAX) ||
            end - begin > EXTENT_LENGTH_MAX)
            return -1;
    }
    for (size_t i = 0; i < length; i += EXTENT_SIZE) {
        struct extent extent = { .begin = get_number(payload + i, 8),
                                 .end = get_number(payload + i + 8, 8) };
        memcpy(extent.sum, payload + i + 16, EXTENT_SUM_SIZE);
        if (extents_add(&r->said.extents, &extent) < 0)
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
    case RECORD_EXTENTS:
        return read_extents(r, payload, length);
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
    bool ours = reader->header || (reader->fed >= sizeof journal_magic &&
                                   memcmp(reader->data, journal_magic, sizeof journal_magic) == 0);
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
