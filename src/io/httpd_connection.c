/* SPDX-License-Identifier: MIT */
/* Connections: how many, whose, and how long each may be about one thing.
 *
 *     accept ─▶ HEAD ─▶ BODY ─▶ ANSWER ─▶ SEND ─▶ IDLE ─first byte─▶ HEAD …
 *                          each with a deadline, which no byte puts off
 *
 * libmicrohttpd's own timeout begins anew with each byte, so a sweep looks at the deadlines every
 * second. A connection is ended by shutdown(): libmicrohttpd then sees it closed, whatever it
 * waits for.
 *
 * When all places are taken, a new connection takes that of one that nobody waits for: of the
 * client that has most of them, the one that has been in its phase for longest. Connections whose
 * requests are being answered stay. One client has at most half of the places, so that there is
 * always one for another. */
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "io/httpd_internal.h"
#include "io/socket.h"

#include <string.h>
#include <sys/resource.h>

#define HEAD_TIME    (10 * SEC) /* for a head and, before the first one, the handshake */
#define IDLE_TIME    60         /* s */
#define SWEEP        (1 * SEC)
#define SPARE        64         /* places of those that were ended and are not gone yet */
#define OTHER_FILES  192        /* descriptors besides: the loop's, logs, fetches */
#define SENDING_MAX  (16 * MIB) /* of replies that are no streams, all together */
#define STRUCTS      (6 * KIB)  /* of a connection and its request, libmicrohttpd's and ours */
#define TLS_MEMORY   (48 * KIB) /* of a session, with a record that is not whole yet */
#define FILES_ENOUGH 64u        /* connections that a daemon has in any case */

/* Each connection is a descriptor, and many systems give 1024 to who asks for no more. */
static unsigned fit_files(unsigned max)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)max + SPARE + OTHER_FILES + max / 4; /* fetches for them */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
        return max;
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = MIN(limit.rlim_max, need);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = old;
    if (limit.rlim_cur >= need)
        return max;
    rlim_t rest = limit.rlim_cur > SPARE + OTHER_FILES ? limit.rlim_cur - SPARE - OTHER_FILES : 0;
    unsigned fits = MAX((unsigned)(rest / 5 * 4), FILES_ENOUGH);
    if (fits >= max)
        return max;
    log_warn("server", "%u connections, not %u: the system gives this process %llu descriptors",
             fits, max, (unsigned long long)limit.rlim_cur);
    return fits;
}

static void forget_sending(struct httpd_connection *c)
{
    c->httpd->sending -= c->sending;
    c->sending = 0;
}

static void end(struct httpd_connection *c)
{
    struct httpd *h = c->httpd;
    c->ended = true;
    c->client->connections--;
    h->open--;
    h->ended++;
    forget_sending(c);
    shutdown(c->fd, SHUT_RDWR);
}

/* Another request has begun when more came than there was when it was first seen idle. */
static void see_idle(struct httpd_connection *c)
{
    uint64_t received = socket_received(c->fd);
    if (c->received == 0)
        c->received = received;
    else if (received > c->received)
        httpd_connection_phase(c, HTTPD_HEAD, HEAD_TIME);
}

static void sweep(void *arg)
{
    struct httpd *h = arg;
    int64_t now = loop_now();
    list_foreach (c, &h->connections, struct httpd_connection, link) {
        if (c->ended)
            continue;
        if (c->phase == HTTPD_IDLE)
            see_idle(c);
        if (c->deadline && now >= c->deadline)
            end(c);
    }
    if (list_empty(&h->connections))
        loop_timer_stop(h->sweep);
}

int httpd_connections_init(struct httpd *h, unsigned max, unsigned idle_timeout)
{
    list_init(&h->connections);
    list_init(&h->clients);
    h->max_connections = fit_files(max ? max : HTTPD_CONNECTIONS);
    h->idle_time = (idle_timeout ? idle_timeout : IDLE_TIME) * SEC;
    return loop_timer_new(&h->sweep, h->loop, sweep, h);
}

unsigned httpd_connections_ceiling(const struct httpd *h)
{
    return h->max_connections + SPARE;
}

void httpd_connections_release(struct httpd *h)
{
    h->sweep = loop_timer_free(h->sweep);
}

void httpd_count(const struct httpd *h, struct httpd_counters *ret)
{
    *ret = (struct httpd_counters){ .connections = h->open,
                                    .max_connections = h->max_connections,
                                    .refused = h->refused,
                                    .ended = h->ended };
}

/* ---- clients ---- */

