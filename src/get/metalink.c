/* SPDX-License-Identifier: MIT */
/* The public API for Metalinks: what a document says of its files becomes options. They point into
 * what was parsed; only names and checksums are written anew. */
#include "io/metalink.h"
#include "base/error.h"
#include "base/filename.h"
#include "base/str.h"
#include "base/util.h"

#include <string.h>

/* What the options of one file own. */
struct own {
    char output[FILENAME_SIZE];
    char **checksums; /* NULL at the end */
};

struct whole {
    struct ddm_metalink shown;
    struct metalink *parsed;
    struct own *own;
};

static int make_options(struct ddm_options *o, struct own *own, const struct metalink_file *file)
{
    own->checksums = calloc(file->hash_count + 1, sizeof *own->checksums);
    if (!own->checksums)
        return -1;
    for (size_t i = 0; i < file->hash_count; i++) {
        own->checksums[i] = str_format("%s=%s", file->hashes[i].algorithm, file->hashes[i].hex);
        if (!own->checksums[i])
            return -1;
    }
    o->url = file->urls[0];
    o->mirrors = (const char *const *)file->urls + 1;
    if (file->name[0]) {
        filename_sanitize(own->output, file->name, strlen(file->name));
        o->output = own->output;
    }
    o->checksums = (const char *const *)own->checksums;
    o->size = file->size;
    if (file->piece_count > 0) {
        o->piece_algorithm = file->piece_algorithm;
        o->piece_length = file->piece_length;
        o->pieces = (const char *const *)file->pieces;
    }
    return 0;
}

static int make_all(struct whole *w, struct ddm_error *err)
{
    size_t count = w->parsed->count;
    w->own = calloc(count, sizeof *w->own);
    w->shown.files = calloc(count, sizeof *w->shown.files);
    if (!w->own || !w->shown.files)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        if (make_options(&w->shown.files[i], &w->own[i], &w->parsed->files[i]) < 0)
            return error_memory(err);
    w->shown.count = count;
    return 0;
}

enum ddm_code ddm_metalink_new(struct ddm_metalink **ret, const char *text, size_t length,
                               struct ddm_error *ret_error)
{
    struct whole *w = calloc(1, sizeof *w);
    if (!w)
        return (enum ddm_code) - error_memory(ret_error);
    int r = metalink_parse(&w->parsed, text, length, ret_error);
    if (r == 0)
        r = make_all(w, ret_error);
    if (r < 0) {
        ddm_metalink_free(&w->shown);
        return (enum ddm_code) - r;
    }
    *ret = &w->shown;
    return DDM_OK;
}

struct ddm_metalink *ddm_metalink_free(struct ddm_metalink *metalink)
{
    if (metalink) {
        struct whole *w = container_of(metalink, struct whole, shown);
        for (size_t i = 0; w->own && i < w->parsed->count; i++) {
            for (char **c = w->own[i].checksums; c && *c; c++)
                free(*c);
            free(w->own[i].checksums);
        }
        free(w->own);
        free(w->shown.files);
        metalink_free(w->parsed);
        free(w);
    }
    return NULL;
}
