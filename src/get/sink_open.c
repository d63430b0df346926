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

/* What this run's checksums say to one of the journal: of two of its algorithm the one that is
 * another weighs more. */
enum agreement { AGREES_NOT_TOLD, AGREES, DIFFERS };

static enum agreement compare_checksum(const struct journal_checksum *was,
                                       const struct sink_config *config)
{
    enum agreement ret = AGREES_NOT_TOLD;
    for (size_t i = 0; i < config->checksum_count; i++) {
        const char *name = digest_name(config->checksums[i].algorithm);
        if (!name || strcmp(name, was->algorithm) != 0)
            continue;
        if (strcasecmp(config->checksums[i].hex, was->hex) != 0)
            return DIFFERS;
        ret = AGREES;
    }
    return ret;
}

static enum agreement compare_checksums(const struct journal *was, const struct sink_config *config)
{
    enum agreement ret = AGREES_NOT_TOLD;
    for (size_t i = 0; i < was->checksum_count && ret != DIFFERS; i++)
        ret = MAX(ret, compare_checksum(&was->checksums[i], config));
    return ret;
}

static bool has_checksum(const struct journal *was)
{
    for (size_t i = 0; i < was->checksum_count; i++)
        if (digest_name(was->checksums[i].algorithm))
            return true;
    return false;
}

/* NULL: it can be gone on with; else why not. `proved`: as far as it goes, validators say that it
 * is one version. */
static const char *why_not(const struct journal *was, const struct sink_config *config,
                           bool *ret_proved)
{
    const struct sink_object *object = &config->object;
    bool told, same;
    if (!object->resumable)
        return "this origin cannot go on in the middle";
    if (was->size != object->size || object->size == DDM_SIZE_UNKNOWN)
        return "the file has another size now";
    same = is_same_version(was, object, &told);
    enum agreement checksums = compare_checksums(was, config);
    *ret_proved = same && !was->unproved;
    if (config->piece_count > 0 || checksums == AGREES || *ret_proved)
        return NULL;
    if (!same)
        return told ? "the file has changed" : "nothing tells whether it is still the same version";
    if (checksums == DIFFERS)
        return "another checksum is expected now";
    return has_checksum(was) ? NULL : "only hashes of pieces could tell, and there are none now";
}

/* ---- the unfinished file ---- */

static const struct journal_origin *find_origin(const struct journal *was, const char *url)
{
    for (size_t i = 0; i < was->origin_count; i++)
        if (strcmp(was->origins[i].url, url) == 0)
            return &was->origins[i];
    return NULL;
}

/* What it said before and says no more still holds for what is there: else a date, which is no more
 * than a date, could come to stand for an ETag. */
int sink_add_origin(struct sink *sink, const char *url, const char *etag, const char *last_modified,
                    bool proved)
{
    if (!sink->sparse)
        return 0;
    const struct journal_origin *was = find_origin(sparse_identity(sink->sparse), url);
    const char *tag = text(etag), *date = text(last_modified);
    if (proved && was && !is_strong(tag) && (is_strong(was->etag) || !tag[0]))
        tag = was->etag;
    if (proved && was && !date[0])
        date = was->last_modified;
    if (!proved && sparse_set_unproved(sink->sparse) < 0)
        return -1;
    return sparse_add_origin(sink->sparse, url, tag, date);
}

/* What the journal has no room for is not recorded. */
void sink_describe(struct sink *sink, const struct sink_object *object, bool proved)
{
    const char *algorithm, *hex;
    if (object->url)
        sink_add_origin(sink, object->url, object->etag, object->last_modified, proved);
    for (size_t i = 0; verify_expected(sink->verify, i, &algorithm, &hex); i++)
        sparse_add_checksum(sink->sparse, algorithm, hex);
}

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

/* It is gone on with. The earlier checksums hold, but for those that this run has another one for;
 * where nothing but pieces can tell, these alone do. */
static int resume(struct sink *s, const struct sink_config *config, bool proved,
                  struct ddm_error *err)
{
    const struct journal *was = sparse_identity(s->sparse);
    bool pieces_tell = config->piece_count > 0 && !proved;
    sparse_keep(s->sparse);
    if (!proved)
        sparse_set_unproved(s->sparse);
    for (size_t i = was->checksum_count; i-- > 0;) {
        const struct journal_checksum *sum = &was->checksums[i];
        if (pieces_tell || compare_checksum(sum, config) == DIFFERS)
            sparse_drop_checksum(s->sparse, i);
        else if (digest_name(sum->algorithm) &&
                 verify_expect_earlier(s->verify, sum->algorithm, sum->hex) < 0)
            return error_memory(err);
    }
    sink_describe(s, &config->object, proved);
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
        if (is_same_url(was, &config->object))
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
        why = why_not(sparse_identity(s->sparse), config, &proved);
        if (!why) {
            *ret_start = SINK_RESUMED;
            return resume(s, config, proved, err);
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
