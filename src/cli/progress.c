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

static void draw(struct progress *progress, const struct ddm_event *event)
{
    struct text *screen = &progress->screen;
    term_resize(&progress->term, STDERR_FILENO);
    text_escape(screen, "\033[?25l");
    go_up(progress);
    text_clear(&progress->frame);
    display_frame(&progress->frame, &progress->term, event);
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

/* A line that stays, above the bar; the bar comes back with the next frame. */
static void print_line(struct progress *progress, struct text *line)
{
    progress_clear(progress);
    text_add(line, "\n");
    flush(line);
    progress->shown = -SEC;
}

static void show_progress(struct progress *progress, const struct ddm_event *event)
{
    if (!event->path) /* before the start there is nothing to show */
        return;
    if (progress->mode == PROGRESS_BAR && event->elapsed >= progress->shown + FRAME_INTERVAL) {
        progress->shown = event->elapsed;
        draw(progress, event);
    } else if (progress->mode == PROGRESS_PLAIN &&
               event->elapsed >= progress->shown + PLAIN_INTERVAL) {
        struct text line = { 0 };
        progress->shown = event->elapsed;
        display_plain(&line, &progress->term, event);
        text_add(&line, "\n");
        flush(&line);
        text_release(&line);
    }
}

static void show_line(struct progress *progress, const struct ddm_event *event)
{
    struct text line = { 0 };
    int64_t shown = progress->shown;
    if (event->type == DDM_EVENT_NOTICE) {
        text_color(&line, &progress->term, COLOR_YELLOW);
        text_add_clipped(&line, &progress->term, event->text, 4096);
        text_color(&line, &progress->term, COLOR_NONE);
    } else if (event->type == DDM_EVENT_DONE) {
        display_sentence(&line, &progress->term, event);
    } else {
        text_add_clipped(&line, &progress->term, event->source->name, 4096);
        text_add(&line, ": ");
        display_source_state(&line, &progress->term, event->source, 4096);
    }
    print_line(progress, &line);
    if (progress->mode == PROGRESS_PLAIN)
        progress->shown = shown;
    text_release(&line);
}

void progress_event(struct progress *progress, const struct ddm_event *event)
{
    switch (event->type) {
    case DDM_EVENT_START:
    case DDM_EVENT_PROGRESS:
        show_progress(progress, event);
        break;
    case DDM_EVENT_SOURCE:
        if (progress->verbose)
            show_line(progress, event);
        break;
    case DDM_EVENT_NOTICE:
    case DDM_EVENT_DONE:
        show_line(progress, event);
        break;
    case DDM_EVENT_ERROR:
        progress_clear(progress);
        break;
    }
}
