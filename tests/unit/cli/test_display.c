/* SPDX-License-Identifier: MIT */
#include "cli/display.h"

#include "base/util.h"

#include <locale.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static const struct term plain = { .columns = 80, .rows = 24 };

/* A download half way, with two sources. */
static struct ddm_source_info sources[100];

static struct ddm_event half_way(size_t count)
{
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct ddm_source_info){
            .name = i ? "10.0.0.2:7071" : "you",
            .kind = i ? DDM_SOURCE_PEER : DDM_SOURCE_ORIGIN,
            .state = DDM_SOURCE_LOADING,
            .bytes = 50 * MIB / count,
            .rate = 5 * MIB,
        };
    return (struct ddm_event){
        .type = DDM_EVENT_PROGRESS,
        .url = "http://h/f.iso",
        .path = "dir/f.iso",
        .size = 100 * MIB,
        .done = 50 * MIB,
        .rate = 10 * MIB,
        .elapsed = 5 * SEC,
        .sources = sources,
        .source_count = count,
    };
}

/* Lines of a frame; each must fit. */
static size_t count_lines(const char *frame, unsigned columns)
{
    size_t lines = 0;
    while (*frame) {
        char line[4096];
        size_t length = strcspn(frame, "\n");
        assert_true(length < sizeof line);
        memcpy(line, frame, length);
        line[length] = '\0';
        if (text_columns(line) >= columns)
            fail_msg("too wide for %u: %s", columns, line);
        assert_int_equal(frame[length], '\n');
        frame += length + 1;
        lines++;
    }
    return lines;
}

static void test_frame(void **state)
{
    struct ddm_event event = half_way(2);
    struct text text = { 0 };
    sources[1].state = DDM_SOURCE_WAITING;
    sources[1].why = "connection refused";
    display_frame(&text, &plain, &event);
    assert_string_equal(
        text.bytes,
        "f.iso\n"
        "[#############..............]  50 %   50.0 MiB / 100 MiB  10.0 MiB/s  0:05 left\n"
        "  * you            #####       50 %   5.0 MiB/s    25.0 MiB  loading\n"
        "  * 10.0.0.2:7071  #####       50 %   5.0 MiB/s    25.0 MiB  waiting: connec...\n");
    text_release(&text);
}

/* Any size of terminal, any number of sources, with and without UTF-8. */
static void test_every_width(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 5, 20, 21, 100 };
    for (unsigned columns = 1; columns < 200; columns++) {
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
            struct term term = { .columns = columns,
                                 .rows = 1 + columns % 40,
                                 .utf8 = columns % 2 };
            struct ddm_event event = half_way(counts[i]);
            struct text text = { 0 };
            event.path = "ein sehr langer Name mit Umlauten äöü und 漢字漢字漢字漢字漢字漢字.iso";
            display_frame(&text, &term, &event);
            size_t lines = text.bytes ? count_lines(text.bytes, columns) : 0;
            assert_true(lines <= 23);
            assert_true(columns < 20 || lines >= 2);
            assert_true(lines < 6 || lines < term.rows);
            text_release(&text);
        }
    }
}

static void test_odd_events(void **state)
{
    struct ddm_event event = half_way(2);
    struct text text = { 0 };
    event.size = DDM_SIZE_UNKNOWN;
    event.path = "bad\033[2J\xff";
    display_frame(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "bad?[2J?\n"));
    assert_null(strchr(text.bytes, '\033'));
    text_clear(&text);
    event.size = event.done = 0;
    event.rate = 0;
    display_frame(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "100 %"));
    text_clear(&text);
    event.done = 2 * MIB; /* more than the size that was said */
    event.size = MIB;
    display_frame(&text, &plain, &event);
    count_lines(text.bytes, 80);
    text_release(&text);
}

static void test_colors(void **state)
{
    struct term term = { .columns = 80, .rows = 24, .color = true };
    struct ddm_event event = half_way(3);
    struct text with = { 0 }, without = { 0 };
    display_frame(&with, &term, &event);
    display_frame(&without, &plain, &event);
    char *out = with.bytes;
    for (const char *in = with.bytes; *in; in++) {
        if (*in == '\033')
            in = strchr(in, 'm');
        else
            *out++ = *in;
    }
    *out = '\0';
    assert_string_equal(with.bytes, without.bytes);
    text_release(&with);
    text_release(&without);
}

static void test_plain(void **state)
{
    struct ddm_event event = half_way(2);
    struct text text = { 0 };
    display_plain(&text, &plain, &event);
    assert_string_equal(text.bytes, "f.iso: 50 % of 100 MiB, 10.0 MiB/s, 2 sources, 0:05 left");
    text_clear(&text);
    sources[0].state = DDM_SOURCE_IDLE;
    event.size = DDM_SIZE_UNKNOWN;
    display_plain(&text, &plain, &event);
    assert_string_equal(text.bytes, "f.iso: 50.0 MiB, 10.0 MiB/s, 1 source");
    text_release(&text);
}

