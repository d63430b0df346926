/* SPDX-License-Identifier: MIT */
#include "cli/tasks.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/file.h"
#include "cli/line.h"
#include "cli/operand.h"

#include <string.h>

#define LIST_MAX ((size_t)16 * MIB) /* of --input-file */

/* What one line, or the command line, brought. */
struct task_source {
    struct task_source *next;
    char **words;           /* of the line; its operands point into them */
    struct options own;     /* what the line itself says */
    struct options options; /* that, with what the command line says beneath; owns nothing */
    struct ddm_metalink *metalink;
};

static void source_free(struct task_source *source)
{
    ddm_metalink_free(source->metalink);
    options_release(&source->own);
    free(source->words);
    free(source);
}

void tasks_release(struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++)
        request_release(&tasks->list[i].request);
    free(tasks->list);
    while (tasks->sources) {
        struct task_source *source = tasks->sources;
        tasks->sources = source->next;
        source_free(source);
    }
    *tasks = (struct tasks){ 0 };
}

static struct task_source *add_source(struct tasks *tasks)
{
    struct task_source *source = calloc(1, sizeof *source);
    if (source) {
        options_init(&source->own, ROLE_GET);
        source->next = tasks->sources;
        tasks->sources = source;
    }
    return source;
}

static int add_task(struct tasks *tasks, const struct options *options,
                    const struct ddm_options *metalink, unsigned line, struct ddm_error *err)
{
    struct task *list = reallocarray(tasks->list, tasks->count + 1, sizeof *list);
    if (!list)
        return error_memory(err);
    tasks->list = list;
    struct task *task = &list[tasks->count];
    *task = (struct task){ .line = line };
    int r = request_init(&task->request, options, metalink, err);
    if (r == 0)
        tasks->count++;
    return r;
}

static int add_metalink(struct tasks *tasks, struct task_source *source,
                        const struct options *options, unsigned line, struct ddm_error *err)
{
    int r = operand_read_metalink(&source->metalink, options, err);
    if (r < 0)
        return r;
    size_t count = source->metalink->count;
    if (count > 1 && options_text(options, OPTION_OUTPUT))
        return error_set(err, DDM_E_USAGE,
                         "--output names one file, but there are %zu in the Metalink", count);
    for (size_t i = 0; i < count && r == 0; i++)
        r = add_task(tasks, options, &source->metalink->files[i], line, err);
    return r;
}

/* --- lines --------------------------------------------------------------------------------------
 */

static int add_download(struct tasks *tasks, struct task_source *source,
                        const struct options *options, unsigned line, struct ddm_error *err)
{
    if (options->operand_count == 0)
        return error_set(err, DDM_E_USAGE, "which URL?%s", line ? "" : " see 'ddm help get'");
    if (operand_is_metalink(options->operands[0]))
        return add_metalink(tasks, source, options, line, err);
    return add_task(tasks, options, NULL, line, err);
}

/* Options of the whole run, and those that many downloads cannot share. */
static int check_line(const struct task_source *source, struct ddm_error *err)
{
    const char *output = options_text(&source->options, OPTION_OUTPUT);
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        if ((option->roles & ROLE_GET) && option->whole &&
            source->own.values[option->id].origin != OPTION_UNSET)
            return error_set(err, DDM_E_USAGE, "--%s is for the command line, not for a line here",
                             option->name);
    }
    if (output && strcmp(output, "-") == 0)
        return error_set(err, DDM_E_USAGE, "many downloads cannot share standard output (-o -)");
    return 0;
}

static int read_line(struct tasks *tasks, const struct options *options, const char *text,
                     size_t length, unsigned line, struct ddm_error *err)
{
    size_t count = 0, before = tasks->count;
    struct task_source *source = add_source(tasks);
    if (!source)
        return error_memory(err);
    int r = line_split(text, length, &source->words, &count, err);
    if (r < 0 || count == 0)
        return r;
    r = options_parse_arguments(&source->own, (int)count, source->words, err);
    if (r < 0)
        return r;
    source->options = source->own;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (source->own.values[i].origin == OPTION_UNSET)
            source->options.values[i] = options->values[i];
    r = check_line(source, err);
    if (r == 0)
        r = add_download(tasks, source, &source->options, line, err);
    for (size_t i = before; i < tasks->count && r == 0; i++)
        r = request_check(&tasks->list[i].request, err);
    return r;
}

static int read_list(struct tasks *tasks, const struct options *options, const char *path,
                     struct ddm_error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    unsigned line = 0;
    int r = file_read(path, LIST_MAX, &text, &length, err);
    if (r > 0)
        return error_set(err, DDM_E_USAGE, "%s: no such file", path);
    for (const char *at = text, *end = text + length, *next; r == 0 && at < end; at = next + 1) {
        next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            next = end;
        r = read_line(tasks, options, at, (size_t)(next - at), ++line, err);
        if (r < 0)
            return error_prefix(err, "%s:%u", path, line);
    }
    if (r == 0 && tasks->count == 0)
        return error_set(err, DDM_E_USAGE, "%s: no download is in it", path);
    return r;
}

static int read_operands(struct tasks *tasks, const struct options *options, struct ddm_error *err)
{
    struct task_source *source = add_source(tasks);
    int r = source ? add_download(tasks, source, options, 0, err) : error_memory(err);
    for (size_t i = 0; tasks->count > 1 && i < tasks->count && r == 0; i++)
        r = request_check(&tasks->list[i].request, err);
    return r;
}

int tasks_init(struct tasks *ret, const struct options *options, struct ddm_error *err)
{
    struct tasks tasks = { 0 };
    const char *list = options_text(options, OPTION_INPUT_FILE);
    int r;
    _cleanup_free_ char *first =
        options->operand_count > 0 ? str_url_brief(options->operands[0]) : NULL;
    if (list && options->operand_count > 0)
        r = error_set(err, DDM_E_USAGE,
                      "'%s' and --input-file exclude each other: put it into the file",
                      first ? first : "a URL");
    else if (list && options_text(options, OPTION_OUTPUT))
        r = error_set(err, DDM_E_USAGE,
                      "--output names one file: with --input-file it stands in the lines");
    else
        r = list ? read_list(&tasks, options, list, err) : read_operands(&tasks, options, err);
    if (r < 0) {
        tasks_release(&tasks);
        return r;
    }
    *ret = tasks;
    return 0;
}
