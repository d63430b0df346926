/* SPDX-License-Identifier: MIT */
/* Peers hang in one array of pointers, sorted by id: found by bisection, listed in a fixed order.
 * An announce at a new address looks through all of them for the one that it replaces; heartbeats,
 * which are nearly all announces, do not. */
#include "tracker/registry.h"

#include "base/str.h"
#include "base/util.h"

#include <string.h>

#define REPORTER_SIZE 46 /* with NUL: the longest number of an address */

#define REGISTRY_JSON 2048 /* a peer in a list, while that is made */

struct entry {
    struct message_peer peer;         /* its age is filled in when it is listed */
    int64_t seen;                     /* its last announce */
    char (*reporters)[REPORTER_SIZE]; /* peer.reports of them; NULL: none yet */
};

struct registry {
    int64_t ttl;
    struct entry **entries;
    size_t count, capacity;
};

size_t registry_memory(void)
{
    size_t entry = sizeof(struct entry) + REGISTRY_MAX_REPORTERS * REPORTER_SIZE + sizeof(void *);
    return REGISTRY_MAX_PEERS * (entry + sizeof(struct message_peer) + REGISTRY_JSON);
}

struct registry *registry_new(int64_t ttl)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r)
        r->ttl = ttl;
    return r;
}

static void entry_free(struct entry *entry)
{
    free(entry->reporters);
    free(entry);
}

struct registry *registry_free(struct registry *r)
{
    if (r) {
        for (size_t i = 0; i < r->count; i++)
            entry_free(r->entries[i]);
        free(r->entries);
        free(r);
    }
    return NULL;
}

static bool is_alive(const struct registry *r, const struct entry *entry, int64_t now)
{
    return now - entry->seen < r->ttl;
}

