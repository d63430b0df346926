/* SPDX-License-Identifier: MIT */
#include "io/journal.h"

#include "base/util.h"
#include "io/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIZE  ((uint64_t)1000 * 1000)
#define STEPS 64

/* A journal as it grows, and what it says after each record. */
struct history {
    struct journal_writer out;
    size_t count;
    size_t ends[STEPS]; /* of records, in bytes */
    struct journal said[STEPS];
};

static void copy(struct journal *to, const struct journal *from)
{
    *to = (struct journal){ .size = from->size, .unproved = from->unproved };
    for (size_t i = 0; i < from->origin_count; i++)
        assert_int_equal(journal_add_origin(to, from->origins[i].url, from->origins[i].etag,
                                            from->origins[i].last_modified),
                         1);
    for (size_t i = 0; i < from->checksum_count; i++)
        assert_int_equal(
            journal_add_checksum(to, from->checksums[i].algorithm, from->checksums[i].hex), 1);
    for (size_t i = 0; i < from->valid.count; i++)
        rangeset_add(&to->valid, from->valid.ranges[i].begin, from->valid.ranges[i].end, NULL);
    for (size_t i = 0; i < from->extents.count; i++)
        assert_int_equal(extents_add(&to->extents, &from->extents.list[i]), 0);
}

static bool same(const struct journal *a, const struct journal *b)
{
    bool equal = a->size == b->size && a->unproved == b->unproved &&
                 a->origin_count == b->origin_count && a->checksum_count == b->checksum_count &&
                 a->valid.count == b->valid.count && a->extents.count == b->extents.count &&
                 a->extents.total == b->extents.total;
    for (size_t i = 0; equal && i < a->origin_count; i++)
        equal = strcmp(a->origins[i].url, b->origins[i].url) == 0 &&
                strcmp(a->origins[i].etag, b->origins[i].etag) == 0 &&
                strcmp(a->origins[i].last_modified, b->origins[i].last_modified) == 0;
    for (size_t i = 0; equal && i < a->checksum_count; i++)
        equal = strcmp(a->checksums[i].algorithm, b->checksums[i].algorithm) == 0 &&
                strcmp(a->checksums[i].hex, b->checksums[i].hex) == 0;
    for (size_t i = 0; equal && i < a->valid.count; i++)
        equal = a->valid.ranges[i].begin == b->valid.ranges[i].begin &&
                a->valid.ranges[i].end == b->valid.ranges[i].end;
    for (size_t i = 0; equal && i < a->extents.count; i++)
        equal = memcmp(&a->extents.list[i], &b->extents.list[i], sizeof(struct extent)) == 0;
    return equal && a->valid.total == b->valid.total;
}

static enum journal_state read_back(const void *data, size_t length, size_t block,
                                    struct journal *ret)
{
    struct journal_reader *r = NULL;
    assert_int_equal(journal_reader_new(&r), 0);
    for (size_t at = 0; at < length; at += block)
        journal_reader_feed(r, (const char *)data + at, MIN(block, length - at));
    enum journal_state state = journal_reader_end(r, ret);
    journal_reader_free(r);
    return state;
}

static void remember(struct history *h, const struct journal *now)
{
    assert_true(h->count < STEPS);
    h->ends[h->count] = h->out.length;
    copy(&h->said[h->count++], now);
}

static void put_range(struct history *h, struct journal *now, uint64_t begin, uint64_t end,
                      bool valid)
{
    struct range range = { begin, end };
    struct rangeset set = { .ranges = &range, .count = 1 };
    assert_int_equal((valid ? journal_put_valid : journal_put_forgotten)(&h->out, &set), 0);
    (valid ? rangeset_add : rangeset_remove)(&now->valid, begin, end, NULL);
    if (!valid)
        extents_remove(&now->extents, begin, end);
    remember(h, now);
}

