/* SPDX-License-Identifier: MIT */
/* Names, and whether what a run before left is of the same object. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/sink_internal.h"
#include "io/digest.h"
#include "io/head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
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

/* ---- is it the same ---- */

static const char *text(const char *maybe)
{
    return maybe ? maybe : "";
}

static bool is_strong(const char *etag)
{
    return etag[0] && !str_starts_with(etag, "W/");
}

static bool is_same_url(const struct journal *was, const struct sink_object *object)
{
    for (size_t i = 0; i < was->origin_count; i++)
        if (strcmp(was->origins[i].url, text(object->url)) == 0)
            return true;
    return false;
}

/* Whether there is something to compare: at one and the same URL a weak ETag will do, elsewhere it
 * may be anything. */
static bool can_tell(const struct journal_origin *was, const struct sink_object *object)
{
    const char *etag = text(object->etag), *modified = text(object->last_modified);
    bool strong = is_strong(was->etag) && is_strong(etag);
    bool dated = was->last_modified[0] && modified[0];
    bool weak = was->etag[0] && etag[0] && strcmp(was->url, text(object->url)) == 0;
    return strong || dated || weak;
}

/* One origin that says so is enough at another URL; the same URL must not contradict. */
static bool is_same_version(const struct journal *was, const struct sink_object *object,
                            bool *ret_told)
{
    bool same_url = is_same_url(was, object), same = false;
    *ret_told = false;
    for (size_t i = 0; i < was->origin_count; i++) {
        const struct journal_origin *o = &was->origins[i];
        if (same_url && strcmp(o->url, text(object->url)) != 0)
            continue;
        if (!can_tell(o, object))
            continue;
        *ret_told = true;
        same |= fetch_same_version(o->etag, o->last_modified, text(object->etag),
                                   text(object->last_modified));
    }
    return same;
}

/* One that is another than it was weighs more than any that is the same. */
static bool has_same_checksum(const struct journal *was, const struct sink_config *config)
{
    bool same = false;
    for (size_t i = 0; i < config->checksum_count; i++)
        for (size_t j = 0; j < was->checksum_count; j++) {
            const struct sink_checksum *is = &config->checksums[i];
            const char *name = digest_name(is->algorithm);
            if (!name || strcmp(name, was->checksums[j].algorithm) != 0)
                continue;
            if (strcasecmp(is->hex, was->checksums[j].hex) != 0)
                return false;
            same = true;
        }
    return same;
}

/* NULL: it can be gone on with; else why not. */
static const char *why_not(const struct journal *was, const struct sink_config *config)
{
    const struct sink_object *object = &config->object;
    bool told;
    if (!object->resumable)
        return "this origin cannot go on in the middle";
    if (was->size != object->size || object->size == DDM_SIZE_UNKNOWN)
        return "the file has another size now";
    if (config->piece_count > 0 || has_same_checksum(was, config))
        return NULL;
    if (is_same_version(was, object, &told))
        return NULL;
    return told ? "the file has changed" : "nothing tells whether it is still the same version";
}

/* ---- the unfinished file ---- */

/* What the journal has no room for is not recorded. */
void sink_describe(struct sink *sink, const struct sink_object *object)
{
    const char *algorithm, *hex;
    if (object->url)
        sparse_add_origin(sink->sparse, object->url, object->etag, object->last_modified);
    for (size_t i = 0; verify_expected(sink->verify, i, &algorithm, &hex); i++)
        sparse_add_checksum(sink->sparse, algorithm, hex);
}

/* What there was is dropped, or was nothing. */
static int begin(struct sink *s, const struct sink_config *config, struct ddm_error *err)
{
    const struct sink_object *object = &config->object;
    s->keep = false;
    return sparse_begin(s->sparse, object->size, object->resumable, err);
}

static int judge(struct sink *s, const struct sink_config *config, enum sparse_found found,
                 enum sink_start *ret_start, const char **ret_why, struct ddm_error *err)
{
    const struct journal *was = sparse_identity(s->sparse);
    const char *why = NULL;
    switch (found) {
    case SPARSE_EMPTY:
        *ret_start = SINK_NEW;
        return begin(s, config, err);
    case SPARSE_UNRECORDED:
        why = "its journal is missing";
        break;
    case SPARSE_BROKEN:
        why = "its journal is broken";
        break;
    case SPARSE_OTHER_VERSION:
        if (!s->force)
            return error_set(err, DDM_E_USAGE,
                             "%s was written by another version of ddm, which may go on with it "
                             "(--force begins anew)",
                             s->journal);
        why = "it was written by another version of ddm";
        break;
    case SPARSE_RECORDED:
        why = why_not(was, config);
        if (!why) {
            sparse_keep(s->sparse);
            *ret_start = SINK_RESUMED;
            return 0;
        }
        if (!is_same_url(was, &config->object) && !s->force)
            return error_set(err, DDM_E_USAGE, "%s is of another file, %s (--force begins anew)",
                             s->part, was->origin_count > 0 ? was->origins[0].url : "not named");
        break;
    }
    int r = begin(s, config, err);
    if (r == 0) {
        *ret_start = SINK_ANEW;
        *ret_why = why;
    }
    return r;
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
    if (r == 0 && found == SINK_FOUND_FILE && !config->force)
        r = error_set(err, DDM_E_USAGE, "%s exists already (--force replaces it)", config->path);
    if (r == 0)
        r = sparse_open(&sink->sparse, sink->loop, sink->part, sink->journal, ops, sink, &part,
                        err);
    if (r < 0)
        return r;
    sink->keep = part != SPARSE_EMPTY;
    r = judge(sink, config, part, ret_start, ret_why, err);
    if (r < 0)
        return r;
    sink_describe(sink, &config->object);
    if (config->object.size == DDM_SIZE_UNKNOWN)
        return 0;
    return sparse_reserve(sink->sparse, config->object.size, err);
}
