/* SPDX-License-Identifier: MIT */
#include "cli/term.h"

#include "base/str.h"
#include "base/util.h"

#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

void term_resize(struct term *term, int fd)
{
    struct winsize size;
    if (!term->tty || ioctl(fd, TIOCGWINSZ, &size) < 0)
        return;
    if (size.ws_col > 0)
        term->columns = size.ws_col;
    if (size.ws_row > 0)
        term->rows = size.ws_row;
}

void term_probe(struct term *ret, int fd)
{
    const char *kind = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *ret = (struct term){ .columns = 80, .rows = 24 };
    ret->tty = isatty(fd) && kind && *kind && strcmp(kind, "dumb") != 0;
    ret->color = ret->tty && !(no_color && *no_color);
    ret->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    term_resize(ret, fd);
}

void text_release(struct text *text)
{
    free(text->bytes);
    *text = (struct text){ 0 };
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->columns = 0;
    if (text->bytes)
        text->bytes[0] = '\0';
}

static void append(struct text *text, const char *bytes, size_t length)
{
    if (text->length + length >= text->capacity) {
        size_t capacity = 2 * (text->length + length) + 64;
        char *grown = realloc(text->bytes, capacity);
        if (!grown)
            return;
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

/* One character: its length in bytes, and its columns (-1: not to be shown). */
static size_t character(const char *string, int *ret_columns)
{
    mbstate_t state = { 0 };
    wchar_t wide;
    size_t n = mbrtowc(&wide, string, MB_LEN_MAX, &state);
    if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
        *ret_columns = -1;
        return 1;
    }
    bool shown = iswprint((wint_t)wide) && !str_is_control((uint32_t)wide); /* turns no text */
    *ret_columns = shown ? wcwidth(wide) : -1;
    return n;
}

unsigned text_columns(const char *string)
{
    unsigned sum = 0;
    for (int columns; *string; sum += columns < 0 ? 1 : (unsigned)columns)
        string += character(string, &columns);
    return sum;
}

void text_add(struct text *text, const char *string)
{
    const char *line = strrchr(string, '\n');
    if (line)
        text->columns = 0;
    text->columns += text_columns(line ? line + 1 : string);
    append(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    char *string = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&string, format, ap);
    va_end(ap);
    if (n < 0)
        return;
    text_add(text, string);
    free(string);
}

void text_escape(struct text *text, const char *sequence)
{
    append(text, sequence, strlen(sequence));
}

void text_color(struct text *text, const struct term *term, enum color color)
{
    static const char *const sequences[] = {
        [COLOR_NONE] = "\033[0m",  [COLOR_BOLD] = "\033[1m",     [COLOR_DIM] = "\033[2m",
        [COLOR_RED] = "\033[31m",  [COLOR_GREEN] = "\033[32m",   [COLOR_YELLOW] = "\033[33m",
        [COLOR_BLUE] = "\033[34m", [COLOR_MAGENTA] = "\033[35m", [COLOR_CYAN] = "\033[36m",
    };
    if (term->color)
        text_escape(text, sequences[color]);
}

void text_add_clipped(struct text *text, const struct term *term, const char *string,
                      unsigned columns)
{
    const char *ellipsis = term->utf8 ? "…" : "...";
    unsigned mark = term->utf8 ? 1 : 3, room = columns;
    if (text_columns(string) > columns)
        room = columns > mark ? columns - mark : 0;
    while (*string) {
        int wide;
        size_t n = character(string, &wide);
        bool shown = wide >= 0 && (n == 1 || term->utf8);
        unsigned taken = shown ? (unsigned)wide : 1;
        if (taken > room)
            break;
        append(text, shown ? string : "?", shown ? n : 1);
        room -= taken;
        text->columns += taken;
        string += n;
    }
    if (*string && columns > mark)
        text_add(text, ellipsis);
}

void text_pad(struct text *text, unsigned column)
{
    while (text->columns < column) {
        append(text, " ", 1);
        text->columns++;
    }
}

/* Where a fraction of a bar ends, in eighths of a cell. */
static unsigned bar_eighths(unsigned cells, double fraction)
{
    if (!(fraction > 0))
        return 0;
    return (unsigned)(MIN(fraction, 1.0) * cells * 8 + 0.5);
}

void text_add_bar(struct text *text, const struct term *term, unsigned cells, double from,
                  double to, bool last)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    unsigned begin = bar_eighths(cells, from), end = bar_eighths(cells, to);
    for (unsigned i = begin / 8; i < end / 8; i++)
        text_add(text, term->utf8 ? "█" : "#");
    if (last && term->utf8)
        text_add(text, eighths[end % 8]);
}
