/* SPDX-License-Identifier: MIT */
/* Crowds with a name, as a table, and what each must keep. */
#include "base/util.h"
#include "crowd.h"
#include "prng.h"
#include "schedule.h"

#include <stdio.h>
#include <string.h>

struct row {
    const char *name, *about;
    unsigned hosts, peers,
        late;                  /* peers: that the tracker gives, 0: all; late: clients afterwards */
    double mib, mbit, mbit_to; /* uplinks, in even steps */
    bool announced;
    double within;  /* s, in which the clients start at random */
    double dies;    /* s, after which two peers die; 0: none */
    unsigned step;  /* ms; 0: 5 */
    unsigned seeds; /* how many are run */
    /* At most. Of the size: what the origin sends (besides what died with peers). Of the bound. 0:
     * not asked for. */
    double origin, time;
    double late_kib, late_lan; /* of who comes afterwards: from the origin, of the LAN's time */
};

#define LAN     125e6 /* bytes/s */
#define RTT     (20 * MSEC)
#define LAN_RTT (300000) /* ns */
#define SLOTS   16
#define LATE_AT 60  /* s */
#define AT_ONCE 0.1 /* s */
#define JITTER  (20 * MSEC)

static const struct row rows[] = {
    { "crowd-8", "8 hosts of 20 Mbit/s at once", 8, .mib = 100, .mbit = 20, .seeds = 6,
      .origin = 1.03, .time = 1.15 },
    { "crowd-8-known", "5 to 50 Mbit/s, rates known", 8, .mib = 100, .mbit = 5, .mbit_to = 50,
      .announced = true, .seeds = 6, .origin = 1.05, .time = 1.25 },
    { "crowd-8-unknown", "5 to 50 Mbit/s, rates not known", 8, .mib = 100, .mbit = 5, .mbit_to = 50,
      .seeds = 6, .origin = 1.12, .time = 1.50 },
    { "crowd-8-random", "8 hosts of 20 Mbit/s that start within 10 s", 8, .mib = 100, .mbit = 20,
      .within = 10, .seeds = 6, .origin = 1.05 },
    { "crowd-8-random-unknown", "the same, 5 to 50 Mbit/s, not known", 8, .mib = 100, .mbit = 5,
      .mbit_to = 50, .within = 10, .seeds = 6, .origin = 1.12 },
    { "crowd-8-ninth", "a ninth host afterwards", 8, .late = 1, .mib = 100, .mbit = 20, .seeds = 2,
      .origin = 1.03, .late_kib = 64, .late_lan = 0.8 },
    { "crowd-8-killed", "two of 8 peers die half way", 8, .mib = 100, .mbit = 20, .dies = 2.6,
      .seeds = 6, .origin = 1.03, .time = 1.50 },
    { "crowd-30", "30 hosts of 20 Mbit/s at once", 30, .mib = 100, .mbit = 20, .seeds = 2,
      .origin = 1.03, .time = 1.40 },
    { "crowd-1000", "1000 hosts of 20 Mbit/s, 256 of them peers", 1000, .peers = 256, .mib = 250,
      .mbit = 20, .step = 200, .origin = 1.05, .time = 1.30 },
};

static void build(const struct row *row, uint64_t seed, struct crowd *ret)
{
    unsigned count = row->hosts + row->late;
    struct prng prng = { seed };
    *ret = (struct crowd){ .name = row->name,
                           .seed = seed,
                           .size = (uint64_t)(row->mib * (double)MIB),
                           .host_count = count,
                           .hosts = calloc(count, sizeof(struct crowd_host)),
                           .lan = LAN,
                           .peers = row->peers ? row->peers : row->hosts,
                           .rtt = RTT,
                           .lan_rtt = LAN_RTT,
                           .step = (row->step ? row->step : 5) * MSEC,
                           .jitter = JITTER,
                           .connections = SLOTS };
    snprintf(ret->key, sizeof ret->key, "%s %llu", row->name, (unsigned long long)seed);
    if (!ret->hosts)
        abort();
    for (unsigned i = 0; i < count; i++) {
        double span = row->mbit_to > 0 ? row->mbit_to - row->mbit : 0;
        double rate = (row->mbit + span * i / MAX(row->hosts - 1, 1U)) * 1e6 / 8;
        bool late = i >= row->hosts, dies = row->dies > 0 && (i == 2 || i == 5);
        double starts =
            late ? LATE_AT : prng_between(&prng, 0, row->within > 0 ? row->within : AT_ONCE);
        ret->hosts[i] =
            (struct crowd_host){ .uplink = rate,
                                 .announced = row->announced ? rate : 0,
                                 .starts = (int64_t)(starts * (double)SEC),
                                 .dies = dies ? (int64_t)(row->dies * (double)SEC) : NEVER };
    }
}

static int judge(const char *what, double value, double most)
{
    if (most <= 0 || value <= most)
        return 0;
    printf("    %s: %.4f, at most %.4f  MISSED\n", what, value, most);
    return 1;
}

static double seconds(int64_t time)
{
    return (double)time / (double)SEC;
}

static void print(const struct row *row, const struct crowd_outcome *o)
{
    printf("%-22s %8.2f %8.2f %8.2f %8.2f %8.4f %8.4f %8.4f %8.2f %8lu %8lu %8.3f %8.0f%s%s\n",
           row->name, seconds(o->bound), seconds(o->first), seconds(o->median), seconds(o->last),
           seconds(o->last) / seconds(o->bound), o->origin, o->held, o->lan, o->requests,
           o->fetches, 100 * o->wasted, 1000 * o->cpu, o->wrong[0] ? "  WRONG: " : "", o->wrong);
    fflush(stdout);
}

static int run(const struct row *row, uint64_t seed, bool log)
{
    struct crowd crowd;
    struct crowd_outcome o;
    build(row, seed, &crowd);
    crowd.log = log;
    crowd_run(&crowd, &o);
    print(row, &o);
    int r = o.wrong[0] != '\0';
    r |= judge("origin bytes / size", o.origin - o.held, row->origin);
    r |= judge("last client / bound", seconds(o.last) / seconds(o.bound), row->time);
    if (row->late > 0) {
        double lan = (double)crowd.size / crowd.lan / seconds(o.latecomer);
        printf("    latecomer: %.2f s, %.3f of the LAN, %.0f KiB from the origin\n",
               seconds(o.latecomer), lan, o.latecomer_origin / KIB);
        r |=
            judge("KiB from the origin for the latecomer", o.latecomer_origin / KIB, row->late_kib);
        r |= judge("LAN / latecomer's rate", row->late_lan, lan);
    }
    free(crowd.hosts);
    return r;
}

void crowds_list(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        printf("%-22s %s\n", rows[i].name, rows[i].about);
}

int crowds_run(const char *name, unsigned long seeds, bool log)
{
    int r = 0;
    bool any = false;
    printf("== crowds\n%-22s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s\n", "crowd", "bound s",
           "first s", "median s", "last s", "ratio", "origin", "died", "LAN", "requests", "fetches",
           "waste %", "cpu ms");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (name && strcmp(name, rows[i].name) != 0)
            continue;
        any = true;
        for (unsigned long seed = 1; seed <= (seeds ? seeds : MAX(rows[i].seeds, 1U)); seed++)
            r |= run(&rows[i], seed, log);
    }
    return any ? r : 2;
}
