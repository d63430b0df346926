/* SPDX-License-Identifier: MIT */
#include "cli/operand.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/batch.h"
#include "cli/file.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define METALINK_MAX ((size_t)16 * MIB)

static bool has_ending(const char *text, size_t length, const char *ending)
{
    size_t n = strlen(ending);
    return length > n && strncasecmp(text + length - n, ending, n) == 0;
}

static bool is_url(const char *operand)
{
    return strstr(operand, "://") != NULL;
}

bool operand_is_metalink(const char *operand)
{
    size_t length = is_url(operand) ? strcspn(operand, "?#") : strlen(operand);
    return has_ending(operand, length, ".meta4") || has_ending(operand, length, ".metalink");
}

/* Loads the document into a file of a folder, over the own uplink. */
static int load_document(const struct options *options, const char *url, const char *folder,
                         struct ddm_error *err)
{
    struct task task = { 0 };
    _cleanup_free_ char *path = str_format("%s/metalink", folder);
    if (!path)
        return error_memory(err);
    int r = request_init(&task.request, options, NULL, err);
    if (r < 0)
        return r;
    struct ddm_options *o = &task.request.options;
    o->url = url;
    o->output = path;
    o->directory = NULL;
    o->mirrors = NULL;
    o->checksums = NULL;
    o->no_peers = true;
    o->only_newer = false;
    task.request.on_complete = NULL;
    r = request_check(&task.request, err);
    if (r == 0)
        r = batch_load(&task, err);
    request_release(&task.request);
    return r;
}

static void remove_document(const char *folder)
{
    static const char *const names[] = { "metalink", "metalink.part", "metalink.ddm" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = str_format("%s/%s", folder, names[i]);
        if (path)
            unlink(path);
    }
    rmdir(folder);
}

static int fetch_document(const struct options *options, const char *url, char **ret,
                          size_t *ret_length, struct ddm_error *err)
{
    const char *base = getenv("TMPDIR");
    _cleanup_free_ char *folder = str_format("%s/ddm-XXXXXX", base && *base ? base : "/tmp");
    if (!folder)
        return error_memory(err);
    if (!mkdtemp(folder))
        return error_set(err, DDM_E_DISK, "%s: %s", folder, strerror(errno));
    _cleanup_free_ char *path = str_format("%s/metalink", folder);
    int r = path ? load_document(options, url, folder, err) : error_memory(err);
    if (r == 0)
        r = file_read(path, METALINK_MAX, ret, ret_length, err);
    if (r > 0)
        r = error_set(err, DDM_E_DISK, "%s is gone", path);
    remove_document(folder);
    return r;
}

int operand_read_metalink(struct ddm_metalink **ret, const struct options *options,
                          struct ddm_error *err)
{
    const char *operand = options->operands[0];
    _cleanup_free_ char *shown = str_url_brief(operand), *text = NULL;
    size_t length = 0;
    struct ddm_error error;
    int r;
    if (!shown)
        return error_memory(err);
    if (options->operand_count > 1) {
        _cleanup_free_ char *other = str_url_brief(options->operands[1]);
        return error_set(err, DDM_E_USAGE,
                         "a Metalink stands alone: '%s' is too much (--mirror adds a mirror)",
                         other ? other : "");
    }
    if (is_url(operand)) {
        r = fetch_document(options, operand, &text, &length, &error);
    } else {
        r = file_read(operand, METALINK_MAX, &text, &length, err);
        if (r != 0)
            return r < 0 ? r : error_set(err, DDM_E_USAGE, "%s: no such file", operand);
    }
    if (r == 0)
        r = -(int)ddm_metalink_new(ret, text, length, &error);
    if (r == 0)
        return 0;
    if (strstr(error.message, shown))
        return error_set(err, error.code, "%s", error.message);
    return error_set(err, error.code, "%s: %s", shown, error.message);
}