static void put_extents(struct history *h, struct journal *now, uint64_t begin, unsigned count)
{
    struct extent some[3] = { 0 };
    for (unsigned i = 0; i < count; i++) {
        some[i] = (struct extent){ .begin = begin + i * 5000, .end = begin + i * 5000 + 4000 };
        memset(some[i].sum, (int)(begin / 100 + i), sizeof some[i].sum);
        assert_int_equal(extents_add(&now->extents, &some[i]), 0);
    }
    assert_int_equal(journal_put_extents(&h->out, some, count), 0);
    remember(h, now);
}

/* All types; each record changes what is said. */
static struct history *make_history(void)
{
    struct history *h = calloc(1, sizeof *h);
    struct journal now = { .size = SIZE };
    struct rangeset none = { 0 };
    assert_int_equal(journal_writer_begin(&h->out, &now, &none), 0);
    remember(h, &now);
    assert_int_equal(journal_add_origin(&now, "http://a.example/f", "\"1-a\"", NULL), 1);
    assert_int_equal(journal_put_origin(&h->out, &now.origins[0]), 0);
    remember(h, &now);
    put_range(h, &now, 0, 100000, true);
    assert_int_equal(journal_add_checksum(&now, "md5", "900150983cd24fb0d6963f7d28e17f72"), 1);
    assert_int_equal(journal_put_checksum(&h->out, &now.checksums[0]), 0);
    remember(h, &now);
    for (uint64_t i = 1; i < 5; i++)
        put_range(h, &now, i * 150000, i * 150000 + 40000 + i, true);
    put_extents(h, &now, 85000, 3);
    put_extents(h, &now, 200000, 2);
    put_extents(h, &now, 198000, 1); /* in the place of one of those */
    put_range(h, &now, 90000, 160000, false);
    assert_int_equal(journal_add_origin(&now, "ftp://b.example/f", "", "Sun, 22 Nov 2026"), 1);
    assert_int_equal(journal_put_origin(&h->out, &now.origins[1]), 0);
    remember(h, &now);
    now.unproved = true;
    assert_int_equal(journal_put_unproved(&h->out), 0);
    remember(h, &now);
    put_range(h, &now, 10, 20, false);
    put_range(h, &now, SIZE - 1, SIZE, true);
    journal_release(&now);
    return h;
}

static void free_history(struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        journal_release(&h->said[i]);
    journal_writer_release(&h->out);
    free(h);
}

/* What a reader must say who sees the first `right` of `length` bytes right. */
static void expect_prefix(struct history *h, const void *data, size_t length, size_t right)
{
    struct journal got = { 0 };
    size_t n = 0;
    while (n < h->count && h->ends[n] <= right)
        n++;
    enum journal_state state = read_back(data, length, length, &got);
    if (n == 0) {
        assert_int_equal(state, length == 0 ? JOURNAL_EMPTY
                                : right < 8 ? JOURNAL_FOREIGN
                                            : JOURNAL_BROKEN);
        return;
    }
    assert_int_equal(state, JOURNAL_GOOD);
    assert_true(same(&got, &h->said[n - 1]));
    journal_release(&got);
}

static void test_what_was_written_is_read(void **state)
{
    struct history *h = make_history();
    for (size_t block = 1; block < 100; block += 7) {
        struct journal got = { 0 };
        assert_int_equal(read_back(h->out.data, h->out.length, block, &got), JOURNAL_GOOD);
        assert_true(same(&got, &h->said[h->count - 1]));
        journal_release(&got);
    }
    free_history(h);
}

static void test_every_cut_gives_a_prefix(void **state)
{
    struct history *h = make_history();
    for (size_t length = 0; length <= h->out.length; length++)
        expect_prefix(h, h->out.data, length, length);
    free_history(h);
}

static void test_every_flipped_bit_gives_a_prefix(void **state)
{
    struct history *h = make_history();
    for (size_t at = 0; at < h->out.length; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            h->out.data[at] ^= (unsigned char)(1U << bit);
            expect_prefix(h, h->out.data, h->out.length, at);
            h->out.data[at] ^= (unsigned char)(1U << bit);
        }
    free_history(h);
}

