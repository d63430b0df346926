/* SPDX-License-Identifier: MIT */
/* Options: one table declares each of them once. The command line, the environment, the config
 * files and the help are all made from it.
 *
 *     command line > environment > ROLE.conf > ddm.conf > default
 *
 * Values come in any order: each carries where it is from, and one from further right never
 * replaces one from further left, though it is checked all the same. Elements of a list are
 * gathered within one place and replaced as a whole by a better one. */
#ifndef DDM_CLI_OPTIONS_H
#define DDM_CLI_OPTIONS_H

#include "base/address.h"
#include "ddm/ddm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Commands that take options; the names are those of config files and sections, too. */
enum role {
    ROLE_GET = 1,
    ROLE_PEER = 2,
    ROLE_TRACKER = 4,
    ROLE_DEMO = 8,
    ROLE_INIT = 16, /* ddm swarm init, and so on */
    ROLE_TOKEN = 32,
    ROLE_JOIN = 64,
    ROLE_SHOW = 128,
    ROLE_CACHE = 256,
};
#define ROLES_SWARM (ROLE_GET | ROLE_PEER | ROLE_TRACKER) /* those that have config files */
#define ROLES_KEY   (ROLE_INIT | ROLE_TOKEN | ROLE_JOIN | ROLE_SHOW)
#define ROLES_ALL   (ROLES_SWARM | ROLE_DEMO | ROLES_KEY | ROLE_CACHE)

enum option_id {
    OPTION_OUTPUT,
    OPTION_DIRECTORY,
    OPTION_FORCE,
    OPTION_ONLY_NEWER,
    OPTION_PROGRESS,
    OPTION_JSON,
    OPTION_ON_COMPLETE,
    OPTION_MIRROR,
    OPTION_TRACKER,
    OPTION_PEER,
    OPTION_NO_PEERS,
    OPTION_INTERFACE,
    OPTION_CHECKSUM,
    OPTION_SPOT_CHECK,
    OPTION_HEADER,
    OPTION_HEADER_FOR_PEERS,
    OPTION_USER,
    OPTION_NETRC,
    OPTION_COOKIES,
    OPTION_REFERER,
    OPTION_USER_AGENT,
    OPTION_PROXY,
    OPTION_ALLOW_REDIRECT,
    OPTION_LIMIT_RATE,
    OPTION_LIMIT_RATE_LAN,
    OPTION_IDLE_ONLY,
    OPTION_HOURS,
    OPTION_MAX_CONNECTIONS,
    OPTION_CONNECTIONS,
    OPTION_RETRIES,
    OPTION_CONNECT_TIMEOUT,
    OPTION_MAX_TIME,
    OPTION_INPUT_FILE,
    OPTION_JOBS,
    OPTION_LISTEN,
    OPTION_ADVERTISE,
    OPTION_ALLOW,
    OPTION_DENY,
    OPTION_MEMORY,
    OPTION_CACHE_DIR,
    OPTION_CACHE_SIZE,
    OPTION_SIGNING_PARAMETERS,
    OPTION_TTL,
    OPTION_HOST_ID,
    OPTION_ROTATE,
    OPTION_ROTATE_FOR,
    OPTION_STATE_DIR,
    OPTION_INSECURE,
    OPTION_CONFIG,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_LOG_FORMAT,
    OPTION_HELP,
    OPTION_COUNT,
};

enum option_type {
    OPTION_TYPE_BOOL,
    OPTION_TYPE_UNSIGNED,
    OPTION_TYPE_SIZE,     /* bytes */
    OPTION_TYPE_DURATION, /* ns */
    OPTION_TYPE_PERCENT,  /* "0.25", kept in millionths: 2500 */
    OPTION_TYPE_STRING,
    OPTION_TYPE_NAME,    /* 1..64 of [A-Za-z0-9_-] */
    OPTION_TYPE_HOST,    /* a name or number without a port */
    OPTION_TYPE_ADDRESS, /* kept as HOST:PORT, the default port filled in */
    OPTION_TYPE_NETWORK, /* 10.0.0.0/8, nas.lan:8080 */
    OPTION_TYPE_HOURS,   /* 22:00-06:00 */
    OPTION_TYPE_ENUM,
};

