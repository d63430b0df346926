/* SPDX-License-Identifier: MIT */
/* From top to bottom: what the run came to; the rate over time before what the world offered; a
 * lane per source, with a row per connection and a box per lease, its rate behind it; the time; a
 * legend.
 *
 * A box begins pale, with the request; it is full from the first byte to the end, in the colour of
 * how that was. */
#include "timeline.h"

#include "base/util.h"
#include "bound.h"

#include <inttypes.h>
#include <stdio.h>

#define MBIT       (1e6 / 8)
#define WIDTH      1200
#define LEFT       180 /* names */
#define RIGHT      90  /* numbers */
#define HEAD       58
#define CURVE      120 /* height */
#define GAP        8
#define LANES_MOST 64
#define ROWS_MOST  64
#define BINS       260
#define SMOOTH     0.1 /* s */

struct colour {
    const char *fill, *meaning;
};

static const struct colour colours[ENDINGS] = {
    [ENDING_OPEN] = { "#c9ced6", "left over at the end" },
    [ENDING_DONE] = { "#4e79a7", "done" },
    [ENDING_CUT] = { "#59b3a8", "cut: another took its end" },
    [ENDING_CANCELLED] = { "#9aa0a8", "cancelled" },
    [ENDING_STALLED] = { "#f28e2b", "stalled" },
    [ENDING_GONE] = { "#d9534f", "connection lost" },
    [ENDING_BUSY] = { "#e3b505", "busy" },
    [ENDING_REFUSED] = { "#8c2d2d", "refused" },
    [ENDING_WRONG] = { "#5a1f1f", "wrong content" },
};

#define HEDGE_COLOUR "#9467bd"

struct drawing {
    FILE *to;
    const struct world *world;
    const struct history *history;
    const struct outcome *outcome;
    double from, until; /* s */
    double y;
};

static double seconds(int64_t time)
{
    return (double)time / (double)SEC;
}

static double x_of(const struct drawing *d, double time)
{
    double part = (time - d->from) / (d->until - d->from);
    part = MIN(MAX(part, 0.0), 1.0);
    return LEFT + part * (WIDTH - LEFT - RIGHT);
}

/* -- The rate ---------------------------------------------------------------------------------- */

static double bin_width(const struct drawing *d)
{
    return (d->until - d->from) / BINS;
}

/* A closed area over steps: `rates` has BINS of them. */
static void draw_steps(const struct drawing *d, const double *rates, double most, double bottom,
                       double height, const char *style)
{
    fprintf(d->to, "<path %s d=\"M%d %.1f", style, LEFT, bottom);
    double last = -1;
    for (int i = 0; i < BINS; i++) {
        double y = bottom - height * (most > 0 ? MIN(rates[i] / most, 1.0) : 0);
        if (y != last)
            fprintf(d->to, "H%.1fV%.1f", x_of(d, d->from + i * bin_width(d)), y);
        last = y;
    }
    fprintf(d->to, "H%dV%.1fZ\"/>\n", WIDTH - RIGHT, bottom);
}

/* What was delivered came in the time before. */
static void throughput(const struct drawing *d, double *rates)
{
    double width = bin_width(d);
    for (int i = 0; i < BINS; i++)
        rates[i] = 0;
    for (size_t i = 0; i < d->history->arrival_count; i++) {
        const struct arrival *a = &d->history->arrivals[i];
        double end = (seconds(a->at) - d->from) / width;
        double spread = MAX(SMOOTH / width, 1.0);
        double begin = MAX(end - spread, -d->from / width);
        double rate = (double)a->bytes / width / (end - begin);
        for (int k = MAX((int)begin, 0); k < BINS && k < end; k++)
            rates[k] += rate * (MIN(k + 1.0, end) - MAX((double)k, begin));
    }
}

static void draw_curve(struct drawing *d)
{
    double offered[BINS], came[BINS], most = 0, bottom = d->y + CURVE;
    throughput(d, came);
    for (int i = 0; i < BINS; i++) {
        double middle = d->from + (i + 0.5) * bin_width(d);
        offered[i] = bound_capacity(d->world, (int64_t)(middle * (double)SEC));
        most = MAX(most, offered[i]);
    }
    most = most > 0 ? most * 1.05 : 1;
    draw_steps(d, offered, most, bottom, CURVE, "fill=\"#e4e8ee\"");
    draw_steps(d, came, most, bottom, CURVE,
               "fill=\"#4e79a7\" fill-opacity=\"0.55\" stroke=\"#4e79a7\"");
    fprintf(d->to,
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">rate</text>\n"
            "<text x=\"%d\" y=\"%.1f\" class=\"s\" text-anchor=\"end\">grey: what there is</text>\n"
            "<text x=\"%d\" y=\"%.1f\" class=\"s\">%.4g Mbit/s</text>\n",
            LEFT - 10, d->y + 14, LEFT - 10, d->y + 28, WIDTH - RIGHT + 6, d->y + 10,
            most / 1.05 / MBIT);
    d->y = bottom + GAP + 4;
}

