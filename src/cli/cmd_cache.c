/* SPDX-License-Identifier: MIT */
/* `ddm cache ls|rm|pin|unpin|verify`: a peer's cache, looked at from outside, also while the peer
 * runs. Only names of files are changed: the peer notices that they have gone, and looks for pins
 * when it evicts. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "base/whole.h"
#include "cli/command.h"
#include "swarm/cache_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_SHOWN  12 /* digits */
#define KEY_PREFIX 4  /* digits at least, to name an object by */

/* An object that was named, and its journal. */
struct found {
    int folder;
    const struct cache_item *item;
    const char *url;          /* "" where it is not known */
    const struct journal *is; /* NULL: there is none that can be read */
};

struct tally {
    bool json;
    unsigned objects, wrong; /* wrong: with something that is not right */
    int error;               /* errno of the first that failed */
};

typedef void action_fn(const struct found *found, struct tally *tally);

/* ---- ls ---- */

static void format_time(char *out, size_t size, int64_t ns)
{
    time_t seconds = (time_t)(ns / SEC);
    struct tm at;
    if (!localtime_r(&seconds, &at) || strftime(out, size, "%Y-%m-%d %H:%M", &at) == 0)
        str_copy(out, size, "?");
}

static void list_json(const struct found *f, uint64_t size, uint64_t held)
{
    char url[2 * JOURNAL_TEXT_MAX];
    str_json_escape(url, sizeof url, f->url);
    printf("{\"key\":\"%s\",\"url\":\"%s\",\"size\":%llu,\"held\":%llu,\"disk\":%llu,"
           "\"used\":%lld,\"pinned\":%s}\n",
           f->item->key, url, (unsigned long long)size, (unsigned long long)held,
           (unsigned long long)f->item->bytes, (long long)(f->item->used / SEC),
           f->item->pinned ? "true" : "false");
}

static void list_text(const struct found *f, uint64_t size, uint64_t held)
{
    char size_text[32], held_text[32], used[32], url[JOURNAL_TEXT_MAX + 1];
    str_bytes(size_text, sizeof size_text, size);
    str_bytes(held_text, sizeof held_text, held);
    format_time(used, sizeof used, f->item->used);
    str_printable(url, sizeof url, *f->url ? f->url : "(its journal cannot be read)");
    printf("%.*s  %9s of %9s  %s  %s  %s\n", KEY_SHOWN, f->item->key, held_text, size_text, used,
           f->item->pinned ? "pinned" : "      ", url);
}

static void list(const struct found *f, struct tally *tally)
{
    uint64_t size = f->is && f->is->size != JOURNAL_SIZE_UNKNOWN ? f->is->size : 0;
    uint64_t held = f->is ? f->is->extents.total : 0;
    (tally->json ? list_json : list_text)(f, size, held);
}

/* ---- rm, pin, unpin ---- */

static void keep_error(struct tally *tally, int error)
{
    tally->error = tally->error ? tally->error : error;
}

static void remove_it(const struct found *f, struct tally *tally)
{
    keep_error(tally, cache_remove(f->folder, f->item->key, false));
}

static void pin(const struct found *f, struct tally *tally)
{
    keep_error(tally, cache_set_pinned(f->folder, f->item->key, true));
}

static void unpin(const struct found *f, struct tally *tally)
{
    keep_error(tally, cache_set_pinned(f->folder, f->item->key, false));
}

/* ---- verify ---- */

static bool is_right(int fd, const struct extent *extent, char *block)
{
    unsigned char sum[EXTENT_SUM_SIZE];
    size_t length = (size_t)(extent->end - extent->begin);
    return whole_read(fd, extent->begin, block, length) == 0 &&
           extent_sum(sum, block, length) == 0 && memcmp(sum, extent->sum, sizeof sum) == 0;
}

static void tell_wrong(const struct found *f, const char *what)
{
    printf("%.*s  %s\n", KEY_SHOWN, f->item->key, what);
}