static void test_garbage_behind_is_dropped(void **state)
{
    struct history *h = make_history();
    size_t length = h->out.length;
    unsigned char *longer = calloc(2, length);
    memcpy(longer, h->out.data, length);
    for (size_t more = 1; more <= length; more += 5) {
        expect_prefix(h, longer, length + more, length); /* zeros */
        memset(longer + length, 0xff, more);
        expect_prefix(h, longer, length + more, length);
        memcpy(longer + length, h->out.data, more); /* itself again */
        expect_prefix(h, longer, length + more, length);
        memset(longer + length, 0, more);
    }
    free(longer);
    free_history(h);
}

/* A record that is missing ends it, and so does one that comes twice. */
static void test_a_gap_in_the_sequence(void **state)
{
    struct history *h = make_history();
    unsigned char *other = malloc(2 * h->out.length);
    for (size_t i = 1; i + 1 < h->count; i++) {
        size_t begin = h->ends[i - 1], end = h->ends[i], rest = h->out.length - end;
        memcpy(other, h->out.data, begin);
        memcpy(other + begin, h->out.data + end, rest);
        expect_prefix(h, other, begin + rest, begin);
        memcpy(other, h->out.data, end);
        memcpy(other + end, h->out.data + begin, h->out.length - begin);
        expect_prefix(h, other, end + h->out.length - begin, end);
    }
    free(other);
    free_history(h);
}

/* A shorter journal over a longer one: where records end at the same place, the rest of the old one
 * would fit, but for the id. */
static void test_leftovers_of_another_journal(void **state)
{
    struct history *old = make_history(), *new = make_history();
    unsigned char *mixed = malloc(old->out.length);
    assert_int_equal(old->out.length, new->out.length);
    for (size_t i = 0; i < new->count; i++) {
        memcpy(mixed, old->out.data, old->out.length);
        memcpy(mixed, new->out.data, new->ends[i]);
        expect_prefix(new, mixed, old->out.length, new->ends[i]);
    }
    free(mixed);
    free_history(old);
    free_history(new);
}

/* Records whose checksum is right, but not what they say. */
static void test_records_that_cannot_be(void **state)
{
#define LE8(n) n, 0, 0, 0, 0, 0, 0, 0
    static const struct {
        uint32_t type;
        size_t length;
        unsigned char payload[40];
    } wrong[] = {
        { 0, 0, { 0 } },
        { 6, 1, { 0 } },
        { 8, 0, { 0 } },
        { 1, 8, { LE8(100) } },            /* a second OBJECT */
        { 2, 0, { 0 } },                   /* texts: none, */
        { 2, 4, { 0, 0, 0, 0 } },          /* too few, */
        { 2, 7, { 0, 0, 0, 0, 0, 0, 9 } }, /* more behind, */
        { 2, 6, { 0, 0, 0, 0, 1, 0 } },    /* longer than the record, */
        { 2, 7, { 1, 0, 0, 0, 0, 0, 0 } }, /* with a NUL */
        { 3, 6, { 0, 0, 0, 0, 0, 0 } },
        { 4, 0, { 0 } },
        { 4, 15, { LE8(0) } },
        { 4, 16, { LE8(5), LE8(5) } },                   /* nothing */
        { 4, 16, { LE8(6), LE8(5) } },                   /* backwards */
        { 4, 16, { LE8(0), LE8(101) } },                 /* past the size */
        { 4, 32, { LE8(1), LE8(2), LE8(0), LE8(101) } }, /* the first one would be right */
        { 5, 16, { LE8(0), LE8(101) } },
        { 5, 24, { LE8(0), LE8(100), LE8(0) } },
        { 7, 0, { 0 } },
        { 7, 31, { LE8(0), LE8(100) } },
        { 7, 32, { LE8(5), LE8(5) } },
        { 7, 32, { LE8(0), LE8(101) } },
    };
    struct journal is = { .size = 100 };
    struct rangeset set = { 0 };
    rangeset_add(&set, 3, 9, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct journal_writer out = { 0 };
        struct journal got = { 0 };
        assert_int_equal(journal_writer_begin(&out, &is, &set), 0);
        assert_int_equal(journal_put(&out, wrong[i].type, wrong[i].payload, wrong[i].length), 0);
        rangeset_add(&set, 50, 60, NULL);
        assert_int_equal(journal_put_valid(&out, &set), 0); /* right, but behind */
        rangeset_remove(&set, 50, 60, NULL);
        assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_GOOD);
        assert_int_equal(got.valid.count, 1);
        assert_int_equal(rangeset_total(&got.valid), 6);
        assert_int_equal(got.origin_count + got.checksum_count + got.unproved, 0);
        assert_int_equal(got.extents.count, 0);
        journal_release(&got);
        journal_writer_release(&out);
    }
    rangeset_release(&set);
}

