/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "base/util.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORST_SHOWN 15

const struct targets report_catalogue_targets = { .median = { 1.02 }, .worst = { 1.10 } };
/* What pieces cost where the first byte takes long: see docs/internals/ownership.md. */
const struct targets report_owners_targets = { .median = { 1.02 },
                                               .worst = { 1.10, .most = 1.36 } };
const struct targets report_random_targets = { .median = { 1.02 },
                                               .p99 = { 1.08, .most = 1.17 },
                                               .waste = { 0.005 } };

void report_title(struct report *report, const char *title)
{
    if (title)
        printf("== %s\n", title);
    printf("%-22s %8s %8s %8s %8s %8s %7s %8s %8s %8s\n", "world", "bound s", "time s", "ratio",
           "floor", "requests", "failed", "waste %", "lost %", "cpu ms");
}

static void print_row(const struct row *row)
{
    const struct outcome *o = &row->outcome;
    double size = (double)(o->wasted + o->lost) / MAX(o->waste, 1e-12);
    printf("%-22s %8.2f %8.2f %8.4f %8.4f %8lu %7lu %8.3f %8.3f %8.1f%s%s\n", row->name,
           (double)o->bound / (double)SEC, (double)o->time / (double)SEC, o->ratio, o->floor,
           o->requests, o->failures, 100 * o->waste, size > 0 ? 100 * (double)o->lost / size : 0.0,
           1000 * o->cpu, o->wrong[0] ? "  WRONG: " : "", o->wrong);
    fflush(stdout);
}

void report_add(struct report *report, const char *name, const struct outcome *outcome, bool shown)
{
    if (report->count == report->capacity) {
        report->capacity = MAX(2 * report->capacity, (size_t)64);
        report->rows = reallocarray(report->rows, report->capacity, sizeof(*report->rows));
        if (!report->rows)
            abort();
    }
    struct row *row = &report->rows[report->count++];
    *row = (struct row){ .outcome = *outcome, .shown = shown };
    memcpy(row->name, name, strnlen(name, sizeof(row->name) - 1));
    if (shown)
        print_row(row);
}

static bool went_wrong(const struct row *row)
{
    return row->outcome.wrong[0] != '\0';
}

/* Those that went wrong are the worst. */
static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (went_wrong(x) != went_wrong(y))
        return went_wrong(x) ? 1 : -1;
    return (x->outcome.ratio > y->outcome.ratio) - (x->outcome.ratio < y->outcome.ratio);
}

/* The least ratio that `part` of the runs do not exceed. */
static double percentile(const struct report *report, double part)
{
    size_t rank = (size_t)((double)report->count * part + 0.999999);
    const struct row *row = &report->rows[MAX(rank, (size_t)1) - 1];
    return went_wrong(row) ? HUGE_VAL : row->outcome.ratio;
}

static int judge(const char *what, double value, struct target target, double scale)
{
    if (target.goal <= 0)
        return 0;
    double most = MAX(target.goal, target.most);
    printf("%-22s %8.4f  (goal %.3f)%s", what, value * scale, target.goal * scale,
           value > target.goal ? "  MISSED" : "");
    if (target.most > 0)
        printf(", at most %.3f%s", target.most * scale, value > most ? "  WORSE" : "");
    printf("\n");
    return value > most;
}

static void show_worst(const struct report *report, double from)
{
    size_t shown = 0;
    for (size_t i = report->count; i-- > 0;) {
        const struct row *row = &report->rows[i];
        bool misses = went_wrong(row) || (from > 0 && row->outcome.ratio > from);
        if (row->shown || !misses)
            continue;
        if (!went_wrong(row) && shown >= WORST_SHOWN)
            break;
        print_row(row);
        shown++;
    }
}

static int sum_up(const struct report *report, const struct targets *targets)
{
    double waste = 0, cpu = 0, most_waste = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < report->count; i++) {
        waste += report->rows[i].outcome.waste;
        most_waste = MAX(most_waste, report->rows[i].outcome.waste);
        cpu += report->rows[i].outcome.cpu;
        wrong += went_wrong(&report->rows[i]);
    }
    waste /= (double)report->count;
    printf("%zu runs: median %.4f, p90 %.4f, p99 %.4f, worst %.4f; waste %.3f %%, at most %.3f %%; "
           "%.1f ms each\n",
           report->count, percentile(report, 0.5), percentile(report, 0.9),
           percentile(report, 0.99), percentile(report, 1), 100 * waste, 100 * most_waste,
           1000 * cpu / (double)report->count);
    int r = judge("median", percentile(report, 0.5), targets->median, 1) |
            judge("99th percentile", percentile(report, 0.99), targets->p99, 1) |
            judge("worst", percentile(report, 1), targets->worst, 1) |
            judge("waste, %", waste, targets->waste, 100);
    if (wrong > 0)
        printf("%-22s %8zu  WRONG\n", "runs that went wrong", wrong);
    return r;
}

int report_end(struct report *report, const struct targets *targets)
{
    int r = 0;
    for (size_t i = 0; i < report->count; i++)
        r |= went_wrong(&report->rows[i]);
    if (report->count > 0)
        qsort(report->rows, report->count, sizeof(*report->rows), compare);
    if (targets && report->count > 0) {
        show_worst(report, MAX(targets->p99.goal, targets->worst.goal));
        r |= sum_up(report, targets);
    }
    free(report->rows);
    *report = (struct report){ 0 };
    return r;
}
