/* SPDX-License-Identifier: MIT */
/* A table of hosts. Questions wait at their host for its lookup, then in one line for the next turn
 * of the loop:
 *
 *     ask ─▶ host ──known──────────────▶ ready ─▶ answer
 *              └─lookup on the pool─▶ known ─▶ ready …
 *
 * A host's addresses are shared by all questions about it; each is judged for its own URL. */
#include "peer/gate.h"

#include "base/address.h"
#include "base/list.h"
#include "base/str.h"
#include "base/util.h"
#include "io/url.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOSTS     64
#define KNOWN_FOR (60 * SEC)

struct gate {
    struct loop *loop;
    const struct policy *policy;
    struct loop_defer *defer;
    struct list hosts; /* used longest ago first */
    unsigned count;
    struct list ready; /* questions */
};

struct gate_host {
    struct list link;
    struct gate *gate; /* NULL: it has gone, and this goes when the lookup has ended */
    char name[ADDRESS_HOST_SIZE];
    struct list waiting; /* questions */
    bool looking, known;
    int64_t until;          /* known so long */
    struct addrinfo *found; /* by the last lookup; NULL: nothing */
    int error;              /* of it */
};

struct gate_question {
    struct list link;
    char *url;
    enum policy_verdict verdict;
    gate_fn *answer;
    void *arg;
};

static void on_ready(void *arg)
{
    struct gate *gate = arg;
    while (!list_empty(&gate->ready)) {
        struct gate_question *q = list_entry(gate->ready.next, struct gate_question, link);
        enum policy_verdict verdict = q->verdict;
        gate_fn *answer = q->answer;
        void *answer_arg = q->arg;
        gate_drop(q);
        answer(answer_arg, verdict);
    }
}

int gate_new(struct gate **ret, struct loop *loop, const struct policy *policy)
{
    struct gate *gate = calloc(1, sizeof *gate);
    if (!gate || loop_defer_new(&gate->defer, loop, on_ready, gate) < 0) {
        free(gate);
        return -1;
    }
    gate->loop = loop;
    gate->policy = policy;
    list_init(&gate->hosts);
    list_init(&gate->ready);
    *ret = gate;
    return 0;
}

struct gate_question *gate_drop(struct gate_question *question)
{
    if (question) {
        list_remove(&question->link);
        free(question->url);
    }
    free(question);
    return NULL;
}

static void drop_all(struct list *questions)
{
    while (!list_empty(questions))
        gate_drop(list_entry(questions->next, struct gate_question, link));
}

static void forget(struct gate_host *host)
{
    if (host->found)
        freeaddrinfo(host->found);
    host->found = NULL;
    host->known = false;
}

static void host_free(struct gate_host *host)
{
    host->gate->count--;
    list_remove(&host->link);
    drop_all(&host->waiting);
    if (host->looking) {
        host->gate = NULL;
    } else {
        forget(host);
        free(host);
    }
}

struct gate *gate_free(struct gate *gate)
{
    if (gate) {
        list_foreach (host, &gate->hosts, struct gate_host, link)
            host_free(host);
        drop_all(&gate->ready);
        loop_defer_free(gate->defer);
        free(gate);
    }
    return NULL;
}

/* ---- what is known of a host ---- */

/* A name that stands for the machine itself, wherever it is looked up (RFC 6761, 6.3). */
static bool is_localhost(const char *name)
{
    static const char suffix[] = ".localhost";
    size_t length = strlen(name), n = sizeof suffix - 1;
    return strcasecmp(name, suffix + 1) == 0 ||
           (length > n && strcasecmp(name + length - n, suffix) == 0);
}

static void look_up(void *arg)
{
    struct gate_host *host = arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const char *name = is_localhost(host->name) ? "127.0.0.1" : host->name;
    host->error = getaddrinfo(name, NULL, &hints, &host->found);
}