/* Where the id is, or would be. */
static size_t position_of(const struct registry *r, const char *id)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(r->entries[middle]->peer.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(const struct registry *r, const char *id)
{
    size_t i = position_of(r, id);
    return i < r->count && strcmp(r->entries[i]->peer.id, id) == 0 ? r->entries[i] : NULL;
}

static bool same_address(const struct address *a, const struct address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void remove_at(struct registry *r, size_t i)
{
    entry_free(r->entries[i]);
    r->count--;
    memmove(&r->entries[i], &r->entries[i + 1], (r->count - i) * sizeof *r->entries);
}

static void remove_dead(struct registry *r, int64_t now)
{
    struct message_peer peer;
    while (registry_expire(r, now, &peer))
        ;
}

/* Makes room for one more entry, so that adding it cannot fail. */
static int reserve(struct registry *r)
{
    if (r->count < r->capacity)
        return 0;
    size_t capacity = MAX(2 * r->capacity, (size_t)16);
    struct entry **entries = realloc(r->entries, capacity * sizeof *entries);
    if (!entries)
        return -1;
    r->entries = entries;
    r->capacity = capacity;
    return 0;
}

/* Takes out whoever else is at that address, and tells its id. */
static void replace(struct registry *r, const char *id, const struct address *at,
                    char replaced[static MESSAGE_ID_SIZE])
{
    for (size_t i = 0; i < r->count; i++) {
        const struct message_peer *peer = &r->entries[i]->peer;
        if (same_address(&peer->at, at) && strcmp(peer->id, id) != 0) {
            memcpy(replaced, peer->id, MESSAGE_ID_SIZE);
            remove_at(r, i);
            return; /* there is never more than one */
        }
    }
}

/* A new entry with this id in its place; the caller fills it in. */
static struct entry *add(struct registry *r, const char *id)
{
    struct entry *entry = reserve(r) == 0 ? calloc(1, sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    size_t i = position_of(r, id);
    memmove(&r->entries[i + 1], &r->entries[i], (r->count - i) * sizeof *r->entries);
    r->entries[i] = entry;
    r->count++;
    str_copy(entry->peer.id, sizeof entry->peer.id, id);
    return entry;
}

int registry_announce(struct registry *r, const char *id, const struct message_announce *announce,
                      const char *remote, int64_t now, struct registry_news *ret_news)
{
    struct registry_news news = { .at.port = announce->port };
    str_copy(news.at.host, sizeof news.at.host, *announce->address ? announce->address : remote);

    struct entry *entry = find(r, id);
    news.joined = !entry || !is_alive(r, entry, now);
    news.moved = !news.joined && !same_address(&entry->peer.at, &news.at);
    if (!entry) {
        if (r->count >= REGISTRY_MAX_PEERS)
            remove_dead(r, now);
        entry = r->count < REGISTRY_MAX_PEERS ? add(r, id) : NULL;
        if (!entry)
            return -1;
    }
    if (news.joined)
        entry->peer.reports = 0; /* as if it had been taken out when it died */
    /* At another machine's address nobody is pushed aside: who is there would have to say so. */
    if ((news.joined || news.moved) && strcmp(news.at.host, remote) == 0)
        replace(r, id, &news.at, news.replaced);
    entry->peer.at = news.at;
    entry->peer.announce = *announce;
    entry->seen = now;
    *ret_news = news;
    return 0;
}

bool registry_remove(struct registry *r, const char *id, struct address *ret_at)
{
    const struct entry *entry = find(r, id);
    if (!entry)
        return false;
    if (ret_at)
        *ret_at = entry->peer.at;
    remove_at(r, position_of(r, id));
    return true;
}

static bool has_reported(const struct entry *entry, const char *reporter)
{
    for (uint32_t i = 0; i < entry->peer.reports; i++)
        if (strcmp(entry->reporters[i], reporter) == 0)
            return true;
    return false;
}

bool registry_report(struct registry *r, const char *id, const char *reporter, int64_t now,
                     bool *ret_new, struct message_peer *ret_peer)
{
    struct entry *entry = find(r, id);
    if (!entry || !is_alive(r, entry, now))
        return false;
    if (!entry->reporters)
        entry->reporters = calloc(REGISTRY_MAX_REPORTERS, sizeof *entry->reporters);
    if (!entry->reporters)
        return false;
    bool is_new = entry->peer.reports < REGISTRY_MAX_REPORTERS && !has_reported(entry, reporter);
    if (is_new)
        str_copy(entry->reporters[entry->peer.reports++], REPORTER_SIZE, reporter);
    *ret_new = is_new;
    *ret_peer = entry->peer;
    ret_peer->age = now - entry->seen;
    return true;
}

/* From the end, so that many that die at once cost one walk. */
bool registry_expire(struct registry *r, int64_t now, struct message_peer *ret)
{
    for (size_t i = r->count; i-- > 0;) {
        if (is_alive(r, r->entries[i], now))
            continue;
        *ret = r->entries[i]->peer;
        ret->age = now - r->entries[i]->seen;
        remove_at(r, i);
        return true;
    }
    return false;
}

size_t registry_count(const struct registry *r, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += is_alive(r, r->entries[i], now);
    return count;
}

/* --- lists --- */

struct ranked {
    uint64_t score;
    const struct entry *entry;
};

/* FNV-1a over the text and its NUL, going on from `hash`. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return hash;
}

/* FNV's high bits are weak for short text; the finaliser of splitmix64 spreads them. */
static uint64_t score_of(const char *key, const char *id)
{
    uint64_t x = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), key), id);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->entry->peer.id, y->entry->peer.id);
}

int registry_list(const struct registry *r, const char *object_key, size_t limit, int64_t now,
                  struct message_peer **ret, size_t *ret_count)
{
    size_t count = 0;
    _cleanup_free_ struct ranked *ranked = calloc(r->count + 1, sizeof *ranked);
    if (!ranked)
        return -1;
    for (size_t i = 0; i < r->count; i++)
        if (is_alive(r, r->entries[i], now))
            ranked[count++] = (struct ranked){
                .score = object_key ? score_of(object_key, r->entries[i]->peer.id) : 0,
                .entry = r->entries[i],
            };
    qsort(ranked, count, sizeof *ranked, by_rank);
    count = MIN(count, limit);
    struct message_peer *peers = calloc(count + 1, sizeof *peers);
    if (!peers)
        return -1;
    for (size_t i = 0; i < count; i++) {
        peers[i] = ranked[i].entry->peer;
        peers[i].age = now - ranked[i].entry->seen;
    }
    *ret = peers;
    *ret_count = count;
    return 0;
}
