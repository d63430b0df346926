/* SPDX-License-Identifier: MIT */
/* Each turn of the loop ends in on_turn(), which moves bytes on the fuzzer's side and counts the
 * turns in which nothing moved; after a few of them the loop stops.
 *
 *     input ─▶ end[i] ═socket pair═ libmicrohttpd, handlers, relay ─ libcurl ═socket pair═
 * origin[i]
 */
#include "wire.h"

#include "base/util.h"
#include "io/httpd_internal.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENDS      4
#define ORIGINS   16
#define QUIET     5         /* turns without a byte, after which nothing will move any more */
#define TURNS_MAX 400       /* of one command */
#define REPLY_MAX (1 << 16) /* of the first reply of a connection, for a look at it */
#define COMMAND   0xff
#define PUBLIC_IP "93.184.216.34"

enum command { SPLIT, HALF_CLOSE, CUT, OTHER, DEAF, ORIGIN_SAYS, ORIGIN_CLOSES, LITERAL };

struct end {
    int fd; /* -1: not open */
    bool deaf;
    char *reply; /* the first one, REPLY_MAX bytes, made when it is opened */
    size_t length;
};

struct wire {
    struct loop *loop;
    struct httpd *httpd;
    struct loop_defer *turn;
    unsigned turns, quiet;
    struct end ends[ENDS];
    unsigned at; /* the end that speaks */
    int origins[ORIGINS];
    const uint8_t *answer; /* of the origins */
    size_t answer_length;
    bool origins_close;
};

static struct wire *the_wire; /* for connect() */

void require(bool what)
{
    if (!what)
        abort();
}

/* ---- nothing leaves the process ---- */

static bool is_ip(const struct sockaddr *address)
{
    return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

/* Whatever libcurl connects to is one of the origins, at the other end of a socket pair. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int pair[2];
    for (unsigned i = 0; the_wire && is_ip(address) && i < ORIGINS; i++) {
        if (the_wire->origins[i] >= 0)
            continue;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
            break;
        require(dup3(pair[0], fd, O_CLOEXEC) == fd);
        close(pair[0]);
        the_wire->origins[i] = pair[1];
        the_wire->quiet = 0;
        return 0;
    }
    errno = ECONNREFUSED;
    return -1;
}

/* Numbers are what they are; half of the names lead to this machine, the others to the internet. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct {
        struct addrinfo info;
        union {
            struct sockaddr sa;
            struct sockaddr_in in;
            struct sockaddr_in6 in6;
        } address;
    } *found = calloc(1, sizeof *found);
    if (!found)
        return EAI_MEMORY;
    uint16_t port = htons((uint16_t)(service ? atoi(service) : 0));
    bool v6 = host && inet_pton(AF_INET6, host, &found->address.in6.sin6_addr) == 1;
    if (v6) {
        found->address.in6.sin6_family = AF_INET6;
        found->address.in6.sin6_port = port;
    } else {
        found->address.in.sin_family = AF_INET;
        found->address.in.sin_port = port;
        if (!host || inet_pton(AF_INET, host, &found->address.in.sin_addr) != 1)
            inet_pton(AF_INET, host && *host & 1 ? PUBLIC_IP : "127.0.0.1",
                      &found->address.in.sin_addr);
    }
    found->info.ai_family = found->address.sa.sa_family;
    found->info.ai_socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
    found->info.ai_protocol = IPPROTO_TCP;
    found->info.ai_addr = &found->address.sa;
    found->info.ai_addrlen = v6 ? sizeof found->address.in6 : sizeof found->address.in;
    *ret = &found->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

/* ---- the log ---- */

static ssize_t check_log(void *unused, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        require(bytes[i] == '\n' || ((unsigned char)bytes[i] >= 0x20 && bytes[i] != 0x7f));
    if (length > 0 && bytes[0] == '{') { /* a whole line: the buffer holds the longest */
        json_t *json = json_loadb(bytes, length, 0, NULL);
        require(json != NULL);
        json_decref(json);
    }
    return (ssize_t)length;
}

void wire_check_log(void)
{
    FILE *log = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = check_log });
    require(log != NULL);
    setvbuf(log, NULL, _IOLBF, 4096);
    stderr = log; /* libFuzzer and the sanitizers have their own ways */
}

