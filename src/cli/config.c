/* SPDX-License-Identifier: MIT */
/* The only file that knows inih. It is fed line by line out of memory, so that each message can
 * name the line, and a line too long for it is an error instead of two lines. */
#include "cli/config.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/file.h"
#include "cli/suggest.h"

#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_SIZE_MAX = 1024 * 1024, SECTIONS = 3 };

static const enum role section_roles[SECTIONS] = { ROLE_GET, ROLE_PEER, ROLE_TRACKER };

struct reader {
    struct options *options;
    enum option_origin origin;
    const char *name;
    const char *text, *end; /* what is still to be read */
    unsigned line;
    bool failed; /* *err is set */
    bool seen[SECTIONS][OPTION_COUNT];
    struct ddm_error *err;
};

/* Puts "FILE:LINE: " before the message and ends the reading. The first error is kept. */
static int fail(struct reader *reader, const struct ddm_error *error)
{
    if (!reader->failed)
        error_set(reader->err, DDM_E_USAGE, "%s:%u: %s", reader->name, reader->line,
                  error->message);
    reader->failed = true;
    reader->text = reader->end;
    return 0;
}

static int check_section(struct reader *reader, const char *name)
{
    struct ddm_error error;
    const char *near = NULL;
    for (size_t i = 0; i < SECTIONS; i++) {
        const char *known = role_name(section_roles[i]);
        if (strcmp(known, name) == 0)
            return 0;
        if (suggest_near(suggest_distance(name, known), name))
            near = known;
    }
    char shown[60];
    str_printable(shown, sizeof shown, name);
    error_set(&error, DDM_E_USAGE, "unknown section [%s]%s%s%s", shown,
              near ? " (did you mean [" : "", near ? near : "", near ? "]?)" : "");
    fail(reader, &error);
    return -1;
}

/* The next line for inih, which stops at NULL. A section is checked here, for it may be empty. */
static char *read_line(char *out, int size, void *arg)
{
    struct reader *reader = arg;
    struct ddm_error error;
    if (reader->text == reader->end)
        return NULL;
    reader->line++;
    const char *end = memchr(reader->text, '\n', (size_t)(reader->end - reader->text));
    size_t length = (size_t)((end ? end + 1 : reader->end) - reader->text);
    if (length >= (size_t)size) {
        error_set(&error, DDM_E_USAGE, "the line is longer than %d bytes", size - 2);
        fail(reader, &error);
        return NULL;
    }
    if (memchr(reader->text, '\0', length)) {
        error_set(&error, DDM_E_USAGE, "a NUL byte is in the line");
        fail(reader, &error);
        return NULL;
    }
    memcpy(out, reader->text, length);
    out[length] = '\0';
    reader->text += length;

    char *close = out[0] == '[' ? strchr(out, ']') : NULL;
    if (close) {
        *close = '\0';
        int r = check_section(reader, out + 1);
        *close = ']';
        return r < 0 ? NULL : out;
    }
    return out;
}

static void describe_unknown(struct ddm_error *ret, enum role role, const char *key)
{
    char shown[80];
    str_printable(shown, sizeof shown, key);
    const struct option *other = option_find(ROLES_SWARM, key, strlen(key));
    if (other && !(other->places & OPTION_IN_FILE)) {
        error_set(ret, DDM_E_USAGE, "'%s' is for the command line only", key);
        return;
    }
    if (other) {
        error_set(ret, DDM_E_USAGE, "'%s' is no key of %s", key, role_name(role));
        return;
    }
    const struct option *near = suggest_option(role, OPTION_IN_FILE, key);
    error_set(ret, DDM_E_USAGE, "unknown key '%s'%s%s%s", shown, near ? " (did you mean '" : "",
              near ? near->name : "", near ? "'?)" : "");
}

static int take_key(void *arg, const char *section, const char *key, const char *text)
{
    struct reader *reader = arg;
    struct ddm_error error;
    enum role role = *section ? role_find(section) : reader->options->role;
    if (reader->failed || (*section && check_section(reader, section) < 0))
        return 0;
    const struct option *option = option_find(role, key, strlen(key));
    if (!option || !(option->places & OPTION_IN_FILE)) {
        describe_unknown(&error, role, key);
        return fail(reader, &error);
    }
    for (size_t i = 0; i < SECTIONS; i++) {
        if (section_roles[i] != role)
            continue;
        if (reader->seen[i][option->id] && !option->list) {
            error_set(&error, DDM_E_USAGE, "'%s' is given twice", key);
            return fail(reader, &error);
        }
        reader->seen[i][option->id] = true;
    }
    struct options *options = role == reader->options->role ? reader->options : NULL;
    if (options_set(options, option, reader->origin, text, &error) < 0) {
        error_prefix(&error, "%s", key);
        return fail(reader, &error);
    }
    return 1;
}

int config_parse(struct options *options, enum option_origin origin, const char *name,
                 const char *text, size_t length, struct ddm_error *err)
{
    struct reader reader = {
        .options = options,
        .origin = origin,
        .name = name,
        .text = text,
        .end = text + length,
        .err = err,
    };
    int line = ini_parse_stream(read_line, &reader, take_key, &reader);
    if (reader.failed)
        return -DDM_E_USAGE;
    if (line > 0)
        return error_set(err, DDM_E_USAGE, "%s:%d: neither 'key = value' nor a [section]", name,
                         line);
    return line < 0 ? error_memory(err) : 0;
}

/* 0, 1 where it does not exist, or a negative code. */
static int load_file(struct options *options, enum option_origin origin, const char *path,
                     struct ddm_error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = file_read(path, FILE_SIZE_MAX, &text, &length, err);
    return r == 0 ? config_parse(options, origin, path, text, length, err) : r;
}

/* "~/.config/ddm", spelled out; empty where there is no home. */
static void user_folder(char out[static PATH_MAX])
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    out[0] = '\0';
    if (base && *base == '/')
        snprintf(out, PATH_MAX, "%s/ddm", base);
    else if (home && *home == '/')
        snprintf(out, PATH_MAX, "%s/.config/ddm", home);
}

/* The first FOLDER/NAME.conf that exists. */
static int load_first(struct options *options, enum option_origin origin, const char *name,
                      struct ddm_error *err)
{
    char folder[PATH_MAX];
    user_folder(folder);
    const char *folders[] = { folder, "/etc/ddm" };
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (!*folders[i])
            continue;
        _cleanup_free_ char *path = str_format("%s/%s.conf", folders[i], name);
        if (!path)
            return error_memory(err);
        int r = load_file(options, origin, path, err);
        if (r <= 0)
            return r;
    }
    return 0;
}

int config_load(struct options *options, struct ddm_error *err)
{
    const char *path = options_text(options, OPTION_CONFIG);
    if (path) {
        int r = load_file(options, OPTION_ROLE_FILE, path, err);
        return r > 0 ? error_set(err, DDM_E_USAGE, "%s: no such config file", path) : r;
    }
    int r = load_first(options, OPTION_ROLE_FILE, role_name(options->role), err);
    return r < 0 ? r : load_first(options, OPTION_SHARED_FILE, "ddm", err);
}
