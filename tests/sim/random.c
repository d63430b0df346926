/* SPDX-License-Identifier: MIT */
/* Every number that says what the weather of random worlds is like stands here. A world takes 10 to
 * 60 s at the bound. One link stays sound to the end, so that there is an end. */
#include "random.h"

#include "base/util.h"
#include "bound.h"

#define MBIT          (1e6 / 8)
#define SECONDS_LEAST 10.0
#define SECONDS_MOST  60.0
#define LINKS_MOST    17.0
#define WEATHER_TIMES 3

/* How likely things are. */
#define OWN_DOWN       0.03
#define SATELLITE      0.01
#define SATELLITE_MOST (30 * MBIT)
#define SLOW_ORIGIN    0.05
#define PER_CONNECTION 0.12
#define PER_ADDRESS    0.06
#define TOTAL          0.08
#define LAN            0.08
#define BUSY           0.06
#define GROUPS         0.15
#define WINDOW         0.15
#define WINDOW_SIZE    (32 * MIB)
#define WINDOW_PART    0.1

static int64_t seconds(double s)
{
    return (int64_t)(s * (double)SEC);
}

/* A rate that changes a few times, for good. */
static void random_steps(struct schedule *rate, double mean, double end, struct prng *prng)
{
    double at = 0;
    schedule_add(rate, 0, mean);
    for (unsigned n = 1 + prng_below(prng, 3); n > 0; n--) {
        at = prng_between(prng, at, end);
        schedule_add(rate, seconds(at), mean * prng_log_between(prng, 0.1, 2));
    }
}

static void random_rate(struct schedule *rate, double mean, double end, struct prng *prng)
{
    struct weather weather = { .mean = mean, .until = seconds(WEATHER_TIMES * end) };
    double kind = prng_between(prng, 0, 1);
    if (kind < 0.55) {
        schedule_add(rate, 0, mean);
    } else if (kind < 0.70) {
        random_steps(rate, mean, end, prng);
    } else if (kind < 0.85) {
        weather.period = seconds(prng_log_between(prng, 0.3, 5));
        weather.swing = prng_between(prng, 0.1, 0.8);
        schedule_walk(rate, &weather, prng);
    } else if (kind < 0.93) {
        weather.period = seconds(prng_log_between(prng, 1, 15));
        weather.swing = prng_between(prng, 0.2, 0.8);
        schedule_wave(rate, &weather, prng);
    } else {
        weather.period = seconds(prng_between(prng, 8, 30));
        weather.length = seconds(prng_log_between(prng, 0.3, 5));
        schedule_outages(rate, &weather, prng);
    }
}

/* What can be wrong with a peer; each time is somewhere within the download. */
static void random_mood(struct uplink *l, double end, struct prng *prng)
{
    double kind = prng_between(prng, 0, 1);
    int64_t at = seconds(prng_between(prng, 0, end));
    if (kind < 0.04) {
        l->honesty = LYING;
    } else if (kind < 0.07) {
        l->honesty = REFUSING;
    } else if (kind < 0.12) {
        l->dies = at;
        if (prng_chance(prng, 0.5))
            l->back = at + seconds(prng_log_between(prng, 0.5, 20));
    } else if (kind < 0.15) {
        l->leaves = at;
    } else if (kind < 0.23) {
        l->joins = at;
    } else if (kind < 0.28) {
        l->breaks = prng_log_between(prng, 0.02, 0.5);
    } else if (kind < 0.31) {
        size_t steps = l->rate.count;
        while (steps > 0 && l->rate.steps[steps - 1].at >= at)
            steps--;
        l->rate.count = steps;
        schedule_add(&l->rate, at, 0);
    }
}