/* ---- replies ---- */

/* A header of the head that ends at `end`; NULL where it is not there. */
static const char *header(const char *head, const char *end, const char *name)
{
    for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line)));) {
        line++;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            return line + strlen(name) + 1;
    }
    return NULL;
}

/* The first reply of a connection: a head of clean lines, and where the body is JSON, JSON. */
static void check_reply(const struct end *end)
{
    if (end->length == 0)
        return;
    require(strncmp(end->reply, "HTTP/1.", MIN(end->length, (size_t)7)) == 0);
    const char *stop = strstr(end->reply, "\r\n\r\n");
    if (!stop)
        return;
    for (const char *c = end->reply; c < stop; c++)
        require((unsigned char)*c >= 0x20 || (*c == '\r' && c[1] == '\n') ||
                (*c == '\n' && c[-1] == '\r'));
    const char *type = header(end->reply, stop, "Content-Type"),
               *length = header(end->reply, stop, "Content-Length");
    if (!type || !length || strncasecmp(type, " application/json", 17) != 0)
        return;
    size_t n = (size_t)strtoul(length, NULL, 10);
    const char *body = stop + 4;
    if (n == 0 || body + n > end->reply + end->length || *body == 'H')
        return; /* not whole; or the body of a HEAD, and the next reply behind it */
    json_t *json = json_loadb(body, n, JSON_DECODE_ANY, NULL);
    require(json != NULL);
    json_decref(json);
}

/* ---- turns ---- */

/* What a socket has to say is taken, and the beginning kept. False where nothing came. */
static bool drain(int fd, struct end *end)
{
    static char scratch[65536];
    ssize_t n;
    bool any = false;
    do {
        n = recv(fd, scratch, sizeof scratch, MSG_DONTWAIT);
        if (n <= 0)
            break;
        size_t room = end ? MIN((size_t)n, REPLY_MAX - 1 - end->length) : 0;
        if (room > 0) {
            memcpy(end->reply + end->length, scratch, room);
            end->length += room;
            end->reply[end->length] = '\0';
        }
        any = true;
    } while (n == (ssize_t)sizeof scratch);
    return any;
}

/* An origin answers whenever it is asked something. */
static bool turn_origin(struct wire *w, unsigned i)
{
    if (!drain(w->origins[i], NULL))
        return false;
    if (w->answer_length > 0 &&
        send(w->origins[i], w->answer, w->answer_length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return true;
    if (w->origins_close) {
        close(w->origins[i]);
        w->origins[i] = -1;
    }
    return true;
}

static void on_turn(void *arg)
{
    struct wire *w = arg;
    bool moved = false;
    for (unsigned i = 0; i < ENDS; i++)
        if (w->ends[i].fd >= 0 && !w->ends[i].deaf)
            moved |= drain(w->ends[i].fd, &w->ends[i]);
    for (unsigned i = 0; i < ORIGINS; i++)
        if (w->origins[i] >= 0)
            moved |= turn_origin(w, i);
    w->quiet = moved ? 0 : w->quiet + 1;
    if (w->quiet >= QUIET || ++w->turns >= TURNS_MAX)
        loop_stop(w->loop);
    else
        loop_defer_call(w->turn);
}

static void run(struct wire *w)
{
    w->turns = w->quiet = 0;
    loop_defer_call(w->turn);
    loop_run(w->loop);
}

/* ---- connections ---- */

static void end_open(struct wire *w, unsigned i)
{
    struct end *end = &w->ends[i];
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(40000 + i)) };
    int pair[2];
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    if (!end->reply)
        end->reply = malloc(REPLY_MAX);
    require(end->reply != NULL);
    end->reply[0] = '\0';
    end->length = 0;
    end->deaf = false;
    end->fd = pair[0];
    /* It closes pair[1], also where it does not want it. */
    MHD_add_connection(w->httpd->daemon, pair[1], (struct sockaddr *)&from, sizeof from);
}