/* -- Lanes ------------------------------------------------------------------------------------- */

struct lane {
    unsigned rows;
    uint64_t bytes;
    unsigned long leases;
};

/* The first row that is free when an episode begins. */
static unsigned take_row(int64_t *ends, const struct episode *e, int64_t end)
{
    unsigned row = 0;
    while (row < ROWS_MOST - 1 && ends[row] > e->lent)
        row++;
    ends[row] = end;
    return row;
}

static int64_t end_of(const struct drawing *d, const struct episode *e)
{
    return e->ending == ENDING_OPEN ? d->outcome->time : e->ended;
}

static struct lane measure_lane(const struct drawing *d, size_t link)
{
    int64_t ends[ROWS_MOST] = { 0 };
    struct lane lane = { .rows = 1 };
    for (size_t i = 0; i < d->history->count; i++) {
        const struct episode *e = &d->history->episodes[i];
        if (e->link != link)
            continue;
        unsigned row = take_row(ends, e, end_of(d, e));
        lane.rows = MAX(lane.rows, row + 1);
        lane.bytes += e->brought;
        lane.leases++;
    }
    return lane;
}

static void draw_episode(const struct drawing *d, const struct episode *e, double y, double height)
{
    double lent = seconds(e->lent), ended = seconds(end_of(d, e));
    double started = e->started ? seconds(e->started) : ended;
    if (ended < d->from || lent > d->until)
        return;
    const char *fill = e->hedge ? HEDGE_COLOUR : colours[e->ending].fill;
    double x0 = x_of(d, lent), x1 = x_of(d, started), x2 = x_of(d, ended);
    fprintf(d->to,
            "<g fill=\"%s\"><title>[%" PRIu64 ", %" PRIu64 ") %.3f to %.3f s, %.2f MB, %s%s"
            "</title>",
            fill, e->begin, e->end, lent, ended, (double)e->brought / 1e6, ending_names[e->ending],
            e->hedge   ? ", hedge"
            : e->split ? ", split off"
                       : "");
    if (x1 - x0 > 0.1)
        fprintf(d->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" opacity=\"0.35\"/>", x0,
                y, MAX(x1 - x0, 0.4), height);
    if (e->started)
        fprintf(d->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" stroke=\"#fff\" "
                "stroke-width=\"0.5\"/>",
                x1, y, MAX(x2 - x1, 0.6), height);
    fputs("</g>\n", d->to);
}

static void draw_capacity(const struct drawing *d, const struct uplink *l, double height)
{
    double rates[BINS], most = 0;
    for (int i = 0; i < BINS; i++) {
        int64_t at = (int64_t)((d->from + (i + 0.5) * bin_width(d)) * (double)SEC);
        rates[i] = uplink_is_up(l, at) ? schedule_at(&l->rate, at) : 0;
    }
    for (size_t i = 0; i < l->rate.count; i++)
        most = MAX(most, l->rate.steps[i].rate);
    draw_steps(d, rates, most, d->y + height, height, "fill=\"#eceff3\"");
}

static void draw_lane(struct drawing *d, size_t link, double row_height)
{
    const struct uplink *l = &d->world->links[link];
    struct lane lane = measure_lane(d, link);
    double height = MAX(lane.rows * row_height, 12.0);
    static const char *const moods[] = { "", " lies", " refused" };
    draw_capacity(d, l, height);
    fprintf(d->to,
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s <tspan class=\"s\">%.4g "
            "Mbit/s%s</tspan></text>\n"
            "<text x=\"%d\" y=\"%.1f\" class=\"s\">%.1f %% in %lu</text>\n",
            LEFT - 10, d->y + height / 2 + 4, l->name, schedule_at(&l->rate, 0) / MBIT,
            moods[l->honesty], WIDTH - RIGHT + 6, d->y + height / 2 + 4,
            100.0 * (double)lane.bytes / (double)d->world->size, lane.leases);
    int64_t ends[ROWS_MOST] = { 0 };
    for (size_t i = 0; i < d->history->count; i++) {
        const struct episode *e = &d->history->episodes[i];
        if (e->link == link)
            draw_episode(d, e, d->y + take_row(ends, e, end_of(d, e)) * row_height,
                         row_height - (row_height > 4 ? 1 : 0));
    }
    d->y += height + GAP;
}

static double choose_row_height(const struct drawing *d, size_t lanes)
{
    unsigned rows = 0;
    for (size_t i = 0; i < lanes; i++)
        rows += measure_lane(d, i).rows;
    return rows <= 60 ? 9 : rows <= 160 ? 6 : 3;
}

