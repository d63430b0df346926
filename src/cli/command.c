/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include "base/str.h"
#include "cli/suggest.h"
#include "swarm/token.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const get_examples[] = {
    "ddm get https://example.org/big.iso",
    "over this machine's uplink and those of the peers that a tracker on this machine knows",
    "ddm get --insecure -t 10.0.0.2 https://example.org/big.iso",
    "with the peers of another machine's tracker",
    "ddm get -o - https://example.org/big.tar | tar x",
    "straight into a pipe",
    "ddm get --checksum auto https://a.example/big.iso https://b.example/big.iso",
    "from two servers that have it, checked against the checksum file beside it",
    "ddm get -i list.txt -j 2",
    "what the lines of a file say, two at a time; again, to go on with what is left",
    NULL,
};

static const char *const peer_examples[] = {
    "ddm peer --insecure --tracker 10.0.0.2",
    "serve the local network and announce it to the tracker on 10.0.0.2",
    "ddm peer --allow 10.0.0.0/8",
    "let it fetch from servers of the local network, too",
    NULL,
};

static const char *const tracker_examples[] = {
    "ddm tracker",
    "for the processes of this machine",
    "ddm tracker --insecure",
    "for the local network, on port 7070 of every address",
    NULL,
};

static const char *const swarm_examples[] = {
    "ddm swarm init",
    "on the machine that runs the tracker: makes the key",
    "ddm swarm token",
    "there: prints the token, one line",
    "ddm swarm join",
    "on each of the others: asks for that line",
    "ddm swarm token | ssh lab2 ddm swarm join",
    "both at once",
    NULL,
};

static const char *const cache_examples[] = {
    "ddm cache ls",
    "what is kept on disk, used longest ago first",
    "ddm cache rm https://example.org/big.iso",
    "all versions of it; the beginning of a key names one",
    "ddm cache pin 3f9a01",
    "keep that one whatever else comes",
    "ddm cache verify",
    "read everything and compare it with its checksums",
    NULL,
};

const struct command command_table[] = {
    { "get", ROLE_GET, "[options] URL…", "download a file over many uplinks",
      "Downloads one file over this machine's uplink and those of its peers at the same time. "
      "Every part is checked against the origin's version before it is written; the file is "
      "NAME.part until it is complete. Whatever ended a download, the same command goes on with "
      "it; "
      "a file that is there already is left alone. Several URLs are mirrors of one file; in the "
      "place "
      "of a URL a Metalink (.meta4, .metalink) names the files that are in it.",
      get_examples, get_command, true },
    { "peer", ROLE_PEER, "[options]", "lend this machine's uplink to others",
      "Fetches parts of files for the clients of the swarm over this machine's uplink and relays "
      "them as they come. Runs until SIGINT or SIGTERM; the second one ends it at once.",
      peer_examples, peer_command },
    { "tracker", ROLE_TRACKER, "[options]", "know which peers are alive",
      "Peers announce themselves to it, clients ask it for peers. One per swarm is enough; a "
      "download that has begun goes on without it. Runs until SIGINT or SIGTERM.",
      tracker_examples, tracker_command },
    { "swarm", 0, "init|token|join|show", "keep others out: one key for all of your machines",
      "The machines of a swarm share one secret key. With it they know each other, and what goes "
      "between them is encrypted; whoever does not have it is turned away. Without a key only this "
      "machine is served, or with --insecure everybody.",
      swarm_examples, NULL, false, swarm_commands },
    { "cache", ROLE_CACHE, "ls|rm|pin|unpin|verify [options] [URL|KEY]…",
      "look at what a peer keeps on disk",
      "Lists, removes, keeps from being evicted, or verifies what a peer has in its cache; without "
      "a URL or a key, ls and verify take all of it. The peer may run meanwhile: what was removed "
      "it serves only to those who are just getting it, and a pin counts at once. verify exits "
      "with 1 if something is wrong; a peer never serves that, but fetches it again.",
      cache_examples, cache_command, true },
    { "demo", ROLE_DEMO, "", "see it work: a whole swarm on this machine",
      "Starts a slow origin, a tracker and three peers on this machine's loopback, downloads one "
      "file without and with the peers, checks both and shows what was gained. Needs no root and "
      "no network, and leaves nothing behind.",
      NULL, demo_command },
    { "help", 0, "[COMMAND]", "this overview, or all about a command", NULL, NULL, NULL },
    { "version", 0, "", "the version", NULL, NULL, NULL },
    { .name = NULL },
};

const struct command *command_find_in(const struct command *table, const char *name)
{
    for (const struct command *command = table; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

const struct command *command_find(const char *name)
{
    return command_find_in(command_table, name);
}

const char *command_suggest_in(const struct command *table, const char *name)
{
    const char *best = NULL;
    unsigned best_distance = UINT_MAX;
    for (const struct command *command = table; command->name; command++) {
        unsigned distance = suggest_distance(name, command->name);
        if (distance < best_distance) {
            best = command->name;
            best_distance = distance;
        }
    }
    return suggest_near(best_distance, name) ? best : NULL;
}

const char *command_suggest(const char *name)
{
    return command_suggest_in(command_table, name);
}

const char *command_name(const struct command *command)
{
    return command->role ? role_name(command->role) : command->name;
}

const char *command_shown(const char *word)
{
    return str_starts_with(word, TOKEN_PREFIX) ? TOKEN_PREFIX "..." : word;
}

int command_error(const struct ddm_error *error)
{
    char text[2 * sizeof error->message];
    fprintf(stderr, "ddm: %s\n", str_printable(text, sizeof text, error->message));
    return error->code;
}
