/* SPDX-License-Identifier: MIT */
/* A small server in a thread, for what the fetcher says to origins and how it takes their answers.
 * It listens on two ports of loopback, as if they were two hosts, and keeps connections. */
#ifndef TEST_ORIGIN_H
#define TEST_ORIGIN_H

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ORIGIN_CONNECTIONS 16
#define ORIGIN_REQUESTS    32

struct origin_connection {
    int fd;
    int host; /* 0 or 1: by the port */
    char text[8192];
    size_t length;
};

struct origin {
    uint16_t port[2];
    int listening[2], wake[2];
    pthread_t thread;
    /* Answers a whole head (of HTTP) on a connection; may close it (fd = -1 then). */
    void (*answer)(struct origin *o, struct origin_connection *c);
    /* What was asked for, in order; to be read when the fetches are done. */
    char *requests[ORIGIN_REQUESTS];
    int asked_host[ORIGIN_REQUESTS];
    int request_count, connection_count;
};

static void origin_close(struct origin_connection *c)
{
    close(c->fd);
    c->fd = -1;
}

__attribute__((format(printf, 2, 3))) static void origin_say(struct origin_connection *c,
                                                             const char *format, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    assert(n >= 0 && (size_t)n < sizeof text);
    if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        origin_close(c);
}

static void origin_read(struct origin *o, struct origin_connection *c)
{
    ssize_t n = recv(c->fd, c->text + c->length, sizeof c->text - 1 - c->length, 0);
    if (n <= 0) {
        origin_close(c);
        return;
    }
    c->length += (size_t)n;
    c->text[c->length] = '\0';
    if (!strstr(c->text, "\r\n\r\n"))
        return;
    c->length = 0;
    assert(o->request_count < ORIGIN_REQUESTS);
    o->asked_host[o->request_count] = c->host;
    o->requests[o->request_count++] = strdup(c->text);
    o->answer(o, c);
}

static void origin_accept(struct origin *o, int host, struct origin_connection *connections)
{
    int fd = accept(o->listening[host], NULL, NULL);
    for (int i = 0; i < ORIGIN_CONNECTIONS && fd >= 0; i++)
        if (connections[i].fd < 0) {
            connections[i] = (struct origin_connection){ .fd = fd, .host = host };
            o->connection_count++;
            return;
        }
    abort();
}

static void *origin_run(void *arg)
{
    struct origin *o = arg;
    static struct origin_connection connections[ORIGIN_CONNECTIONS];
    for (int i = 0; i < ORIGIN_CONNECTIONS; i++)
        connections[i].fd = -1;
    for (;;) {
        struct pollfd fds[3 + ORIGIN_CONNECTIONS] = { { o->wake[0], POLLIN, 0 },
                                                      { o->listening[0], POLLIN, 0 },
                                                      { o->listening[1], POLLIN, 0 } };
        for (int i = 0; i < ORIGIN_CONNECTIONS; i++)
            fds[3 + i] = (struct pollfd){ connections[i].fd, POLLIN, 0 };
        if (poll(fds, 3 + ORIGIN_CONNECTIONS, -1) < 0 || fds[0].revents)
            break;
        for (int i = 0; i < ORIGIN_CONNECTIONS; i++)
            if (fds[3 + i].revents)
                origin_read(o, &connections[i]);
        for (int host = 0; host < 2; host++)
            if (fds[1 + host].revents)
                origin_accept(o, host, connections);
    }
    for (int i = 0; i < ORIGIN_CONNECTIONS; i++)
        if (connections[i].fd >= 0)
            close(connections[i].fd);
    return NULL;
}

static int origin_listen(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &length) < 0)
        abort();
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void origin_start(struct origin *o,
                         void (*answer)(struct origin *o, struct origin_connection *c))
{
    *o = (struct origin){ .answer = answer };
    for (int host = 0; host < 2; host++)
        o->listening[host] = origin_listen(&o->port[host]);
    if (pipe(o->wake) < 0 || pthread_create(&o->thread, NULL, origin_run, o) != 0)
        abort();
}

static void origin_stop(struct origin *o)
{
    close(o->wake[1]);
    pthread_join(o->thread, NULL);
    close(o->wake[0]);
    close(o->listening[0]);
    close(o->listening[1]);
    for (int i = 0; i < o->request_count; i++)
        free(o->requests[i]);
}

#endif
