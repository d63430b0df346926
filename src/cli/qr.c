/* SPDX-License-Identifier: MIT */
/* The only file that knows libqrencode, which need not be there. */
#include "cli/qr.h"

#ifdef DDM_QRENCODE

#include <qrencode.h>

enum { MARGIN = 2 }; /* squares; the standard's 4 take much room, and readers do with less */

static bool is_dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1);
}

/* Dark on light if there are colours; else what is light is drawn, as most terminals are dark. */
static void add_line(struct text *out, const struct term *term, const QRcode *code, int y)
{
    static const char *const cells[] = { " ", "▀", "▄", "█" };
    if (term->color)
        text_escape(out, "\x1b[30;107m");
    for (int x = -MARGIN; x < code->width + MARGIN; x++) {
        unsigned ink = is_dark(code, x, y) | is_dark(code, x, y + 1) << 1;
        text_add(out, cells[term->color ? ink : ink ^ 3]);
    }
    if (term->color)
        text_escape(out, "\x1b[0m");
    text_add(out, "\n");
}

bool qr_add(struct text *out, const struct term *term, const char *content)
{
    if (!term->tty || !term->utf8)
        return false;
    QRcode *code = QRcode_encodeString8bit(content, 0, QR_ECLEVEL_L);
    if (!code)
        return false;
    unsigned side = (unsigned)code->width + 2 * MARGIN;
    bool fits = side <= term->columns && side / 2 + 3 <= term->rows;
    for (int y = -MARGIN; fits && y < code->width + MARGIN; y += 2)
        add_line(out, term, code, y);
    QRcode_free(code);
    return fits;
}

#else

bool qr_add(struct text *out, const struct term *term, const char *content)
{
    (void)out;
    (void)term;
    (void)content;
    return false;
}

#endif
