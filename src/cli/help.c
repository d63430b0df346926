/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 79,
    INDENT = 2,
    COMMAND_COLUMN = 12,
    HELP_COLUMN = 30,
};

/* The table is written in UTF-8; the terminal may not be. */
static void add(struct text *out, const struct term *term, const char *string)
{
    const char *ellipsis;
    while (!term->utf8 && (ellipsis = strstr(string, "…")) != NULL) {
        _cleanup_free_ char *head = strndup(string, (size_t)(ellipsis - string));
        text_add(out, head ? head : "");
        text_add(out, "...");
        string = ellipsis + strlen("…");
    }
    text_add(out, string);
}

static void heading(struct text *out, const struct term *term, const char *title)
{
    text_add(out, "\n");
    text_color(out, term, COLOR_BOLD);
    text_add(out, title);
    text_color(out, term, COLOR_NONE);
    text_add(out, "\n");
}

/* Words from a column on, broken before WIDTH, ended by a newline. */
static void wrap(struct text *out, const struct term *term, unsigned column, const char *string)
{
    bool first = true;
    if (out->columns + 1 > column && out->columns > 0)
        text_add(out, "\n");
    text_pad(out, column);
    while (*string) {
        size_t length = strcspn(string, " ");
        _cleanup_free_ char *word = strndup(string, length);
        if (!first && out->columns + 1 + text_columns(word ? word : "") > WIDTH) {
            text_add(out, "\n");
            text_pad(out, column);
            first = true;
        }
        text_add(out, first ? "" : " ");
        add(out, term, word ? word : "");
        first = false;
        string += length;
        string += strspn(string, " ");
    }
    text_add(out, "\n");
}

/* "text or json; default 2; from 1 to 64"; empty where there is nothing to say. */
static void describe_limits(char *out, size_t size, const struct option *option)
{
    char least[32], most[32];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; option->values && option->values[i]; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", option->values[i]);
    if (option->fallback)
        used += (size_t)snprintf(out + used, size - used, "%sdefault %s", used ? "; " : "",
                                 option->fallback);
    if (option->max)
        snprintf(out + used, size - used, "%sfrom %s to %s", used ? "; " : "",
                 option_limit(least, sizeof least, option, option->min),
                 option_limit(most, sizeof most, option, option->max));
}

static void add_option(struct text *out, const struct term *term, const struct option *option)
{
    char limits[200];
    text_pad(out, INDENT);
    text_color(out, term, COLOR_BOLD);
    if (option->letter)
        text_format(out, "-%c, ", option->letter);
    text_pad(out, INDENT + 4);
    text_format(out, "--%s", option->name);
    text_color(out, term, COLOR_NONE);
    if (option->argument) {
        text_add(out, " ");
        add(out, term, option->argument);
    }
    describe_limits(limits, sizeof limits, option);
    _cleanup_free_ char *all =
        str_format("%s%s%s%s", option->help, *limits ? " (" : "", limits, *limits ? ")" : "");
    wrap(out, term, HELP_COLUMN, all ? all : option->help);
}

/* All of a command, under the headings of their groups. */
static void add_options(struct text *out, const struct term *term, enum role role)
{
    static const char *const titles[] = {
#define X(id, title) title,
        OPTION_GROUPS(X)
#undef X
    };
    for (unsigned group = 0; group < OPTION_GROUP_COUNT; group++) {
        bool any = false;
        for (size_t i = 0; i < option_table_length; i++) {
            const struct option *option = &option_table[i];
            if (!(option->roles & role) || option->group != group)
                continue;
            if (!any)
                heading(out, term, titles[group]);
            any = true;
            add_option(out, term, option);
        }
    }
}

static void add_examples(struct text *out, const struct term *term, const char *const *examples)
{
    heading(out, term, "Examples");
    for (; examples[0]; examples += 2) {
        text_pad(out, INDENT);
        text_color(out, term, COLOR_BOLD);
        text_add(out, examples[0]);
        text_color(out, term, COLOR_NONE);
        wrap(out, term, INDENT + 4, examples[1]);
    }
}

