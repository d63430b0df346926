/* SPDX-License-Identifier: MIT */
/* Metalinks: what comes out keeps what the headers promise, as a Metalink and as options. */
#include "base/filename.h"
#include "io/digest_kind.h"
#include "io/metalink.h"
#include "io/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void check_hash(const char *algorithm, const char *hex)
{
    char lower[DIGEST_HEX_SIZE];
    int kind = digest_kind(algorithm, strlen(algorithm));
    require(digest_kind_hex(kind, hex, strlen(hex), lower) && strcmp(lower, hex) == 0);
}

static void check_file(const struct metalink_file *f)
{
    require(f->name && f->url_count > 0 && f->url_count <= METALINK_MAX_URLS);
    require(f->urls[f->url_count] == NULL);
    for (size_t i = 0; i < f->url_count; i++) {
        require(url_check(f->urls[i], NULL) == 0);
        for (size_t k = 0; k < i; k++)
            require(strcmp(f->urls[i], f->urls[k]) != 0);
    }
    for (size_t i = 0; i < f->hash_count; i++)
        check_hash(f->hashes[i].algorithm, f->hashes[i].hex);
    require((f->piece_count > 0) == (f->piece_algorithm[0] != 0));
    require((f->piece_count > 0) == (f->pieces != NULL));
    for (size_t i = 0; i < f->piece_count; i++)
        check_hash(f->piece_algorithm, f->pieces[i]);
    if (f->piece_count > 0) {
        require(f->pieces[f->piece_count] == NULL && f->piece_length > 0);
        require(f->size == 0 || (f->size - 1) / f->piece_length + 1 == f->piece_count);
    }
}

static void check_options(const struct ddm_options *o)
{
    require(url_check(o->url, NULL) == 0 && o->mirrors && o->checksums);
    if (o->output)
        require(o->output[0] && o->output[0] != '.' && !strchr(o->output, '/') &&
                strlen(o->output) < FILENAME_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metalink *m = NULL;
    struct ddm_metalink *options = NULL;
    struct ddm_error err = { 0 };
    int r = metalink_parse(&m, (const char *)data, size, &err);
    require(r == 0 ? m && m->count > 0 : r == -DDM_E_USAGE && !m && err.message[0]);
    for (size_t i = 0; m && i < m->count; i++)
        check_file(&m->files[i]);
    if (m) {
        require(ddm_metalink_new(&options, (const char *)data, size, NULL) == DDM_OK);
        require(options->count == m->count);
        for (size_t i = 0; i < options->count; i++)
            check_options(&options->files[i]);
    }
    ddm_metalink_free(options);
    metalink_free(m);
    return 0;
}