static void verify(const struct found *f, struct tally *tally)
{
    char name[CACHE_NAME_SIZE], what[120];
    unsigned wrong = 0;
    _cleanup_free_ char *block = malloc(EXTENT_LENGTH_MAX);
    _cleanup_close_ int fd = openat(f->folder, cache_name(name, f->item->key, CACHE_DATA),
                                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return; /* evicted meanwhile */
    if (!f->is || fd < 0 || !block) {
        tell_wrong(f, f->is ? "its data cannot be read" : "its journal cannot be read");
        tally->wrong++;
        return;
    }
    for (size_t i = 0; i < f->is->extents.count; i++) {
        const struct extent *extent = &f->is->extents.list[i];
        if (is_right(fd, extent, block))
            continue;
        snprintf(what, sizeof what, "wrong: bytes %llu to %llu", (unsigned long long)extent->begin,
                 (unsigned long long)extent->end);
        tell_wrong(f, what);
        wrong++;
    }
    tally->wrong += wrong > 0;
}

/* ---- which objects ---- */

static bool is_key_prefix(const char *text)
{
    size_t length = strlen(text);
    return length >= KEY_PREFIX && strspn(text, "0123456789abcdef") == length;
}

/* By its URL, with or without what only signs it, or by the beginning of its key. */
static bool is_named(const char *operand, const char *key, const char *url)
{
    if (is_key_prefix(operand))
        return str_starts_with(key, operand);
    _cleanup_free_ char *plain = object_url(operand, NULL);
    return *url && (strcmp(operand, url) == 0 || (plain && strcmp(plain, url) == 0));
}

/* `hits` counts, for each operand, the objects that it names. */
static bool is_meant(const struct options *options, unsigned *hits, const char *key,
                     const char *url)
{
    bool meant = options->operand_count == 1;
    for (size_t i = 1; i < options->operand_count; i++)
        if (is_named(options->operands[i], key, url)) {
            hits[i]++;
            meant = true;
        }
    return meant;
}

static void visit(const struct options *options, unsigned *hits, const struct found *where,
                  action_fn *action, struct tally *tally)
{
    struct found f = *where;
    struct journal is = { 0 };
    bool good = cache_read_journal(f.folder, f.item->key, &is) == JOURNAL_GOOD;
    f.is = good ? &is : NULL;
    f.url = is.origin_count > 0 ? is.origins[0].url : "";
    if (is_meant(options, hits, f.item->key, f.url)) {
        tally->objects++;
        action(&f, tally);
    }
    journal_release(&is);
}

static int visit_all(const struct options *options, int folder, action_fn *action,
                     struct tally *tally, struct ddm_error *err)
{
    _cleanup_free_ struct cache_item *items = NULL;
    size_t count = 0;
    _cleanup_free_ unsigned *hits = calloc(options->operand_count, sizeof *hits);
    if (!hits)
        return error_memory(err);
    int r = folder < 0 ? 0 : cache_folder_list(&items, &count, folder, false, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct found f = { .folder = folder, .item = &items[i] };
        visit(options, hits, &f, action, tally);
    }
    for (size_t i = 1; r == 0 && i < options->operand_count; i++)
        if (hits[i] == 0)
            r = error_set(err, DDM_E_FAIL, "'%s' is not in the cache", options->operands[i]);
    return r;
}

/* ---- the command ---- */

static const struct {
    const char *name;
    action_fn *action;
    bool needs_operand;
} actions[] = {
    { "ls", list, false },    { "rm", remove_it, true },   { "pin", pin, true },
    { "unpin", unpin, true }, { "verify", verify, false },
};

static int find_action(const struct options *options, action_fn **ret, struct ddm_error *err)
{
    const char *name = options->operand_count > 0 ? options->operands[0] : "";
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (actions[i].needs_operand && options->operand_count < 2)
            return error_set(err, DDM_E_USAGE, "'ddm cache %s' needs a URL or a key", name);
        *ret = actions[i].action;
        return 0;
    }
    return error_set(err, DDM_E_USAGE, "'ddm cache' needs one of ls, rm, pin, unpin and verify%s",
                     *name ? ", and got another word" : "");
}

/* `*ret` -1: the default one is not there, since no peer has kept anything yet. */
static int open_folder(int *ret, const struct options *options, struct ddm_error *err)
{
    const char *asked = options_text(options, OPTION_CACHE_DIR);
    _cleanup_free_ char *path = asked ? strdup(asked) : cache_folder_default();
    if (!path)
        return error_set(err, DDM_E_USAGE, "no home folder is known: give --cache-dir");
    *ret = -1;
    if (!asked && access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    int fd = cache_folder_open(path, false, err);
    *ret = fd;
    return MIN(fd, 0);
}

static int run(const struct options *options, struct ddm_error *err)
{
    action_fn *action = NULL;
    struct tally tally = { .json = options_bool(options, OPTION_JSON) };
    int r = find_action(options, &action, err);
    if (r < 0)
        return r;
    _cleanup_close_ int folder = -1;
    r = open_folder(&folder, options, err);
    if (r < 0)
        return r;
    r = visit_all(options, folder, action, &tally, err);
    if (r == 0 && fflush(stdout) != 0)
        keep_error(&tally, errno);
    if (r == 0 && tally.error)
        r = error_set(err, DDM_E_DISK, "the cache: %s", strerror(tally.error));
    if (r == 0 && tally.wrong > 0)
        r = error_set(err, DDM_E_FAIL, "%u of %u objects are not what was kept", tally.wrong,
                      tally.objects);
    return r;
}

int cache_command(const struct options *options)
{
    struct ddm_error error;
    return run(options, &error) == 0 ? DDM_OK : command_error(&error);
}
