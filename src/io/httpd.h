/* SPDX-License-Identifier: MIT */
/* An HTTP/1.1 server inside the loop, with routes in a table. The only file that knows
 * libmicrohttpd.
 *
 *     request line + headers ─▶ route found? ─no─▶ 404 / 405 (+ Allow)
 *          body, bounded ─too large─▶ 413
 *          whole body there ─▶ route->handle(request) ─▶ now or later one of httpd_reply…
 *                                                        stream: read() fills, 0 = wait for
 *                                                        httpd_stream_resume, < 0 = cut it off
 *
 * The handler must reply exactly once, at once or later; until then the request is its. After the
 * reply the request is the server's again, except that a stream may be resumed until its `closed`
 * was called. When the other side goes away before the reply, `on_gone` (if set) is called; the
 * handler then forgets the request and must not reply. */
#ifndef DDM_IO_HTTPD_H
#define DDM_IO_HTTPD_H

#include "ddm/ddm.h"
#include "io/loop.h"

#include <sys/socket.h>
#include <sys/types.h>

#define HTTPD_CONNECTIONS       1024u
#define HTTPD_CONNECTION_MEMORY ((uint64_t)16 * 1024) /* headers in and out, per connection */

struct httpd;
struct httpd_request;
struct tls_node;

struct httpd_route {
    const char *method; /* "GET"; GET serves HEAD too */
    const char *path;   /* "/v1/peers/{}": {} stands for one segment, see httpd_segment */
    size_t max_body;    /* bytes; 0: no body is taken */
    void (*handle)(void *arg, struct httpd_request *request);
};

struct httpd_config {
    const struct sockaddr *listen;
    socklen_t listen_length;
    const struct httpd_route *routes; /* a row with method NULL ends it; must outlive the server */
    void *arg;                        /* for the handlers */
    /* Makes the JSON body of an error; malloc'ed, NULL without memory. */
    char *(*error_body)(const char *code, const char *message);
    unsigned max_connections; /* 0: HTTPD_CONNECTIONS */
    unsigned idle_timeout;    /* s without a request, or without a byte of a reply; 0: 60 */
    struct tls_node *tls;     /* serve members of the swarm only, over TLS; NULL: plain HTTP */
};

/* Listens. Fails with DDM_E_NETWORK and a message that names address and reason ("in use"). */
int httpd_new(struct httpd **ret, struct loop *loop, const struct httpd_config *config,
              struct ddm_error *err);
/* No new connections and requests from now on; those there go on. */
void httpd_quiesce(struct httpd *httpd);
/* Requests that were not answered in full yet. */
unsigned httpd_active(const struct httpd *httpd);
struct httpd *httpd_free(struct httpd *httpd);  /* cuts off what is left */
uint16_t httpd_port(const struct httpd *httpd); /* the real one, where 0 was asked for */

struct httpd_counters {
    unsigned connections, max_connections;
    uint64_t refused; /* connections that there was no room for, so far */
    uint64_t ended;   /* that took too long, or made room */
};
/* The most memory that it may come to need, but for streams; and what these need, by their number.
 * Bytes. */
uint64_t httpd_memory(const struct httpd *httpd);
uint64_t httpd_stream_memory(unsigned streams);
void httpd_count(const struct httpd *httpd, struct httpd_counters *ret);

/* The request; strings live until the reply has ended. */
const char *httpd_segment(const struct httpd_request *request); /* what {} stood for, or "" */
const char *httpd_query(const struct httpd_request *request, const char *name);  /* or NULL */
const char *httpd_header(const struct httpd_request *request, const char *name); /* or NULL */
const char *httpd_body(const struct httpd_request *request, size_t *ret_length); /* NUL behind */
const struct sockaddr *httpd_remote(const struct httpd_request *request);
/* Who asks, by whom limits count: the node id of a member, else the address. */
const char *httpd_client(const struct httpd_request *request);
/* The node id of the member that asks; NULL without TLS. */
const char *httpd_member(const struct httpd_request *request);

void httpd_set_gone(struct httpd_request *request, void (*on_gone)(void *arg), void *arg);

/* A reply header, before the reply. */
void httpd_set_header(struct httpd_request *request, const char *name, const char *value);

/* A whole reply; `body` is malloc'ed and becomes the server's (NULL: empty, or out of memory). */
void httpd_reply(struct httpd_request *request, unsigned status, const char *content_type,
                 char *body);
/* A JSON error: {"error": code, "message": …}. */
void httpd_reply_error(struct httpd_request *request, unsigned status, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

struct httpd_stream_ops {
    /* Fills buf with bytes from offset `position` of the reply on. Returns how many, 0 to wait for
     * httpd_stream_resume, or < 0 to cut the connection. */
    ssize_t (*read)(void *arg, uint64_t position, char *buf, size_t size);
    /* The last call: the reply is through, or the other side has gone away. */
    void (*closed)(void *arg);
};
/* A reply of `length` bytes that come when they come. */
void httpd_reply_stream(struct httpd_request *request, unsigned status, const char *content_type,
                        uint64_t length, const struct httpd_stream_ops *ops, void *arg);
/* There is more to read (or the read shall now fail). Cheap, from anywhere on the loop. */
void httpd_stream_resume(struct httpd_request *request);
/* Cuts the connection, whatever it waits for; `closed` comes later. */
void httpd_cut(struct httpd_request *request);

#endif
