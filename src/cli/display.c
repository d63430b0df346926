/* SPDX-License-Identifier: MIT */
#include "cli/display.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

enum {
    SOURCE_LINES_MAX = 20,
    SENTENCE_SOURCES_MAX = 8,
    BAR_MIN = 8, /* cells; a smaller one is left out */
    SHARE_CELLS = 10,
    NAME_MIN = 13, /* columns of the names of sources */
    NAME_MAX = 28,
    STATE_MIN = 10, /* columns for what a source does */
    UNCUT = 4096,   /* columns of text that may be as long as it is */
};

static const enum color source_colors[] = {
    COLOR_CYAN, COLOR_GREEN, COLOR_MAGENTA, COLOR_YELLOW, COLOR_BLUE,
};

static enum color source_color(size_t index)
{
    return source_colors[index % ARRAY_SIZE(source_colors)];
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

const char *display_name(const struct ddm_event *event)
{
    if (!event->path)
        return event->url ? event->url : "";
    return strcmp(event->path, "-") == 0 ? "standard output" : base_name(event->path);
}

static unsigned percent(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)((double)part / (double)whole * 100) : 100;
}

static uint64_t source_bytes(const struct ddm_event *event)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < event->source_count; i++)
        sum += event->sources[i].bytes;
    return sum;
}

/* "22.2 MiB/s" */
static void format_rate(char *out, size_t size, uint64_t rate)
{
    char bytes[32];
    snprintf(out, size, "%s/s", str_bytes(bytes, sizeof bytes, rate));
}

/* "0:03 left"; empty where it cannot be told. */
static void format_left(char *out, size_t size, const struct ddm_event *event)
{
    out[0] = '\0';
    if (event->size == DDM_SIZE_UNKNOWN || event->rate == 0 || event->done > event->size)
        return;
    uint64_t s = (event->size - event->done + event->rate - 1) / event->rate;
    if (s < 3600)
        snprintf(out, size, "%u:%02u left", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 100 * 3600)
        snprintf(out, size, "%u:%02u:%02u left", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
                 (unsigned)(s % 60));
}

/* The coloured segments of the sources behind what was there before, then the empty rest. */
static void add_total_bar(struct text *out, const struct term *term, const struct ddm_event *event,
                          unsigned cells)
{
    unsigned start = out->columns + (term->utf8 ? 0 : 1);
    uint64_t sum = source_bytes(event), at = event->done > sum ? event->done - sum : 0;
    double size = event->size ? (double)event->size : 1;
    double done = event->size ? (double)event->done / size : 1;
    if (!term->utf8)
        text_add(out, "[");
    text_color(out, term, COLOR_DIM);
    text_add_bar(out, term, cells, 0, MIN((double)at / size, done), event->source_count == 0);
    for (size_t i = 0; i < event->source_count; i++) {
        uint64_t next = at + event->sources[i].bytes;
        bool last = i + 1 == event->source_count;
        text_color(out, term, COLOR_NONE);
        text_color(out, term, source_color(i));
        text_add_bar(out, term, cells, MIN((double)at / size, done),
                     last ? done : MIN((double)next / size, done), last);
        at = next;
    }
    text_color(out, term, COLOR_NONE);
    text_color(out, term, COLOR_DIM);
    while (out->columns < start + cells)
        text_add(out, term->utf8 ? "░" : ".");
    text_color(out, term, COLOR_NONE);
    if (!term->utf8)
        text_add(out, "]");
}

static void add_total_line(struct text *out, const struct term *term, const struct ddm_event *event)
{
    char done[32], size[32], rate[40], left[40], figures[160];
    str_bytes(done, sizeof done, event->done);
    format_rate(rate, sizeof rate, event->rate);
    format_left(left, sizeof left, event);
    if (event->size == DDM_SIZE_UNKNOWN) {
        snprintf(figures, sizeof figures, "%10s  %11s", done, rate);
        text_add_clipped(out, term, figures, term->columns - 1);
        text_add(out, "\n");
        return;
    }
    str_bytes(size, sizeof size, event->size);
    snprintf(figures, sizeof figures, " %3u %%  %9s / %s  %10s  %-9s",
             percent(event->done, event->size), done, size, rate, left);
    if (text_columns(figures) + 1 > term->columns)
        snprintf(figures, sizeof figures, "%3u %%  %10s", percent(event->done, event->size), rate);
    unsigned taken = text_columns(figures) + 1 + (term->utf8 ? 0 : 2);
    if (term->columns >= taken + BAR_MIN)
        add_total_bar(out, term, event, term->columns - taken);
    text_add_clipped(out, term, figures, term->columns - 1 - out->columns);
    text_add(out, "\n");
}

