/* SPDX-License-Identifier: MIT */
#include "peer/admission.h"

#include "base/str.h"
#include "base/util.h"

#include <string.h>

#define REMEMBERED   (10 * SEC) /* a client that was refused comes again before that */
#define CLIENTS_MAX  4096       /* without requests; those asked longest ago are forgotten */
#define FOR_THE_NEXT 4          /* 1/4 of the places */

struct admission {
    struct list clients; /* asked longest ago first */
    unsigned count, requests;
};

int admission_new(struct admission **ret)
{
    struct admission *a = calloc(1, sizeof *a);
    if (!a)
        return -1;
    list_init(&a->clients);
    *ret = a;
    return 0;
}

/* It is not in the list any more: nobody new asks by that name. */
static void forget(struct admission *a, struct admission_client *client)
{
    list_remove(&client->link);
    a->count--;
    admission_unref(client);
}

struct admission *admission_free(struct admission *a)
{
    if (a) {
        list_foreach (client, &a->clients, struct admission_client, link)
            forget(a, client);
        free(a);
    }
    return NULL;
}

struct admission_client *admission_ref(struct admission_client *client)
{
    client->references++;
    return client;
}

void admission_unref(struct admission_client *client)
{
    if (client && --client->references == 0)
        free(client);
}

static void forget_old(struct admission *a, int64_t now)
{
    list_foreach (client, &a->clients, struct admission_client, link)
        if (client->requests == 0 &&
            (now - client->asked_at >= REMEMBERED || a->count > CLIENTS_MAX))
            forget(a, client);
}

static struct admission_client *find(struct admission *a, const char *name)
{
    list_foreach (client, &a->clients, struct admission_client, link)
        if (strcmp(client->name, name) == 0)
            return client;
    struct admission_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    str_copy(client->name, sizeof client->name, name);
    client->references = 1; /* the list's */
    list_push_back(&a->clients, &client->link);
    a->count++;
    return client;
}

static unsigned share(const struct admission *a, unsigned places)
{
    return a->count > 0 ? MAX(places / a->count, 1u) : places;
}

static bool has_place(const struct admission *a, const struct admission_client *client,
                      unsigned places)
{
    if (a->requests >= places)
        return false;
    if (client->requests < share(a, places) && a->count > 1)
        return true;
    unsigned kept = places / FOR_THE_NEXT;
    return a->requests < places - kept && (a->count == 1 || client->requests < places / 2);
}

int admission_enter(struct admission *a, const char *name, unsigned places, int64_t now,
                    struct admission_client **ret, bool *ret_wanting)
{
    forget_old(a, now);
    struct admission_client *client = find(a, name);
    *ret_wanting = false;
    if (!client)
        return -1;
    client->asked_at = now;
    list_remove(&client->link); /* asked last */
    list_push_back(&a->clients, &client->link);
    if (!has_place(a, client, places)) {
        *ret_wanting = a->count > 1 && client->requests < share(a, places);
        return -1;
    }
    client->requests++;
    a->requests++;
    *ret = admission_ref(client);
    return 0;
}

void admission_leave(struct admission *a, struct admission_client *client)
{
    client->requests--;
    a->requests--;
    admission_unref(client);
}

bool admission_is_over(const struct admission *a, const struct admission_client *client,
                       unsigned places)
{
    return client->requests > share(a, places);
}

unsigned admission_clients(const struct admission *a)
{
    return a->count;
}
