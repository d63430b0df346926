/* SPDX-License-Identifier: MIT */
/* The table of options. A new option is a new row here and a new option_id; the order of the rows
 * is the order of the help. */
#include "cli/options.h"

#include "base/util.h"

#include <ctype.h>
#include <string.h>

enum { TRACKER_PORT = 7070, PEER_PORT = 7071 };

static const char *const progress_values[] = { "auto", "bar", "plain", "none", NULL };
static const char *const log_format_values[] = { "text", "json", NULL };

const struct option option_table[] = {
    { .id = OPTION_OUTPUT,
      .name = "output",
      .letter = 'o',
      .type = OPTION_TYPE_STRING,
      .roles = ROLE_GET,
      .argument = "FILE",
      .help = "Name of the file; '-' streams to standard output, in order. Without it the origin "
              "or the URL names the file." },
    { .id = OPTION_DIRECTORY,
      .name = "directory",
      .letter = 'd',
      .type = OPTION_TYPE_STRING,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .argument = "DIR",
      .help = "Put the file there." },
    { .id = OPTION_FORCE,
      .name = "force",
      .letter = 'f',
      .type = OPTION_TYPE_BOOL,
      .roles = ROLE_GET,
      .help = "Replace the file if it exists." },
    { .id = OPTION_CHECKSUM,
      .name = "checksum",
      .type = OPTION_TYPE_STRING,
      .list = true,
      .roles = ROLE_GET,
      .argument = "ALGO=HEX",
      .help = "What the whole file must hash to: sha-256, sha-512, sha-1 or md5. Computed while "
              "downloading." },
    { .id = OPTION_TRACKER,
      .name = "tracker",
      .letter = 't',
      .type = OPTION_TYPE_ADDRESS,
      .list = true,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .min = 1,
      .port = TRACKER_PORT,
      .fallback = "127.0.0.1:7070",
      .argument = "HOST:PORT[,…]",
      .help = "Ask these trackers for peers." },
    { .id = OPTION_PEER,
      .name = "peer",
      .letter = 'p',
      .type = OPTION_TYPE_ADDRESS,
      .list = true,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .min = 1,
      .port = PEER_PORT,
      .argument = "HOST:PORT[,…]",
      .help = "Use these peers, besides those that a tracker knows." },
    { .id = OPTION_NO_PEERS,
      .name = "no-peers",
      .type = OPTION_TYPE_BOOL,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .help = "Download over this machine's own uplink only." },
    { .id = OPTION_INTERFACE,
      .name = "interface",
      .type = OPTION_TYPE_STRING,
      .list = true,
      .roles = ROLE_GET | ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .argument = "IF[,…]",
      .help = "Fetch from the origin over these network interfaces of this machine (names or "
              "addresses, at most 8), each an uplink of its own. Without it the system chooses "
              "one." },
    { .id = OPTION_CONNECTIONS,
      .name = "connections",
      .letter = 'n',
      .type = OPTION_TYPE_UNSIGNED,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .min = 1,
      .max = 64,
      .fallback = "16",
      .argument = "N",
      .help = "Connections per source at most; how many are of use is found out." },
    { .id = OPTION_RETRIES,
      .name = "retries",
      .type = OPTION_TYPE_UNSIGNED,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .min = 1,
      .max = 1000,
      .fallback = "16",
      .argument = "N",
      .help = "Give a source up when it failed so often in a row." },
    { .id = OPTION_PROGRESS,
      .name = "progress",
      .type = OPTION_TYPE_ENUM,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .fallback = "auto",
      .values = progress_values,
      .argument = "HOW",
      .help = "auto: a bar on a terminal, else a plain line every few seconds." },
    { .id = OPTION_JSON,
      .name = "json",
      .type = OPTION_TYPE_BOOL,
      .roles = ROLE_GET,
      .places = OPTION_ANYWHERE,
      .help = "Write what happens to standard output instead, one JSON object a line." },
    { .id = OPTION_LISTEN,
      .name = "listen",
      .letter = 'l',
      .type = OPTION_TYPE_ADDRESS,
      .roles = ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .port = PEER_PORT,
      .fallback = "127.0.0.1:7071",
      .argument = "ADDR:PORT",
      .help = "Serve there. With --insecure the default is port 7071 of all addresses." },
    { .id = OPTION_LISTEN,
      .name = "listen",
      .letter = 'l',
      .type = OPTION_TYPE_ADDRESS,
      .roles = ROLE_TRACKER,
      .places = OPTION_ANYWHERE,
      .port = TRACKER_PORT,
      .fallback = "127.0.0.1:7070",
      .argument = "ADDR:PORT",
      .help = "Serve there. With --insecure the default is port 7070 of all addresses." },
    { .id = OPTION_TRACKER,
      .name = "tracker",
      .letter = 't',
      .type = OPTION_TYPE_ADDRESS,
      .list = true,
      .roles = ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .min = 1,
      .port = TRACKER_PORT,
      .fallback = "127.0.0.1:7070",
      .argument = "HOST:PORT[,…]",
      .help = "Announce this peer to these trackers." },
    { .id = OPTION_ADVERTISE,
      .name = "advertise",
      .letter = 'a',
      .type = OPTION_TYPE_HOST,
      .roles = ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .argument = "ADDR",
      .help = "The address that clients shall use. Without it they use the one that the tracker "
              "sees." },
    { .id = OPTION_ALLOW,
      .name = "allow",
      .type = OPTION_TYPE_NETWORK,
      .list = true,
      .roles = ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .argument = "NETWORK[,…]",
      .help = "Fetch from these networks, too (10.0.0.0/8, fd00::/8). Without it only public "
              "addresses are fetched from." },
    { .id = OPTION_MEMORY,
      .name = "memory",
      .letter = 'm',
      .type = OPTION_TYPE_SIZE,
      .roles = ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .min = 4 * MIB,
      .max = GIB,
      .fallback = "16M",
      .argument = "SIZE",
      .help = "Memory for what is being relayed." },
    { .id = OPTION_TTL,
      .name = "ttl",
      .type = OPTION_TYPE_DURATION,
      .roles = ROLE_TRACKER,
      .places = OPTION_ANYWHERE,
      .min = 1 * SEC,
      .max = 3600 * SEC,
      .fallback = "30s",
      .argument = "TIME",
      .help = "Forget a peer that was not heard of for so long." },
    { .id = OPTION_HOST_ID,
      .name = "host-id",
      .type = OPTION_TYPE_NAME,
      .roles = ROLE_GET | ROLE_PEER,
      .places = OPTION_ANYWHERE,
      .argument = "ID",
      .help = "Name of this machine, the same for all that share its uplink. Without it one is "
              "derived from the machine." },
    { .id = OPTION_INSECURE,
      .name = "insecure",
      .type = OPTION_TYPE_BOOL,
      .roles = ROLES_SWARM,
      .places = OPTION_ANYWHERE,
      .help = "Work with other machines without a swarm key: nothing is encrypted, and anyone on "
              "the network can take part." },
    { .id = OPTION_CONFIG,
      .name = "config",
      .letter = 'c',
      .type = OPTION_TYPE_STRING,
      .roles = ROLES_SWARM,
      .places = OPTION_IN_ENV,
      .argument = "FILE",
      .help = "Read this config file and no other." },
    { .id = OPTION_QUIET,
      .name = "quiet",
      .letter = 'q',
      .type = OPTION_TYPE_BOOL,
      .roles = ROLES_SWARM,
      .places = OPTION_ANYWHERE,
      .help = "Say only what went wrong." },
    { .id = OPTION_VERBOSE,
      .name = "verbose",
      .letter = 'v',
      .type = OPTION_TYPE_BOOL,
      .roles = ROLES_SWARM,
      .places = OPTION_ANYWHERE,
      .help = "Say more." },
    { .id = OPTION_LOG_FORMAT,
      .name = "log-format",
      .type = OPTION_TYPE_ENUM,
      .roles = ROLES_SWARM,
      .places = OPTION_ANYWHERE,
      .fallback = "text",
      .values = log_format_values,
      .argument = "FORMAT",
      .help = "How log lines look. 'ddm get' writes them instead of its progress with json." },
    { .id = OPTION_HELP,
      .name = "help",
      .letter = 'h',
      .type = OPTION_TYPE_BOOL,
      .roles = ROLES_ALL,
      .help = "Show this help." },
};
const size_t option_table_length = ARRAY_SIZE(option_table);

static const struct {
    enum role role;
    const char *name;
} roles[] = {
    { ROLE_GET, "get" },
    { ROLE_PEER, "peer" },
    { ROLE_TRACKER, "tracker" },
    { ROLE_DEMO, "demo" },
};

const char *role_name(enum role role)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "";
}

enum role role_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    return 0;
}

const struct option *option_find(unsigned of_roles, const char *name, size_t length)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        if ((option->roles & of_roles) && strlen(option->name) == length &&
            memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

char *option_variable(char out[static OPTION_VARIABLE_SIZE], const struct option *option)
{
    size_t n = 0;
    for (const char *c = "DDM_"; *c; c++)
        out[n++] = *c;
    for (const char *c = option->name; *c && n < OPTION_VARIABLE_SIZE - 1; c++)
        out[n++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    out[n] = '\0';
    return out;
}
