/* SPDX-License-Identifier: MIT */
/* A batch as text: see display.h. */
#include "cli/display.h"

#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_MIN = 16, /* columns of the names of files */
    NAME_MAX = 40,
    COLUMNS_MIN = 20, /* of a terminal */
    UNCUT = 4096,
};

static unsigned percent(const struct ddm_event *event)
{
    return event->size ? (unsigned)((double)event->done / (double)event->size * 100) : 100;
}

/* "0:05 left" */
static void format_left(char *out, size_t size, const struct ddm_event *event)
{
    char time[32];
    out[0] = '\0';
    if (event->size == DDM_SIZE_UNKNOWN || event->rate == 0 || event->done > event->size)
        return;
    uint64_t s = (event->size - event->done + event->rate - 1) / event->rate;
    if (s < 60)
        snprintf(out, size, "0:%02u left", (unsigned)s);
    else if (s < 100 * 3600)
        snprintf(out, size, "%s left", str_duration(time, sizeof time, (int64_t)s * SEC));
}

static void add_file(struct text *out, const struct term *term, const struct ddm_event *event,
                     unsigned names)
{
    char done[32], of[48] = "", size[32], rate[32], left[40], figures[200];
    str_bytes(done, sizeof done, event->done);
    str_bytes(rate, sizeof rate, event->rate);
    format_left(left, sizeof left, event);
    if (event->size == DDM_SIZE_UNKNOWN) {
        snprintf(figures, sizeof figures, "  %6s%9s%14s  %8s/s", "", done, "", rate);
    } else {
        snprintf(of, sizeof of, " / %s", str_bytes(size, sizeof size, event->size));
        snprintf(figures, sizeof figures, "  %3u %% %9s%-14s  %8s/s  %s", percent(event), done, of,
                 rate, left);
    }
    text_add_clipped(out, term, display_name(event), names);
    text_pad(out, names);
    text_add_clipped(out, term, figures, term->columns - 1 - MIN(out->columns, term->columns - 1));
    text_add(out, "\n");
}

static void add_total(struct text *out, const struct batch_state *state)
{
    char bytes[32];
    uint64_t rate = 0;
    for (size_t i = 0; i < state->running; i++)
        rate += state->events[i]->rate;
    text_format(out, "%zu of %zu files done", state->done, state->count);
    if (state->failed > 0)
        text_format(out, ", %zu failed", state->failed);
    text_format(out, ", %s/s", str_bytes(bytes, sizeof bytes, rate));
}

static unsigned name_columns(const struct term *term, const struct batch_state *state)
{
    unsigned longest = NAME_MIN, most = MIN((unsigned)NAME_MAX, term->columns / 2);
    for (size_t i = 0; i < state->running; i++)
        longest = MAX(longest, text_columns(display_name(state->events[i])));
    return MIN(longest, most);
}

void display_batch_frame(struct text *out, const struct term *term, const struct batch_state *state)
{
    size_t fit = term->rows > 4 ? term->rows - 3 : 1;
    unsigned names = name_columns(term, state);
    struct text total = { 0 };
    if (term->columns < COLUMNS_MIN)
        return;
    for (size_t i = 0; i < MIN(state->running, fit); i++)
        add_file(out, term, state->events[i], names);
    add_total(&total, state);
    text_color(out, term, COLOR_BOLD);
    text_add_clipped(out, term, total.bytes ? total.bytes : "", term->columns - 1);
    text_color(out, term, COLOR_NONE);
    text_add(out, "\n");
    text_release(&total);
}

void display_batch_plain(struct text *out, const struct term *term, const struct batch_state *state)
{
    add_total(out, state);
    for (size_t i = 0; i < state->running; i++) {
        const struct ddm_event *event = state->events[i];
        char done[32];
        text_add(out, i == 0 ? ": " : ", ");
        text_add_clipped(out, term, display_name(event), UNCUT);
        if (event->size == DDM_SIZE_UNKNOWN)
            text_format(out, " %s", str_bytes(done, sizeof done, event->done));
        else
            text_format(out, " %u %%", percent(event));
    }
}
