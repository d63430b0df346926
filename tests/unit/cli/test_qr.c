/* SPDX-License-Identifier: MIT */
/* The picture of a text: its three corners, and where it is not drawn. */
#include "cli/qr.h"

#include "base/str.h"
#include "base/util.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static const struct term plain = { .tty = true, .utf8 = true, .columns = 80, .rows = 40 };

static void it_is_drawn(void **state)
{
    struct text text = { 0 };
    if (!qr_add(&text, &plain, "ddm"))
        skip(); /* built without libqrencode */
    /* What is light is drawn: a margin of two, then the corners, seven squares wide. */
    const char *top = strchr(text.bytes, '\n') + 1;
    assert_true(str_starts_with(top, "██ ▄▄▄▄▄ █"));
    const char *end = strchr(top, '\n');
    const char *corner = "█ ▄▄▄▄▄ ██";
    assert_memory_equal(end - strlen(corner), corner, strlen(corner));
    unsigned lines = 0;
    for (const char *c = text.bytes; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, (21 + 4 + 1) / 2);
    text_release(&text);
}

static void colours_turn_it_round(void **state)
{
    struct text text = { 0 };
    struct term term = plain;
    term.color = true;
    if (!qr_add(&text, &term, "ddm"))
        skip();
    assert_non_null(strstr(text.bytes, "\x1b[30;107m  █▀▀▀▀▀█ "));
    assert_non_null(strstr(text.bytes, "\x1b[0m\n"));
    text_release(&text);
}

static void where_it_does_not_fit(void **state)
{
    struct text text = { 0 };
    struct term term = plain;
    char much[4000];
    memset(much, 'A', sizeof much);
    much[sizeof much - 1] = '\0';
    assert_false(qr_add(&text, &plain, much));
    term.columns = 24;
    assert_false(qr_add(&text, &term, "ddm"));
    term = plain;
    term.rows = 12;
    assert_false(qr_add(&text, &term, "ddm"));
    term = plain;
    term.utf8 = false;
    assert_false(qr_add(&text, &term, "ddm"));
    term = plain;
    term.tty = false;
    assert_false(qr_add(&text, &term, "ddm"));
    assert_int_equal(text.length, 0);
    text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_drawn),
        cmocka_unit_test(colours_turn_it_round),
        cmocka_unit_test(where_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