static void test_extents_longer_than_a_block(void **state)
{
    struct journal is = { .size = 10 * EXTENT_LENGTH_MAX };
    struct rangeset none = { 0 };
    for (unsigned more = 0; more < 2; more++) {
        struct extent e = { .begin = 7, .end = 7 + EXTENT_LENGTH_MAX + more };
        struct journal_writer out = { 0 };
        struct journal got = { 0 };
        assert_int_equal(journal_writer_begin(&out, &is, &none), 0);
        assert_int_equal(journal_put_extents(&out, &e, 1), 0);
        assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_GOOD);
        assert_int_equal(got.extents.count, more ? 0 : 1);
        journal_release(&got);
        journal_writer_release(&out);
    }
}

static void test_the_first_record_is_the_object(void **state)
{
    static const unsigned char range[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 9 };
    static const unsigned char sizes[][8] = { { 0, 0, 0, 0, 0, 0, 0, 0x80 }, { 100 } };
    struct journal is = { .size = 100 }, got = { 0 };
    struct rangeset none = { 0 };
    struct journal_writer out = { 0 };
    assert_int_equal(journal_writer_begin(&out, &is, &none), 0);
    out.length = JOURNAL_HEADER_SIZE;
    assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_BROKEN);
    out.sequence = 0;
    assert_int_equal(journal_put(&out, 4, range, sizeof range), 0);
    assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_BROKEN);
    out.length = JOURNAL_HEADER_SIZE; /* no such size, and one that is too short */
    out.sequence = 0;
    assert_int_equal(journal_put(&out, 1, sizes[0], 8), 0);
    assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_BROKEN);
    out.length = JOURNAL_HEADER_SIZE;
    out.sequence = 0;
    assert_int_equal(journal_put(&out, 1, sizes[1], 7), 0);
    assert_int_equal(read_back(out.data, out.length, 11, &got), JOURNAL_BROKEN);
    journal_writer_release(&out);
}

static void test_another_version_is_told(void **state)
{
    struct journal is = { .size = 100 }, got = { 0 };
    struct rangeset none = { 0 };
    struct journal_writer out = { 0 };
    struct digest *d = NULL;
    assert_int_equal(journal_writer_begin(&out, &is, &none), 0);
    out.data[8] = JOURNAL_VERSION + 1;
    assert_int_equal(read_back(out.data, out.length, 99, &got), JOURNAL_BROKEN); /* a flipped bit */
    assert_int_equal(digest_new(&d, "sha-256"), 0);
    digest_update(d, out.id, sizeof out.id);
    digest_update(d, out.data, 28);
    digest_final_raw(d, out.data + 28, 8);
    digest_free(d);
    assert_int_equal(read_back(out.data, out.length, 99, &got), JOURNAL_OTHER_VERSION);
    journal_writer_release(&out);
}

