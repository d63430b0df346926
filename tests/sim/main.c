/* SPDX-License-Identifier: MIT */
/* sim: the real planner (src/plan) under simulated links, in virtual time.
 *
 *     world.[ch]        what there is: links, limits, when they change       (data)
 *     schedule.[ch]     a rate over time: steps, walks, waves, outages
 *     scenarios.[ch]    worlds with a name, a table; build.c makes them
 *     random.[ch]       a world from a seed
 *     crowd.[ch]        many clients of one object; crowds.c has a table of such
 *     peers.[ch]        what peers fetch, keep and give
 *     client.[ch]       one of these clients around its plan
 *     bound.[ch]        how fast a fluid would be
 *     net.[ch]          bytes on their way: connections, slow start, fair shares (net_share.c),
 *                       changes (net_weather.c)
 *     heap.[ch]         virtual time
 *     download.[ch]     the client around the plan, as src/get is
 *     audit.[ch]        books beside those of the planner
 *     history.[ch]      what happened; timeline.[ch] draws it
 *     report.[ch]       tables, percentiles, targets */
#include "base/util.h"
#include "crowd.h"
#include "download.h"
#include "random.h"
#include "report.h"
#include "scenarios.h"
#include "timeline.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define RANDOM_USUAL 300

static const char usage[] =
    "usage: sim [--check]            the catalogue and 300 random worlds, against the targets\n"
    "       sim --catalogue          the catalogue, against its targets\n"
    "       sim --random N           N random worlds, against their targets\n"
    "       sim --crowds             many clients of one object, against their targets\n"
    "       sim --crowd NAME         one of these\n"
    "       sim NAME...              worlds of the catalogue\n"
    "       sim --seed S             one random world, with its description\n"
    "       sim --list               the catalogue\n"
    "  --seeds N         runs of each crowd, with other objects and other delays\n"
    "  --first-seed S    of the random worlds (1)\n"
    "  --svg FILE        draw the run (of one world)\n"
    "  --from S, --until S   the part of it to draw, s\n"
    "  --log             what happens to each lease\n"
    "  --describe        say what is in the world\n"
    "  --connections N   the client's cap per source, instead of the world's\n"
    "  --owners          the client, alone, takes pieces from their owners first\n"
    "  --all             each random world in the table, not only those that miss\n"
    "Exit status: 1 if a target is missed or a run went wrong, 2 for wrong usage.\n";

struct command {
    bool catalogue, crowds, list, log, describe, all, owners;
    bool seeded;
    uint64_t seed, first_seed;
    unsigned long random, seeds;
    unsigned connections;
    const char *svg, *crowd;
    struct timeline_view view;
};

static struct outcome run_world(const struct command *command, struct world *world, bool floor)
{
    struct history history = { 0 };
    struct outcome outcome;
    struct download_config config = { .world = world,
                                      .history = command->svg ? &history : NULL,
                                      .log = command->log,
                                      .owners = command->owners,
                                      .floor = floor };
    if (command->describe)
        world_print(world, stdout);
    download_run(&config, &outcome);
    if (command->svg &&
        timeline_write(command->svg, world, &history, &outcome, command->view) < 0) {
        fprintf(stderr, "sim: %s: %s\n", command->svg, strerror(errno));
        exit(2);
    }
    history_release(&history);
    return outcome;
}

static void run_scenario(const struct command *command, const struct scenario *scenario,
                         struct report *report)
{
    struct world world;
    scenario_build(scenario, command->connections, &world);
    struct outcome outcome = run_world(command, &world, true);
    report_add(report, world.name, &outcome, true);
    world_release(&world);
}

static void run_random(const struct command *command, uint64_t seed, struct report *report,
                       bool shown)
{
    struct world world;
    random_world(seed, command->connections, &world);
    struct outcome outcome = run_world(command, &world, shown);
    report_add(report, world.name, &outcome, shown);
    world_release(&world);
}