static void random_link(struct world *world, double base, double skew, double rtt, double ttfb,
                        double end, struct prng *prng)
{
    size_t i = world->link_count;
    struct uplink *l = world_add_link(world);
    snprintf(l->name, sizeof(l->name), i == 0 ? "own" : "peer%zu", i);
    l->own = i == 0;
    l->rtt = seconds(rtt * prng_log_between(prng, 0.5, 2));
    if (i > 0 && prng_chance(prng, SATELLITE)) {
        l->rtt = seconds(0.6);
        base = MIN(base, SATELLITE_MOST);
    }
    random_rate(&l->rate, base * prng_log_between(prng, 1 / skew, 1), end, prng);
    l->ttfb = seconds(ttfb * prng_log_between(prng, 0.8, 1.25));
    if (i > 0)
        random_mood(l, end, prng);
}

/* Some peers stand behind one link, perhaps that of the client. */
static void random_group(struct world *world, double base, struct prng *prng)
{
    int group = world_add_group(world);
    double rate = 0;
    bool with_own = prng_chance(prng, 0.4);
    size_t first = with_own ? 0 : 1, count = 2 + prng_below(prng, 3);
    for (size_t i = first; i < MIN(first + count, world->link_count); i++) {
        world->links[i].group = group;
        rate = MAX(rate, schedule_at(&world->links[i].rate, 0));
    }
    rate = MAX(rate, base / 10);
    schedule_add(&world->groups[group], 0, rate * prng_log_between(prng, 0.5, 1.2));
}

/* Bytes that are requested and have not come when all links are full: as they keep their place in
 * the window, there is a limit to what any planner could do with it. */
static double on_their_way(const struct world *world)
{
    double sum = 0;
    for (const struct uplink *l = world->links; l < world->links + world->link_count; l++)
        sum += schedule_at(&l->rate, 0) * (double)(l->rtt + l->ttfb) / (double)SEC;
    return sum;
}

static void random_limits(struct world *world, double base, struct prng *prng)
{
    double sum = base * (double)world->link_count / 2;
    if (prng_chance(prng, PER_CONNECTION))
        world->per_connection = base * prng_log_between(prng, 0.1, 0.7);
    if (prng_chance(prng, PER_ADDRESS))
        world->per_address = base * prng_log_between(prng, 0.2, 1);
    if (prng_chance(prng, TOTAL))
        schedule_add(&world->total, 0, sum * prng_log_between(prng, 0.3, 1));
    if (prng_chance(prng, LAN))
        schedule_add(&world->lan, 0, sum * prng_log_between(prng, 0.3, 1));
    if (prng_chance(prng, BUSY)) {
        world->max_connections = 1 + prng_below(prng, 4);
        world->retry_after = prng_chance(prng, 0.5) ? seconds(1 + prng_below(prng, 5)) : 0;
    }
    if (world->link_count > 2 && prng_chance(prng, GROUPS))
        random_group(world, base, prng);
    if (prng_chance(prng, WINDOW) && on_their_way(world) < WINDOW_PART * WINDOW_SIZE) {
        world->window = WINDOW_SIZE;
        world->consumer = prng_chance(prng, 0.5) ? sum * prng_log_between(prng, 0.3, 2) : 0;
    }
}

/* One link on which all can rely. */
static void make_sound(struct uplink *l, double rate)
{
    schedule_release(&l->rate);
    schedule_add(&l->rate, 0, rate);
    l->honesty = HONEST;
    l->leaves = l->dies = l->back = NEVER;
    l->joins = 0;
}

