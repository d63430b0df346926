/* SPDX-License-Identifier: MIT */
/* A frame is one write: cursor off, up to the first line of the last frame, each line followed by
 * "clear to its end", "clear what is below", cursor on. Between two frames the terminal is as it
 * was found, with the cursor below the frame; so whatever ends the process leaves nothing behind.
 */
#include "cli/progress.h"

#include "base/util.h"
#include "cli/display.h"
#include "cli/term.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Time between two plain lines. */
#define PLAIN_INTERVAL (3 * SEC)
/* Bar: time between two frames. Progress events come ten times a second. */
#define FRAME_INTERVAL (80 * MSEC)

struct progress {
    enum progress_mode mode;
    bool verbose;
    struct term term;
    struct text frame, screen; /* what is being shown, and how it gets there */
    unsigned frame_columns;    /* of the terminal, when that frame was drawn */
    int64_t shown;             /* when the last frame or plain line was, since the start */
};

struct progress *progress_new(enum progress_mode mode, bool verbose)
{
    struct progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    progress->verbose = verbose;
    progress->mode = mode;
    progress->shown = -SEC;
    term_probe(&progress->term, STDERR_FILENO);
    if (mode == PROGRESS_AUTO)
        progress->mode = progress->term.tty ? PROGRESS_BAR : PROGRESS_PLAIN;
    if (progress->mode == PROGRESS_PLAIN)
        progress->shown = 0;
    return progress;
}

struct progress *progress_free(struct progress *progress)
{
    if (progress) {
        text_release(&progress->frame);
        text_release(&progress->screen);
        free(progress);
    }
    return NULL;
}

static void flush(struct text *text)
{
    for (size_t at = 0; at < text->length;) {
        ssize_t n = write(STDERR_FILENO, text->bytes + at, text->length - at);
        if (n < 0 && errno != EINTR)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    text_clear(text);
}

/* Rows that the last frame takes now: a terminal that became narrower has wrapped its lines. */
static unsigned frame_rows(const struct progress *progress)
{
    unsigned rows = 0;
    for (size_t i = 0; i < progress->frame.length; i++)
        rows += progress->frame.bytes[i] == '\n';
    unsigned now = MAX(progress->term.columns, 1U);
    return rows * ((MAX(progress->frame_columns, 1U) + now - 1) / now);
}

/* To the first column of the first line of the last frame. */
static void go_up(struct progress *progress)
{
    char up[24];
    unsigned rows = frame_rows(progress);
    if (rows == 0)
        return;
    snprintf(up, sizeof up, "\r\033[%uA", rows);
    text_escape(&progress->screen, up);
}

void progress_clear(struct progress *progress)
{
    term_resize(&progress->term, STDERR_FILENO);
    go_up(progress);
    if (progress->frame.length)
        text_escape(&progress->screen, "\033[J");
    text_clear(&progress->frame);
    flush(&progress->screen);
}

static void draw(struct progress *progress, progress_draw_fn *frame, const void *arg)
{
    struct text *screen = &progress->screen;
    term_resize(&progress->term, STDERR_FILENO);
    text_escape(screen, "\033[?25l");
    go_up(progress);
    text_clear(&progress->frame);
    frame(&progress->frame, &progress->term, arg);
    progress->frame_columns = progress->term.columns;
    for (char *line = progress->frame.bytes, *end; line && (end = strchr(line, '\n'));
         line = end + 1) {
        *end = '\0';
        text_escape(screen, line);
        text_escape(screen, "\033[K\n");
        *end = '\n';
    }
    text_escape(screen, "\033[J\033[?25h");
    flush(screen);
}

void progress_line(struct progress *progress, progress_draw_fn *draw_line, const void *arg)
{
    struct text line = { 0 };
    draw_line(&line, &progress->term, arg);
    progress_clear(progress);
    text_add(&line, "\n");
    flush(&line);
    text_release(&line);
    if (progress->mode == PROGRESS_BAR)
        progress->shown = -SEC;
}

void progress_show(struct progress *progress, int64_t now, progress_draw_fn *frame,
                   progress_draw_fn *plain, const void *arg)
{
    if (progress->mode == PROGRESS_BAR && now >= progress->shown + FRAME_INTERVAL) {
        progress->shown = now;
        draw(progress, frame, arg);
    } else if (progress->mode == PROGRESS_PLAIN && now >= progress->shown + PLAIN_INTERVAL) {
        struct text line = { 0 };
        progress->shown = now;
        plain(&line, &progress->term, arg);
        text_add(&line, "\n");
        flush(&line);
        text_release(&line);
    }
}

static void draw_frame(struct text *out, const struct term *term, const void *event)
{
    display_frame(out, term, event);
}

static void draw_plain(struct text *out, const struct term *term, const void *event)
{
    display_plain(out, term, event);
}

static void draw_line(struct text *out, const struct term *term, const void *arg)
{
    const struct ddm_event *event = arg;
    if (event->type == DDM_EVENT_NOTICE) {
        text_color(out, term, COLOR_YELLOW);
        text_add_clipped(out, term, event->text, 4096);
        text_color(out, term, COLOR_NONE);
    } else if (event->type == DDM_EVENT_DONE) {
        display_sentence(out, term, event);
    } else {
        text_add_clipped(out, term, event->source->name, 4096);
        text_add(out, ": ");
        display_source_state(out, term, event->source, 4096);
    }
}

void progress_event(struct progress *progress, const struct ddm_event *event)
{
    switch (event->type) {
    case DDM_EVENT_START:
    case DDM_EVENT_PROGRESS:
        if (event->path) /* before the start there is nothing to show */
            progress_show(progress, event->elapsed, draw_frame, draw_plain, event);
        break;
    case DDM_EVENT_SOURCE:
        if (progress->verbose)
            progress_line(progress, draw_line, event);
        break;
    case DDM_EVENT_NOTICE:
    case DDM_EVENT_DONE:
        progress_line(progress, draw_line, event);
        break;
    case DDM_EVENT_ERROR:
        progress_clear(progress);
        break;
    }
}