static int run_catalogue(const struct command *command)
{
    struct report report = { 0 };
    report_title(&report, "catalogue");
    for (size_t i = 0; i < scenario_count; i++)
        run_scenario(command, &scenarios[i], &report);
    return report_end(&report,
                      command->owners ? &report_owners_targets : &report_catalogue_targets);
}

static int run_randoms(const struct command *command)
{
    struct report report = { 0 };
    report_title(&report, "random worlds");
    for (unsigned long i = 0; i < command->random; i++)
        run_random(command, command->first_seed + i, &report, command->all);
    return report_end(&report, &report_random_targets);
}

static int run_named(const struct command *command, char **names, int count)
{
    struct report report = { 0 };
    report_title(&report, NULL);
    for (int i = 0; i < count; i++) {
        const struct scenario *scenario = scenario_find(names[i]);
        if (!scenario) {
            fprintf(stderr, "sim: no scenario '%s' (--list)\n", names[i]);
            report_end(&report, NULL);
            return 2;
        }
        run_scenario(command, scenario, &report);
    }
    if (command->seeded)
        run_random(command, command->seed, &report, true);
    return report_end(&report, NULL);
}

static int list(void)
{
    for (size_t i = 0; i < scenario_count; i++)
        printf("%-22s %s\n", scenarios[i].name, scenarios[i].about);
    crowds_list();
    return 0;
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || text[0] == '-') {
        fprintf(stderr, "sim: '%s' is no number\n", text);
        exit(2);
    }
    return value;
}

static const struct option options[] = {
    { "check", no_argument, NULL, 'k' },
    { "catalogue", no_argument, NULL, 'c' },
    { "crowds", no_argument, NULL, 'C' },
    { "crowd", required_argument, NULL, 'R' },
    { "seeds", required_argument, NULL, 'S' },
    { "random", required_argument, NULL, 'r' },
    { "seed", required_argument, NULL, 's' },
    { "first-seed", required_argument, NULL, 'f' },
    { "svg", required_argument, NULL, 'v' },
    { "from", required_argument, NULL, 'F' },
    { "until", required_argument, NULL, 'U' },
    { "connections", required_argument, NULL, 'n' },
    { "list", no_argument, NULL, 'l' },
    { "log", no_argument, NULL, 'g' },
    { "describe", no_argument, NULL, 'd' },
    { "all", no_argument, NULL, 'a' },
    { "owners", no_argument, NULL, 'o' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static void take_option(struct command *command, int option)
{
    switch (option) {
    case 'k':
        command->catalogue = true;
        command->random = RANDOM_USUAL;
        break;
    case 'c':
        command->catalogue = true;
        break;
    case 'R':
        command->crowd = optarg;
        command->crowds = true;
        break;
    case 'S':
        command->seeds = number(optarg);
        break;
    case 'C':
        command->crowds = true;
        break;
    case 'r':
        command->random = number(optarg);
        break;
    case 's':
        command->seeded = command->describe = true;
        command->seed = number(optarg);
        break;
    case 'f':
        command->first_seed = number(optarg);
        break;
    case 'v':
        command->svg = optarg;
        break;
    case 'F':
        command->view.from = strtod(optarg, NULL);
        break;
    case 'U':
        command->view.until = strtod(optarg, NULL);
        break;
    case 'n':
        command->connections = (unsigned)number(optarg);
        break;
    case 'l':
        command->list = true;
        break;
    case 'g':
        command->log = true;
        break;
    case 'd':
        command->describe = true;
        break;
    case 'a':
        command->all = true;
        break;
    case 'o':
        command->owners = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct command command = { .first_seed = 1 };
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        take_option(&command, option);
    if (command.list)
        return list();
    int named = argc - optind, r = 0;
    if (named > 0 || command.seeded)
        return run_named(&command, argv + optind, named);
    if (!command.catalogue && !command.crowds && command.random == 0)
        take_option(&command, 'k');
    if (command.catalogue)
        r = run_catalogue(&command);
    if (command.random > 0)
        r |= run_randoms(&command);
    if (command.crowds)
        r |= crowds_run(command.crowd, command.seeds, command.log);
    return r;
}