void random_world(uint64_t seed, unsigned connections, struct world *ret)
{
    struct prng prng = { seed };
    prng_next(&prng);
    *ret = (struct world){ .seed = seed };
    snprintf(ret->name, sizeof(ret->name), "seed-%llu", (unsigned long long)seed);
    double end = prng_log_between(&prng, SECONDS_LEAST, SECONDS_MOST);
    double base = MBIT * prng_log_between(&prng, 4, 400), skew = prng_log_between(&prng, 1, 20);
    double rtt = prng_log_between(&prng, 0.006, 0.06);
    double ttfb = prng_log_between(&prng, 0.001, 0.05);
    if (prng_chance(&prng, SLOW_ORIGIN))
        ttfb = prng_log_between(&prng, 0.1, 0.3);
    unsigned most[] = { 4, 8, 8, 16 };
    unsigned own = most[prng_below(&prng, ARRAY_SIZE(most))];
    ret->connections = connections ? connections : own;
    ret->round_trips = 1 + prng_below(&prng, 2);
    for (unsigned n = (unsigned)prng_log_between(&prng, 1, LINKS_MOST); n > 0; n--)
        random_link(ret, base, skew, rtt, ttfb, end, &prng);
    size_t sound = 0;
    if (ret->link_count > 1 && prng_chance(&prng, OWN_DOWN)) {
        ret->links[0].dies = 0;
        sound = 1;
    }
    make_sound(&ret->links[sound], base * prng_log_between(&prng, 1 / skew, 1));
    random_limits(ret, base, &prng);
    ret->size = bound_size(ret, seconds(end));
}

/* -- For people -------------------------------------------------------------------------------- */

static void print_time(FILE *to, const char *what, int64_t time)
{
    if (time != NEVER)
        fprintf(to, ", %s at %.1f s", what, (double)time / (double)SEC);
}

static void print_rate(FILE *to, const char *what, const struct schedule *rate)
{
    fprintf(to, "%s %.2f Mbit/s", what, schedule_at(rate, 0) / MBIT);
    if (rate->count > 12)
        fprintf(to, ", changes %zu times", rate->count - 1);
    for (size_t i = 1; i < rate->count && rate->count <= 12; i++)
        fprintf(to, ", %.2f from %.1f s", rate->steps[i].rate / MBIT,
                (double)rate->steps[i].at / (double)SEC);
}

static void print_link(FILE *to, const struct uplink *l)
{
    static const char *const moods[] = { "", ", lies", ", is refused" };
    fprintf(to, "  %-8s", l->name);
    print_rate(to, "", &l->rate);
    fprintf(to, ", rtt %.0f ms, ttfb %.0f ms%s", (double)l->rtt / (double)MSEC,
            (double)l->ttfb / (double)MSEC, moods[l->honesty]);
    if (l->group >= 0)
        fprintf(to, ", group %d", l->group + 1);
    if (l->breaks > 0)
        fprintf(to, ", breaks %.2f/s", l->breaks);
    if (l->joins > 0)
        print_time(to, "joins", l->joins);
    print_time(to, "dies", l->dies);
    print_time(to, "is back", l->back);
    print_time(to, "leaves", l->leaves);
    fputc('\n', to);
}

void world_print(const struct world *world, FILE *to)
{
    fprintf(to, "%s: %s%.1f MB, %zu links, %u connections per source, %.0f trip%s to connect\n",
            world->name, world->about[0] ? world->about : "", (double)world->size / 1e6,
            world->link_count, world->connections, world->round_trips,
            world->round_trips == 1 ? "" : "s");
    if (world->per_connection > 0)
        fprintf(to, "  %.2f Mbit/s per connection\n", world->per_connection / MBIT);
    if (world->per_address > 0)
        fprintf(to, "  %.2f Mbit/s per address\n", world->per_address / MBIT);
    if (world->max_connections > 0)
        fprintf(to, "  %u connections per address, Retry-After %.0f s\n", world->max_connections,
                (double)world->retry_after / (double)SEC);
    if (world->total.count > 0)
        print_rate(to, "  origin", &world->total), fputc('\n', to);
    if (world->lan.count > 0)
        print_rate(to, "  LAN", &world->lan), fputc('\n', to);
    for (size_t i = 0; i < world->group_count; i++) {
        fprintf(to, "  group %zu", i + 1);
        print_rate(to, "", &world->groups[i]);
        fputc('\n', to);
    }
    if (world->window > 0)
        fprintf(to, "  a stream, window %.0f MiB, read at %.2f Mbit/s\n",
                (double)world->window / (double)MIB, world->consumer / MBIT);
    for (size_t i = 0; i < MIN(world->link_count, (size_t)40); i++)
        print_link(to, &world->links[i]);
}
