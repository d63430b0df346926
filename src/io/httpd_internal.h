/* SPDX-License-Identifier: MIT */
/* What httpd.c (the server), httpd_connection.c (its connections), httpd_guard.c (what is refused
 * unread) and httpd_request.c (requests and replies) share; with httpd_tls.c all that knows
 * libmicrohttpd. */
#ifndef DDM_IO_HTTPD_INTERNAL_H
#define DDM_IO_HTTPD_INTERNAL_H

#include "base/list.h"
#include "io/httpd.h"
#include "io/tls.h"

#include <microhttpd.h>

/* Who connects, by its address: whoever has the swarm's key can have any number of names. */
#define HTTPD_CLIENT_SIZE 72 /* an address in text */
struct httpd_client {
    struct list link;
    char name[HTTPD_CLIENT_SIZE];
    unsigned connections; /* that have not been ended */
    unsigned references;  /* with those that have */
};

/* What a connection is about. */
enum httpd_phase {
    HTTPD_HEAD,   /* a request's head, and before the first one the handshake */
    HTTPD_BODY,   /* its body */
    HTTPD_ANSWER, /* the handler has it, or a stream goes on */
    HTTPD_SEND,   /* a reply of known bytes is on its way */
    HTTPD_IDLE,   /* between two requests */
};

/* One connection, from the accept on; libmicrohttpd's socket context. */
struct httpd_connection {
    struct list link; /* in httpd->connections: that whose phase began longest ago first */
    struct httpd *httpd;
    struct httpd_client *client;
    int fd;
    enum httpd_phase phase;
    int64_t deadline;                   /* of the phase; 0: none */
    uint64_t received;                  /* bytes, when it was first seen idle; 0: was not yet */
    bool ended;                         /* shut down: its end is noticed soon */
    size_t sending;                     /* bytes of a reply that is no stream */
    const struct httpd_refusal *target; /* what is wrong with the request's target; or NULL */
};

struct httpd {
    struct MHD_Daemon *daemon;
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct loop_defer *defer;
    const struct httpd_route *routes;
    void *arg;
    char *(*error_body)(const char *code, const char *message);
    struct tls_node *tls; /* NULL: plain HTTP */
    struct list requests;
    unsigned active;
    struct list connections, clients;
    struct loop_timer *sweep;
    unsigned open, max_connections; /* those that have not been ended */
    uint64_t sending;               /* bytes, of all */
    int64_t idle_time;
    uint64_t refused, ended; /* connections, so far */
    char hosts[2][72];       /* names of this machine; or empty */
    uint16_t port;
};

struct httpd_request {
    struct list link;
    struct httpd *httpd;
    struct MHD_Connection *connection;
    struct httpd_connection *from;
    const struct httpd_route *route;     /* NULL: not found */
    const struct httpd_refusal *refusal; /* of the guard; NULL: none */
    const char *allowed;                 /* the method that the path takes, for a 405 */
    char segment[256];
    char member[TLS_NAME_SIZE]; /* empty without TLS */
    char *body;
    size_t body_length, body_room;
    uint64_t discarded; /* of the body, over the limit */
    bool handling;      /* the handler has been called */
    bool suspended;
    bool gone;
    struct MHD_Response *response; /* not queued yet */
    unsigned status;
    struct loop_watch *watch;
    void (*on_gone)(void *arg);
    void *gone_arg;
    const struct httpd_stream_ops *stream;
    void *stream_arg;
    struct {
        char name[32], value[300];
    } headers[8];
    unsigned header_count;
};

/* libmicrohttpd's callbacks. */
enum MHD_Result httpd_on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *length, void **state);
void httpd_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why);

/* ---- TLS: httpd_tls.c ---- */

/* What libmicrohttpd needs at its start. */
void httpd_tls_options(const struct tls_node *tls, struct MHD_OptionItem ret[static 3]);
/* Before the handshake of a connection. */
void httpd_tls_begin(struct tls_node *tls, struct MHD_Connection *connection);
/* Finds out who asks; false: nobody who may. */
bool httpd_tls_member(struct httpd_request *request);

/* ---- connections: httpd_connection.c ---- */

/* Before libmicrohttpd is started; -1 without memory. `max`: see httpd_config. */
int httpd_connections_init(struct httpd *httpd, unsigned max, unsigned idle_timeout);
/* libmicrohttpd's own limit, which is never reached. */
unsigned httpd_connections_ceiling(const struct httpd *httpd);
void httpd_connections_release(struct httpd *httpd); /* after libmicrohttpd */
enum MHD_Result httpd_on_accept(void *arg, const struct sockaddr *address, socklen_t length);
void httpd_on_connection(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_ConnectionNotificationCode what);
struct httpd_connection *httpd_connection_of(struct MHD_Connection *connection);
/* `time` (ns, 0: any) is how long it may take. */
void httpd_connection_phase(struct httpd_connection *connection, enum httpd_phase phase,
                            int64_t time);

/* A reply of so many bytes is to be sent, which it keeps in memory until then. */
void httpd_connection_sends(struct httpd_connection *connection, size_t bytes);

/* ---- the guard: httpd_guard.c ---- */

struct httpd_refusal {
    unsigned status;
    const char *code, *message;
    bool close; /* where the next request begins is not sure */
};

void httpd_guard_init(struct httpd *httpd); /* which names this machine has */
/* Called with the target as it was sent; NULL is what the request's state begins with. */
void *httpd_on_target(void *arg, const char *target, struct MHD_Connection *connection);
/* Why a request is not to be served; NULL: it is. */
const struct httpd_refusal *httpd_guard_check(const struct httpd_request *request,
                                              const char *method, const char *version);

/* A suspended request goes on. */
void httpd_resume(struct httpd_request *request);

#endif
