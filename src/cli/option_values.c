/* SPDX-License-Identifier: MIT */
/* From the text of a value to what it means: one checker per type, then the value goes to its place
 * unless something better is there. */
#include "cli/options.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "peer/hours.h"
#include "swarm/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 64, PERCENT = 10000 /* in millionths */ };

/* One element, checked: its number or its text (malloc'ed). */
struct element {
    uint64_t number;
    char *text;
};

static int read_bool(const char *text, uint64_t *ret, struct ddm_error *err)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = i % 2;
            return 0;
        }
    return error_set(err, DDM_E_USAGE, "'%s' is neither yes nor no", text);
}

char *option_limit(char *out, size_t size, const struct option *option, uint64_t limit)
{
    static const struct {
        enum option_type type;
        uint64_t unit;
        const char *name;
    } units[] = {
        { OPTION_TYPE_SIZE, 1024 * GIB, "T" },
        { OPTION_TYPE_SIZE, GIB, "G" },
        { OPTION_TYPE_SIZE, MIB, "M" },
        { OPTION_TYPE_SIZE, KIB, "k" },
        { OPTION_TYPE_DURATION, 24 * 3600 * SEC, "d" },
        { OPTION_TYPE_DURATION, 3600 * SEC, "h" },
        { OPTION_TYPE_DURATION, 60 * SEC, "m" },
        { OPTION_TYPE_DURATION, SEC, "s" },
        { OPTION_TYPE_PERCENT, PERCENT, "" },
    };
    uint64_t unit = 1;
    const char *name = "";
    for (size_t i = 0; i < ARRAY_SIZE(units) && unit == 1; i++) {
        if (units[i].type == option->type && limit % units[i].unit == 0) {
            unit = units[i].unit;
            name = units[i].name;
        }
    }
    snprintf(out, size, "%llu%s", (unsigned long long)(limit / unit), name);
    return out;
}

/* "0.25": digits and up to four decimals, a '%' behind them allowed; in millionths. */
static int read_percent(const char *text, uint64_t *ret)
{
    size_t whole = strspn(text, "0123456789");
    uint64_t number = 0;
    if (str_to_u64_n(text, whole, &number) < 0 || number > 100)
        return -1;
    text += whole;
    number *= PERCENT;
    if (*text == '.') {
        uint64_t unit = PERCENT / 10;
        if (!isdigit((unsigned char)*++text))
            return -1;
        for (; isdigit((unsigned char)*text) && unit > 0; text++, unit /= 10)
            number += unit * (uint64_t)(*text - '0');
    }
    if (strcmp(text, "") != 0 && strcmp(text, "%") != 0)
        return -1;
    *ret = number;
    return 0;
}

static int read_number(const struct option *option, const char *text, uint64_t *ret,
                       struct ddm_error *err)
{
    uint64_t number = 0;
    int64_t ns = 0;
    const char *what = "a number";
    int r;
    if (option->type == OPTION_TYPE_SIZE) {
        what = "a size (such as 64M)";
        r = str_to_size(text, &number);
    } else if (option->type == OPTION_TYPE_DURATION) {
        what = "a time (such as 30s)";
        r = str_to_duration(text, &ns);
        number = (uint64_t)ns;
    } else if (option->type == OPTION_TYPE_PERCENT) {
        what = "a percentage (such as 0.25), from 0 to 100";
        r = read_percent(text, &number);
    } else {
        r = str_to_u64(text, &number);
    }
    if (r < 0)
        return error_set(err, DDM_E_USAGE, "'%s' is not %s", text, what);
    if (number < option->min || number > option->max) {
        char least[32], most[32];
        return error_set(err, DDM_E_USAGE, "'%s' is not between %s and %s", text,
                         option_limit(least, sizeof least, option, option->min),
                         option_limit(most, sizeof most, option, option->max));
    }
    *ret = number;
    return 0;
}