static void end_close(struct wire *w, unsigned i)
{
    struct end *end = &w->ends[i];
    if (end->fd < 0)
        return;
    if (!end->deaf)
        drain(end->fd, end);
    close(end->fd);
    end->fd = -1;
    check_reply(end);
}

static void say(struct wire *w, const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    if (w->ends[w->at].fd < 0)
        end_open(w, w->at);
    while (size > 0) {
        ssize_t n = send(w->ends[w->at].fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;
        if (n < 0) {
            run(w); /* the pipe is full */
            n = send(w->ends[w->at].fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

static void obey(struct wire *w, uint8_t byte)
{
    static const uint8_t literal = COMMAND;
    switch ((enum command)(byte & 7)) {
    case HALF_CLOSE:
        run(w);
        if (w->ends[w->at].fd >= 0)
            shutdown(w->ends[w->at].fd, SHUT_WR);
        break;
    case CUT:
        end_close(w, w->at);
        break;
    case OTHER:
        run(w);
        w->at = (byte >> 3) % ENDS;
        return;
    case DEAF:
        w->ends[w->at].deaf = w->ends[w->at].fd >= 0;
        break;
    case ORIGIN_CLOSES:
        w->origins_close = true;
        return;
    case LITERAL:
        say(w, &literal, 1);
        return;
    case SPLIT:
    case ORIGIN_SAYS: /* see wire_play */
    default:
        break;
    }
    run(w);
}

static void close_all(struct wire *w)
{
    for (unsigned i = 0; i < ENDS; i++)
        end_close(w, i);
    for (unsigned i = 0; i < TURNS_MAX && httpd_active(w->httpd) > 0; i++)
        run(w);
    require(httpd_active(w->httpd) == 0);
}

/* Somebody else, from another address, is served whatever the others did. */
static void check_health(struct wire *w, const char *path)
{
    char request[128];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: ddm\r\nConnection: close\r\n\r\n", path);
    w->at = ENDS - 1;
    end_open(w, w->at);
    say(w, (const uint8_t *)request, (size_t)n);
    run(w);
    require(strncmp(w->ends[w->at].reply, "HTTP/1.1 200 ", 13) == 0);
}

void wire_play(struct wire *w, const uint8_t *data, size_t size, const char *health)
{
    while (size > 0) {
        const uint8_t *command = memchr(data, COMMAND, size);
        size_t n = command ? (size_t)(command - data) : size;
        say(w, data, n);
        data += n;
        size -= n;
        if (size < 2)
            break;
        uint8_t byte = data[1];
        data += 2;
        size -= 2;
        if ((byte & 7) == ORIGIN_SAYS) {
            const uint8_t *next = memchr(data, COMMAND, size);
            w->answer = data;
            w->answer_length = next ? (size_t)(next - data) : size;
            data += w->answer_length;
            size -= w->answer_length;
        } else {
            obey(w, byte);
        }
    }
    run(w);
    close_all(w);
    check_health(w, health);
    close_all(w);
}

struct wire *wire_new(struct loop *loop, struct httpd *httpd)
{
    struct wire *w = calloc(1, sizeof *w);
    require(w && loop_defer_new(&w->turn, loop, on_turn, w) == 0);
    w->loop = loop;
    w->httpd = httpd;
    for (unsigned i = 0; i < ENDS; i++)
        w->ends[i].fd = -1;
    for (unsigned i = 0; i < ORIGINS; i++)
        w->origins[i] = -1;
    the_wire = w;
    return w;
}

struct wire *wire_free(struct wire *w)
{
    the_wire = NULL;
    for (unsigned i = 0; i < ENDS; i++)
        free(w->ends[i].reply);
    for (unsigned i = 0; i < ORIGINS; i++)
        if (w->origins[i] >= 0)
            close(w->origins[i]);
    loop_defer_free(w->turn);
    free(w);
    return NULL;
}
