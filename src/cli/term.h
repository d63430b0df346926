/* SPDX-License-Identifier: MIT */
/* What a terminal can do, and text measured in its columns. */
#ifndef DDM_CLI_TERM_H
#define DDM_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct term {
    bool tty;   /* escape sequences move its cursor */
    bool color; /* NO_COLOR is not set */
    bool utf8;  /* the locale's characters are UTF-8 */
    unsigned columns, rows;
};

/* Looks at a file descriptor and the locale (which main has set). 80 x 24 where it does not say. */
void term_probe(struct term *ret, int fd);
/* Asks for the size again. */
void term_resize(struct term *term, int fd);

enum color {
    COLOR_NONE,
    COLOR_BOLD,
    COLOR_DIM,
    COLOR_RED,
    COLOR_GREEN,
    COLOR_YELLOW,
    COLOR_BLUE,
    COLOR_MAGENTA,
    COLOR_CYAN,
};

/* Text being put together, with the columns that it takes. All zero is empty; it grows, and drops
 * what it has no memory for. */
struct text {
    char *bytes; /* NUL at the end; NULL while empty */
    size_t length, capacity;
    unsigned columns; /* since the last newline */
};

void text_release(struct text *text);
void text_clear(struct text *text);
/* As it is; counts its columns. */
void text_add(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Without counting: escape sequences. */
void text_escape(struct text *text, const char *sequence);
/* Switches a colour on (COLOR_NONE: all off) where the terminal has them. */
void text_color(struct text *text, const struct term *term, enum color color);
/* Foreign text: control and invalid bytes become '?', cut to `columns` with an ellipsis. */
void text_add_clipped(struct text *text, const struct term *term, const char *string,
                      unsigned columns);
/* Spaces up to a column. */
void text_pad(struct text *text, unsigned column);
/* One segment of a bar of `cells` columns, from one fraction of it (0..1) to another: whole cells,
 * with UTF-8 the `last` one of the bar to an eighth. Segments side by side make one bar. */
void text_add_bar(struct text *text, const struct term *term, unsigned cells, double from,
                  double to, bool last);

/* Columns that a string takes. */
unsigned text_columns(const char *string);

#endif