static int read_enum(const struct option *option, const char *text, uint64_t *ret,
                     struct ddm_error *err)
{
    char all[120] = "";
    for (size_t i = 0; option->values[i]; i++) {
        if (strcmp(text, option->values[i]) == 0) {
            *ret = i;
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", option->values[i]);
    }
    return error_set(err, DDM_E_USAGE, "'%s' is none of %s", text, all);
}

/* A port of 0 (any free one) is for listening only; so is an empty host (all addresses). */
static int read_address(const struct option *option, const char *text, char **ret,
                        struct ddm_error *err)
{
    struct address address;
    char formatted[ADDRESS_TEXT_SIZE];
    int r = address_parse(&address, text, option->port, err);
    if (r < 0)
        return r;
    if (address.port < option->min)
        return error_set(err, DDM_E_USAGE, "'%s': the port must not be 0", text);
    if (option->min > 0 && !address.host[0])
        return error_set(err, DDM_E_USAGE, "'%s' names no host", text);
    *ret = strdup(address_format(formatted, &address));
    return *ret ? 0 : error_memory(err);
}

static int read_host(const char *text, char **ret, struct ddm_error *err)
{
    /* Both ports are the default: none was given. */
    struct address one, two;
    int r = address_parse(&one, text, 1, err);
    if (r < 0)
        return r;
    if (address_parse(&two, text, 2, err) < 0 || one.port == two.port)
        return error_set(err, DDM_E_USAGE, "'%s' must be an address without a port", text);
    if (!one.host[0])
        return error_set(err, DDM_E_USAGE, "'%s' names no host", text);
    *ret = strdup(one.host);
    return *ret ? 0 : error_memory(err);
}

static int read_text(const struct option *option, const char *text, char **ret,
                     struct ddm_error *err)
{
    for (const char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (option->type == OPTION_TYPE_NAME && !isalnum(byte) && byte != '-' && byte != '_')
            return error_set(err, DDM_E_USAGE, "'%s' may hold letters, digits, '-' and '_' only",
                             text);
        if (byte < 0x20 || byte == 0x7f)
            return error_set(err, DDM_E_USAGE, "a control character is in it");
    }
    if (option->type == OPTION_TYPE_NAME && strlen(text) > NAME_MAX_LENGTH)
        return error_set(err, DDM_E_USAGE, "it is longer than %d characters", NAME_MAX_LENGTH);
    if (option->type == OPTION_TYPE_NETWORK) {
        struct policy *policy = NULL;
        int r = policy_new(&policy, &(struct policy_config){ .allow = text }, err);
        policy_free(policy);
        if (r < 0)
            return r;
    }
    if (option->type == OPTION_TYPE_HOURS) {
        struct hours hours;
        int r = hours_parse(&hours, text, err);
        if (r < 0)
            return r;
    }
    *ret = strdup(text);
    return *ret ? 0 : error_memory(err);
}

static int read_element(const struct option *option, const char *text, struct element *ret,
                        struct ddm_error *err)
{
    if (!*text && !option->empty)
        return error_set(err, DDM_E_USAGE, "the value is empty");
    switch (option->type) {
    case OPTION_TYPE_BOOL:
        return read_bool(text, &ret->number, err);
    case OPTION_TYPE_UNSIGNED:
    case OPTION_TYPE_SIZE:
    case OPTION_TYPE_DURATION:
    case OPTION_TYPE_PERCENT:
        return read_number(option, text, &ret->number, err);
    case OPTION_TYPE_ENUM:
        return read_enum(option, text, &ret->number, err);
    case OPTION_TYPE_ADDRESS:
        return read_address(option, text, &ret->text, err);
    case OPTION_TYPE_HOST:
        return read_host(text, &ret->text, err);
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_NAME:
    case OPTION_TYPE_NETWORK:
    case OPTION_TYPE_HOURS:
        return read_text(option, text, &ret->text, err);
    }
    return error_set(err, DDM_E_FAIL, "option of an unknown type");
}

static void value_release(struct option_value *value)
{
    for (size_t i = 0; i < value->count; i++)
        free(value->list[i]);
    free(value->list);
    free(value->text);
    *value = (struct option_value){ 0 };
}

static int list_append(struct option_value *value, char *text)
{
    char **list = reallocarray(value->list, value->count + 2, sizeof *list);
    if (!list)
        return -1;
    value->list = list;
    list[value->count++] = text;
    list[value->count] = NULL;
    return 0;
}

/* Reads "a, b,c" (one element where they are verbatim) into a fresh value; "none" is the empty
 * list.
 */
static int read_list(const struct option *option, const char *text, struct option_value *ret,
                     struct ddm_error *err)
{
    _cleanup_free_ char *copy = strdup(text);
    if (!copy)
        return error_memory(err);
    if (strcmp(text, "none") == 0)
        return 0;
    for (char *rest = copy, *item; (item = strsep(&rest, option->verbatim ? "" : ",")) != NULL;) {
        struct element element = { 0 };
        item += strspn(item, " \t");
        for (size_t n = strlen(item); n > 0 && strchr(" \t", item[n - 1]); n--)
            item[n - 1] = '\0';
        int r = read_element(option, item, &element, err);
        if (r == 0 && list_append(ret, element.text) < 0) {
            free(element.text);
            r = error_memory(err);
        }
        if (r < 0) {
            value_release(ret);
            return r;
        }
    }
    return 0;
}

/* Moves the elements of a list that was given again behind those that are there. */
static int list_join(struct option_value *value, struct option_value *more, struct ddm_error *err)
{
    for (size_t i = 0; i < more->count; i++) {
        if (list_append(value, more->list[i]) < 0) {
            memmove(more->list, more->list + i, (more->count - i + 1) * sizeof *more->list);
            more->count -= i;
            value_release(more);
            return error_memory(err);
        }
    }
    more->count = 0;
    value_release(more);
    return 0;
}

int options_set(struct options *options, const struct option *option, enum option_origin origin,
                const char *text, struct ddm_error *err)
{
    struct option_value fresh = { .origin = origin };
    struct element element = { .number = 1 };
    int r = 0;
    if (option->list)
        r = read_list(option, text, &fresh, err);
    else if (!text && option->type != OPTION_TYPE_BOOL)
        r = error_set(err, DDM_E_USAGE, "it needs a value");
    else if (text)
        r = read_element(option, text, &element, err);
    if (r < 0)
        return r;
    fresh.number = element.number;
    fresh.text = element.text;

    struct option_value *value = options ? &options->values[option->id] : NULL;
    if (!value || value->origin > origin) {
        value_release(&fresh);
        return 0;
    }
    if (option->list && value->origin == origin)
        return list_join(value, &fresh, err);
    value_release(value);
    *value = fresh;
    return 0;
}

void options_init(struct options *options, enum role role)
{
    *options = (struct options){ .role = role };
}

void options_release(struct options *options)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        value_release(&options->values[i]);
    for (size_t i = 0; i < options->operand_count; i++)
        free(options->operands[i]);
    free(options->operands);
    options->operands = NULL;
    options->operand_count = 0;
}

bool options_bool(const struct options *options, enum option_id id)
{
    return options->values[id].number != 0;
}

uint64_t options_number(const struct options *options, enum option_id id)
{
    return options->values[id].number;
}

const char *options_text(const struct options *options, enum option_id id)
{
    return options->values[id].text;
}

const char *const *options_list(const struct options *options, enum option_id id)
{
    return (const char *const *)options->values[id].list;
}

bool options_given(const struct options *options, enum option_id id)
{
    return options->values[id].origin > OPTION_DEFAULT;
}