void display_source_state(struct text *out, const struct term *term,
                          const struct ddm_source_info *source, unsigned columns)
{
    static const enum color colors[] = {
        [DDM_SOURCE_IDLE] = COLOR_DIM,       [DDM_SOURCE_CONNECTING] = COLOR_DIM,
        [DDM_SOURCE_LOADING] = COLOR_NONE,   [DDM_SOURCE_STALLED] = COLOR_YELLOW,
        [DDM_SOURCE_WAITING] = COLOR_YELLOW, [DDM_SOURCE_PARKED] = COLOR_DIM,
        [DDM_SOURCE_EXCLUDED] = COLOR_RED,
    };
    char state[600];
    bool failed = source->state == DDM_SOURCE_STALLED || source->state == DDM_SOURCE_WAITING ||
                  source->state == DDM_SOURCE_EXCLUDED;
    snprintf(state, sizeof state, "%s%s%s", ddm_source_state_name(source->state),
             failed && source->why ? ": " : "", failed && source->why ? source->why : "");
    if (colors[source->state] != COLOR_NONE)
        text_color(out, term, colors[source->state]);
    text_add_clipped(out, term, state, columns);
    if (colors[source->state] != COLOR_NONE)
        text_color(out, term, COLOR_NONE);
}

/* Columns for the names: the longest one, within limits. */
static unsigned name_columns(const struct ddm_event *event, size_t count)
{
    unsigned longest = NAME_MIN;
    for (size_t i = 0; i < count; i++)
        longest = MAX(longest, text_columns(event->sources[i].name));
    return MIN(longest, (unsigned)NAME_MAX);
}

static void add_source_line(struct text *out, const struct term *term,
                            const struct ddm_event *event, size_t index, unsigned names)
{
    const struct ddm_source_info *source = &event->sources[index];
    char rate[40], bytes[32], figures[100];
    unsigned width = term->columns - 1;
    uint64_t sum = source_bytes(event);
    format_rate(rate, sizeof rate, source->rate);
    str_bytes(bytes, sizeof bytes, source->bytes);
    snprintf(figures, sizeof figures, "%3u %%  %10s  %10s  ", sum ? percent(source->bytes, sum) : 0,
             rate, bytes);

    text_add(out, "  ");
    text_color(out, term, source_color(index));
    text_add(out, term->utf8 ? "■ " : "* ");
    text_color(out, term, COLOR_NONE);
    names = MIN(names, width > 30 ? width - 20 : 10U);
    text_add_clipped(out, term, source->name, names);
    text_pad(out, 4 + names + 2);

    if (out->columns + SHARE_CELLS + 1 + text_columns(figures) + STATE_MIN <= width) {
        unsigned begin = out->columns;
        text_color(out, term, source_color(index));
        text_add_bar(out, term, SHARE_CELLS, 0, sum ? (double)source->bytes / (double)sum : 0,
                     true);
        text_color(out, term, COLOR_NONE);
        text_pad(out, begin + SHARE_CELLS + 1);
    }
    text_add_clipped(out, term, figures, width - MIN(out->columns, width));
    display_source_state(out, term, source, width - MIN(out->columns, width));
    text_add(out, "\n");
}

void display_frame(struct text *out, const struct term *term, const struct ddm_event *event)
{
    size_t fit = term->rows > 5 ? term->rows - 4 : 1;
    size_t most = MIN(fit, (size_t)SOURCE_LINES_MAX);
    size_t shown = event->source_count <= most ? event->source_count : most - 1;
    if (term->columns < 20)
        return;
    text_color(out, term, COLOR_BOLD);
    text_add_clipped(out, term, display_name(event), term->columns - 1);
    text_color(out, term, COLOR_NONE);
    text_add(out, "\n");
    add_total_line(out, term, event);
    unsigned names = name_columns(event, shown);
    for (size_t i = 0; i < shown; i++)
        add_source_line(out, term, event, i, names);
    if (shown < event->source_count)
        text_format(out, "  %s and %zu more\n", term->utf8 ? "…" : "...",
                    event->source_count - shown);
}

