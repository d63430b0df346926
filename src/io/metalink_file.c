/* SPDX-License-Identifier: MIT */
#include "io/metalink_file.h"

#include "base/str.h"
#include "base/util.h"
#include "io/url.h"

#include <string.h>

int metalink_draft_begin(struct metalink_draft *draft, const char *name)
{
    metalink_draft_clear(draft);
    draft->name = strdup(name ? name : "");
    return draft->name ? 0 : -1;
}

void metalink_draft_size(struct metalink_draft *draft, const char *text, size_t length)
{
    uint64_t size;
    if (str_to_u64_n(text, length, &size) < 0)
        return;
    draft->size_clash |= draft->size_any && draft->size != size;
    draft->size_any = true;
    draft->size = size;
}

void metalink_draft_hash(struct metalink_draft *draft, int kind, const char *text, size_t length)
{
    char hex[DIGEST_HEX_SIZE];
    if (!digest_kind_hex(kind, text, length, hex))
        return;
    draft->hashes[kind].clash |=
        draft->hashes[kind].any && strcmp(draft->hashes[kind].hex, hex) != 0;
    draft->hashes[kind].any = true;
    strcpy(draft->hashes[kind].hex, hex);
}

int metalink_draft_url(struct metalink_draft *draft, const char *url, unsigned rank)
{
    size_t at = draft->url_count;
    while (at > 0 && draft->ranks[at - 1] > rank)
        at--;
    if (at == METALINK_MAX_URLS)
        return 0;
    /* Said before: the better rank counts. */
    size_t last = draft->url_count;
    for (size_t i = 0; i < draft->url_count && last == draft->url_count; i++)
        if (strcmp(draft->urls[i], url) == 0)
            last = i;
    if (last < at || url_check(url, NULL) < 0)
        return 0;
    char *copy = strdup(url);
    if (!copy)
        return -1;
    if (last == METALINK_MAX_URLS)
        last--;
    if (last < draft->url_count)
        free(draft->urls[last]);
    else
        draft->url_count++;
    memmove(&draft->urls[at + 1], &draft->urls[at], (last - at) * sizeof draft->urls[0]);
    memmove(&draft->ranks[at + 1], &draft->ranks[at], (last - at) * sizeof draft->ranks[0]);
    draft->urls[at] = copy;
    draft->ranks[at] = rank;
    return 0;
}

void metalink_draft_list(struct metalink_draft *draft, int kind, const char *piece_length)
{
    draft->list = NULL;
    if (kind < 0 || draft->lists[kind].any)
        return;
    struct metalink_list *list = draft->list = &draft->lists[kind];
    draft->list_kind = kind;
    list->any = true;
    list->bad = !piece_length || str_to_u64(piece_length, &list->piece_length) < 0 ||
                list->piece_length == 0;
}

static int grow(struct metalink_list *list)
{
    if (list->count < list->room)
        return 0;
    size_t room = MAX(list->room * 2, (size_t)16);
    char *hexes = realloc(list->hexes, room * list->stride);
    if (!hexes)
        return -1;
    list->hexes = hexes;
    uint64_t *numbers = realloc(list->numbers, room * sizeof *numbers);
    if (!numbers)
        return -1;
    list->numbers = numbers;
    list->room = room;
    return 0;
}

int metalink_draft_piece(struct metalink_draft *draft, const char *number, const char *text,
                         size_t length)
{
    struct metalink_list *list = draft->list;
    char hex[DIGEST_HEX_SIZE];
    if (!list || list->bad)
        return 0;
    uint64_t n = list->count;
    list->bad = !digest_kind_hex(draft->list_kind, text, length, hex) ||
                (number && str_to_u64(number, &n) < 0) || list->count == METALINK_MAX_PIECES;
    if (list->bad)
        return 0;
    list->stride = length + 1;
    if (grow(list) < 0)
        return -1;
    memcpy(list->hexes + list->count * list->stride, hex, list->stride);
    list->numbers[list->count++] = n;
    return 0;
}

static bool covers(const struct metalink_list *list, uint64_t size)
{
    if (!list->any || list->bad || list->count == 0)
        return false;
    return size == 0 || list->count == size / list->piece_length + (size % list->piece_length != 0);
}

/* The hashes in order, as one block: pointers, then what they point to. *ret is NULL where a number
 * is missing, and so another one too large or there twice. */
static int put_in_order(const struct metalink_list *list, char ***ret)
{
    size_t pointers = (list->count + 1) * sizeof(char *);
    char **pieces = calloc(1, pointers + list->count * list->stride);
    if (!pieces)
        return -1;
    char *hexes = (char *)pieces + pointers;
    memcpy(hexes, list->hexes, list->count * list->stride);
    for (size_t i = 0; i < list->count; i++) {
        uint64_t n = list->numbers[i];
        if (n >= list->count || pieces[n]) {
            free(pieces);
            *ret = NULL;
            return 0;
        }
        pieces[n] = hexes + i * list->stride;
    }
    *ret = pieces;
    return 0;
}

static int finish_pieces(const struct metalink_draft *draft, struct metalink_file *file)
{
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        const struct metalink_list *list = &draft->lists[kind];
        char **pieces = NULL;
        if (covers(list, file->size) && put_in_order(list, &pieces) < 0)
            return -1;
        if (!pieces)
            continue;
        file->pieces = pieces;
        file->piece_count = list->count;
        file->piece_length = list->piece_length;
        str_copy(file->piece_algorithm, sizeof file->piece_algorithm, digest_kind_name(kind));
        return 0;
    }
    return 0;
}

static int finish_hashes(const struct metalink_draft *draft, struct metalink_file *file)
{
    file->hashes = calloc(DIGEST_KINDS, sizeof *file->hashes);
    if (!file->hashes)
        return -1;
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        if (!draft->hashes[kind].any || draft->hashes[kind].clash)
            continue;
        struct metalink_hash *hash = &file->hashes[file->hash_count++];
        str_copy(hash->algorithm, sizeof hash->algorithm, digest_kind_name(kind));
        str_copy(hash->hex, sizeof hash->hex, draft->hashes[kind].hex);
    }
    return 0;
}

int metalink_draft_finish(struct metalink_draft *draft, struct metalink_file *ret)
{
    struct metalink_file file = { .size = draft->size_clash ? 0 : draft->size };
    file.urls = calloc(draft->url_count + 1, sizeof *file.urls);
    if (!file.urls || finish_hashes(draft, &file) < 0 || finish_pieces(draft, &file) < 0) {
        metalink_file_clear(&file);
        return -1;
    }
    file.name = TAKE(draft->name);
    for (; file.url_count < draft->url_count; file.url_count++)
        file.urls[file.url_count] = TAKE(draft->urls[file.url_count]);
    metalink_draft_clear(draft);
    *ret = file;
    return 0;
}

void metalink_draft_clear(struct metalink_draft *draft)
{
    free(draft->name);
    for (size_t i = 0; i < draft->url_count; i++)
        free(draft->urls[i]);
    for (size_t i = 0; i < DIGEST_KINDS; i++) {
        free(draft->lists[i].hexes);
        free(draft->lists[i].numbers);
    }
    *draft = (struct metalink_draft){ 0 };
}

void metalink_file_clear(struct metalink_file *file)
{
    free(file->name);
    for (size_t i = 0; file->urls && i < file->url_count; i++)
        free(file->urls[i]);
    free(file->urls);
    free(file->hashes);
    free(file->pieces);
    *file = (struct metalink_file){ 0 };
}