static void test_sentence(void **state)
{
    struct ddm_event event = half_way(2);
    struct text text = { 0 };
    display_sentence(&text, &plain, &event);
    assert_string_equal(text.bytes, "dir/f.iso: 50.0 MiB in 5.00 s, 10.0 MiB/s: you 50 %, "
                                    "10.0.0.2:7071 50 %");
    text_clear(&text);
    event = half_way(10);
    event.path = "-";
    event.wasted = MIB;
    display_sentence(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "standard output: "));
    assert_non_null(strstr(text.bytes, ", 2 more 20 % (1.0 MiB came twice)"));
    text_clear(&text);
    event = half_way(4);
    sources[3].state = DDM_SOURCE_PARKED;
    display_sentence(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "; 1 peer shares an uplink with others: no gain from it"));
    text_clear(&text);
    sources[2].state = sources[1].state = DDM_SOURCE_PARKED;
    sources[2].shares_own = true;
    display_sentence(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "; 3 peers share your uplink: no gain from them"));
    text_clear(&text);
    event = half_way(0);
    event.elapsed = 0;
    event.done = 0;
    display_sentence(&text, &plain, &event);
    assert_string_equal(text.bytes, "dir/f.iso: 0 B in 0.00 s, 0 B/s");
    text_release(&text);
}

/* What a run before this one left is in the amount, but not in the rate. */
static void test_restored(void **state)
{
    struct ddm_event event = half_way(2);
    struct text text = { 0 };
    event.done = event.size;
    event.restored = 50 * MIB;
    display_sentence(&text, &plain, &event);
    assert_string_equal(text.bytes, "dir/f.iso: 100 MiB, 50.0 MiB of them from before, in 5.00 s, "
                                    "10.0 MiB/s: you 50 %, 10.0.0.2:7071 50 %");
    text_clear(&text);
    event.already = true;
    display_sentence(&text, &plain, &event);
    assert_string_equal(text.bytes, "dir/f.iso is there already, complete: nothing to do (--force "
                                    "downloads it again)");
    text_clear(&text);
    /* The bar begins where the last run ended. */
    event = half_way(0);
    event.restored = event.done;
    display_frame(&text, &plain, &event);
    assert_non_null(strstr(text.bytes, "[#############..............]  50 %"));
    text_release(&text);
}

static void test_errors(void **state)
{
    static const struct {
        struct ddm_error error;
        const char *part;
        bool unknown_size, resumable;
        const char *message;
    } rows[] = {
        { { DDM_E_INTERRUPTED, "interrupted" },
          "f.part",
          false,
          true,
          "interrupted: 50.0 MiB of 100 MiB stay in f.part; the same command goes on from there" },
        { { DDM_E_INTERRUPTED, "interrupted" },
          "f.part",
          true,
          false,
          "interrupted: 50.0 MiB stay in f.part" },
        { { DDM_E_INTERRUPTED, "interrupted" }, NULL, false, false, "interrupted" },
        { { DDM_E_NETWORK, "no way" },
          "f.part",
          false,
          true,
          "no way (50.0 MiB of 100 MiB stay in f.part; the same command goes on from there)" },
        { { DDM_E_CHECKSUM, "wrong" },
          "f.part",
          false,
          false,
          "wrong (50.0 MiB of 100 MiB stay in f.part)" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ddm_event event = half_way(1);
        struct ddm_error shown;
        event.type = DDM_EVENT_ERROR;
        event.error = &rows[i].error;
        event.part = rows[i].part;
        event.resumable = rows[i].resumable;
        if (rows[i].unknown_size)
            event.size = DDM_SIZE_UNKNOWN;
        display_error(&shown, &event);
        assert_string_equal(shown.message, rows[i].message);
        assert_int_equal(shown.code, rows[i].error.code);
    }
}

static void test_batch(void **state)
{
    struct ddm_event one = half_way(1), two = half_way(1);
    const struct ddm_event *events[] = { &one, &two };
    const struct batch_state batch = {
        .count = 12, .done = 3, .failed = 1, .running = 2, .events = events
    };
    struct text text = { 0 };
    two.path = "ein sehr langer Name der nicht ganz passt 漢字漢字.iso";
    two.size = DDM_SIZE_UNKNOWN;
    display_batch_frame(&text, &plain, &batch);
    assert_non_null(strstr(text.bytes, "f.iso "));
    assert_non_null(strstr(text.bytes, " 50 %  50.0 MiB / 100 MiB"));
    assert_non_null(strstr(text.bytes, "\n3 of 12 files done, 1 failed, 20.0 MiB/s\n"));
    for (unsigned columns = 1; columns < 200; columns++) {
        struct term term = { .columns = columns, .rows = 1 + columns % 6, .utf8 = columns % 2 };
        text_clear(&text);
        display_batch_frame(&text, &term, &batch);
        size_t lines = text.bytes ? count_lines(text.bytes, columns) : 0;
        assert_int_equal(lines, columns < 20 ? 0 : term.rows > 4 ? 3 : 2);
    }
    text_clear(&text);
    two.path = "g";
    display_batch_plain(&text, &plain, &batch);
    assert_string_equal(text.bytes,
                        "3 of 12 files done, 1 failed, 20.0 MiB/s: f.iso 50 %, g 50.0 MiB");
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame),      cmocka_unit_test(test_every_width),
        cmocka_unit_test(test_odd_events), cmocka_unit_test(test_colors),
        cmocka_unit_test(test_plain),      cmocka_unit_test(test_sentence),
        cmocka_unit_test(test_restored),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_batch),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