static struct httpd_client *find_client(struct httpd *h, const char *name)
{
    list_foreach (client, &h->clients, struct httpd_client, link)
        if (strcmp(client->name, name) == 0)
            return client;
    return NULL;
}

/* NULL without memory. */
static struct httpd_client *join_client(struct httpd *h, const char *name)
{
    struct httpd_client *client = find_client(h, name);
    if (!client) {
        client = calloc(1, sizeof *client);
        if (!client)
            return NULL;
        str_copy(client->name, sizeof client->name, name);
        list_push_back(&h->clients, &client->link);
    }
    client->references++;
    client->connections++;
    return client;
}

static void leave_client(struct httpd_connection *c)
{
    struct httpd_client *client = c->client;
    if (!c->ended)
        client->connections--;
    if (--client->references > 0)
        return;
    list_remove(&client->link);
    free(client);
}

static unsigned share(const struct httpd *h)
{
    return MAX(h->max_connections / 2, 1u);
}

/* ---- room ---- */

/* Ends a connection that nobody waits for, of this client or (NULL) of the one with most; one that
 * holds a reply, or any. False where there is none. */
static bool make_room(struct httpd *h, const struct httpd_client *client, bool sending)
{
    struct httpd_connection *best = NULL;
    list_foreach (c, &h->connections, struct httpd_connection, link) {
        if (c->ended || c->phase == HTTPD_ANSWER || (client && c->client != client) ||
            (sending && c->sending == 0))
            continue;
        if (!best || c->client->connections > best->client->connections)
            best = c;
    }
    if (best)
        end(best);
    return best;
}

enum MHD_Result httpd_on_accept(void *arg, const struct sockaddr *address, socklen_t length)
{
    struct httpd *h = arg;
    char name[ADDRESS_HOST_SIZE];
    socket_host(name, address);
    const struct httpd_client *client = find_client(h, name);
    bool room = true;
    if (client && client->connections >= share(h))
        room = make_room(h, client, false);
    else if (h->open >= h->max_connections)
        room = make_room(h, NULL, false);
    h->refused += !room;
    return room ? MHD_YES : MHD_NO;
}

/* ---- one connection ---- */

static struct httpd_connection *connection_new(struct httpd *h, struct MHD_Connection *mhd, int fd)
{
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct httpd_connection *c = calloc(1, sizeof *c);
    char name[ADDRESS_HOST_SIZE] = "";
    if (!c)
        return NULL;
    if (from)
        socket_host(name, from->client_addr);
    c->client = join_client(h, name);
    if (!c->client) {
        free(c);
        return NULL;
    }
    c->httpd = h;
    c->fd = fd;
    list_init(&c->link);
    if (list_empty(&h->connections))
        loop_timer_start(h->sweep, SWEEP, true);
    h->open++;
    httpd_connection_phase(c, HTTPD_HEAD, HEAD_TIME);
    return c;
}

static void connection_free(struct httpd_connection *c)
{
    if (!c->ended)
        c->httpd->open--;
    forget_sending(c);
    leave_client(c);
    list_remove(&c->link);
    free(c);
}

void httpd_on_connection(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_ConnectionNotificationCode what)
{
    struct httpd *h = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? connection_new(h, connection, info->connect_fd) : NULL;
        if (info && !*context)
            shutdown(info->connect_fd, SHUT_RDWR);
        if (h->tls)
            httpd_tls_begin(h->tls, connection);
    } else if (*context) {
        connection_free(*context);
        *context = NULL;
    }
}

struct httpd_connection *httpd_connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void httpd_connection_phase(struct httpd_connection *c, enum httpd_phase phase, int64_t time)
{
    if (phase != HTTPD_SEND)
        forget_sending(c);
    c->phase = phase;
    c->deadline = time ? loop_now() + time : 0;
    c->received = 0;
    list_remove(&c->link);
    list_push_back(&c->httpd->connections, &c->link);
}

void httpd_connection_sends(struct httpd_connection *c, size_t bytes)
{
    struct httpd *h = c->httpd;
    while (h->sending + bytes > SENDING_MAX && make_room(h, NULL, true))
        ;
    if (c->ended)
        return;
    c->sending += bytes;
    h->sending += bytes;
}

uint64_t httpd_memory(const struct httpd *h)
{
    uint64_t one = HTTPD_CONNECTION_MEMORY + STRUCTS + (h->tls ? TLS_MEMORY : 0), body = 0;
    for (const struct httpd_route *route = h->routes; route->method; route++)
        body = MAX(body, (uint64_t)route->max_body);
    return httpd_connections_ceiling(h) * (one + body) + SENDING_MAX;
}
