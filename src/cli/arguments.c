/* SPDX-License-Identifier: MIT */
/* Options out of the command line, the environment and the defaults.
 *
 *     --name=value  --name value  -n value  -nvalue  -qv  --flag=no  --  operand
 */
#include "cli/options.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/suggest.h"

#include <stdlib.h>
#include <string.h>

/* The arguments that are left. */
struct arguments {
    char **next, **end;
};

static int error_unknown(const struct options *options, const char *name, struct ddm_error *err)
{
    const struct option *near = suggest_option(options->role, 0, name);
    const struct option *other = option_find(ROLES_ALL, name, strlen(name));
    if (other && !near)
        return error_set(err, DDM_E_USAGE, "'--%s' is no option of 'ddm %s'", name,
                         role_name(options->role));
    return error_set(err, DDM_E_USAGE, "unknown option '--%s'%s%s%s", name,
                     near ? " (did you mean '--" : "", near ? near->name : "", near ? "'?)" : "");
}

/* Blanks what of a URL may be a secret: its login and its query. Other text stays. */
static void hide_in_url(char *text)
{
    char *authority = strstr(text, "://"), *at = NULL;
    if (!authority)
        return;
    authority += strlen("://");
    for (char *c = authority; *c && !strchr("/?#", *c); c++)
        at = *c == '@' ? c : at;
    if (at)
        memset(authority, '*', (size_t)(at - authority));
    char *query = strpbrk(authority, "?#");
    if (query && *query == '?')
        memset(query + 1, '*', strlen(query + 1));
}

/* `value`: what was given with it in one word, or NULL. */
static int take_option(struct options *options, const struct option *option, char *value,
                       const char *shown, struct arguments *arguments, struct ddm_error *err)
{
    if (!value && option->type != OPTION_TYPE_BOOL) {
        if (arguments->next == arguments->end)
            return error_set(err, DDM_E_USAGE, "%s needs a value (%s)", shown, option->argument);
        value = *arguments->next++;
    }
    int r = options_set(options, option, OPTION_COMMAND_LINE, value, err);
    if (value && option->secret) /* others can read the arguments of a process */
        memset(value, '*', strlen(value));
    else if (value)
        hide_in_url(value);
    return r < 0 ? error_prefix(err, "%s", shown) : 0;
}

/* "name" or "name=value", behind the two dashes. */
static int parse_long(struct options *options, char *text, struct arguments *arguments,
                      struct ddm_error *err)
{
    size_t length = strcspn(text, "=");
    _cleanup_free_ char *name = strndup(text, length);
    _cleanup_free_ char *shown = name ? str_format("--%s", name) : NULL;
    if (!shown)
        return error_memory(err);
    const struct option *option = option_find(options->role, text, length);
    if (!option)
        return error_unknown(options, name, err);
    return take_option(options, option, text[length] ? text + length + 1 : NULL, shown, arguments,
                       err);
}

static const struct option *find_letter(enum role role, char letter)
{
    for (size_t i = 0; i < option_table_length; i++)
        if ((option_table[i].roles & role) && option_table[i].letter == letter)
            return &option_table[i];
    return NULL;
}

/* Behind one dash: flags together, then at most one option whose value is the rest. */
static int parse_letters(struct options *options, char *text, struct arguments *arguments,
                         struct ddm_error *err)
{
    for (char *c = text; *c; c++) {
        char shown[] = { '-', *c, '\0' };
        const struct option *option = find_letter(options->role, *c);
        if (!option)
            return error_set(err, DDM_E_USAGE, "unknown option '%s'",
                             (unsigned char)*c < 0x80 ? shown : text);
        if (option->type != OPTION_TYPE_BOOL)
            return take_option(options, option, c[1] ? c + 1 : NULL, shown, arguments, err);
        int r = take_option(options, option, NULL, shown, arguments, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_operand(struct options *options, char *text, struct ddm_error *err)
{
    char *copy = strdup(text);
    if (!copy)
        return error_memory(err);
    options->operands[options->operand_count++] = copy;
    if (options->role == ROLE_JOIN)
        memset(text, '*', strlen(text)); /* a token */
    else
        hide_in_url(text);
    return 0;
}

int options_parse_arguments(struct options *options, int argc, char **argv, struct ddm_error *err)
{
    struct arguments arguments = { argv, argv + argc };
    bool only_operands = false;
    options->operands = calloc((size_t)argc + 1, sizeof *options->operands);
    options->operand_count = 0;
    if (!options->operands)
        return error_memory(err);
    while (arguments.next < arguments.end) {
        char *text = *arguments.next++;
        int r = 0;
        if (only_operands || text[0] != '-' || !text[1])
            r = add_operand(options, text, err);
        else if (strcmp(text, "--") == 0)
            only_operands = true;
        else if (text[1] == '-')
            r = parse_long(options, text + 2, &arguments, err);
        else
            r = parse_letters(options, text + 1, &arguments, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int options_parse_environment(struct options *options, struct ddm_error *err)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        if (!(option->roles & options->role) || !(option->places & OPTION_IN_ENV))
            continue;
        char variable[OPTION_VARIABLE_SIZE];
        const char *text = getenv(option_variable(variable, option));
        if (!text || !*text)
            continue;
        if (options_set(options, option, OPTION_ENVIRONMENT, text, err) < 0)
            return error_prefix(err, "%s", variable);
    }
    return 0;
}

int options_set_defaults(struct options *options, struct ddm_error *err)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        if (!(option->roles & options->role) || !option->fallback ||
            options->values[option->id].origin != OPTION_UNSET)
            continue;
        if (options_set(options, option, OPTION_DEFAULT, option->fallback, err) < 0)
            return error_prefix(err, "default of %s", option->name);
    }
    return 0;
}