void display_plain(struct text *out, const struct term *term, const struct ddm_event *event)
{
    char done[32], size[32], rate[40], left[40];
    size_t active = 0;
    for (size_t i = 0; i < event->source_count; i++)
        active += event->sources[i].state == DDM_SOURCE_LOADING;
    format_rate(rate, sizeof rate, event->rate);
    format_left(left, sizeof left, event);
    str_bytes(done, sizeof done, event->done);
    text_add_clipped(out, term, display_name(event), UNCUT);
    if (event->size == DDM_SIZE_UNKNOWN)
        text_format(out, ": %s", done);
    else
        text_format(out, ": %u %% of %s", percent(event->done, event->size),
                    str_bytes(size, sizeof size, event->size));
    text_format(out, ", %s, %zu source%s%s%s", rate, active, active == 1 ? "" : "s",
                *left ? ", " : "", left);
}

static void add_share(struct text *out, const struct term *term, const char *name, uint64_t bytes,
                      uint64_t sum, bool first)
{
    text_add(out, first ? ": " : ", ");
    text_add_clipped(out, term, name, UNCUT);
    text_format(out, " %.0f %%", (double)bytes / (double)sum * 100);
}

/* Those that added nothing, because they share an uplink. */
static void add_parked(struct text *out, const struct ddm_event *event)
{
    size_t parked = 0;
    bool shares_own = false, peers = true;
    for (size_t i = 0; i < event->source_count; i++) {
        const struct ddm_source_info *source = &event->sources[i];
        if (source->state != DDM_SOURCE_PARKED)
            continue;
        parked++;
        shares_own |= source->shares_own;
        peers &= source->kind == DDM_SOURCE_PEER; /* else it is one of several interfaces */
    }
    if (parked > 0)
        text_format(out, "; %zu %s%s share%s %s: no gain from %s", parked,
                    peers ? "peer" : "source", parked == 1 ? "" : "s", parked == 1 ? "s" : "",
                    shares_own ? "your uplink" : "an uplink with others",
                    parked == 1 ? "it" : "them");
}

/* "100 MiB in 4.51 s, 22.2 MiB/s"; what was there before counts in no rate. */
static void add_amount(struct text *out, const struct ddm_event *event)
{
    char bytes[32], before[32], time[32], rate[40];
    double seconds = (double)MAX(event->elapsed, (int64_t)1) / (double)SEC;
    format_rate(rate, sizeof rate, (uint64_t)((double)source_bytes(event) / seconds));
    text_format(out, ": %s", str_bytes(bytes, sizeof bytes, event->done));
    if (event->restored > 0)
        text_format(out, ", %s of them from before,",
                    str_bytes(before, sizeof before, event->restored));
    text_format(out, " in %s, %s", str_duration(time, sizeof time, event->elapsed), rate);
}

void display_sentence(struct text *out, const struct term *term, const struct ddm_event *event)
{
    char bytes[32];
    uint64_t sum = source_bytes(event), others = 0;
    size_t shown = 0, more = 0;
    const char *path = event->path ? event->path : "";
    text_add_clipped(out, term, strcmp(path, "-") == 0 ? "standard output" : path, UNCUT);
    if (event->already) {
        text_add(out, " is there already, complete: nothing to do (--force downloads it again)");
        return;
    }
    add_amount(out, event);
    for (size_t i = 0; i < event->source_count; i++) {
        const struct ddm_source_info *source = &event->sources[i];
        if (source->bytes == 0)
            continue;
        if (shown == SENTENCE_SOURCES_MAX) {
            others += source->bytes;
            more++;
        } else {
            add_share(out, term, source->name, source->bytes, sum, shown++ == 0);
        }
    }
    if (more) {
        char name[40];
        snprintf(name, sizeof name, "%zu more", more);
        add_share(out, term, name, others, sum, false);
    }
    if (event->wasted > event->done / 100)
        text_format(out, " (%s came twice)", str_bytes(bytes, sizeof bytes, event->wasted));
    add_parked(out, event);
}

void display_error(struct ddm_error *ret, const struct ddm_event *event)
{
    char done[32], of[48] = "", size[32];
    const char *hint = event->resumable ? "; the same command goes on from there" : "";
    enum ddm_code code = event->error->code;
    str_bytes(done, sizeof done, event->done);
    if (event->size != DDM_SIZE_UNKNOWN)
        snprintf(of, sizeof of, " of %s", str_bytes(size, sizeof size, event->size));
    if (!event->part)
        *ret = *event->error;
    else if (code == DDM_E_INTERRUPTED)
        error_set(ret, code, "%s: %s%s stay in %s%s", event->error->message, done, of, event->part,
                  hint);
    else
        error_set(ret, code, "%s (%s%s stay in %s%s)", event->error->message, done, of, event->part,
                  hint);
}
