/* SPDX-License-Identifier: MIT */
/* Names, whose files these are, and the unfinished one. */
#include "base/error.h"
#include "base/util.h"
#include "get/sink_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int sink_look(const char *path, enum sink_found *ret, uint64_t *ret_size, int64_t *ret_modified,
              struct ddm_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        *ret = SINK_FOUND_NOTHING;
        return 0;
    }
    if (S_ISDIR(st.st_mode))
        return error_set(err, DDM_E_USAGE, "%s is a directory (-d puts the file into it)", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, DDM_E_USAGE, "%s is not a regular file: write to it with -o - > %s",
                         path, path);
    *ret = SINK_FOUND_FILE;
    *ret_size = (uint64_t)st.st_size;
    *ret_modified = st.st_mtim.tv_sec;
    return 0;
}

int sink_make_directory(const char *path, struct ddm_error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return error_memory(err);
    if (!*copy)
        return 0;
    for (char *slash = copy; slash; *slash = '/') {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            return error_set(err, DDM_E_DISK, "%s: %s", copy, strerror(errno));
        if (!slash)
            break;
    }
    return 0;
}

/* ---- the unfinished file ---- */

/* What there was is dropped, or was nothing. */
static int begin(struct sink *s, const struct sink_config *config, struct ddm_error *err)
{
    const struct sink_object *object = &config->object;
    int r = sparse_begin(s->sparse, object->size, object->resumable, err);
    if (r < 0)
        return r;
    s->keep = false;
    sink_describe(s, object, true);
    return 0;
}

/* Whether what is there may be dropped; else it is refused. */
static int may_drop(const struct sink *s, enum sparse_found found, const struct sink_config *config,
                    const char **ret_why, struct ddm_error *err)
{
    const struct journal *was = sparse_identity(s->sparse);
    const char *file = s->journal, *what = "", *url = "";
    switch (found) {
    case SPARSE_EMPTY:
        return 0;
    case SPARSE_BROKEN:
        *ret_why = "its journal is broken";
        return 0;
    case SPARSE_UNRECORDED:
        *ret_why = "it had no journal";
        file = s->part;
        what = "has no journal: it may be somebody else's";
        break;
    case SPARSE_FOREIGN:
        *ret_why = "its journal was none";
        what = "is not a journal of ddm";
        break;
    case SPARSE_OTHER_VERSION:
        *ret_why = "it was written by another version of ddm";
        what = "was written by another version of ddm, which may go on with it";
        break;
    case SPARSE_RECORDED:
        if (sink_is_same_url(was, config->object.url))
            return 0;
        file = s->part;
        what = "is of another file, ";
        url = was->origin_count > 0 ? was->origins[0].url : "not named";
        break;
    }
    return s->force ? 0
                    : error_set(err, DDM_E_USAGE, "%s %s%s (--force begins anew)", file, what, url);
}

static int judge(struct sink *s, const struct sink_config *config, enum sparse_found found,
                 enum sink_start *ret_start, const char **ret_why, struct ddm_error *err)
{
    const char *why = s->keep ? "nothing of it was recorded" : NULL;
    bool proved = false;
    if (found == SPARSE_RECORDED) {
        why = sink_why_not(sparse_identity(s->sparse), config, &proved);
        if (!why) {
            *ret_start = SINK_RESUMED;
            return sink_resume(s, config, proved, err);
        }
    }
    int r = may_drop(s, found, config, &why, err);
    if (r == 0)
        r = begin(s, config, err);
    if (r < 0)
        return r;
    *ret_start = why ? SINK_ANEW : SINK_NEW;
    if (why)
        *ret_why = why;
    return 0;
}

int sink_open_part(struct sink *sink, const struct sink_config *config,
                   const struct sparse_ops *ops, enum sink_start *ret_start, const char **ret_why,
                   struct ddm_error *err)
{
    enum sink_found found;
    enum sparse_found part;
    uint64_t size;
    int64_t modified;
    int r = sink_look(config->path, &found, &size, &modified, err);
    if (r == 0 && found == SINK_FOUND_FILE && !config->replace)
        r = error_set(err, DDM_E_USAGE, "%s exists already (--force replaces it)", config->path);
    if (r == 0)
        r = sparse_open(&sink->sparse, sink->loop, sink->part, sink->journal, ops, sink, &part,
                        err);
    if (r < 0)
        return r;
    struct stat st;
    sink->keep = fstat(sparse_fd(sink->sparse), &st) < 0 || st.st_size > 0;
    r = judge(sink, config, part, ret_start, ret_why, err);
    if (r < 0)
        return r;
    if (config->object.size == DDM_SIZE_UNKNOWN)
        return 0;
    return sparse_reserve(sink->sparse, config->object.size, err);
}
