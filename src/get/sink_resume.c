/* SPDX-License-Identifier: MIT */
/* Whether what a run before left is of the same object, and what it still has to prove. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/sink_internal.h"
#include "io/digest.h"
#include "io/head.h"

#include <string.h>
#include <strings.h>

/* ---- is it the same ---- */

static const char *text(const char *maybe)
{
    return maybe ? maybe : "";
}

static const struct journal_origin *find_origin(const struct journal *was, const char *url)
{
    for (size_t i = 0; i < was->origin_count; i++)
        if (strcmp(was->origins[i].url, text(url)) == 0)
            return &was->origins[i];
    return NULL;
}

bool sink_is_same_url(const struct journal *was, const char *url)
{
    return find_origin(was, url) != NULL;
}

/* Whether there is something to compare: at one and the same URL a weak ETag will do, elsewhere it
 * may be anything. */
static bool can_tell(const struct journal_origin *was, const struct sink_object *object)
{
    const char *etag = text(object->etag), *modified = text(object->last_modified);
    bool strong = fetch_is_strong(was->etag) && fetch_is_strong(etag);
    bool dated = was->last_modified[0] && modified[0];
    bool weak = was->etag[0] && etag[0] && strcmp(was->url, text(object->url)) == 0;
    return strong || dated || weak;
}

/* One origin that says so is enough at another URL; the same URL must not contradict. */
static bool is_same_version(const struct journal *was, const struct sink_object *object,
                            bool *ret_told)
{
    bool same_url = sink_is_same_url(was, object->url), same = false;
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

const char *sink_why_not(const struct journal *was, const struct sink_config *config,
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

/* ---- what is recorded ---- */

/* What it said before and says no more still holds for what is there: else a date, which is no more
 * than a date, could come to stand for an ETag. */
int sink_add_origin(struct sink *sink, const char *url, const char *etag, const char *last_modified,
                    bool proved)
{
    if (!sink->sparse)
        return 0;
    const struct journal_origin *was = find_origin(sparse_identity(sink->sparse), url);
    const char *tag = text(etag), *date = text(last_modified);
    if (proved && was && !fetch_is_strong(tag) && (fetch_is_strong(was->etag) || !tag[0]))
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

/* It is gone on with. The earlier checksums hold, but for those that this run has another one for;
 * where nothing but pieces can tell, these alone do. */
int sink_resume(struct sink *s, const struct sink_config *config, bool proved,
                struct ddm_error *err)
{
    const struct journal *was = sparse_identity(s->sparse);
    bool pieces_tell = config->piece_count > 0 && !proved;
    sparse_keep(s->sparse);
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
