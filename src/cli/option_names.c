/* SPDX-License-Identifier: MIT */
/* The names of options, of their environment variables and of the roles. */
#include "cli/options.h"

#include "base/util.h"

#include <ctype.h>
#include <string.h>

static const struct {
    enum role role;
    const char *name;
} roles[] = {
    { ROLE_GET, "get" },         { ROLE_PEER, "peer" },       { ROLE_TRACKER, "tracker" },
    { ROLE_DEMO, "demo" },       { ROLE_INIT, "swarm init" }, { ROLE_TOKEN, "swarm token" },
    { ROLE_JOIN, "swarm join" }, { ROLE_SHOW, "swarm show" }, { ROLE_CACHE, "cache" },
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