/* Headings of the help, in its order. */
#define OPTION_GROUPS(X)                                                                           \
    X(OPTION_GROUP_NONE, "Options")                                                                \
    X(OPTION_GROUP_OUTPUT, "Output")                                                               \
    X(OPTION_GROUP_SERVING, "Serving")                                                             \
    X(OPTION_GROUP_SOURCES, "Sources")                                                             \
    X(OPTION_GROUP_VERIFICATION, "Verification")                                                   \
    X(OPTION_GROUP_REQUESTS, "Requests")                                                           \
    X(OPTION_GROUP_CACHE, "Cache")                                                                 \
    X(OPTION_GROUP_LIMITS, "Limits")                                                               \
    X(OPTION_GROUP_BATCH, "Batch")                                                                 \
    X(OPTION_GROUP_GENERAL, "General")

enum option_group {
#define X(id, title) id,
    OPTION_GROUPS(X)
#undef X
        OPTION_GROUP_COUNT,
};

/* Where a value may stand besides the command line. */
enum { OPTION_IN_ENV = 1, OPTION_IN_FILE = 2, OPTION_ANYWHERE = 3 };

struct option {
    enum option_id id;
    const char *name; /* on the command line behind "--", in files as it is */
    char letter;      /* or 0 */
    enum option_group group;
    enum option_type type;
    bool list;                 /* may be given again; comma separated unless `verbatim` */
    bool verbatim;             /* list: each value is one element, whatever is in it */
    bool secret;               /* STRING, which no message shows; blanked in the process list */
    bool empty;                /* "" is a value */
    bool whole;                /* of the whole run: not in a line of --input-file */
    unsigned roles;            /* commands that take it */
    unsigned places;           /* OPTION_IN_… */
    uint64_t min, max;         /* numbers; ADDRESS: of the port */
    uint16_t port;             /* ADDRESS: where none is given */
    const char *fallback;      /* the default as one would write it; NULL: none */
    const char *const *values; /* ENUM, NULL at the end */
    const char *argument;      /* its name in the help; NULL: BOOL */
    const char *help;
};

/* The whole table; rows of one name belong to different roles. In the order of the help within each
 * group. */
extern const struct option option_table[];
extern const size_t option_table_length;

#define OPTION_VARIABLE_SIZE 40
/* The environment variable of an option: DDM_LOG_FORMAT. Returns out. */
char *option_variable(char out[static OPTION_VARIABLE_SIZE], const struct option *option);

/* The row of that name for one of the roles; NULL where there is none. `length`: of the name. */
const struct option *option_find(unsigned roles, const char *name, size_t length);

/* A min or max as one would write it: "64", "16M", "30s". Returns out. */
char *option_limit(char *out, size_t size, const struct option *option, uint64_t limit);

/* "get", "swarm init", and back: 0 where it is none. */
const char *role_name(enum role role);
enum role role_find(const char *name);

/* From worst to best. */
enum option_origin {
    OPTION_UNSET,
    OPTION_DEFAULT,
    OPTION_SHARED_FILE, /* ddm.conf */
    OPTION_ROLE_FILE,   /* peer.conf, or what --config names */
    OPTION_ENVIRONMENT,
    OPTION_COMMAND_LINE,
};

struct option_value {
    enum option_origin origin;
    uint64_t number; /* what is one; BOOL; ENUM: index into its values */
    char *text;      /* what has no number */
    char **list;     /* NULL at the end; NULL without elements */
    size_t count;
};

/* What a command was given. */
struct options {
    enum role role;
    struct option_value values[OPTION_COUNT];
    char **operands; /* what is no option */
    size_t operand_count;
};

void options_init(struct options *options, enum role role);
void options_release(struct options *options);

/* Checks `text` (NULL: none, a BOOL is switched on) and keeps it where nothing better is there.
 * -DDM_E_USAGE and what is wrong with it, without the option's name. `options` may be NULL to check
 * only. */
int options_set(struct options *options, const struct option *option, enum option_origin origin,
                const char *text, struct ddm_error *err);

/* Reads argv (without program and command). Stops at nothing: options and operands may be mixed,
 * behind "--" all are operands. Blanks the secrets in argv, logins and queries of URLs among them:
 * others can read the arguments of a process. */
int options_parse_arguments(struct options *options, int argc, char **argv, struct ddm_error *err);

/* Takes the DDM_… variables; empty ones count as not set. */
int options_parse_environment(struct options *options, struct ddm_error *err);

/* Fills in the defaults of what is unset. */
int options_set_defaults(struct options *options, struct ddm_error *err);

/* The values; an option that is unset is false, 0 or NULL. */
bool options_bool(const struct options *options, enum option_id id);
uint64_t options_number(const struct options *options, enum option_id id);
const char *options_text(const struct options *options, enum option_id id);
const char *const *options_list(const struct options *options, enum option_id id);
/* Whether somebody asked for it: it is not just the default. */
bool options_given(const struct options *options, enum option_id id);

#endif