static void draw_lanes(struct drawing *d)
{
    size_t lanes = MIN(d->world->link_count, (size_t)LANES_MOST);
    double row_height = choose_row_height(d, lanes);
    for (size_t i = 0; i < lanes; i++)
        draw_lane(d, i, row_height);
    if (lanes < d->world->link_count) {
        fprintf(d->to, "<text x=\"%d\" y=\"%.1f\" class=\"s\">and %zu more</text>\n", LEFT,
                d->y + 10, d->world->link_count - lanes);
        d->y += 16;
    }
}

/* -- Around it --------------------------------------------------------------------------------- */

static void draw_axis(const struct drawing *d, double top)
{
    double span = d->until - d->from, step = 1;
    while (step > span / 6)
        step /= 10;
    while (step * 12 < span)
        step *= step * 24 < span ? 5 : 2;
    for (double t = fabs(ceil(d->from / step - 1e-9)) * step; t <= d->until + 1e-9; t += step)
        fprintf(d->to,
                "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#000\" stroke-opacity=\"0.08\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" class=\"s\" text-anchor=\"middle\">%.4g s</text>\n",
                x_of(d, t), top, d->y, x_of(d, t), d->y + 14, t);
}

static void draw_mark(const struct drawing *d, double time, double top, const char *what,
                      const char *colour, const char *anchor)
{
    if (time < d->from || time > d->until)
        return;
    double x = x_of(d, time);
    fprintf(d->to,
            "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-width=\"1.5\" "
            "stroke-dasharray=\"5 3\"/><text x=\"%.1f\" y=\"%.1f\" class=\"s\" fill=\"%s\" "
            "text-anchor=\"%s\">%s %.2f s</text>\n",
            x, top - 4, d->y, colour, x, top - 7, colour, anchor, what, time);
}

static void draw_legend(struct drawing *d)
{
    double x = LEFT;
    d->y += 30;
    for (int i = 1; i <= ENDINGS + 1; i++) {
        bool hedge = i == ENDINGS, wait = i == ENDINGS + 1;
        const char *fill = hedge  ? HEDGE_COLOUR
                           : wait ? colours[ENDING_DONE].fill
                                  : colours[i].fill;
        const char *what = hedge  ? "hedge: fetched twice"
                           : wait ? "pale: before the first byte"
                                  : colours[i].meaning;
        double width = 30 + 6.0 * (double)snprintf(NULL, 0, "%s", what);
        if (x + width > WIDTH - 10) {
            x = LEFT;
            d->y += 16;
        }
        fprintf(d->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"9\" fill=\"%s\" "
                "opacity=\"%s\"/><text x=\"%.1f\" y=\"%.1f\" class=\"s\">%s</text>\n",
                x, d->y - 8, fill, wait ? "0.35" : "1", x + 16, d->y, what);
        x += width;
    }
    d->y += 14;
}

static void draw_head(const struct drawing *d)
{
    const struct outcome *o = d->outcome;
    fprintf(d->to,
            "<text x=\"16\" y=\"24\" class=\"t\">%s<tspan class=\"a\" dx=\"12\">%s</tspan></text>\n"
            "<text x=\"16\" y=\"43\">%.4f of the bound (latency alone: %.4f): %.2f s for %.2f s, "
            "%.1f MB; %lu requests, "
            "%lu of them failed; waste %.3f %%%s%s</text>\n",
            d->world->name, d->world->about, o->ratio, o->floor, seconds(o->time),
            seconds(o->bound), (double)d->world->size / 1e6, o->requests, o->failures,
            100 * o->waste, o->wrong[0] ? "; WRONG: " : "", o->wrong);
}

static void draw(struct drawing *d)
{
    double top = HEAD + 14;
    d->y = top;
    draw_curve(d);
    draw_lanes(d);
    draw_axis(d, top);
    draw_mark(d, seconds(d->outcome->bound), top, "bound", "#b0413e", "end");
    draw_mark(d, seconds(d->outcome->time), top, "&#160;end", "#333", "start");
    draw_legend(d);
}

int timeline_write(const char *path, const struct world *world, const struct history *history,
                   const struct outcome *outcome, struct timeline_view view)
{
    double end = MAX(seconds(outcome->time), seconds(outcome->bound));
    struct drawing d = { .world = world,
                         .history = history,
                         .outcome = outcome,
                         .from = view.from,
                         .until = view.until > view.from ? view.until : end };
    char *body = NULL;
    size_t length;
    d.to = open_memstream(&body, &length); /* the height is known at the end */
    if (!d.to)
        return -1;
    draw_head(&d);
    draw(&d);
    fclose(d.to);
    FILE *file = fopen(path, "w");
    if (!file) {
        free(body);
        return -1;
    }
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
            "height=\"%.0f\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"12\" "
            "fill=\"#222\">\n<style>.s{font-size:10px;fill:#555}.t{font-size:17px;font-weight:bold}"
            ".a{font-size:13px;font-weight:normal;fill:#555}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n",
            WIDTH, d.y, WIDTH, d.y, body);
    free(body);
    return fclose(file) == 0 ? 0 : -1;
}