/* That nobody here knows the name is the only error that lets a fetch through. */
static bool is_unknown(const struct gate_host *host)
{
    static const int unknown[] = { EAI_NONAME, EAI_AGAIN, EAI_FAIL,
#ifdef EAI_NODATA
                                   EAI_NODATA
#endif
    };
    for (size_t i = 0; host->error && i < ARRAY_SIZE(unknown); i++)
        if (host->error == unknown[i])
            return true;
    return false;
}

static enum policy_verdict judge(const struct gate_host *host, const char *url)
{
    struct policy_target to = { .url = url };
    enum policy_verdict verdict = policy_judge(host->gate->policy, &to);
    if (verdict == POLICY_ALLOWED && host->error && !is_unknown(host))
        verdict = POLICY_ADDRESS;
    for (const struct addrinfo *a = host->found; a && verdict == POLICY_ALLOWED; a = a->ai_next) {
        to.address = a->ai_addr;
        verdict = policy_judge(host->gate->policy, &to);
    }
    return verdict;
}

static void make_ready(struct gate_host *host)
{
    struct gate *gate = host->gate;
    while (!list_empty(&host->waiting)) {
        struct gate_question *q = list_entry(host->waiting.next, struct gate_question, link);
        q->verdict = judge(host, q->url);
        list_remove(&q->link);
        list_push_back(&gate->ready, &q->link);
        loop_defer_call(gate->defer);
    }
}

static void on_found(void *arg)
{
    struct gate_host *host = arg;
    if (host->error)
        host->found = NULL;
    host->looking = false;
    if (!host->gate) {
        forget(host);
        free(host);
        return;
    }
    host->known = true;
    host->until = loop_now() + KNOWN_FOR;
    make_ready(host);
}

/* ---- questions ---- */

static struct gate_host *host_new(struct gate *gate, const char *name)
{
    list_foreach (host, &gate->hosts, struct gate_host, link)
        if (gate->count >= HOSTS && !host->looking && list_empty(&host->waiting))
            host_free(host);
    struct gate_host *host = gate->count < HOSTS ? calloc(1, sizeof *host) : NULL;
    if (!host)
        return NULL;
    host->gate = gate;
    str_copy(host->name, sizeof host->name, name);
    list_init(&host->waiting);
    list_push_back(&gate->hosts, &host->link);
    gate->count++;
    return host;
}

/* The host, known or being looked up; NULL where that cannot be. */
static struct gate_host *host_get(struct gate *gate, const char *name)
{
    struct gate_host *found = NULL;
    list_foreach (host, &gate->hosts, struct gate_host, link)
        if (strcasecmp(host->name, name) == 0)
            found = host;
    if (!found)
        found = host_new(gate, name);
    if (!found)
        return NULL;
    list_remove(&found->link); /* used last */
    list_push_back(&gate->hosts, &found->link);
    if (found->known && loop_now() >= found->until)
        forget(found);
    if (!found->known && !found->looking) {
        if (loop_work(gate->loop, look_up, on_found, found) < 0)
            return NULL;
        found->looking = true;
    }
    return found;
}

int gate_ask(struct gate_question **ret, struct gate *gate, const char *url, gate_fn *answer,
             void *arg)
{
    struct url_place place;
    bool can_judge = url_place(&place, url);
    struct gate_question *q = calloc(1, sizeof *q);
    char *copy = strdup(url);
    struct gate_host *host = q && copy && can_judge ? host_get(gate, place.host) : NULL;
    if (!q || !copy || (can_judge && !host)) {
        free(q);
        free(copy);
        return -1;
    }
    q->url = copy;
    q->verdict = POLICY_URL;
    q->answer = answer;
    q->arg = arg;
    list_init(&q->link);
    if (host) {
        list_push_back(&host->waiting, &q->link);
        if (host->known)
            make_ready(host);
    } else {
        list_push_back(&gate->ready, &q->link);
        loop_defer_call(gate->defer);
    }
    *ret = q;
    return 0;
}