static void test_more_ranges_than_a_record_holds(void **state)
{
    struct journal is = { .size = SIZE }, got = { 0 };
    struct rangeset many = { 0 };
    struct journal_writer out = { 0 };
    for (uint64_t i = 0; i < 5000; i++)
        rangeset_add(&many, i * 10, i * 10 + 3, NULL);
    assert_int_equal(journal_writer_begin(&out, &is, &many), 0);
    assert_int_equal(read_back(out.data, out.length, 4096, &got), JOURNAL_GOOD);
    assert_int_equal(got.valid.count, 5000);
    assert_int_equal(rangeset_total(&got.valid), 15000);
    journal_release(&got);
    journal_writer_release(&out);
    rangeset_release(&many);
}

/* A journal that says more than any writer does cannot take all the memory and time. */
static void test_more_ranges_than_anybody_has(void **state)
{
    struct journal is = { .size = INT64_MAX }, got = { 0 };
    struct rangeset none = { 0 };
    struct journal_writer out = { 0 };
    assert_int_equal(journal_writer_begin(&out, &is, &none), 0);
    for (uint64_t i = 0; i < 200; i++) {
        struct rangeset some = { 0 };
        for (uint64_t j = 0; j < 1000; j++)
            rangeset_add(&some, (i * 1000 + j) * 10, (i * 1000 + j) * 10 + 1, NULL);
        assert_int_equal(journal_put_valid(&out, &some), 0);
        rangeset_release(&some);
    }
    assert_int_equal(read_back(out.data, out.length, 4096, &got), JOURNAL_GOOD);
    assert_true(got.valid.count <= JOURNAL_RANGES_MAX);
    assert_true(got.valid.count > JOURNAL_RANGES_MAX - 1000);
    journal_release(&got);
    journal_writer_release(&out);
}

static void test_there_is_room_for_so_much(void **state)
{
    struct journal is = { .size = 1 };
    char url[JOURNAL_TEXT_MAX + 2];
    memset(url, 'u', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    assert_int_equal(journal_add_origin(&is, url, "", ""), -1);
    url[sizeof url - 2] = '\0';
    assert_int_equal(journal_add_origin(&is, url, "", ""), 1);
    assert_int_equal(journal_add_origin(&is, url, NULL, NULL), 0); /* the same */
    assert_int_equal(journal_add_origin(&is, url, "\"e\"", ""), 1);
    assert_string_equal(is.origins[0].etag, "\"e\"");
    for (int i = 1; i < JOURNAL_ORIGINS_MAX; i++) {
        snprintf(url, sizeof url, "http://%d/", i);
        assert_int_equal(journal_add_origin(&is, url, "", ""), 1);
    }
    assert_int_equal(journal_add_origin(&is, "http://more/", "", ""), -1);
    assert_int_equal(is.origin_count, JOURNAL_ORIGINS_MAX);
    for (int i = 0; i < JOURNAL_CHECKSUMS_MAX; i++) {
        snprintf(url, sizeof url, "%d", i);
        assert_int_equal(journal_add_checksum(&is, "md5", url), 1);
        assert_int_equal(journal_add_checksum(&is, "md5", url), 0);
    }
    assert_int_equal(journal_add_checksum(&is, "md5", "more"), -1);
    journal_release(&is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_every_cut_gives_a_prefix),
        cmocka_unit_test(test_every_flipped_bit_gives_a_prefix),
        cmocka_unit_test(test_garbage_behind_is_dropped),
        cmocka_unit_test(test_a_gap_in_the_sequence),
        cmocka_unit_test(test_leftovers_of_another_journal),
        cmocka_unit_test(test_records_that_cannot_be),
        cmocka_unit_test(test_extents_longer_than_a_block),
        cmocka_unit_test(test_the_first_record_is_the_object),
        cmocka_unit_test(test_another_version_is_told),
        cmocka_unit_test(test_more_ranges_than_a_record_holds),
        cmocka_unit_test(test_more_ranges_than_anybody_has),
        cmocka_unit_test(test_there_is_room_for_so_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
