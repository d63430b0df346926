/* SPDX-License-Identifier: MIT */
/* What httpd.c (the server) and httpd_request.c (requests and replies) share; with httpd_tls.c and
 * httpd_guard.c all that knows libmicrohttpd. */
#ifndef DDM_IO_HTTPD_INTERNAL_H
#define DDM_IO_HTTPD_INTERNAL_H

#include "base/list.h"
#include "io/httpd.h"
#include "io/tls.h"

#include <microhttpd.h>

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
    uint16_t port;
};

struct httpd_request {
    struct list link;
    struct httpd *httpd;
    struct MHD_Connection *connection;
    const struct httpd_route *route; /* NULL: not found */
    const char *allowed;             /* the method that the path takes, for a 405 */
    char segment[256];
    char member[TLS_NAME_SIZE]; /* empty without TLS */
    char *body;
    size_t body_length;
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
    } headers[6];
    unsigned header_count;
};

/* libmicrohttpd's callbacks. */
enum MHD_Result httpd_on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *length, void **state);
void httpd_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why);

/* httpd_tls.c. What libmicrohttpd needs at its start. */
void httpd_tls_options(const struct tls_node *tls, struct MHD_OptionItem ret[static 3]);
/* Before the handshake of a connection. */
void httpd_tls_begin(struct tls_node *tls, struct MHD_Connection *connection);
/* Finds out who asks; false: nobody who may. */
bool httpd_tls_member(struct httpd_request *request);

/* A suspended request goes on. */
void httpd_resume(struct httpd_request *request);

#endif