static void add_config_files(struct text *out, const struct term *term,
                             const struct command *command)
{
    _cleanup_free_ char *files = str_format(
        "Keys are the long names of the options ('insecure = yes'). Without --config they are read "
        "from %s.conf and, beneath it, ddm.conf, each in ~/.config/ddm or else in /etc/ddm. One "
        "file can hold [get], [peer] and [tracker]; keys before any section are those of the "
        "command that reads it. The command line goes before the environment, that before the "
        "files. 'none' empties a list.",
        command->name);
    heading(out, term, "Config files");
    wrap(out, term, INDENT, files ? files : "");
}

static void add_environment(struct text *out, const struct term *term, enum role role)
{
    _cleanup_free_ char *variables = NULL;
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        char variable[OPTION_VARIABLE_SIZE];
        if (!(option->roles & role) || !(option->places & OPTION_IN_ENV))
            continue;
        char *more = str_format("%s%s%s", variables ? variables : "", variables ? " " : "",
                                option_variable(variable, option));
        free(variables);
        variables = more;
    }
    if (!variables)
        return;
    heading(out, term, "Environment");
    wrap(out, term, INDENT, variables);
}

static void add_exit_codes(struct text *out, const struct term *term)
{
    static const struct {
        int code;
        const char *text;
    } codes[] = {
#define X(id, number, name, text) { number, text },
        DDM_CODES(X)
#undef X
    };
    heading(out, term, "Exit status");
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        text_format(out, "%*s%d", INDENT, "", codes[i].code);
        wrap(out, term, INDENT + 3, codes[i].text);
    }
}

static void add_commands(struct text *out, const struct term *term, const struct command *table)
{
    for (const struct command *command = table; command->name; command++) {
        text_pad(out, INDENT);
        text_color(out, term, COLOR_BOLD);
        text_add(out, command->name);
        text_color(out, term, COLOR_NONE);
        wrap(out, term, COMMAND_COLUMN, command->summary);
    }
}

void help_command(struct text *out, const struct term *term, const struct command *command)
{
    text_add(out, "Usage: ");
    text_color(out, term, COLOR_BOLD);
    text_format(out, "ddm %s", command_name(command));
    text_color(out, term, COLOR_NONE);
    text_add(out, *command->usage ? " " : "");
    add(out, term, command->usage);
    text_add(out, "\n");
    text_add(out, "\n");
    wrap(out, term, INDENT, command->about ? command->about : command->summary);
    if (command->commands) {
        heading(out, term, "Commands");
        add_commands(out, term, command->commands);
    }
    if (command->examples)
        add_examples(out, term, command->examples);
    if (!command->role)
        return;
    add_options(out, term, command->role);
    if (command->role & ROLES_SWARM)
        add_config_files(out, term, command);
    add_environment(out, term, command->role);
    add_exit_codes(out, term);
}

void help_overview(struct text *out, const struct term *term)
{
    static const char *const first_steps[] = {
        "ddm demo",
        "watch a swarm at work on this machine",
        "ddm swarm init",
        "on one machine of your network: makes the key; then 'ddm tracker' there",
        "ddm swarm token",
        "there: prints the line that the others need",
        "ddm swarm join",
        "on each of them: takes that line; then 'ddm peer' lends its uplink",
        "ddm get URL",
        "on any of them: the file comes over all uplinks at once",
        NULL,
    };
    text_add(out, "Usage: ");
    text_color(out, term, COLOR_BOLD);
    text_add(out, "ddm");
    text_color(out, term, COLOR_NONE);
    text_add(out, " COMMAND [options]\n\n");
    wrap(out, term, INDENT,
         "DDM downloads one file over the internet links of many machines on one LAN at once. "
         "Version " DDM_VERSION ".");
    heading(out, term, "Commands");
    add_commands(out, term, command_table);
    heading(out, term, "First steps");
    for (size_t i = 0; first_steps[i]; i += 2) {
        text_pad(out, INDENT);
        text_color(out, term, COLOR_BOLD);
        text_add(out, first_steps[i]);
        text_color(out, term, COLOR_NONE);
        wrap(out, term, INDENT + 4, first_steps[i + 1]);
    }
    text_add(out, "\n");
    wrap(out, term, 0, "'ddm help COMMAND' tells all about one of them.");
}
